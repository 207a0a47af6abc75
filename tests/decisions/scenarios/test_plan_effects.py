"""The plan under scenarios."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.scenarios._cases import run_cases, today
from guanxi.decisions.scenarios._levers import Levers
from guanxi.decisions.scenarios._plan_effects import plan_effects, revalued
from guanxi.params import PlanParams, ScenarioCase

ACTIONS = [
    {"action": "call", "channel": "phone", "cost": 6.0, "save_rate": 0.3, "maximum": 60},
    {"action": "letter", "cost": 1.0, "save_rate": 0.08, "when": {"churn_probability": "> 0.2"}},
]
PLAN = PlanParams(actions=ACTIONS, budget=300.0, holdout=0.1)
FREE = PlanParams(actions=[{"action": "mail", "cost": 0.0, "save_rate": 0.1}], holdout=0.0)


@pytest.fixture(scope="session")
def customers(market):
    purchases = market.mixture("bg_nbd")
    table = market.predictions_of(purchases, 300)
    history = (table[name].to_numpy() for name in ("frequency", "recency", "T"))
    staying, returning = purchases.expected_purchases_kept(*history, 90.0)
    margin = table["clv"] / table["expected_purchases"]
    kept = (np.maximum(staying, table["expected_purchases"]) + returning) * margin
    return table.assign(
        clv_lower=0.2 * table["clv"],
        clv_upper=2.5 * table["clv"],
        value_at_risk=np.maximum(kept - table["clv"], 0.0),
        churn_probability=np.linspace(0.0, 1.0, 300),
    )


@pytest.fixture(scope="session")
def levers(base) -> Levers:
    return Levers(base)


def effects(customers, levers, plan, *changes):
    cases = [ScenarioCase(name=str(i), changes=each) for i, each in enumerate(changes)]
    outcomes = run_cases(cases, levers, draws=200, seed=0)
    return plan_effects(customers, levers, outcomes, today(levers), plan, seed=3)


def by(lever: str, share: float, **more):
    return {"lever": lever, "by": share, **more}


def test_no_change_leaves_the_plan_as_it_is(customers, levers):
    now, same, none = effects(customers, levers, PLAN, [by("retention", 0.0), by("margin", 0.0)], []).to_dict(
        "records"
    )
    assert now["plan_profit"] == same["plan_profit"] == none["plan_profit"] > 0
    assert now["plan_change"] == same["plan_change"] == 0.0
    assert now["kept_profit"] == pytest.approx(now["plan_profit"], rel=1e-12)
    assert (now["moved"], same["moved"], none["moved"]) == (0, 0, 0)
    assert 0 < now["treated"] <= 300


def test_profit_of_a_free_plan_is_proportional_to_the_margin(customers, levers):
    now, more = effects(customers, levers, FREE, [by("margin", 0.25)]).to_dict("records")
    assert now["plan_profit"] == pytest.approx(0.1 * customers["value_at_risk"].clip(lower=0).sum(), rel=1e-9)
    assert more["plan_profit"] == pytest.approx(1.25 * now["plan_profit"], rel=1e-9)
    assert more["moved"] == 0


def test_customers_who_cost_more_than_they_bring_get_no_action(customers, levers):
    dear = PlanParams(actions=[{"action": "call", "cost": 6.0, "save_rate": 0.3}], holdout=0.0)
    now, less, more = effects(
        customers, levers, dear, [by("order_value", -0.5)], [by("order_value", 0.5)]
    ).to_dict("records")
    for row, factor in ((now, 1.0), (less, 0.5), (more, 1.5)):
        gain = 0.3 * factor * customers["value_at_risk"]
        assert row["treated"] == (gain > 6.0).sum()
        assert row["plan_profit"] == pytest.approx((gain - 6.0).clip(lower=0).sum(), rel=1e-9)
    assert less["moved"] == now["treated"] - less["treated"]
    assert more["moved"] == more["treated"] - now["treated"] > 0


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["margin", "order_value", "purchase_rate", "retention", "discount_rate"]),
    st.floats(-0.3, 0.04),
)
def test_the_new_plan_earns_at_least_what_the_old_one_would(customers, levers, lever, share):
    row = effects(customers, levers, PLAN, [by(lever, share)]).iloc[1]
    assert row["plan_profit"] >= row["kept_profit"] * (1 - 1e-6)


def test_a_segment_alone_changes_its_own_customers(customers, levers):
    changed = [by("margin", 0.5, segment={"frequency": "> 2"})]
    (outcome,) = run_cases([ScenarioCase(name="x", changes=changed)], levers, draws=100, seed=0)
    table, rows = revalued(customers, levers.base, outcome.setting), customers["frequency"] > 2
    np.testing.assert_allclose(table.loc[rows, "clv"], 1.5 * customers.loc[rows, "clv"], rtol=1e-9)
    np.testing.assert_array_equal(table.loc[~rows, "value_at_risk"], customers.loc[~rows, "value_at_risk"])


@pytest.mark.parametrize("share", [-0.2, 0.0, 0.05])
def test_new_values_add_up_to_the_equity_within_the_horizon(customers, levers, share):
    changed = [by("retention", share), by("discount_rate", 0.5), by("purchase_rate", 0.1)]
    (outcome,) = run_cases([ScenarioCase(name="x", changes=changed)], levers, draws=100, seed=0)
    table = revalued(customers, levers.base, outcome.setting)
    assert table["clv"].sum() == pytest.approx(outcome.equity.within[0], rel=1e-9)


def test_less_is_at_risk_when_fewer_leave(customers, levers):
    rows = effects(customers, levers, FREE, [by("retention", 0.1)], [by("retention", -0.1)])
    now, fewer, more = rows["plan_profit"]
    assert fewer < now < more


def test_draws_are_taken_at_their_means(customers, levers):
    drawn = {"lever": "margin", "distribution": "uniform", "low": 0.1, "high": 0.1}
    rows = effects(customers, levers, PLAN, [by("margin", 0.1)], [drawn]).to_dict("records")
    assert rows[1]["plan_profit"] == pytest.approx(rows[2]["plan_profit"], rel=1e-12)
