"""The curves of the customer base against the purchase models themselves, and against simulated customers."""

from __future__ import annotations

import numpy as np
import pytest

from guanxi.decisions.scenarios._curve import Curve, Survival, curve_nodes
from guanxi.decisions.scenarios._customer_base import customer_base
from guanxi.decisions.scenarios._equity import Setting, customer_equity, group_values
from guanxi.decisions.scenarios._expected_course import expected_course
from guanxi.decisions.scenarios._levers import EVERYONE, Levers
from guanxi.errors import DataError, ParamsError
from guanxi.models import BetaGeoNBD, GammaGamma, lifetime_value
from guanxi.served.purchases.registry import PROCESSES, PurchaseMixture
from guanxi.simulation import simulate_bg_nbd

RETENTION = ("retention", EVERYONE)
SETS = [("bg_nbd",), ("pareto_nbd",), ("ggom_nbd",), ("nbd",), ("mbg_cnbd",), ("bg_nbd", "pareto_nbd")]


@pytest.mark.parametrize("models", SETS, ids="+".join)
def test_equity_is_the_sum_over_customers_straight_from_the_purchase_model(market, models):
    purchases = market.mixture(*models)
    predictions = market.predictions_of(purchases, 100)
    base = market.base_of(purchases, predictions)
    equity = customer_equity(base, Setting.today(base))
    exact = market.summed(purchases, predictions, base.ends)
    assert equity.within[0] == pytest.approx(predictions["clv"].sum(), rel=1e-12)
    assert equity.beyond[0] == pytest.approx(exact[base.within :].sum(), rel=1e-5)


def test_equity_in_whole_periods(market):
    purchases = market.mixture("bg_bb")
    predictions = market.predictions_of(purchases, whole=30.0)
    base = market.base_of(purchases, predictions, whole_periods=True)
    equity = customer_equity(base, Setting.today(base))
    exact = market.summed(purchases, predictions, base.ends)
    assert equity.within[0] == pytest.approx(predictions["clv"].sum(), rel=1e-12)
    assert equity.beyond[0] == pytest.approx(exact[base.within :].sum(), rel=1e-9)
    levers = Levers(base)
    assert "retention" not in levers.changeable
    with pytest.raises(ParamsError, match="retention cannot change in a model of whole periods"):
        levers.check(RETENTION, "scenario 'x'")


def test_many_histories_are_drawn_in_proportion_to_value(market):
    """A fifth of 20,000 histories stands for all: equity beyond the horizon within 0.2 %."""
    purchases = market.mixture("pareto_nbd")
    predictions = market.predictions_of(purchases, 20_000)
    base = market.base_of(purchases, predictions, [{"frequency": ">= 4"}])
    equity = customer_equity(base, Setting.today(base))
    exact = market.summed(purchases, predictions, base.ends)
    assert equity.within[0] == pytest.approx(predictions["clv"].sum(), rel=1e-12)
    assert equity.beyond[0] == pytest.approx(exact[base.within :].sum(), rel=2e-3)


