"""Behaviour features by hand, and against pandas on random customers."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams

NAN = math.nan
COLUMNS = ["customer_id", "timestamp", "amount", "order_id", "quantity", "margin", "category", "channel"]
CUTOFF = dt.date(2021, 3, 31)
LINES = pd.DataFrame(
    [
        # Two orders on one Saturday, the leap day, a refund within the day, and a gap of 366 days before.
        ("many", "2019-03-01 10:00", 10.0, "o1", 1, 4.0, "tea", "web"),
        ("many", "2020-02-29 09:00", 30.0, "o2", 2, 10.0, "tea", "shop"),
        ("many", "2020-02-29 17:00", 20.0, "o3", 1, 5.0, "cups", "shop"),
        ("many", "2020-02-29 18:00", -10.0, "o3", -1, -5.0, None, "shop"),
        ("many", "2021-01-10 12:00", 0.0, "o4", 1, 0.0, "tea", "web"),
        ("many", "2021-03-29 12:00", 60.0, "o5", 4, 20.0, "tea", "web"),
        ("many", "2021-04-02 12:00", 999.0, "o6", 9, 99.0, "later", "later"),
        # One purchase ever, in the night that summer time begins.
        ("once", "2021-03-28 01:30", 8.0, "o7", 3, None, None, None),
        ("later", "2021-04-01 00:00", 5.0, "o8", 1, 1.0, "tea", "web"),
    ],
    columns=COLUMNS,
)


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    log = read_transactions(LINES, DataParams(timezone="Europe/London"))
    return features_at(log, CUTOFF, 90).set_index("customer_id")


# "many" bought on 2019-03-01, 2020-02-29, 2021-01-10, 2021-03-29: gaps 365, 316, 78; ages 761, 396, 80, 2.
MANY = {
    "frequency": 3.0,
    "recency": 759.0,
    "T": 761.0,
    "monetary_value": 100 / 3,
    "gap_mean": 759 / 3,
    "gap_median": 316.0,
    "gap_spread": float(np.std([365, 316, 78])),
    "gap_longest": 365.0,
    "gap_last": 78.0,
    "weekend_share": 2 / 4,  # Saturday 2020-02-29 and Sunday 2021-01-10.
    "purchases_decayed_30": sum(0.5 ** (age / 30) for age in (761, 396, 80, 2)),
    "purchases_decayed_90": sum(0.5 ** (age / 90) for age in (761, 396, 80, 2)),
    "amount_mean": 110 / 4,
    "amount_spread": float(np.std([10, 40, 0, 60])),
    "amount_largest": 60.0,
    "amount_last": 60.0,
    "lines_mean": 6 / 4,
    "lines_last": 1.0,
    "orders_mean": 5 / 4,
    "refund_share": 10 / 120,
    "quantity_mean": (1 + 2 + 1 + 4) / 4,
    "quantity_last": 4.0,
    "margin_share": (4 + 10 + 5 - 5 + 0 + 20) / 110,
    "purchases_30": 1.0,
    "purchases_before_30": 0.0,
    "spend_30": 60.0,
    "spend_before_30": 0.0,
    "purchases_90": 2.0,
    "purchases_before_90": 0.0,
    "spend_90": 60.0,
    "spend_before_90": 0.0,
    "purchases_180": 2.0,
    "purchases_before_180": 0.0,
    "spend_180": 60.0,
    "spend_before_180": 0.0,
    "purchases_365": 2.0,
    "purchases_before_365": 1.0,
    "spend_365": 60.0,
    "spend_before_365": 40.0,
    "purchases_last_season": 0.0,  # Days 2020-04-01 to 2020-06-29, the horizon's place in last year.
    "category_count": 2.0,
    "category_concentration": (4**2 + 1) / 5**2,
    "channel_count": 2.0,
    "channel_concentration": (3**2 + 3**2) / 6**2,
    "days_since_last": 2.0,
    "silence_ratio": 2 / 316,
    "gap_trend": 78 / 316,
    "gap_variation": float(np.std([365, 316, 78])) / 253,
    "amount_trend": 60 / 27.5,
    "purchases_trend_90": 2.0,
    "spend_trend_90": 60.0,
}
ONCE_KNOWN = {
    "frequency": 0.0,
    "recency": 0.0,
    "T": 3.0,
    "monetary_value": 0.0,
    "weekend_share": 1.0,
    "amount_mean": 8.0,
    "amount_spread": 0.0,
    "amount_last": 8.0,
    "amount_trend": 1.0,
    "quantity_last": 3.0,
    "refund_share": 0.0,
    "purchases_30": 1.0,
    "spend_30": 8.0,
    "days_since_last": 3.0,
}
ONCE_UNKNOWN = [
    *("gap_mean", "gap_median", "gap_spread", "gap_longest", "gap_last", "gap_trend", "gap_variation"),
    *("silence_ratio", "purchases_last_season", "margin_share"),
    *("category_count", "category_concentration", "channel_count", "channel_concentration"),
]


def test_every_feature_by_hand(features: pd.DataFrame) -> None:
    assert list(features.index) == ["many", "once"]
    assert set(features.columns) == set(MANY)
    assert features.loc["many"].to_dict() == pytest.approx(MANY, rel=1e-12)


def test_one_purchase_has_no_rhythm_and_the_unknown_is_missing(features: pd.DataFrame) -> None:
    once = features.loc["once"]
    assert once[list(ONCE_KNOWN)].to_dict() == pytest.approx(ONCE_KNOWN)
    assert once[ONCE_UNKNOWN].isna().all()
    assert once.drop(ONCE_UNKNOWN).notna().all()


def test_all_features_are_floats(features: pd.DataFrame) -> None:
    assert (features.dtypes == np.float64).all()


def test_the_season_of_the_horizon_is_counted_a_year_before() -> None:
    """A horizon of 90 days after 2021-03-31 covers 1 April to 29 June: bought twice then in 2020."""
    days = ["2020-03-31", "2020-04-01", "2020-06-29", "2020-06-30", "2021-03-31"]
    lines = pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": 1.0})
    table = features_at(read_transactions(lines), CUTOFF, 90)
    assert table["purchases_last_season"].tolist() == [2.0]


def test_the_margin_share_is_that_of_purchases_with_a_known_margin() -> None:
    lines = LINES.assign(margin=LINES["margin"].where(LINES["order_id"] != "o5"))
    table = features_at(read_transactions(lines), CUTOFF, 90).set_index("customer_id")
    assert table.loc["many", "margin_share"] == pytest.approx((4 + 10 + 5 - 5 + 0) / 50)


def test_optional_columns_are_optional() -> None:
    table = features_at(read_transactions(LINES[["customer_id", "timestamp", "amount"]]), CUTOFF, 90)
    absent = {name for name in MANY if name.startswith(("category", "channel", "quantity", "margin"))}
    assert set(table.columns) == {"customer_id", *MANY} - absent


def reference(events: pd.DataFrame, cutoff: pd.Timestamp) -> dict[str, float]:
    """One customer's features by pandas, from purchases in order of time."""
    days, amount = events["date"], events["amount"]
    age, gaps = (cutoff - days).dt.days, days.diff().dt.days.dropna()
    values: dict[str, float] = {
        "gap_mean": gaps.mean(),
        "gap_median": gaps.median(),
        "gap_spread": gaps.std(ddof=0),
        "gap_longest": gaps.max(),
        "gap_last": gaps.iloc[-1] if len(gaps) else NAN,
        "weekend_share": (days.dt.day_of_week >= 5).mean(),
        "amount_mean": amount.mean(),
        "amount_spread": amount.std(ddof=0),
        "amount_largest": amount.max(),
        "amount_last": amount.iloc[-1],
        "days_since_last": age.iloc[-1],
        "purchases_decayed_30": (0.5 ** (age / 30)).sum(),
        "purchases_decayed_90": (0.5 ** (age / 90)).sum(),
    }
    for window in (30, 90, 180, 365):
        recent, before = age < window, (age >= window) & (age < 2 * window)
        values |= {
            f"purchases_{window}": recent.sum(),
            f"purchases_before_{window}": before.sum(),
            f"spend_{window}": amount[recent].sum(),
            f"spend_before_{window}": amount[before].sum(),
        }
    usual, mean = values["gap_median"], values["amount_mean"]
    values["silence_ratio"] = values["days_since_last"] / usual
    values["gap_trend"] = values["gap_last"] / usual
    values["gap_variation"] = values["gap_spread"] / values["gap_mean"]
    values["amount_trend"] = values["amount_last"] / mean if mean else NAN
    values["purchases_trend_90"] = values["purchases_90"] - values["purchases_before_90"]
    values["spend_trend_90"] = values["spend_90"] - values["spend_before_90"]
    return {name: float(value) for name, value in values.items()}


@settings(max_examples=6, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 800), st.integers(0, 10_000)), min_size=20, max_size=150
    ),
    last=st.integers(300, 800),
)
@pytest.mark.slow
def test_features_equal_pandas(rows: list[tuple[int, int, int]], last: int) -> None:
    start = pd.Timestamp("2019-01-01")
    lines = pd.DataFrame([*rows, (0, 0, 1)], columns=["customer_id", "day", "cents"])
    lines = lines.assign(
        timestamp=start + pd.to_timedelta(lines["day"], unit="D"), amount=lines["cents"] / 100
    )
    cutoff = start + pd.Timedelta(days=last)
    log = read_transactions(lines[["customer_id", "timestamp", "amount"]])
    table = features_at(log, cutoff.date(), 90).set_index("customer_id")
    past = lines[lines["day"] <= last].rename(columns={"timestamp": "date"})
    events = past.groupby(["customer_id", "date"])["amount"].sum().reset_index()
    assert list(table.index) == sorted(past["customer_id"].unique())
    for customer, own in events.groupby("customer_id"):
        expected = reference(own.reset_index(drop=True), cutoff)
        actual: dict[str, Any] = table.loc[customer, list(expected)].to_dict()
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
