"""Published figures: the retailer Madrigal, a teaching case on acquisition cost, and a textbook value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.profit import (
    acquisition_cost,
    customer_base_audit,
    profit_deciles,
    profit_groups,
    steady_value,
    whale_curve,
)
from guanxi.params import ChannelParams

# Searched for, so that the published shares come out: how the source cut its tenths is not known to us.
ROUND_AMOUNTS = (545, 350, 255, 195, 150, 115, 90, 65, 40)


@pytest.fixture(scope="module")
def quarters(shared_data) -> pd.DataFrame:
    table = pd.read_parquet(shared_data / "madrigal_quarters.parquet")
    names = {"CustomerID": "customer_id", "NumTrans": "orders", "Spend": "spend", "Profit": "profit"}
    return table.rename(columns=names).assign(period=table["YearQuarter"], cohort=table["Cohort"])


@pytest.fixture(scope="module")
def audit(quarters):
    years = quarters.assign(period=quarters["period"].str[1:5].astype(int))
    return customer_base_audit(years.drop(columns="cohort"))


def test_one_year_of_madrigal(audit):
    """Fader, Hardie and Ross (2022), The Customer-Base Audit, chapter 3."""
    customers = audit.customers
    assert (len(customers), customers["orders"].sum()) == (31855, 60730)
    assert customers["spend"].sum() == pytest.approx(5_836_712, abs=0.5)
    assert customers["profit"].sum() == pytest.approx(2_798_903.68, abs=0.005)
    assert (customers["profit"] < 0).sum() == 263
    distributions = audit.distributions.groupby("measure")["customers"].sum()
    assert (distributions == 31855).all()
    profit = audit.distributions[audit.distributions["measure"] == "profit"]
    assert profit.loc[profit["upper"] <= 0, "customers"].sum() == 263


def test_whale_curve_of_madrigal(audit):
    curve = whale_curve(audit.customers["profit"])
    assert curve.peak == pytest.approx(2_802_771.95, abs=0.005)
    assert curve.customers_at_peak == 31592


def test_tenths_of_the_customers_of_madrigal(audit):
    shares = profit_deciles(audit.customers["profit"])["share_of_profit"]
    assert (shares * 100).round(1).tolist() == [39.7, 17.7, 12.1, 9.1, 6.9, 5.2, 3.9, 2.8, 1.9, 0.7]


def test_tenths_of_the_profit_of_madrigal(audit):
    """With cuts at round amounts, tenths that hold between 9 and 11 per cent of the profit."""
    groups = profit_groups(audit.customers["profit"], lowest=ROUND_AMOUNTS)
    shares = (groups["share_of_customers"] * 100).round(1).tolist()
    assert shares == [1.1, 2.0, 3.1, 3.9, 5.4, 7.0, 7.9, 12.0, 16.9, 40.7]
    assert groups["share_of_profit"].between(0.09, 0.11).all()


def test_exact_tenths_of_the_profit_of_madrigal(audit):
    groups = profit_groups(audit.customers["profit"])
    assert groups["share_of_profit"].to_numpy() == pytest.approx(np.full(10, 0.1), abs=0.0002)
    published = np.array([1.1, 2.0, 3.1, 3.9, 5.4, 7.0, 7.9, 12.0, 16.9, 40.7])
    assert np.abs(groups["share_of_customers"] * 100 - published).max() < 1


def test_two_years_of_madrigal(audit):
    years = audit.periods.set_index("period")
    assert years.loc[2018, "customers"] == 26254
    assert years.loc[2018, "profit"] == pytest.approx(2_290_343, abs=0.5)
    groups = audit.changes.set_index("group")["customers"]
    assert groups[["up", "same", "down"]].sum() == 9871
    assert groups["lost"] == 16383
    assert groups[["new", "returned"]].sum() == 21984


def test_cohorts_of_madrigal(quarters):
    cohorts = customer_base_audit(quarters).cohorts
    assert cohorts["cohort"].nunique() == 17
    assert cohorts["orders"].sum() == quarters["orders"].sum()
    first = cohorts[cohorts["cohort"] == "y2019_q1"].set_index("age")
    assert first["share_active"][0] == 1
    assert first.index.tolist() == [0, 1, 2, 3]


def test_acquisition_cost_of_a_teaching_case(shared_data):
    """McCarthy, Doing the CACulation: a meal-kit company, in thousands."""
    costs, won = (
        pd.read_csv(shared_data / "acquisition_cost" / f"cac_{name}.csv", encoding="utf-8-sig")
        for name in ("costs", "acquisitions")
    )
    spending = costs.melt("Month", var_name="channel", value_name="amount").dropna()
    acquired = won.melt("Month", var_name="channel", value_name="customers")
    rules = {
        "TV ads": ChannelParams(share=0.8, spread=4),
        "OOH": ChannelParams(share=0.8, spread=3),
        "Facebook ads for repeat orders": ChannelParams(share=0),
        "Google ads for repeat orders": ChannelParams(share=0),
        "Account manager team": ChannelParams(share=0),
        "Prospecting sales team": ChannelParams(lag=3),
        "Acquisition-related onboarding expense": ChannelParams(lag=-2, onboarding=True),
    }
    months = {"Month": "month"}
    found = acquisition_cost(spending.rename(columns=months), acquired.rename(columns=months), rules)
    whole = found[found["channel"] == "all"].set_index("month").drop(columns="channel").round(2)
    assert whole.loc[12].tolist()[1:] == [88.91, 43.85, 39.58, 59.54]
    assert whole.loc[4].tolist()[1:] == [90.35, 39.82, 36.58, 53.03]
    assert whole.loc[3, ["lagged", "with_onboarding"]].isna().all()


def test_value_of_a_customer_with_constant_margin():
    """Gupta, Lehmann and Stuart (2004), Valuing Customers: margin 100, retention 80 %, discount rate 12 %."""
    assert steady_value(100, 0.8, 0.12) == pytest.approx(250)
