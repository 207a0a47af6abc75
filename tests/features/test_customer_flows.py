"""Flows of orders, amounts and costs, by hand and against a plain computation."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.data.relations.tables import read_relations
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError
from guanxi.features.customer_flows import (
    OTHER_CHANNELS,
    SUMS,
    _months_back,
    customer_flows,
    monthly_spending,
    period_end,
)
from guanxi.params import Params

LOG = pd.DataFrame(
    [
        ("a", "2023-06-15", 100.0, "web"),
        ("a", "2024-01-31", 50.0, "shop"),
        ("a", "2024-02-01", 20.0, "shop"),
        ("b", "2024-01-31", 80.0, "shop"),
        ("b", "2024-01-31", -30.0, "shop"),
    ],
    columns=["customer_id", "timestamp", "amount", "channel"],
)
COSTS = pd.DataFrame(
    [
        ("a", "2023-06-01", "acquire", 7.0),
        ("a", "2024-01-05", "serve", 4.0),
        ("z", "2024-01-05", "retain", 3.0),
    ],
    columns=["customer_id", "timestamp", "kind", "amount"],
)
AS_OF = date(2024, 1, 31)


def flows(log: pd.DataFrame, use, margin: float = 0.5, **tables: pd.DataFrame):
    """Let `use` look at the flows, whose tables are gone afterwards."""
    read = read_transactions(log)
    try:
        relations = read_relations(Params(), read, tables=tables)
        with customer_flows(read, relations, AS_OF, margin) as found:
            return use(found)
    finally:
        read.close()


def test_sums_of_customers_by_hand():
    def look(found):
        assert (found.months, found.unknown_customers, found.unknown_cost) == (8, 1, 3.0)
        assert found.has == {"acquire", "serve"}
        return found.by_customer(1).set_index("customer_id")

    table = flows(LOG, look, costs=COSTS)
    assert table.loc["a", ["orders", "sales", "margin", "serve", "acquire"]].tolist() == [1, 50, 25, 4, 0]
    assert table.loc["a", ["orders_before", "orders_to_date", "acquire_to_date"]].tolist() == [0, 2, 7]
    assert table.loc["b", ["orders", "returns", "sales", "refunded", "margin"]].tolist() == [1, 1, 80, 30, 25]
    assert table.loc["a", ["channel", "back"]].tolist() == ["web", 7]


def test_costs_before_the_first_order_belong_to_its_month():
    ages = flows(LOG, lambda found: found.by_age(), costs=COSTS)
    row = ages[(ages["channel"] == "web") & (ages["age"] == 0)].iloc[0]
    assert row[["orders", "acquire"]].tolist() == [1, 7]
    # 15 June to 31 January: seven whole months
    assert set(ages.loc[ages["channel"] == "web", "age"]) == {0, 6, 7}


def test_the_customers_table_names_channel_and_acquisition_cost():
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "b", "z"],
            "acquisition_channel": ["ads", None, "ads"],
            "acquisition_cost": [5.0, np.nan, 9.0],
        }
    )

    def look(found):
        return found.by_customer(12), found.unknown_cost, found.acquired()

    table, unknown, acquired = flows(LOG, look, customers=customers)
    assert table["channel"].tolist() == ["ads", "shop"]
    assert table["acquire_to_date"].tolist() == [5.0, 0.0]
    assert unknown == 9.0
    assert acquired[["channel", "back", "customers"]].to_numpy().tolist() == [["ads", 7, 1], ["shop", 0, 1]]


def test_two_costs_of_acquisition_would_count_twice():
    customers = pd.DataFrame({"customer_id": ["a"], "acquisition_cost": [5.0]})
    with pytest.raises(DataError, match="would count twice"):
        flows(LOG, lambda found: found, customers=customers, costs=COSTS)


def test_a_missing_margin_takes_the_mean_rate_of_the_others():
    log = LOG.assign(margin=[40.0, None, 8.0, 30.0, -10.0])

    def look(found):
        return found.margin_filled, found.by_customer(12)["margin_to_date"].tolist()

    filled, margins = flows(log, look)
    # of 150 with a known margin, 60: the purchase of 50 has 20
    assert (filled, margins) == (1, [60.0, 20.0])


def test_rare_channels_are_put_together():
    log = pd.DataFrame(
        {
            "customer_id": [f"c{place}" for place in range(60)],
            "timestamp": "2024-01-05",
            "amount": 1.0,
            "channel": [f"k{place // 2:02}" for place in range(60)],
        }
    )
    channels = flows(log, lambda found: found.by_customer(1)["channel"].value_counts())
    assert len(channels) == 21
    assert channels[OTHER_CHANNELS] == 20


def test_cohorts_and_ages_add_up_to_the_customers():
    rng = np.random.default_rng(4)
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 761, 500), unit="D")
    log = pd.DataFrame(
        {"customer_id": rng.integers(0, 80, 500), "timestamp": days, "amount": rng.gamma(2, 20, 500)}
    )

    def look(found):
        return found.by_customer(3), found.by_cohort(3), found.by_age(), found.acquired()

    customers, cohorts, ages, acquired = flows(log, look)
    for name in SUMS:
        total = customers[f"{name}_to_date"].sum()
        assert cohorts[name].sum() == pytest.approx(total)
        assert ages[name].sum() == pytest.approx(total)
    assert acquired["customers"].sum() == len(customers)
    first = cohorts[cohorts["cohort"] == cohorts["period"]].set_index("cohort")["customers"]
    pd.testing.assert_series_equal(
        first.sort_index(), (customers["back"] // 3).value_counts().sort_index(), check_names=False
    )
    last = cohorts[cohorts["period"] == 0]
    assert last["orders"].sum() == customers["orders"].sum()


@pytest.mark.parametrize(
    "as_of", [date(2024, 2, 29), date(2024, 6, 15), date(2023, 4, 30), date(2024, 12, 31)]
)
def test_months_are_counted_back_from_the_ends_of_periods(as_of):
    for months in range(30):
        end = period_end(as_of, months)
        assert _months_back(end, as_of) == months
        assert _months_back(end + pd.Timedelta(days=1).to_pytimedelta(), as_of) == months - 1


def test_spending_is_added_up_by_month_and_channel():
    spending = pd.DataFrame(
        {
            "timestamp": ["2023-12-01", "2024-01-03", "2024-01-20", "2024-02-01"],
            "channel": "tv",
            "amount": [1.0, 2.0, 3.0, 9.0],
        }
    )
    relations = read_relations(Params(), tables={"spending": spending})
    try:
        table = monthly_spending(relations, AS_OF)
    finally:
        relations.close()
    assert table["amount"].tolist() == [1.0, 5.0]
    assert relations.lines["spending"].customers == 0
