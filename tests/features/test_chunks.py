"""Features chunk by chunk are those of everyone at once, bit for bit."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from guanxi.data import transactions
from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import FeatureChunks, features_at
from guanxi.params import DataParams

CUTOFF = dt.date(2020, 6, 1)
IDS = {
    "text": lambda n: f"c{n % 7}-{n}",
    "whole numbers": int,
    "fractions": lambda n: n / 3.0,
    "decimals": lambda n: Decimal(n) / 4,
    "dates": lambda n: dt.date(1950, 1, 1) + dt.timedelta(days=7 * n),
    "times": lambda n: pd.Timestamp("1950-01-01") + pd.Timedelta(seconds=n),
    "identifiers": lambda n: uuid.UUID(int=n * 12345),
}


def lines(customer: object = str) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    number = rng.integers(0, 300, 6000)
    return pd.DataFrame(
        {
            "customer_id": [customer(int(n)) for n in number],
            "timestamp": pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 700, 6000), unit="D"),
            "amount": np.round(rng.lognormal(3, 1, 6000) - 2, 2),
            "quantity": rng.integers(1, 9, 6000),
            "margin": np.round(rng.lognormal(1, 1, 6000), 2),
            "order_id": rng.integers(0, 2000, 6000).astype(str),
            "category": rng.choice(["a", "b", "c"], 6000),
            "channel": rng.choice(["web", None], 6000),
        }
    )


def texts(ids: pd.Series) -> list[str]:
    """As text: a day may be a time at midnight."""
    return [str(value).removesuffix(" 00:00:00") for value in ids]


def check(table: pd.DataFrame, customers: int, chunks: int, params: DataParams | None = None) -> None:
    log = read_transactions(table, params)
    whole = features_at(log, CUTOFF, 60)
    parts = FeatureChunks(log, CUTOFF, 60, customers)
    every = list(parts.ahead(range(len(parts.bounds) - 1)))
    assert len(every) == chunks
    assert [len(part) for part in every] == np.diff(parts.bounds).tolist()
    joined = pd.concat(every, ignore_index=True)
    assert texts(joined["customer_id"]) == texts(whole["customer_id"])
    # Files take them as they are.
    back = pa.Table.from_pandas(joined[["customer_id"]], pa.schema({"customer_id": parts.id_type}))
    assert texts(back.to_pandas()["customer_id"]) == texts(whole["customer_id"])
    numbers = [name for name in whole if name != "customer_id"]
    pd.testing.assert_frame_equal(joined[numbers], whole[numbers], check_exact=True)
    pd.testing.assert_frame_equal(parts[chunks // 2], every[chunks // 2])
    log.close()


@pytest.mark.parametrize("grain", ["D", "W", "M"])
@pytest.mark.slow
def test_of_all_columns(grain: str) -> None:
    check(lines(str), 37, 9, DataParams(event_grain=grain))


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.slow
def test_of_customers_of_any_type(kind: str) -> None:
    check(lines(IDS[kind])[["customer_id", "timestamp", "amount"]], 100, 3)


def test_of_customers_in_categories() -> None:
    table = lines(str)
    check(table.assign(customer_id=table["customer_id"].astype("category")), 100, 3)


def test_purchases_are_the_same_whatever_is_merged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = lines(str)
    expected = read_transactions(table).events.execute()
    monkeypatch.setattr(transactions, "_LINES_PER_CHUNK", 500)
    found = read_transactions(table.sample(frac=1, random_state=1)).events.execute()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert expected["customer_id"].is_monotonic_increasing


def test_customers_with_many_purchases_come_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from guanxi.features import snapshots

    monkeypatch.setattr(snapshots, "_EVENTS_AT_ONCE", 1000)
    monkeypatch.setattr(snapshots, "_FEWEST_AT_ONCE", 10)
    log = read_transactions(lines(str))
    assert 50 < max(np.diff(FeatureChunks(log, CUTOFF, 60).bounds)) < 100
