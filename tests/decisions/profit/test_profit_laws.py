"""Laws of rankings, audits, and costs that hold for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.profit import (
    acquisition_cost,
    acquisition_returns,
    customer_base_audit,
    earned_by_age,
    loss_reasons,
    payback_months,
    profit_and_loss,
    profit_deciles,
    profit_groups,
    steady_value,
    value_less_cost,
    whale_curve,
)
from guanxi.decisions.profit._factor_decomposition import factor_changes
from guanxi.errors import DataError, ParamsError
from guanxi.params import ChannelParams, ProfitParams

amounts = st.floats(-1000, 1000, allow_nan=False).map(lambda value: round(value, 2))
profits = st.lists(amounts, min_size=1, max_size=60)
COSTS = ["acquire", "serve", "retain"]


@given(profits)
def test_the_whale_curve_peaks_with_the_last_customer_who_earns_something(profit):
    curve = whale_curve(profit)
    assert curve.total == pytest.approx(sum(profit), abs=1e-6)
    assert curve.peak == pytest.approx(max(0.0, curve.cumulative.max()), abs=1e-6)
    assert curve.customers_at_peak == sum(value > 0 for value in profit)
    assert curve.lost == pytest.approx(-sum(value for value in profit if value < 0), abs=1e-6)


@given(profits)
@settings(deadline=None)
def test_groups_share_out_all_customers_and_all_profit(profit):
    tables = [profit_deciles(profit)]
    if sum(profit) > 0:
        tables.append(profit_groups(profit))
    for table in tables:
        assert table["customers"].sum() == len(profit)
        assert table["profit"].sum() == pytest.approx(sum(profit), abs=1e-6)
        assert table["lowest"].is_monotonic_decreasing
        assert (table["lowest"].iloc[:-1].to_numpy() >= table["highest"].iloc[1:].to_numpy()).all()


def test_the_groups_do_not_depend_on_the_order_of_the_customers():
    profit = np.random.default_rng(1).gamma(0.5, 50, 200) - 5
    for table in (profit_deciles, profit_groups):
        pd.testing.assert_frame_equal(table(profit), table(profit[::-1]))


def test_equal_customers_make_equal_groups():
    table = profit_groups(np.ones(100))
    assert table["customers"].tolist() == [10] * 10


@pytest.mark.parametrize(
    ("profit", "message"), [([], "no customer"), ([1.0, np.nan], "1 customers have no profit")]
)
def test_a_ranking_needs_the_profit_of_every_customer(profit, message):
    with pytest.raises(DataError, match=message):
        whale_curve(profit)


def test_groups_of_equal_profit_need_a_profit():
    with pytest.raises(DataError, match=r"total profit is -1\.00"):
        profit_groups([1.0, -2.0])


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_the_parts_of_a_change_add_up_to_it(levels):
    before, after = ({str(place): pair[side] for place, pair in enumerate(levels)} for side in (0, 1))
    parts = factor_changes(before, after)
    change = np.prod(list(after.values())) - np.prod(list(before.values()))
    assert parts.sum() == pytest.approx(change, rel=1e-9, abs=1e-3)


def test_a_factor_that_does_not_move_has_no_part_in_the_change():
    parts = factor_changes({"a": 2.0, "b": 3.0, "c": 5.0}, {"a": 2.0, "b": 4.0, "c": 5.0})
    assert parts.to_dict() == {"a": 0.0, "b": 10.0, "c": 0.0}


rows = st.lists(
    st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(0, 3), amounts, amounts),
    min_size=1,
    max_size=40,
).filter(lambda rows: any(row[2] for row in rows))


@given(rows)
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_an_audit_accounts_for_every_order_and_all_profit(rows):
    table = pd.DataFrame(rows, columns=["customer_id", "period", "orders", "spend", "profit"])
    audit = customer_base_audit(table)
    bought = table[table["orders"] > 0]
    for name in ("orders", "spend", "profit"):
        assert audit.cohorts[name].sum() == pytest.approx(bought[name].sum(), abs=1e-6)
        assert audit.periods[name].sum() == pytest.approx(bought[name].sum(), abs=1e-6)
    assert (audit.distributions.groupby("measure")["customers"].sum() == len(audit.customers)).all()
    if len(audit.periods) > 1:
        before, after = audit.periods["profit"].iloc[-2:]
        assert audit.changes["change"].sum() == pytest.approx(after - before, abs=1e-6)
        of_all = audit.factors[audit.factors["customers"] == "all"]["change"].sum()
        # Profit without any spend has no rate, so its factors say nothing.
        if (audit.periods["spend"].iloc[-2:] != 0).all():
            assert of_all == pytest.approx(after - before, abs=1e-3)


def test_an_audit_by_hand():
    table = pd.DataFrame(
        [
            ("kept", 1, 1, 10.0, 4.0), ("kept", 2, 2, 30.0, 9.0), ("lost", 1, 3, 30.0, 6.0),
            ("new", 2, 1, 8.0, -1.0), ("back", 0, 1, 5.0, 1.0), ("back", 2, 1, 6.0, 2.0),
        ],
        columns=["customer_id", "period", "orders", "spend", "profit"],
    )  # fmt: skip
    audit = customer_base_audit(table)
    groups = audit.changes.set_index("group")
    assert groups["customers"].to_dict() == {
        "new": 1,
        "returned": 1,
        "up": 1,
        "same": 0,
        "down": 0,
        "lost": 1,
    }
    assert groups["change"].to_dict() == {
        "new": -1.0,
        "returned": 2.0,
        "up": 5.0,
        "same": 0.0,
        "down": 0.0,
        "lost": -6.0,
    }
    cohort = audit.cohorts[audit.cohorts["cohort"] == 1].set_index("age")
    assert cohort["share_active"].tolist() == [1.0, 0.5]
    assert cohort.loc[1, "orders_per_customer"] == 2.0
    assert cohort.loc[1, "spend_per_order"] == 15.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orders": None}, "no column 'orders'"),
        ({"spend": np.nan}, "2 rows of the table have no spend"),
        ({"orders": -1}, "2 rows of the table have negative orders"),
        ({"orders": 0}, "no row of the table has an order"),
        ({"cohort": ["x", "y"], "customer_id": [1, 1]}, "two cohorts"),
    ],
)
def test_an_audit_says_what_is_wrong_with_the_table(changes, message):
    table = pd.DataFrame({"customer_id": [1, 2], "period": 1, "orders": 1, "spend": 2.0, "profit": 1.0})
    table = table.assign(**{name: value for name, value in changes.items() if value is not None})
    table = table.drop(columns=[name for name, value in changes.items() if value is None])
    with pytest.raises(DataError, match=message):
        customer_base_audit(table)


statements = st.lists(
    st.tuples(*[st.floats(0, 100).map(lambda value: round(value, 2))] * 7), min_size=1, max_size=20
)


@given(statements)
@settings(max_examples=40, deadline=None)
def test_the_statement_and_the_reasons_of_losses_add_up(rows):
    names = ["orders", "returns", "refunded", "margin", *COSTS]
    sums = pd.DataFrame(rows, columns=names).assign(sales=lambda table: table["margin"] + table["refunded"])
    statement = profit_and_loss(sums, ProfitParams(cost_per_order=0.5, cost_per_return=2))
    assert (statement["revenue"] - statement["cost_of_goods"]).to_numpy() == pytest.approx(
        statement["margin"].to_numpy()
    )
    losers = statement[statement["profit"] < 0]
    reasons = loss_reasons(statement, 2)
    assert reasons["customers"].sum() == len(losers)
    assert reasons["loss"].sum() == pytest.approx(-losers["profit"].sum())
    assert (reasons["alone"] <= reasons["customers"]).all()


def test_returns_are_named_as_the_reason_of_a_loss():
    sums = pd.DataFrame(
        {
            "orders": [1.0, 1.0], "returns": [1.0, 0.0], "sales": [100.0, 100.0], "refunded": [100.0, 0.0],
            "margin": [0.0, 40.0], "acquire": 0.0, "serve": [5.0, 0.0], "retain": 0.0,
        }
    )  # fmt: skip
    statement = profit_and_loss(sums, ProfitParams(cost_per_return=3))
    assert statement["profit"].tolist() == [-8.0, 40.0]
    reasons = loss_reasons(statement, 3)
    # 40 % of the 100 refunded, and 3 for the return
    assert reasons[["reason", "burden"]].to_numpy().tolist() == [["returns", 43.0]]


@given(st.integers(0, 3), st.integers(1, 4), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_spending_is_moved_but_not_lost(lag, spread, share):
    months = 12
    spending = pd.DataFrame({"month": range(1, months + 1), "channel": "tv", "amount": 100.0})
    acquired = pd.DataFrame({"month": range(1, months + 1), "customers": 10})
    rule = ChannelParams(lag=lag, spread=spread, share=share)
    found = acquisition_cost(spending, acquired, {"tv": rule})
    assert found["unadjusted"].to_numpy() == pytest.approx(10.0)
    known = found["lagged"].dropna()
    assert len(known) == months - lag - spread + 1
    assert known.to_numpy() == pytest.approx(10.0 * share)


def test_costs_by_channel_and_months_without_customers():
    spending = pd.DataFrame({"month": [1, 2, 1], "channel": ["a", "a", "tv"], "amount": [10.0, 20.0, 6.0]})
    acquired = pd.DataFrame({"month": [1, 2, 1], "channel": ["a", "a", "none"], "customers": [5, 0, 3]})
    found = acquisition_cost(spending, acquired).set_index(["channel", "month"])["unadjusted"]
    assert found.loc["all"].tolist()[0] == 2.0
    assert found.loc[("a", 1)] == 2.0
    assert np.isnan(found.loc[("a", 2)])
    assert "tv" not in found.index.get_level_values("channel")


@pytest.mark.parametrize(
    ("spending", "acquired", "channels", "message"),
    [
        ({"amount": -1.0}, {}, {}, "spending has 1 negative values"),
        ({}, {"customers": -1}, {}, "acquired has 1 negative values"),
        ({"amount": np.nan}, {}, {}, "missing values"),
        ({}, {}, {"tw": ChannelParams()}, "profit.channels names 'tw', which has no spending.*tv"),
    ],
)
def test_an_acquisition_cost_says_what_is_wrong(spending, acquired, channels, message):
    paid = pd.DataFrame({"month": [1], "channel": ["tv"], "amount": [3.0]}).assign(**spending)
    won = pd.DataFrame({"month": [1], "customers": [3]}).assign(**acquired)
    with pytest.raises(DataError, match=message):
        acquisition_cost(paid, won, channels)


def test_payback_counts_each_customer_as_long_as_known():
    """Of the two groups of back 2 and 5, only the older one counts from the third month on."""
    acquired = pd.DataFrame({"group": "g", "back": [2, 5], "customers": [10, 30]})
    ages = pd.DataFrame(
        {
            "group": "g",
            "back": [2, 2, 5, 5, 5, 2],
            "age": [0, 1, 0, 1, 2, 2],
            "earned": [10, 10, 70, 30, 60, 999.0],
        }
    )
    earned = earned_by_age(ages, acquired)
    assert earned["earned"].tolist() == [2.0, 1.0, 2.0, 0.0, 0.0]
    assert earned["customers"].tolist() == [40, 40, 30, 30, 30]
    assert payback_months(earned, pd.Series({"g": 3.5})).tolist() == [3.0]
    assert np.isnan(payback_months(earned, pd.Series({"g": 6.0}))["g"])
    assert np.isnan(payback_months(earned, pd.Series({"g": np.nan}))["g"])


def test_the_ratio_of_value_to_cost_is_one_of_sums():
    """A mean of the two ratios would be 50.5."""
    table = pd.DataFrame(
        {"group": "g", "earned": [10.0, 10.0], "acquire": [0.1, 10.0], "clv_less_cost": [0.0, 0.0]}
    )
    found = acquisition_returns(table).iloc[0]
    assert found["value_to_cost"] == pytest.approx(20 / 10.1)
    assert np.isnan(acquisition_returns(table.assign(acquire=0.0))["value_to_cost"].iloc[0])
    assert np.isnan(acquisition_returns(table.assign(clv_less_cost=np.nan))["value_to_cost"].iloc[0])


@pytest.mark.parametrize(("retention", "rate"), [(1.1, 0.1), (-0.1, 0.1), (1.0, 0.0), (0.5, -0.1)])
def test_a_value_without_bound_is_refused(retention, rate):
    with pytest.raises(ParamsError, match="retention"):
        steady_value(1.0, retention, rate)


def test_the_steady_value_is_the_sum_of_its_margins():
    """The first margin comes after one period, discounted and survived once."""
    years = np.arange(1, 400)
    assert steady_value(10, 0.7, 0.1) == pytest.approx((10 * (0.7 / 1.1) ** years).sum())


def test_value_less_cost_discounts_from_the_middle_of_the_horizon():
    table = pd.DataFrame(
        {"customer_id": ["a"], "clv": [100.0], "expected_purchases": [4.0], "horizon_days": [730]}
    )
    found = value_less_cost(table, 11.0, 0.1).iloc[0]
    assert found["expected_cost"] == pytest.approx(40.0)
    assert found["clv_less_cost"] == pytest.approx(60.0)
