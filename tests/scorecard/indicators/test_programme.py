"""Indicators of the programme by period, by hand and against pandas."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import HistoryError
from guanxi.params import DataParams
from guanxi.scorecard.indicators._programme import programme_table

NAN = math.nan
LINES = pd.DataFrame(
    [
        ("a", "2021-01-05 10:00", 10.0),
        ("b", "2021-01-20 10:00", 20.0),
        ("c", "2021-01-31 23:59", 30.0),
        ("a", "2021-02-01 00:00", 10.0),
        ("d", "2021-02-10 12:00", 40.0),
        # Nobody buys in March.
        ("b", "2021-04-02 10:00", 20.0),
        ("d", "2021-04-10 10:00", 5.0),
        ("d", "2021-04-20 10:00", 5.0),
        ("e", "2021-05-01 10:00", 99.0),
    ],
    columns=["customer_id", "timestamp", "amount"],
)
CUTOFF = dt.date(2021, 4, 25)


@pytest.fixture(scope="module")
def log() -> TransactionLog:
    return read_transactions(LINES)


def relation(log: TransactionLog, name: str, rows: pd.DataFrame) -> object:
    for column in ("timestamp", "acquired_on"):
        if column in rows.columns:
            rows = rows.assign(**{column: pd.to_datetime(rows[column])})
    return log.connection.create_table(name, rows, overwrite=True)


def test_retention_by_hand(log):
    table = programme_table(log, CUTOFF)
    assert table["period"].tolist() == [dt.date(2021, month, 1) for month in (1, 2, 3, 4)]
    assert table["end"].tolist() == [dt.date(2021, *day) for day in ((1, 31), (2, 28), (3, 31), (4, 30))]
    assert table["complete"].tolist() == [True, True, True, False]
    counts = table[["buyers", "new", "retained", "reactivated", "purchases", "revenue"]].to_numpy().tolist()
    assert counts == [[3, 3, 0, 0, 3, 60], [2, 1, 1, 0, 2, 50], [0] * 6, [2, 0, 0, 2, 3, 30]]
    assert table["retention_rate"].tolist() == pytest.approx([NAN, 1 / 3, 0, NAN], nan_ok=True)
    assert table["churn_rate"].tolist() == pytest.approx([NAN, 2 / 3, 1, NAN], nan_ok=True)
    # A bought twice by February; B and D too by April, of four who ever bought.
    assert table["repeat_rate"].tolist() == pytest.approx([0, 1 / 4, 1 / 4, 3 / 4])
    assert table["retention_rate_lower"].iloc[1] < 1 / 3 < table["retention_rate_upper"].iloc[1]
    whole = programme_table(log, dt.date(2021, 4, 30))
    assert whole["complete"].all()


def test_quarters_and_the_grain_of_purchases(log):
    table = programme_table(log, CUTOFF, "Q")
    assert table["end"].tolist() == [dt.date(2021, 3, 31), dt.date(2021, 6, 30)]
    assert table[["buyers", "new", "retained", "purchases"]].to_numpy().tolist() == [
        [4, 4, 0, 5],
        [2, 0, 2, 3],
    ]
    assert table["retention_rate"].iloc[1] == 0.5
    merged = programme_table(read_transactions(LINES, DataParams(event_grain="M")), CUTOFF)
    assert merged["purchases"].tolist() == [3, 2, 0, 2]


def test_against_pandas(sample_log):
    cutoff = dt.date(1998, 3, 15)
    table = programme_table(sample_log, cutoff)
    events = sample_log.events.execute()
    events["date"] = pd.to_datetime(events["date"])
    events = events[events["date"] <= pd.Timestamp(cutoff)]
    events["period"] = events["date"].dt.to_period("M")
    bought = events.groupby("period")["customer_id"].agg(set)
    retained = [
        NAN,
        *(len(now & before) / len(before) for before, now in pairwise(bought)),
    ]
    assert table["buyers"].tolist() == [len(each) for each in bought]
    assert table["retention_rate"].tolist() == pytest.approx(retained, nan_ok=True)
    days = events.groupby("customer_id").size()
    assert table["repeat_rate"].iloc[-1] == pytest.approx((days > 1).mean())
    assert table["revenue"].sum() == pytest.approx(events["amount"].sum())
    assert table["complete"].tolist() == [True] * 14 + [False]


def test_nothing_after_the_cutoff_is_seen(log):
    known = read_transactions(LINES[LINES["timestamp"] < "2021-04-26"])
    pd.testing.assert_frame_equal(programme_table(known, CUTOFF), programme_table(log, CUTOFF))
    with pytest.raises(
        HistoryError, match="no purchase up to the cutoff 2020-12-31: the data begins on 2021-01"
    ):
        programme_table(log, dt.date(2020, 12, 31))


def test_acquisition(log):
    customers = pd.DataFrame(
        {
            "customer_id": list("abcdx"),
            "acquired_on": ["2020-12-31", "2021-01-01", "2021-01-31", "2021-04-26", None],
            "acquisition_cost": [1.0, 4.0, None, 9.0, 9.0],
        }
    )
    table = programme_table(log, CUTOFF, customers=relation(log, "customers", customers))
    assert table["acquired"].tolist() == [2, 0, 0, 0]
    assert table["acquisition_cost"].tolist() == pytest.approx([4.0, NAN, NAN, NAN], nan_ok=True)
    without = relation(log, "customers", customers.drop(columns="acquisition_cost"))
    assert programme_table(log, CUTOFF, customers=without)["acquisition_cost"].isna().all()


def test_response_and_conversion(log):
    interactions = pd.DataFrame(
        [
            ("a", "2021-01-05 10:00", "outbound", True),  # Bought at that moment, and again 27 days later.
            ("b", "2021-01-20 12:00", "outbound", False),  # Next purchase 72 days later.
            ("b", "2021-01-21 12:00", "inbound", None),
            ("d", "2021-02-09 12:00", "outbound", None),  # Bought a day later.
            ("z", "2021-02-09 12:00", "outbound", True),  # Never bought.
            ("d", "2021-04-09 10:00", "outbound", True),  # Too late for thirty days before the cutoff.
            ("d", "2021-04-26 00:00", "outbound", True),  # After the cutoff.
        ],
        columns=["customer_id", "timestamp", "direction", "responded"],
    )
    contacts = relation(log, "interactions", interactions)
    table = programme_table(log, CUTOFF, interactions=contacts)
    assert table["contacts"].tolist() == [2, 2, 0, 1]
    assert table["response_rate"].tolist() == pytest.approx([0.5, 0.5, NAN, 1.0], nan_ok=True)
    assert table["observed"].tolist() == [2, 2, 0, 0]
    assert table["conversion_rate"].tolist() == pytest.approx([0.5, 0.5, NAN, NAN], nan_ok=True)
    longer = programme_table(log, CUTOFF, interactions=contacts, conversion_days=72)
    assert longer["conversion_rate"].tolist()[:2] == [1.0, 0.5]
    shorter = programme_table(log, CUTOFF, interactions=contacts, conversion_days=1)
    assert shorter["conversion_rate"].tolist() == pytest.approx([0.0, 0.5, NAN, 1.0], nan_ok=True)


def test_conversion_is_seen_beside_random_moments_of_the_same_customers(log):
    """a bought on 5 January 10:00 and 1 February 0:00, d on 10 February 12:00: the spans before that."""
    contacts = relation(log, "chance", pd.DataFrame(
        [("a", "2021-01-06 10:00", "outbound"), ("a", "2021-01-07 10:00", "outbound"),
         ("b", "2021-01-08 10:00", "outbound"), ("d", "2021-02-09 12:00", "outbound")],
        columns=["customer_id", "timestamp", "direction"],
    ))  # fmt: skip
    table = programme_table(log, CUTOFF, interactions=contacts)
    a = (4 + 10 / 24 + 26 + 14 / 24) / 31  # before the first purchase and before the second: all of January
    b = (19 + 10 / 24) / 31
    assert table["conversion_by_chance"].tolist() == pytest.approx(
        [(2 * a + b) / 3, (9 + 12 / 24) / 28, NAN, NAN], nan_ok=True
    )


def test_random_contacts_convert_as_by_chance(sample_log):
    """Contacts at random moments convert as often as the rate by chance says."""
    rng = np.random.default_rng(2)
    ids = sample_log.lines.customer_id.execute().drop_duplicates().sort_values()
    days = pd.Timestamp("1997-03-01") + pd.to_timedelta(rng.integers(0, 31_000_000, 40 * len(ids)), "s")
    rows = pd.DataFrame({"customer_id": np.tile(ids, 40), "timestamp": days, "direction": "outbound"})
    table = programme_table(
        sample_log, dt.date(1998, 6, 30), "Q", interactions=relation(sample_log, "random", rows)
    )
    whole = table.iloc[2:5]  # quarters with contacts throughout
    np.testing.assert_allclose(whole["conversion_rate"], whole["conversion_by_chance"], rtol=0.05)


def test_csat_of_a_period_is_of_that_period(log):
    answers = [("a", "2021-01-05", 5.0), ("a", "2021-01-09", 3.0), ("b", "2021-01-20", 1.0)]
    later = [("a", "2021-02-05", 1.0), ("a", "2021-04-26", 5.0)]
    rows = pd.DataFrame([*answers, *later], columns=["customer_id", "timestamp", "score"])
    rows = rows.assign(instrument="csat", scale_low=1.0, scale_high=5.0)
    surveys = relation(log, "answers", rows)
    table = programme_table(log, CUTOFF, surveys=surveys)
    assert table["csat"].tolist() == pytest.approx([0.375, 0.0, NAN, NAN], nan_ok=True)
    assert table["csat_customers"].tolist() == [2, 1, 0, 0]
    # Student's t with one degree of freedom, of .75 and 0.
    reach = 6.3138 * 0.53033 / math.sqrt(2)
    assert table.loc[0, ["csat_lower", "csat_upper"]].tolist() == pytest.approx(
        [0.375 - reach, 0.375 + reach], rel=1e-4
    )


def test_net_promoter_score_counts_each_customer_once_in_a_period(log):
    surveys = pd.DataFrame(
        [
            ("a", "2021-01-02", "nps", 2.0, 0.0, 10.0),
            ("a", "2021-01-09", "nps", 9.0, 0.0, 10.0),
            ("b", "2021-01-09", "nps", 6.0, 0.0, 10.0),
            ("c", "2021-01-09", "nps", 5.0, 1.0, 5.0),
            ("d", "2021-01-09", "nps", 8.0, None, None),
            ("d", "2021-01-10", "csat", 1.0, 1.0, 5.0),
            ("d", "2021-04-26", "nps", 1.0, 0.0, 10.0),
        ],
        columns=["customer_id", "timestamp", "instrument", "score", "scale_low", "scale_high"],
    )
    table = programme_table(log, CUTOFF, surveys=relation(log, "surveys", surveys))
    assert table["nps_answers"].tolist() == [4, 0, 0, 0]
    assert table["nps"].tolist() == pytest.approx([25.0, NAN, NAN, NAN], nan_ok=True)
    n, up, down = 7.0, 2.75, 1.75
    centre, spread = (up - down) / n, math.sqrt(((up + down) / n - ((up - down) / n) ** 2) / n)
    assert table["nps_lower"].iloc[0] == pytest.approx(100 * (centre - 1.6448536 * spread))
    assert table["nps_upper"].iloc[0] == pytest.approx(100 * (centre + 1.6448536 * spread))
    assert np.isnan(table["nps_upper"].iloc[1])
