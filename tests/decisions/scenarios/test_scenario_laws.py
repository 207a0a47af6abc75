"""Laws of customer equity under its levers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.scenarios._cases import draws_table, outcome_table, run_cases, today
from guanxi.decisions.scenarios._curve import Curve
from guanxi.decisions.scenarios._draws import draw, quantile
from guanxi.decisions.scenarios._equity import NewCustomers, customer_equity
from guanxi.decisions.scenarios._levers import EVERYONE, Levers
from guanxi.decisions.scenarios._sensitivity import elasticities, tornado
from guanxi.params import ScenarioCase, ScenarioChange
from guanxi.segments.membership import segment_name

SEGMENTS = [{}, {"frequency": "> 2"}, {"T": "< 400"}]
LEVERS = ["margin", "discount_rate", "acquisition_cost", "retention", "order_value", "purchase_rate"]
OF_ALL = ("discount_rate", "acquisition_cost")
FEW = settings(max_examples=40, deadline=None)


@pytest.fixture(scope="session")
def new(base) -> NewCustomers:
    nodes, rate = base.curves[0].nodes, 0.7 / 365.0
    return NewCustomers(400.0, 12.0, 9.0, Curve(nodes, 0.1 * -np.expm1(-rate * nodes) / rate, 0.1 * nodes))


@pytest.fixture(scope="session")
def levers(base, new) -> Levers:
    return Levers(base, new)


def total(levers: Levers, changes: dict) -> np.ndarray:
    setting = levers.setting({key: np.atleast_1d(level) for key, level in changes.items()})
    return customer_equity(levers.base, setting, levers.new).total


def change(lever: str, segment: dict, **by) -> ScenarioChange:
    return ScenarioChange(lever=lever, segment={} if lever in OF_ALL else segment, **by)


def run(levers: Levers, *cases: ScenarioCase, draws: int = 500, seed: int = 7):
    return run_cases(cases, levers, draws=draws, seed=seed)


@FEW
@given(
    st.sampled_from(["margin", "order_value"]), st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.floats(0.0, 1.0)
)
def test_value_is_linear_in_margin_and_order_value(levers, lever, one, other, share):
    key = (lever, EVERYONE)
    now = levers.today(key)
    mixed = total(levers, {key: now * (share * one + (1 - share) * other)})[0]
    ends = total(levers, {key: now * np.array([one, other])})
    assert mixed == pytest.approx(share * ends[0] + (1 - share) * ends[1], rel=1e-9, abs=1e-6)


@FEW
@given(st.lists(st.floats(0.0, 2.0), min_size=2, max_size=6))
def test_value_of_the_present_customers_falls_with_the_discount_rate(levers, rates):
    rates = np.unique(np.round(rates, 6))
    setting = levers.setting({("discount_rate", EVERYONE): rates})
    equity = customer_equity(levers.base, setting)
    assert (np.diff(equity.within + equity.beyond) < 0).all()


@FEW
@given(st.sampled_from(SEGMENTS), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6))
def test_value_rises_with_retention(levers, segment, shares):
    key = ("retention", segment_name(segment))
    lowest, highest = levers.limits(key)
    values = total(levers, {key: lowest + (highest - lowest) * np.unique(np.round(shares, 4))})
    assert (np.diff(values) > 0).all()


@FEW
@given(st.sampled_from(SEGMENTS), st.floats(-0.3, 0.02))
def test_the_retention_asked_for_is_the_one_that_comes_out(levers, segment, by):
    """The share of the margin per day that is left after a year, of curves at the new pace."""
    key = ("retention", segment_name(segment))
    wanted = np.array([levers.today(key) * (1.0 + by)])
    pace = levers.setting({key: wanted}).pace
    rows = levers.base.segments[segment_name(segment)]
    curves, year = [levers.base.curves[row] for row in rows], levers.base.model_year
    weights = [abs(curve.kept_until(np.array([year]))[0]) for curve in curves]
    left = [curve.survival(pace[row] * year)[0] for curve, row in zip(curves, rows, strict=True)]
    assert np.average(left, weights=weights) == pytest.approx(wanted[0], rel=1e-4)


@FEW
@given(st.sampled_from(LEVERS), st.sampled_from(SEGMENTS), st.sampled_from(["relative", "absolute"]))
def test_no_change_gives_exactly_the_number_of_today(levers, lever, segment, kind):
    now = today(levers)
    case = ScenarioCase(name="same", changes=[change(lever, segment, by=0.0, kind=kind)])
    (outcome,) = run(levers, case)
    assert outcome.equity.total[0] == now.equity.total[0]
    assert outcome_table([outcome], now, 0.9)["change"].tolist() == [0.0, 0.0]


def test_a_scenario_without_changes_is_today(levers):
    assert run(levers, ScenarioCase(name="none"))[0].equity.total[0] == today(levers).equity.total[0]


@FEW
@given(st.sampled_from(LEVERS), st.sampled_from(SEGMENTS), st.floats(0.001, 0.04))
def test_degenerate_distributions_equal_the_value(levers, lever, segment, by):
    value = run(levers, ScenarioCase(name="v", changes=[change(lever, segment, by=by)]))[0]
    for numbers in (
        {"distribution": "normal", "mean": by, "sd": 0.0},
        {"distribution": "uniform", "low": by, "high": by},
        {"distribution": "triangular", "low": by, "mode": by, "high": by},
        {"distribution": "lognormal", "median": by, "sigma": 0.0},
    ):
        drawn = run(levers, ScenarioCase(name="d", changes=[change(lever, segment, **numbers)]))[0]
        assert len(drawn.equity.total) == 500
        np.testing.assert_array_equal(drawn.equity.total, np.full(500, value.equity.total[0]))


CASES = [
    ScenarioCase(
        name="a",
        changes=[
            change("margin", {}, distribution="normal", mean=0.0, sd=0.1),
            change("retention", {}, by=0.02),
        ],
    ),
    ScenarioCase(
        name="b", changes=[change("order_value", SEGMENTS[1], distribution="uniform", low=-0.1, high=0.3)]
    ),
    ScenarioCase(
        name="c",
        changes=[
            change("retention", SEGMENTS[2], distribution="triangular", low=-0.1, mode=0, high=0.1),
            change("discount_rate", {}, distribution="lognormal", median=0.1, sigma=0.5),
        ],
    ),
]  # fmt: skip


@FEW
@given(st.permutations(CASES), st.integers(0, 3))
def test_draws_depend_on_the_seed_but_not_on_the_order_of_scenarios(levers, cases, seed):
    usual = {each.name: each for each in run(levers, *CASES, seed=seed)}
    for outcome in run(levers, *cases, seed=seed):
        np.testing.assert_array_equal(outcome.equity.total, usual[outcome.name].equity.total)
    alone = run(levers, CASES[2].model_copy(update={"changes": CASES[2].changes[::-1]}), seed=seed)[0]
    np.testing.assert_allclose(alone.equity.total, usual["c"].equity.total, rtol=1e-12)
    other = run(levers, *CASES, seed=seed + 1)[0]
    assert (other.equity.total != usual["a"].equity.total).mean() > 0.99


def test_draws_in_passes_equal_draws_one_by_one(levers):
    """More draws than one pass holds: each is what its own levels give."""
    (outcome,) = run(levers, CASES[2], draws=10_000)
    for place in (0, 4095, 4096, 9999):
        levels = {key: level[place : place + 1] for key, level in outcome.levels.items()}
        assert total(levers, levels)[0] == outcome.equity.total[place]


def test_draws_follow_their_distributions():
    """Quantiles, means and spreads of 200,000 draws; lognormal: median and sigma of the logarithm."""
    draws = {
        name: draw(name, numbers, 200_000, 1, ("margin", name))
        for name, numbers in {
            "normal": (0.1, 0.05),
            "uniform": (-0.1, 0.3),
            "triangular": (-0.2, 0.1, 0.2),
            "lognormal": (0.1, 0.4),
        }.items()
    }
    assert draws["normal"].mean() == pytest.approx(0.1, abs=5e-4)
    assert draws["normal"].std() == pytest.approx(0.05, rel=0.01)
    assert draws["uniform"].mean() == pytest.approx(0.1, abs=1e-3)
    assert (draws["uniform"].min(), draws["uniform"].max()) == pytest.approx((-0.1, 0.3), abs=1e-4)
    assert draws["triangular"].mean() == pytest.approx(0.1 / 3, abs=5e-4)
    variance = (0.04 + 0.01 + 0.04 + 0.02 + 0.04 - 0.02) / 18
    assert draws["triangular"].var() == pytest.approx(variance, rel=0.01)
    assert np.median(draws["lognormal"]) == pytest.approx(0.1, rel=0.01)
    assert np.log(draws["lognormal"]).std() == pytest.approx(0.4, rel=0.01)
    assert quantile("triangular", (0.0, 0.0, 1.0), np.array([0.75]))[0] == pytest.approx(0.5)


@FEW
@given(st.floats(0.01, 0.9))
def test_bars_of_the_tornado_are_in_order(levers, swing):
    bars = tornado(levers, swing)
    assert set(bars["lever"]) == set(LEVERS)
    assert (np.diff(bars["range"]) <= 1e-6).all()
    np.testing.assert_allclose(bars["range"], (bars["equity_high"] - bars["equity_low"]).abs())
    falling = bars["lever"].isin(["acquisition_cost"])
    assert (bars.loc[falling, "change_high"] < 0).all()


def test_monte_carlo_of_a_linear_lever_is_its_quantiles(levers):
    """Equity of the present customers is linear in the margin, so its interval is that of the margin."""
    present = Levers(levers.base)
    case = ScenarioCase(name="m", changes=[change("margin", {}, distribution="normal", mean=0.0, sd=0.1)])
    now = today(present)
    (outcome,) = run_cases([case], present, draws=200_000, seed=0)
    row = outcome_table([outcome], now, 0.9).iloc[1]
    equity = now.equity.total[0]
    assert row["equity"] == pytest.approx(equity, rel=1e-3)
    assert row["equity_lower"] == pytest.approx(equity * (1 - 0.1 * 1.644854), rel=2e-3)
    assert row["equity_upper"] == pytest.approx(equity * (1 + 0.1 * 1.644854), rel=2e-3)


def test_draws_are_listed_with_their_levels(levers):
    outcomes = run(levers, *CASES, ScenarioCase(name="value", changes=[change("margin", {}, by=0.1)]))
    listed = draws_table(outcomes)
    assert listed.groupby("scenario").size().to_dict() == {"a": 500, "b": 500, "c": 500}
    first = listed[listed["scenario"] == "a"]
    assert first["draw"].tolist() == list(range(1, 501))
    np.testing.assert_array_equal(first["equity"], outcomes[0].equity.total)
    assert first["margin of everyone"].nunique() == 500
    assert draws_table([]).empty
    assert isinstance(listed, pd.DataFrame)


def test_draws_beyond_the_range_of_a_lever_are_held_and_counted(levers):
    case = ScenarioCase(name="r", changes=[change("margin", {}, distribution="uniform", low=-2.0, high=0.0)])
    (outcome,) = run(levers, case, draws=4000)
    assert outcome.limited == pytest.approx(0.5, abs=0.03)
    assert next(iter(outcome.levels.values())).min() == 0.0


def test_elasticities_are_slopes_of_the_equity(levers):
    """Against wide secants through today's level, on both sides."""
    table = elasticities(levers).set_index("lever")
    now = total(levers, {})[0]
    for lever in LEVERS:
        key = (lever, EVERYONE)
        ends = total(levers, {key: levers.today(key) * np.array([0.999, 1.001])})
        assert table.loc[lever, "elasticity"] == pytest.approx((ends[1] - ends[0]) / 0.002 / now, rel=1e-2)
        assert table.loc[lever, "one_per_cent"] == pytest.approx(table.loc[lever, "elasticity"] * now / 100)
