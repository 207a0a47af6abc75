"""Totals by hand, without anything after the cutoff, and the same bit for bit in any order."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.relations.customer_totals import totals_at
from guanxi.params import DataParams

COLUMNS = ["customer_id", "timestamp", "amount", "margin", "category"]
CUTOFF = dt.date(2021, 12, 31)
LINES = pd.DataFrame(
    [
        # Ages 500, 200, 100 (a refund within the day) and 5: five whole stretches of 90 days, and 51 days.
        ("many", "2020-08-18", 70.0, 30.0, "tea"),
        ("many", "2021-06-14", 30.0, 10.0, "tea"),
        ("many", "2021-09-22", 60.0, 20.0, "cups"),
        ("many", "2021-09-22", -10.0, -5.0, "cups"),
        ("many", "2021-12-26", 0.0, 0.0, None),
        ("many", "2022-01-01", 999.0, 99.0, "later"),
        # Nothing is known of margin and category, and nothing was paid.
        ("free", "2021-12-01", 0.0, None, None),
        ("later", "2022-01-01", 5.0, 1.0, "tea"),
    ],
    columns=COLUMNS,
)
# Spend of the five whole stretches, latest first: 0, 50, 30, 0, 0; the 70 lie in the begun sixth.
MANY = {
    "purchases": 4.0,
    "revenue": 150.0,
    "revenue_year": 80.0,
    "refund_share": 10 / 160,
    "margin": 55.0,
    "margin_year": 25.0,
    "spend_variation": float(np.std([0, 50, 30, 0, 0], ddof=1) / 16),
    "categories": 2.0,
    "category_concentration": (100**2 + 60**2) / 160**2,
}


@pytest.fixture(scope="module")
def totals() -> pd.DataFrame:
    return totals_at(read_transactions(LINES), CUTOFF).set_index("customer_id")


def test_every_total_by_hand(totals):
    assert list(totals.index) == ["free", "many"]
    assert totals.loc["many"].to_dict() == pytest.approx(MANY)


def test_what_is_not_known_is_missing(totals):
    free = totals.loc["free"]
    assert free[["purchases", "revenue", "revenue_year"]].tolist() == [1.0, 0.0, 0.0]
    assert free.drop(["purchases", "revenue", "revenue_year"]).isna().all()
    assert (totals.dtypes == np.float64).all()


def test_margin_and_category_are_optional():
    table = totals_at(read_transactions(LINES[["customer_id", "timestamp", "amount"]]), CUTOFF)
    assert set(table.columns) == {"customer_id", *MANY} - {
        *("margin", "margin_year", "categories", "category_concentration")
    }


def test_nothing_after_the_cutoff_is_seen():
    past = LINES[pd.to_datetime(LINES["timestamp"]) <= pd.Timestamp(CUTOFF)]
    whole, known = (
        totals_at(read_transactions(each, DataParams(event_grain="M")), CUTOFF) for each in (LINES, past)
    )
    pd.testing.assert_frame_equal(whole, known, check_exact=True)


@pytest.mark.parametrize(("days", "known"), [(0, False), (359 - 280, True)])
def test_volatility_needs_four_whole_stretches(days, known):
    """Three purchases, the first 280 or 359 days before the cutoff (280: three stretches and 11 days)."""
    first = CUTOFF - dt.timedelta(days=280 + days)
    lines = pd.DataFrame(
        {"customer_id": "a", "timestamp": [first, CUTOFF - dt.timedelta(days=95), CUTOFF], "amount": 10.0}
    )
    variation = totals_at(read_transactions(lines), CUTOFF)["spend_variation"].iloc[0]
    assert math.isnan(variation) != known
    if known:
        assert variation == pytest.approx(np.std([10, 10, 0, 10], ddof=1) / 7.5)


def test_totals_are_the_same_for_any_order_and_any_threads():
    rng = np.random.default_rng(0)
    count = 150_000
    lines = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300, count),
            "timestamp": pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 700, count), unit="D"),
            "amount": np.round(rng.lognormal(3, 2, count), 2),
            "margin": np.round(rng.lognormal(2, 2, count), 2),
            "category": rng.choice(list("abcdefgh"), count),
        }
    )
    log, other = read_transactions(lines), read_transactions(lines.sample(frac=1, random_state=1))
    log.connection.raw_sql("SET threads = 7")
    cutoff = dt.date(2020, 10, 1)
    pd.testing.assert_frame_equal(totals_at(other, cutoff), totals_at(log, cutoff), check_exact=True)
