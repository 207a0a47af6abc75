"""All predictions about a customer under contract come from one survival curve."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.served.contracts.contract_value import discounted_residual_lifetime
from guanxi.served.contracts.document import (
    AmountProcess,
    CancellationLevel,
    ContractLimits,
    Covariate,
    HazardRegression,
    RetentionModel,
    ServedContracts,
)
from guanxi.served.contracts.hazard import BlendedHazard
from guanxi.served.contracts.retention_process import SHIFTED_BETA_GEOMETRIC
from guanxi.served.contracts.scorer import LIFETIME_DAYS, ContractScorer
from guanxi.served.document_parts import Drivers, LifetimeValue
from guanxi.served.input_checks import InputError
from guanxi.served.model import from_json, to_json

MONTH = 365.0 / 12.0
HIGH_END = {"alpha": 0.668, "beta": 3.806}  # Fader & Hardie 2007, a year as period
MODEL = ServedContracts(
    as_of="2024-06-30",
    horizon_days=365,
    language="en",
    period="M",
    period_days=MONTH,
    attributes=(),
    timed=False,
    retention=RetentionModel("shifted_beta_geometric", HIGH_END, None),
    regression=None,
    trees=None,
    level=None,
    amounts=AmountProcess(),
    lifetime_value=LifetimeValue(0.1, 1.0, 0.9),
    drivers=Drivers(1),
    usual_log_odds=-2.0,
    limits=ContractLimits(100, 1000, 50, 40),
)
YEARLY = replace(MODEL, period="Y", period_days=365.0)


def customers(renewals: list[float], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"renewals": renewals, "amount": 100.0, **columns})


def scored(model: ServedContracts, features: pd.DataFrame, **asked: object) -> pd.DataFrame:
    return ContractScorer(model, {}).score(features, **asked)


def test_high_end_survival_of_fader_and_hardie() -> None:
    days = [0.0, 365.0, 12 * 365.0 - 1e-6]
    found = ContractScorer(YEARLY, {}).survival(customers([0.0]), days)
    assert found[0] == pytest.approx([1.0, 0.851, 0.378], abs=5e-4)


@pytest.mark.parametrize(("renewals", "value"), [(0.0, 288.0), (1.0, 394.0), (4.0, 568.0)])
def test_residual_values_of_the_perils_paper_but_for_their_time(renewals: float, value: float) -> None:
    # Fader & Hardie 2010: 100 a period at 10 %, valued just before the next renewal, for ever. Here the next
    # renewal is at once, and ten years count: the formula with a horizon of ten opportunities.
    params = {"alpha": 0.764, "beta": 1.296}
    model = replace(YEARLY, retention=RetentionModel("shifted_beta_geometric", params, None), timed=True)
    features = customers([renewals], periods_to_renewal=0.0)
    found = scored(model, features, horizon_days=LIFETIME_DAYS)["clv"][0]
    left = np.exp(SHIFTED_BETA_GEOMETRIC.log_survival(params, renewals, np.arange(1, 12)))
    assert found == pytest.approx(100.0 * (left / 1.1 ** np.arange(11)).sum())
    assert found < value


def test_numbers_of_one_customer_agree() -> None:
    features = customers([0.0, 3.0, 40.0])
    found = scored(MODEL, features)
    scorer = ContractScorer(MODEL, {})
    curve = scorer.survival(features, [MONTH * each for each in range(121)])
    assert found["churn_probability"].to_numpy() == pytest.approx(1.0 - curve[:, 12])
    assert found["renewal_probability"].to_numpy() == pytest.approx(curve[:, 1])
    area = (curve[:, :-1] + curve[:, 1:]).sum(axis=1) / 2.0
    assert found["expected_remaining_months"].to_numpy() == pytest.approx(area, rel=1e-9)
    assert found["mrr_expected"].to_numpy() == pytest.approx(100.0 * curve[:, 12])
    discount = 1.1 ** (-(np.arange(12) + 0.5) / 12.0)
    assert found["clv"].to_numpy() == pytest.approx(100.0 * curve[:, 1:13] @ discount)


def test_residual_lifetime_and_value_agree() -> None:
    features = customers([7.0], periods_to_renewal=0.0)
    model = replace(YEARLY, timed=True)
    curves = ContractScorer(model, {}).curves(features, days=LIFETIME_DAYS)
    found = discounted_residual_lifetime(curves, 0.1)[0]
    left = np.exp(SHIFTED_BETA_GEOMETRIC.log_survival(HIGH_END, 7.0, np.arange(1, 12)))
    assert found == pytest.approx((left / 1.1 ** np.arange(11)).sum())
    assert scored(model, features, horizon_days=LIFETIME_DAYS)["clv"][0] == pytest.approx(100.0 * found)


def test_date_of_the_next_renewal_is_kept() -> None:
    model = replace(YEARLY, timed=True)
    features = customers([0.0, 0.0, 0.0], periods_to_renewal=[0.2, 0.5, np.nan])
    found = scored(model, features, horizon_days=90)
    churn = 0.668 / (0.668 + 3.806)
    assert found["churn_probability"].tolist() == pytest.approx(
        [churn, 0.0, 1.0 - (1.0 - churn) ** (90.0 / 365.0)]
    )
    assert found["clv"][1] == 0.0
    assert found["mrr_expected"][1] == pytest.approx(100.0 / 12.0)


def test_season_moves_the_month_of_the_opportunity() -> None:
    calm = scored(MODEL, customers([5.0]))["renewal_probability"][0]
    july = replace(MODEL, level=CancellationLevel("2024-07-01", (1.0, *[0.0] * 11)))
    late = scored(july, customers([5.0]))["renewal_probability"][0]
    odds = (1.0 - late) / late / ((1.0 - calm) / calm)
    assert odds == pytest.approx(np.e)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.floats(0.05, 20.0), st.floats(0.05, 20.0), st.floats(-0.5, 0.5))
def test_survival_falls_from_one_and_value_with_the_discount_rate(
    renewals: int, alpha: float, beta: float, step: float
) -> None:
    retention = RetentionModel("shifted_beta_geometric", {"alpha": alpha, "beta": beta}, None)
    regression = HazardRegression((), (), (2,), (step,), 0.1)
    model = replace(MODEL, retention=retention, regression=regression)
    features = customers([float(renewals)])
    curve = ContractScorer(model, {}).survival(features, [0.0, 20.0, 31.0, 365.0, 1000.0])[0]
    assert curve[0] == 1.0
    assert (np.diff(curve) <= 0).all()
    values = [scored(model, features, annual_discount_rate=rate)["clv"][0] for rate in (0.0, 0.1, 0.5)]
    assert values[0] >= values[1] >= values[2]


@pytest.mark.parametrize("process", [AmountProcess(), AmountProcess(0.2, (-0.1, 0.0, 0.15), 0.001)])
def test_interval_has_its_coverage(process: AmountProcess) -> None:
    model = replace(MODEL, amounts=process)
    found = scored(model, customers([10.0])).iloc[0]
    generator = np.random.default_rng(4)
    draws = 20_000
    theta = generator.beta(0.668, 3.806 + 10.0, draws)
    lives = generator.geometric(theta) - 1
    ratios = np.array(process.log_ratios or (0.0,))
    moved = generator.random((draws, 12)) < process.change_probability
    steps = np.where(moved, ratios[generator.integers(0, len(ratios), (draws, 12))], 0.0)
    paid = 100.0 * np.exp(np.cumsum(steps, axis=1)) * 1.1 ** (-(np.arange(12) + 0.5) / 12.0)
    value = np.where(np.arange(12) < lives[:, None], paid, 0.0).sum(axis=1)
    assert value.mean() == pytest.approx(found["clv"], rel=0.01)
    inside = (value >= found["clv_lower"] - 1e-6) & (value <= found["clv_upper"] + 1e-6)
    assert 0.88 < inside.mean() < 0.95


def test_rows_and_chunks_do_not_depend_on_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    features = customers([0.0, 7.0, 30.0, 2.0])
    whole = scored(MODEL, features)
    monkeypatch.setattr("guanxi.served.contracts.scorer._CELLS", 200)
    pd.testing.assert_frame_equal(scored(MODEL, features), whole)
    turned = scored(MODEL, features[::-1])
    pd.testing.assert_frame_equal(turned[::-1], whole)


def test_document_survives_json() -> None:
    model = replace(MODEL, level=CancellationLevel("2024-07-01", (0.1,)), amounts=AmountProcess(0.1, (0.2,)))
    assert from_json(json.loads(json.dumps(to_json(model)))) == model


def test_without_amounts_money_is_missing() -> None:
    found = scored(replace(MODEL, amounts=None), pd.DataFrame({"renewals": [1.0]}))
    assert found[list(replace(MODEL, amounts=None).left_empty)].isna().all(axis=None)
    assert found["churn_probability"].notna().all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("renewals", -1.0, "'renewals' is negative"),
        ("renewals", 1.5, "'renewals' is not a whole number"),
        ("renewals", np.nan, "'renewals' is missing"),
        ("amount", -5.0, "'amount' is negative"),
        ("amount", np.inf, "'amount' is infinite"),
    ],
)
def test_impossible_rows_are_refused(column: str, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scored(MODEL, customers([1.0, 2.0]).assign(**{column: [1.0, value]}))


def test_effects_of_attributes_change_with_the_tenure() -> None:
    plan = Covariate("plan: year", "plan", "year", mean=0.0, scale=1.0, lowest=0.0, highest=1.0)
    regression = HazardRegression((plan,), (-2.0,), (), (), 0.0, slopes=(0.5,), longest=20)
    features = pd.DataFrame({"renewals": [0.0, 3.0, 50.0], "plan": ["year"] * 3})
    bare = BlendedHazard(MODEL.retention).future(features, 4)
    step = BlendedHazard(MODEL.retention, regression).future(features, 4) - bare
    assert step[0] == pytest.approx(-2.0 + 0.5 * np.log([1.0, 2.0, 3.0, 4.0]))
    assert step[1] == pytest.approx(-2.0 + 0.5 * np.log([4.0, 5.0, 6.0, 7.0]))
    assert step[2] == pytest.approx([-2.0 + 0.5 * np.log(21.0)] * 4)
    parts, constant = BlendedHazard(MODEL.retention, regression).contributions(features)
    total = parts["renewals"] + parts["plan"] + constant
    assert total == pytest.approx(BlendedHazard(MODEL.retention, regression).next(features))
