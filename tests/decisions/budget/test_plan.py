"""Whole plans: budget, counts and arms, what they should earn, and what cannot be planned."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.budget import LearntGain, build_plan, expected_gains, gain_of_uplift, plan_answer
from guanxi.errors import DataError, ParamsError
from guanxi.params import PlanAction, PlanParams

DAY = date(2026, 1, 31)
CALL = {"action": "call", "channel": "phone", "cost": 5.0, "save_rate": 0.2, "save_rate_interval": [0.1, 0.3]}
LETTER = {"action": "letter", "channel": "post", "cost": 1.0, "save_rate": 0.06}
MAIL = {"action": "mail", "channel": "email", "cost": 0.1, "save_rate": 0.01}


def predictions(n: int = 2_000, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    clv, churn = random.lognormal(3.0, 1.2, n), random.beta(2, 2, n)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in range(n)],
            "clv": clv,
            "clv_lower": 0.2 * clv,
            "clv_upper": 3.0 * clv,
            "value_at_risk": clv * churn / (1.0 - churn) * 0.7,
            "churn_probability": churn,
            "past_value": random.lognormal(3.0, 1.2, n) * (random.random(n) < 0.5),
        }
    )


def plan_of(customers: pd.DataFrame, seed: int = 0, learnt=None, **given):
    given = {"actions": [CALL, LETTER, MAIL], "budget": 600.0} | given
    return build_plan(customers, PlanParams(**given), day=DAY, horizon_days=90, seed=seed, learnt=learnt)


@settings(max_examples=10, deadline=None)
@given(
    budget=st.floats(50.0, 900.0),
    holdout=st.sampled_from([0.0, 0.07, 0.1, 0.3]),
    least=st.integers(0, 40),
    seed=st.integers(0, 100),
)
@pytest.mark.slow
def test_the_treated_keep_within_every_limit(budget, holdout, least, seed):
    plan = plan_of(
        predictions(400, seed),
        actions=[CALL, LETTER | {"minimum": least}, MAIL | {"maximum": 30}],
        budget=budget,
        holdout=holdout,
        channels={"phone": {"customers": 20}},
    )
    table = plan.customers
    treated = table[table["arm"] == "treated"]
    counts = treated["action"].value_counts()
    assert table["cost"].sum() <= budget * (1 + 1e-9)
    assert counts.get("call", 0) <= 20
    assert counts.get("letter", 0) >= least
    assert counts.get("mail", 0) <= 30
    assert (table.loc[table["arm"] != "treated", ["cost", "expected_gain"]] == 0.0).all(axis=None)
    chosen = table[table["arm"] != "none"]
    for name, rows in chosen.groupby("action"):
        assert (rows["arm"] == "holdout").sum() == np.ceil(holdout * len(rows) - 1e-9), name


def test_totals_add_up_and_effects_and_intervals_are_what_they_say():
    customers = predictions()
    plan = plan_of(customers)
    table = plan.customers.merge(customers, on="customer_id")
    treated = table[table["arm"] == "treated"]
    rates = treated["action"].map({"call": 0.2, "letter": 0.06, "mail": 0.01})
    assert np.allclose(treated["expected_gain"], rates * treated["value_at_risk"])
    low = treated["action"].map({"call": 0.1, "letter": 0.06, "mail": 0.01})
    assert np.allclose(treated["gain_lower"], low * treated["value_at_risk"] * 0.2)
    assert plan.totals.gain == pytest.approx(treated["expected_gain"].sum())
    assert plan.totals.spend == pytest.approx(treated["cost"].sum())
    assert plan.totals.profit == pytest.approx(plan.totals.gain - plan.totals.spend)
    assert plan.totals.gain_lower < plan.totals.gain < plan.totals.gain_upper
    assert plan.totals.gain_lower > treated["gain_lower"].sum()  # single customers' luck partly cancels out
    assert plan.actions["treated"].sum() == plan.totals.treated == len(treated)
    assert set(table["date"]) == {"2026-02-01"}


@pytest.mark.slow
def test_at_the_break_even_rate_the_treated_earn_their_cost():
    customers = predictions()
    plan = plan_of(customers, actions=[CALL], holdout=0.0)
    rate = plan.actions["break_even_rate"].item()
    treated = plan.customers["arm"] == "treated"
    at_risk = customers.loc[treated, "value_at_risk"].sum()
    assert rate * at_risk == pytest.approx(plan.totals.spend)
    assert plan.totals.break_even == pytest.approx(rate / 0.2)
    assert plan.actions["pays_from"].item() == pytest.approx(25.0)


@pytest.mark.slow
def test_the_order_of_customers_changes_nothing():
    customers = predictions()
    customers["clv"] = customers["clv"].round(-1)
    shuffled = customers.sample(frac=1.0, random_state=3)
    plan, again = plan_of(customers), plan_of(shuffled)
    there = again.customers.sort_values("customer_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(plan.customers, there)
    assert again.customers["customer_id"].tolist() == shuffled["customer_id"].tolist()


def test_the_seed_moves_the_holdout_and_not_the_choice():
    customers = predictions()
    one, other = plan_of(customers, seed=1).customers, plan_of(customers, seed=2).customers
    assert one["action"].equals(other["action"])
    assert (one["arm"] != other["arm"]).sum() > 50


def test_the_frontier_is_concave_and_above_the_plan():
    plan = plan_of(predictions())
    curve = plan.frontier
    slopes = np.diff(curve["profit"]) / np.diff(curve["budget"])
    assert (np.diff(slopes) <= 1e-4 * slopes[0]).all()
    assert (slopes >= -1e-9).all()
    at_budget = np.interp(600.0, curve["budget"], curve["profit"])
    assert plan.mean_profit == pytest.approx(at_budget, rel=0.01)
    assert plan.mean_profit <= plan.frontier["profit"].max()


def test_each_plan_is_best_in_its_own_case():
    table = plan_of(predictions(), holdout=0.0).robustness.set_index("plan")
    for case in ("expected", "cautious", "lower"):
        assert table[case].idxmax() == case or table.loc[case, case] == pytest.approx(table[case].max())
    assert (table["lower"] <= table["cautious"] + 1e-9).all()
    assert (table["cautious"] <= table["expected"] + 1e-9).all()


@pytest.mark.slow
def test_without_a_budget_everything_that_pays_is_done():
    customers = predictions()
    plan = plan_of(customers, actions=[LETTER], budget=None, holdout=0.0)
    treated = plan.customers["arm"] == "treated"
    assert np.array_equal(treated, 0.06 * customers["value_at_risk"] > 1.0)
    assert plan.totals.shadow_price == 0.0
    assert plan.totals.budget is None


@pytest.mark.slow
def test_reasons_say_why():
    plan = plan_of(
        predictions(),
        actions=[CALL | {"when": {"churn_probability": "> 0.3"}}],
        budget=300.0,
    ).customers
    kinds = plan["reason"].str.replace(r"[\d.,]+", "#", regex=True).groupby(plan["arm"]).unique()
    assert kinds["treated"].tolist() == ["call: should bring # for a cost of #"]
    assert kinds["holdout"].tolist() == [
        "held out at random to measure call# which should bring # for a cost of #"
    ]
    assert {text.split(":")[0] for text in kinds["none"]} == {
        "no action pays",
        "no action is allowed for this customer",
        "call should bring # for a cost of #",
    }
    chinese = build_plan(
        predictions(50),
        PlanParams(actions=[CALL], budget=20.0),
        day=DAY,
        horizon_days=90,
        language="zh",
    )
    assert chinese.customers["reason"].str.contains("[一-鿿]").all()


@pytest.mark.slow
def test_limits_per_customer():
    customers = predictions()
    by_cost = plan_of(customers, customer={"cost": 1.0}, budget=None)
    assert by_cost.customers["cost"].max() == 1.0
    by_value = plan_of(customers, customer={"share_of_value": 0.02}, budget=None).customers
    kept = customers["clv"] + customers["value_at_risk"]
    assert (by_value["cost"] <= 0.02 * kept).all()
    assert (by_value["cost"] == 5.0).any()


def test_an_effect_learnt_from_a_campaign_takes_the_place_of_a_save_rate():
    customers = predictions()
    gain = np.where(customers["churn_probability"] > 0.5, 9.0, -2.0)
    learnt = {"call": LearntGain(gain, gain - 1.0, gain + 1.0, np.full(len(gain), 0.5))}
    action = {"action": "call", "cost": 5.0}
    plan = build_plan(
        customers,
        PlanParams(actions=[action], holdout=0.0),
        day=DAY,
        horizon_days=90,
        learnt=learnt,
    )
    assert np.array_equal(plan.customers["arm"] == "treated", customers["churn_probability"] > 0.5)
    assert plan.actions["effect"].item() == "campaign"
    assert np.isnan(plan.actions["break_even_rate"].item())
    cautious = plan.robustness.set_index("plan").loc["expected", "cautious"]
    assert cautious == pytest.approx((9.0 - 0.5 - 5.0) * plan.totals.treated)


def test_a_learnt_effect_has_what_customers_share_in_the_total_and_is_told_on_the_page():
    customers = predictions(200).assign(clv=1.0, churn_probability=0.5)
    uplift = pd.DataFrame({"uplift": np.full(200, 0.5), "uplift_lower": 0.1, "uplift_upper": 0.9})
    common = np.linspace(0.0, 0.1, 200)
    learnt = {"call": gain_of_uplift(uplift, customers, common)}
    params = PlanParams(actions=[{"action": "call", "cost": 0.1}], holdout=0.0)
    plan = build_plan(customers, params, day=DAY, horizon_days=90, learnt=learnt)
    own = (2 * (0.4 - 1.96 * common)) ** 2
    half = (2 * 1.96 * common).sum() + np.sqrt(own.sum())
    assert plan.totals.gain == pytest.approx(200.0)
    assert plan.totals.gain_lower == pytest.approx(200.0 - half, rel=1e-3)
    for language, said in (("en", "74 to 94 %"), ("zh", "74 % 至 94 %")):
        notices = plan_answer(plan, params, language).chapters[0].notices
        assert any(said in each for each in notices)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"actions": []}, "there are no actions: name at least one in plan.actions"),
        ({"actions": [{"action": "call", "cost": 5}]}, "action 'call' has no effect: assume one"),
        ({"actions": [CALL | {"when": {"tier": "high"}}]}, "plan action 1: column 'tier' is unknown"),
        (
            {"actions": [CALL | {"minimum": 5000}], "budget": None},
            "needs 5,556 customers with a holdout of 10%",
        ),
        (
            {"actions": [CALL | {"minimum": 200}]},
            "the minimum counts need 1,003.5 of the budget, which is 600",
        ),
    ],
)
def test_plans_that_cannot_be(given, message):
    with pytest.raises(ParamsError, match=message):
        plan_of(predictions(), **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="value_at_risk"), "the customers have no column value_at_risk"),
        (lambda table: table.assign(clv=np.nan), "clv is unknown for some customers"),
        (lambda table: pd.concat([table, table.head(1)]), "customer 'C000000' is there twice"),
        (lambda table: table.head(0), "there are no customers"),
    ],
)
def test_tables_that_cannot_be_planned_for(change, message):
    with pytest.raises(DataError, match=message):
        plan_of(change(predictions(20)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": 0}, "greater than 0"),
        ({"actions": [CALL | {"cost": -1}]}, "greater than or equal to 0"),
        ({"actions": [CALL | {"save_rate": 1.2}]}, "less than or equal to 1"),
        ({"actions": [CALL, CALL]}, "two actions are named 'call'"),
        ({"actions": [CALL | {"save_rate_interval": [0.3, 0.4]}]}, "give rates around save_rate"),
        ({"actions": [CALL | {"minimum": 5, "maximum": 4}]}, "a minimum of 5 and a maximum of 4"),
        ({"holdout": 1.0}, "less than or equal to 0.9"),
    ],
)
def test_parameters_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        PlanParams(**given)


def test_gains_of_a_value_of_zero_have_the_interval_of_the_rate_only():
    table = predictions(1).assign(clv=0.0, clv_lower=0.0, clv_upper=0.0, value_at_risk=10.0)
    gains = expected_gains(table, [PlanAction(**CALL)])
    assert (gains.lower.item(), gains.expected.item(), gains.upper.item()) == pytest.approx((1.0, 2.0, 3.0))


def test_the_deviation_of_contracts_is_at_least_that_of_what_they_pay():
    customers = predictions().drop(columns="past_value").assign(renewal_probability=0.9)
    chosen = plan_of(customers)
    taken = customers[(chosen.customers["arm"] != "none").to_numpy()]
    most = (taken["clv"] + taken["value_at_risk"]).to_numpy()
    stays = np.random.default_rng(3).random(len(most)) < taken["clv"] / most
    assert chosen.power.standard_deviation >= 0.95 * float(np.where(stays, most, 0.0).std())


@pytest.mark.slow
def test_power_does_not_rest_on_the_past_of_silent_customers_alone():
    customers = predictions().assign(past_value=0.0)
    assert np.isnan(plan_of(customers).power.power)
    known = plan_of(customers.assign(expected_purchases=0.5)).power
    assert 0.0 < known.power < 1.0
    loud = plan_of(
        customers.assign(expected_purchases=0.5, past_value=predictions()["past_value"] * 1000)
    ).power
    assert loud.standard_deviation > 10 * known.standard_deviation


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("value_at_risk", np.inf, "value_at_risk is endless or too large for some customers"),
        ("clv", 1e300, "clv is endless or too large for some customers"),
        ("churn_probability", np.nan, "churn_probability is unknown for some customers"),
        ("customer_id", None, "customer_id is unknown for some customers"),
    ],
)
def test_values_that_no_plan_can_use(column, value, message):
    customers = predictions(50)
    customers[column] = customers[column].where(np.arange(50) != 3, value)
    with pytest.raises(DataError, match=message):
        plan_of(customers)