def test_equity_agrees_with_customer_equity_of_the_models():
    """Discounted continuously there and at the ends of periods of 30 days here: half a period apart."""
    truth, spend = {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    rfm = simulate_bg_nbd(truth, n=1500, T=400.0, seed=1, spend_params=spend)
    model, amounts = BetaGeoNBD().fit(rfm), GammaGamma().fit(rfm)
    expected = model.expected_purchases(rfm, 90.0)
    predictions = rfm.assign(
        horizon_days=90,
        expected_purchases=expected,
        expected_spend=amounts.expected_spend(rfm),
        clv=lifetime_value.customer_lifetime_value(model, amounts, rfm, 90.0, 0.1, margin=0.5),
    )
    purchases = PurchaseMixture([(PROCESSES["bg_nbd"], model.params_)])
    base = customer_base(
        predictions, purchases, float, margin=0.5, annual_discount_rate=0.1, years=5.0, segments=[]
    )
    continuous = lifetime_value.customer_equity(model, amounts, rfm, 0.1, horizon=5 * 365.0, margin=0.5)
    total = customer_equity(base, Setting.today(base)).total[0]
    assert total == pytest.approx(continuous * 1.1 ** (-15.0 / 365.0), rel=1e-3)


def test_pace_multiplies_the_rates_of_leaving_of_new_pareto_customers():
    """Pareto/NBD: leaving rates Gamma(s, beta), so that a pace c is beta / c; Schmittlein et al. (1987)."""
    process, params = PROCESSES["pareto_nbd"], {"r": 0.55, "alpha": 70.0, "s": 0.6, "beta": 80.0}
    ends = np.arange(30.0, 1500.0, 30.0)
    nodes = curve_nodes(ends[:3], 8 * 1500.0)
    zero, params_kept = np.zeros(1), params["r"] / params["alpha"]
    today = np.array([process.expected_purchases(params, zero, zero, zero, t)[0] for t in nodes])
    curve = Curve(nodes, today, nodes * params_kept)
    for pace in (0.3, 1.0, 2.5):
        other = params | {"beta": params["beta"] / pace}
        exact = np.array([process.expected_purchases(other, zero, zero, zero, t)[0] for t in ends])
        found = np.cumsum(curve.flows(ends, np.array([pace]))[0])
        np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_pace_of_leaving_recovers_simulated_customers():
    """50,000 customers with their own rates, seen for 200 days, at other paces of leaving in the next 720."""
    random, n, T, horizon = np.random.default_rng(3), 50_000, 200.0, 720.0
    params = {"r": 2.0, "alpha": 40.0, "s": 2.0, "beta": 600.0}
    buying, leaving = random.gamma(2.0, 1 / 40.0, n), random.gamma(2.0, 1 / 600.0, n)
    lifetime = random.exponential(1.0 / leaving)
    seen = np.minimum(lifetime, T)
    x = random.poisson(buying * seen).astype(float)
    t_x = np.where(x > 0, seen * random.random(n) ** (1.0 / np.maximum(x, 1.0)), 0.0)
    history = x, t_x, np.full(n, T)
    purchases = PurchaseMixture([(PROCESSES["pareto_nbd"], params)])
    ends = np.array([horizon])
    weights = purchases.expected_purchases(*history, horizon)
    curve = expected_course(purchases, history, weights, horizon, curve_nodes(ends, 8 * horizon))

    def truth(pace: float) -> float:
        rate = leaving * pace
        return float(((lifetime > T) * buying * -np.expm1(-rate * horizon) / rate).sum())

    for pace in (1e-6, 0.5, 1.0, 2.0):
        assert curve.flows(ends, np.array([pace]))[0, 0] == pytest.approx(truth(pace), rel=0.01)


@pytest.mark.parametrize("yearly", [0.02, 0.2231, 1.0])
def test_survival_of_customers_with_a_constant_rate(yearly):
    nodes = curve_nodes(np.array([30.0, 60.0, 90.0]), 8 * 3650.0)
    rate = yearly / 365.0
    survival = Survival([Curve(nodes, -np.expm1(-rate * nodes) / rate, nodes)], 365.0)
    assert survival.retention == pytest.approx(np.exp(-yearly), rel=1e-5)
    wanted = np.array([0.95, 1.02]) * np.exp(-yearly)
    wanted = np.minimum(wanted, 0.995)
    np.testing.assert_allclose(survival.pace(wanted), np.log(wanted) / -yearly, rtol=1e-4)
    assert survival.pace(np.array([1.0]))[0] == 0.0
    assert survival.pace(np.array([survival.retention]))[0] == 1.0


def test_nobody_leaves_in_nbd(market):
    purchases = market.mixture("nbd")
    levers = Levers(market.base_of(purchases, market.predictions_of(purchases)))
    assert levers.today(RETENTION) == pytest.approx(1.0)
    assert "retention" not in levers.changeable
    with pytest.raises(
        ParamsError, match="retention of everyone is 1 already, since the model knows no leaving"
    ):
        levers.check(RETENTION, "scenario 'x'")


def test_levels_today_are_those_of_the_predictions(market, base):
    predictions = market.predictions_of(market.mixture("bg_nbd"), 300)
    rows = predictions["frequency"] > 2
    sales = predictions["expected_purchases"] * predictions["expected_spend"]
    levers, segment = Levers(base), "frequency > 2"
    assert levers.today(("margin", segment)) == pytest.approx(0.4)
    ordered = sales[rows].sum() / predictions.loc[rows, "expected_purchases"].sum()
    assert levers.today(("order_value", segment)) == pytest.approx(ordered)
    yearly = predictions.loc[rows, "expected_purchases"].mean() * 365 / 90
    assert levers.today(("purchase_rate", segment)) == pytest.approx(yearly)
    assert levers.today(("discount_rate", EVERYONE)) == 0.1


def test_groups_add_up_and_segments_may_overlap(market, base):
    whole = market.base_of(market.mixture("bg_nbd"), market.predictions_of(market.mixture("bg_nbd"), 300))
    parts = group_values(base, Setting.today(base)).sum(axis=(0, 1))
    np.testing.assert_allclose(parts, group_values(whole, Setting.today(whole)).sum(axis=(0, 1)), rtol=1e-5)
    assert len(base.curves) == 4
    assert set(base.segments) == {EVERYONE, "frequency > 2", "T < 400"}


def test_customers_who_lose_money_are_a_group_of_their_own(market):
    purchases = market.mixture("bg_nbd")
    predictions = market.predictions_of(purchases, 200, margin=1.0)
    rate = np.where(np.arange(200) % 3 == 0, -0.1, 0.5)
    predictions["margin_rate"] = rate
    predictions["clv"] *= rate
    base = market.base_of(purchases, predictions)
    equity = customer_equity(base, Setting.today(base))
    assert len(base.curves) == 2
    assert equity.within[0] == pytest.approx(predictions["clv"].sum(), rel=1e-12)
    until = purchases.purchases_until(
        *(predictions[name].to_numpy() for name in ("frequency", "recency", "T"))
    )
    ratio = predictions["expected_purchases"] / until(90.0) * predictions["expected_spend"] * rate
    flows = np.diff([until(end) @ ratio for end in base.ends], prepend=0.0) * 1.1 ** (-base.ends / 365.0)
    assert equity.total[0] == pytest.approx(flows.sum(), rel=1e-4)


def test_refuses_what_it_cannot_value(market):
    purchases = market.mixture("bg_nbd")
    predictions = market.predictions_of(purchases, 50)
    with pytest.raises(DataError, match="no amounts"):
        market.base_of(purchases, predictions.assign(clv=np.nan))
    with pytest.raises(ParamsError, match="ends before the model's horizon of 90 days"):
        market.base_of(purchases, predictions, years=0.1)
    with pytest.raises(ParamsError, match=r"column 'frequenzy' is unknown: did you mean frequency\?"):
        market.base_of(purchases, predictions, [{"frequenzy": "> 2"}])
    with pytest.raises(ParamsError, match="no customer is in the segment frequency > 1e9"):
        market.base_of(purchases, predictions, [{"frequency": "> 1e9"}])


def test_refuses_segments_that_overlap_in_too_many_groups(market):
    purchases = market.mixture("bg_nbd")
    predictions = market.predictions_of(purchases, 400)
    for place in range(7):
        predictions[f"bit_{place}"] = (np.arange(400) >> place) % 2
    segments = [{f"bit_{place}": 1} for place in range(7)]
    with pytest.raises(ParamsError, match="overlap, in 128 groups of customers: use fewer segments"):
        market.base_of(purchases, predictions, segments)


def test_retention_is_yearly_also_where_less_than_a_year_is_counted(market):
    purchases = market.mixture("pareto_nbd")
    predictions = market.predictions_of(purchases)
    short, long = (Levers(market.base_of(purchases, predictions, years=years)) for years in (0.25, 4.0))
    assert short.today(RETENTION) == pytest.approx(long.today(RETENTION), rel=1e-4)


@pytest.mark.parametrize("models", [each for each in SETS if each != ("nbd",)], ids="+".join)
def test_value_rises_with_retention_in_every_model(market, models):
    purchases = market.mixture(*models)
    levers = Levers(market.base_of(purchases, market.predictions_of(purchases, 60, whole=30.0)))
    lowest, highest = levers.limits(RETENTION)
    setting = levers.setting({RETENTION: np.linspace(lowest, highest, 60)})
    assert (np.diff(customer_equity(levers.base, setting).total) > 0).all()
    kept = float(levers.base.curves[0].kept_until(levers.base.model_ends)[-1])
    undiscounted = levers.base.curves[0].flows(levers.base.model_ends, np.zeros(1)).sum()
    assert undiscounted == pytest.approx(kept, rel=1e-9)


def test_numbers_that_make_the_equity_endless_are_refused():
    from pydantic import ValidationError

    from guanxi.params._scenario import ScenarioChange, ScenarioParams

    with pytest.raises(ValidationError, match="by is larger than"):
        ScenarioChange(lever="margin", by=1e308)
    with pytest.raises(ValidationError, match="less than or equal to"):
        ScenarioParams(new_customers=1e308, acquisition_cost=1.0)
