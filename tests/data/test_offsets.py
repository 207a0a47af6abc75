"""Times that all have the offset of another zone are said, with the zone that keeps their days."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from guanxi.data._findings import DataFinding
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.params import DataParams


def read(zone: str, clock: str = "03:15", **params: Any) -> TransactionLog:
    times = pd.date_range(f"2021-01-01 {clock}", periods=300, freq="D", tz=zone)
    table = {"customer_id": [str(i % 30) for i in range(300)], "timestamp": [t.isoformat() for t in times]}
    return read_transactions(pd.DataFrame(table).assign(amount=1.0), DataParams(**params))


def found(log: TransactionLog) -> list[DataFinding]:
    return [each for each in log.findings if each.name == "other_time_zone"]


@pytest.mark.parametrize(
    ("zone", "clock", "offsets"),
    [
        ("Asia/Shanghai", "03:15", "+08:00"),
        ("Asia/Kolkata", "03:15", "+05:30"),
        ("Etc/GMT+4", "22:15", "-04:00"),
        ("Europe/Berlin", "00:15", "+01:00 / +02:00"),
        ("America/New_York", "22:15", "-05:00 / -04:00"),
    ],
)
@pytest.mark.slow
def test_the_zone_of_the_offsets_keeps_the_days(zone: str, clock: str, offsets: str) -> None:
    log = read(zone, clock)
    (each,) = found(log)
    assert (each.lines, each.setting) == (300, f"data.timezone={zone}")
    assert f"have the offset {offsets}, and 300 of them (100.0%)" in each.text
    mended = read(zone, clock, timezone=zone)
    assert found(mended) == []
    assert str(mended.first_day) == "2021-01-01"
    assert str(log.first_day) != str(mended.first_day) or zone.startswith(("Etc", "America"))


@pytest.mark.slow
def test_where_no_day_moves_nothing_is_said() -> None:
    assert found(read("Asia/Shanghai", "12:00")) == []
    assert found(read("UTC")) == []


def test_a_zone_that_is_set_is_wanted() -> None:
    assert found(read("Asia/Shanghai", timezone="Europe/Berlin")) == []
