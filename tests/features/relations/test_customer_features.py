"""What relation tables tell as of a cutoff: by hand, and never from a row after it."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.transactions import read_transactions
from guanxi.features.relations.customer_features import relation_features
from guanxi.params import Params

CUTOFF = dt.date(2024, 6, 30)
TIMES = {
    "customers": "acquired_on",
    "interactions": "timestamp",
    "surveys": "timestamp",
    "tickets": "opened",
    "costs": "timestamp",
    "credit": "timestamp",
}


def frame(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split())


def features(tables: dict[str, pd.DataFrame], cutoff: dt.date = CUTOFF) -> pd.DataFrame:
    relations = read_relations(Params(), tables=tables)
    assert not {name for name, lines in relations.lines.items() if lines.rejected_by_rule}
    table = relation_features(relations, cutoff)
    relations.close()
    return table


SURVEYS = "customer_id timestamp instrument score scale_high dimension expectation"
BY_HAND = {
    "customers": frame(
        "customer_id acquired_on acquisition_channel acquisition_cost referred_by contract city age Tickets",
        ("a", "2024-06-01", "web", 12.5, None, "monthly", "Rome", "30", "x"),
        ("b", None, "shop", None, "a", "yearly", "Oslo", "41.5", "y"),
        ("late", "2024-07-01", "web", 1.0, "a", "yearly", "Bonn", "50", "z"),
    ),
    "interactions": frame(
        "customer_id timestamp channel direction responded",
        ("a", "2024-06-10", "web", "outbound", "yes"),
        ("a", "2024-06-11", "web", "outbound", None),
        ("a", "2024-06-30 23:59:59", "web", "inbound", "yes"),
        ("a", "2024-01-01", "phone", "outbound", "no"),
        ("a", "2024-07-01", "mail", "outbound", "yes"),
        ("b", "2024-06-01", "shop", "inbound", None),
        ("c", "2024-06-01", None, "outbound", None),
    ),
    "surveys": frame(
        SURVEYS,
        ("a", "2024-06-01", "csat", 5, None, None, None),
        ("a", "2023-07-02", "csat", 2, None, None, None),
        ("a", "2023-07-01", "csat", 1, None, None, None),
        ("a", "2024-06-02", "nps", 3, None, None, None),
        ("a", "2024-06-20", "nps", 9, None, None, None),
        ("a", "2024-06-20", "nps", 7, None, None, None),
        ("a", "2024-07-01", "nps", 0, None, None, None),
        ("b", "2024-06-01", "ces", 4, None, None, None),
        ("b", "2024-06-01", "servqual", 6, None, "Empathy", 7),
        ("b", "2024-06-02", "servqual", 6, 11, "empathy", 3),
        ("b", "2024-06-02", "servqual", 6, None, "assurance", None),
    ),
    "tickets": frame(
        "customer_id opened closed satisfaction complaint",
        ("a", "2024-06-01", "2024-06-05", 4, "yes"),
        ("a", "2024-06-10 18:00", "2024-06-12 06:00", None, "yes"),
        ("a", "2024-06-25", "2024-07-03", 1, "yes"),
        ("a", "2024-06-26", None, None, "no"),
        ("b", "2024-06-26", "2024-06-26", 3, None),
        ("d", "2024-07-01", "2024-07-01", 3, "yes"),
    ),
    "costs": frame(
        "customer_id timestamp kind amount",
        ("a", "2024-06-01", "serve", 0.1),
        ("a", "2024-06-02", "serve", 0.2),
        ("a", "2024-06-03", "retain", 5),
        ("b", "2024-06-03", "serve", 1),
        ("a", "2024-07-01", "serve", 100),
    ),
    "credit": frame(
        "customer_id timestamp credit_limit overdue_days defaults",
        ("a", "2024-01-01", 500, 10, 1),
        ("a", "2024-06-30", None, 20, None),
        ("a", "2024-07-01", 900, 0, 0),
    ),
}


@pytest.fixture(scope="module")
def by_hand() -> pd.DataFrame:
    return features(BY_HAND).set_index("customer_id")


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (
            "a",
            {
                "acquired_days": 29, "acquisition_channel": "web", "acquisition_cost": 12.5,
                "referred_by": None, "contract": "monthly", "city": "Rome", "age": 30, "Tickets_": "x",
                "interactions": 4, "days_since_interaction": 0, "interaction_channels": 2,
                "channel_mix": (0.75 * math.log(4 / 3) + 0.25 * math.log(4)) / math.log(3),
                "contacts_outbound": 3, "responses": 1,
                "csat_sum": 1 + 0.25 + 0, "csat_answers": 3, "nps_score": 7, "nps_answers": 3,
                "ces_sum": None, "ces_answers": 0, "servqual_empathy_gap": None,
                # One of the answers is that of the ticket closed before the cutoff.
                "satisfaction_earlier": 0, "satisfaction_recent": (1 + 0.25 + 0.3 + 0.9 + 0.7 + 0.75) / 6,
                "tickets": 4, "complaints": 3, "complaints_closed": 2, "complaint_days": 3,
                "ticket_satisfaction_sum": 0.75, "ticket_satisfaction_answers": 1,
                "cost_to_serve": 0.3, "cost_to_retain": 5,
                "credit_limit": 500, "overdue_days": 20, "defaults": 1,
            },
        ),
        (
            "b",
            {
                "acquired_days": None, "acquisition_cost": None, "referred_by": "a", "age": 41.5,
                "interaction_channels": 1, "channel_mix": 0, "contacts_outbound": 0, "responses": None,
                "csat_sum": None, "csat_answers": 0, "nps_score": None, "ces_sum": 0.5, "ces_answers": 1,
                "servqual_empathy_gap": (-1 / 6 + 3 / 10) / 2, "servqual_assurance_gap": None,
                "satisfaction_earlier": None, "satisfaction_recent": (1.5 + 5 / 6 + 5 / 6) / 5,
                "tickets": 1, "complaints": None, "complaints_closed": None, "complaint_days": None,
                "cost_to_serve": 1, "cost_to_retain": 0, "credit_limit": None,
            },
        ),
        (
            "c",
            {
                "interactions": 1, "interaction_channels": None, "channel_mix": None,
                "contacts_outbound": 1, "responses": None, "tickets": None, "cost_to_serve": None,
            },
        ),
    ],
)  # fmt: skip
def test_features_by_hand(by_hand: pd.DataFrame, customer: str, expected: dict[str, Any]) -> None:
    found = {name: by_hand.loc[customer, name] for name in expected}
    missing = {name for name, value in found.items() if pd.isna(value)}
    assert missing == {name for name, value in expected.items() if value is None}
    given_values = {name: value for name, value in found.items() if name not in missing}
    wanted = {name: value for name, value in expected.items() if name not in missing}
    assert given_values == pytest.approx(wanted, abs=1e-12)


def test_customers_appear_once_and_not_before_their_first_row(by_hand: pd.DataFrame) -> None:
    assert by_hand.index.tolist() == ["a", "b", "c"]
    numbers = by_hand.drop(columns=["acquisition_channel", "referred_by", "contract", "city", "Tickets_"])
    assert set(numbers.dtypes.astype(str)) == {"float64"}


def test_tables_that_are_absent_leave_their_columns_unknown(by_hand: pd.DataFrame) -> None:
    table = features({"credit": BY_HAND["credit"]})
    ours = [name for name in by_hand.columns if name not in ("city", "age", "Tickets_")]
    assert list(table) == ["customer_id", *ours]
    known = ["customer_id", "credit_limit", "overdue_days", "defaults"]
    assert table.drop(columns=known).isna().to_numpy().all()
    assert table[known].to_numpy().tolist() == [["a", 500.0, 20.0, 1.0]]
    empty = relation_features(Relations(None, {}, ()), CUTOFF)
    assert (list(empty), len(empty)) == (list(table), 0)


def test_columns_that_are_absent_leave_their_features_unknown() -> None:
    table = features({"interactions": frame("customer_id timestamp", ("a", "2024-06-01"))}).iloc[0]
    assert (table["interactions"], table["days_since_interaction"]) == (1, 29)
    assert table[["interaction_channels", "channel_mix", "contacts_outbound", "responses"]].isna().all()
    table = features({"tickets": frame("customer_id opened satisfaction", ("a", "2024-06-01", 2))}).iloc[0]
    assert (table["tickets"], table["ticket_satisfaction_sum"], table["satisfaction_recent"]) == (
        1,
        0.25,
        0.25,
    )
    assert table[["complaints", "complaints_closed", "complaint_days"]].isna().all()
    table = features(
        {"surveys": frame("customer_id timestamp instrument score", ("a", "2024-06-01", "ces", 7))}
    )
    assert (table["ces_sum"][0], table["servqual_empathy_gap"].isna()[0]) == (1.0, True)


def test_customers_are_those_of_the_transactions() -> None:
    log = read_transactions(
        frame("customer_id timestamp amount", (1, "2024-01-01", 1.0), (2, "2024-01-01", 1.0))
    )
    tables = {
        "costs": frame("customer_id timestamp kind amount", ("1", "2024-01-01", "serve", 1.0)),
        "customers": frame("customer_id referred_by", (2.0, "1"), (3.0, "2.0")),
    }
    table = relation_features(read_relations(Params(), log, tables=tables), CUTOFF)
    assert table["customer_id"].tolist() == [1, 2, 3]
    assert table["customer_id"].dtype == "int64"
    assert table["referred_by"].tolist()[1:] == [1, 2]
    log.close()


def rows(relation: str, count: int, rng: np.random.Generator, start: str) -> pd.DataFrame:
    """So many rows of a relation in the 18 months from a day on."""
    ids = rng.choice(list("abcdefgh"), count)
    time = pd.Timestamp(start) + pd.to_timedelta(rng.integers(0, 540 * 86_400, count), unit="s")
    table = pd.DataFrame({"customer_id": ids, TIMES[relation]: time})
    if relation == "customers":
        table = table.assign(acquisition_cost=rng.random(count), city=rng.choice(["x", "y", None], count))
        return table.assign(customer_id=[f"{start}{i}" for i in range(count)])
    more = {
        "interactions": {
            "channel": rng.choice(["web", "shop", "mail"], count),
            "direction": rng.choice(["inbound", "outbound"], count),
            "responded": rng.choice([True, False], count),
        },
        "surveys": {
            "instrument": rng.choice(["csat", "nps", "ces", "servqual"], count),
            "score": rng.integers(1, 6, count),
            "scale_high": rng.choice([np.nan, 7.0, 9.0], count),
            "dimension": rng.choice(["empathy", "assurance"], count),
            "expectation": rng.choice([np.nan, 1.0, 3.0], count),
        },
        "tickets": {
            "closed": (time + pd.to_timedelta(rng.integers(0, 90, count), unit="D")).where(
                rng.random(count) < 0.8
            ),
            "satisfaction": rng.choice([np.nan, 1, 2, 3, 4, 5], count),
            "complaint": rng.choice([True, False], count),
        },
        "costs": {"kind": rng.choice(["serve", "retain"], count), "amount": rng.random(count)},
        "credit": {"credit_limit": rng.random(count), "overdue_days": rng.integers(0, 90, count)},
    }
    return table.assign(**more[relation])


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_rows_after_the_cutoff_change_nothing(seed: int) -> None:
    """Left out, or mixed among those of the past in any order: the features stay, bit for bit."""
    rng = np.random.default_rng(seed)
    past = {name: rows(name, 60, rng, "2023-01-01") for name in TIMES}
    for name, time in TIMES.items():
        past[name] = past[name][past[name][time] < "2024-07-01"]
    later = {name: rows(name, 40, rng, "2024-07-01") for name in TIMES}
    expected = features(past)
    # What became of an open ticket, and when, is no row but lies after the cutoff as well.
    open_then = past["tickets"]["closed"] > "2024-07-01"
    assume(open_then.any())
    other = past["tickets"].assign(
        closed=past["tickets"]["closed"].mask(open_then, pd.Timestamp("2024-09-09")),
        satisfaction=past["tickets"]["satisfaction"].mask(open_then, 5.0),
    )
    mixed = {}
    for name, table in (past | {"tickets": other}).items():
        mixed[name] = pd.concat([later[name], table]).sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(features(mixed), expected, check_exact=True)


@pytest.mark.slow
def test_large_sums_are_the_same_whatever_the_order_and_the_threads() -> None:
    rng = np.random.default_rng(0)
    tables = {name: rows(name, 30_000, rng, "2023-01-01") for name in ("interactions", "surveys", "costs")}
    expected = features(tables)
    relations = read_relations(
        Params(), tables={name: table.sample(frac=1, random_state=1) for name, table in tables.items()}
    )
    relations.connection.raw_sql("SET threads = 7")
    pd.testing.assert_frame_equal(relation_features(relations, CUTOFF), expected, check_exact=True)
