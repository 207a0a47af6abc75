"""Times that all have the offset of one zone, other than that of the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pandas as pd

from guanxi.data._findings import DataFinding, share_of, told
from guanxi.data._times import read_time
from guanxi.params import DataParams

_OFFSET = r":\d\d(?:[.,]\d+)?\s*(?:UTC|GMT)?([+-]\d\d)(?::?(\d\d))?(?:\s*\([^()]*\))?\s*$"
_MOST_OFFSETS = 2  # in winter and summer
# One zone for each rule of the clocks of many people; all zones with these offsets have the same days.
_ZONES = (
    *("Asia/Shanghai", "Asia/Tokyo", "Asia/Kolkata", "Asia/Dubai", "Europe/Moscow", "Asia/Bangkok"),
    *("Europe/London", "Europe/Berlin", "Europe/Athens", "America/New_York", "America/Chicago"),
    *("America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Australia/Sydney", "Pacific/Auckland"),
    *(f"Etc/GMT{-hours:+d}" for hours in range(-12, 15) if hours),  # their signs are turned round
    *("Asia/Kabul", "Asia/Kathmandu", "Asia/Yangon", "Australia/Darwin", "Asia/Tehran"),
)


def offset_findings(name: str, column: Any, params: DataParams) -> Iterator[DataFinding]:
    """Say that other days would be counted in the zone of which all times have the offset.

    Parameters
    ----------
    name : str
    column : ibis.Column
        The times as in the source; blank ones are null.
    params : DataParams
        With the format of the times. Where a time zone is set, it is wanted.
    """
    if params.timezone != "UTC" or not column.type().is_string():
        return
    given = column.name("text").as_table()
    given = given.filter(given.text.notnull())
    if not given.limit(1).filter(ibis._.text.re_search(_OFFSET)).count().execute():
        return
    hours, minutes = (given.text.re_extract(_OFFSET, part).try_cast("int64") for part in (1, 2))
    sign = ibis.ifelse(given.text.re_extract(_OFFSET, 1).startswith("-"), -1, 1)
    offset = hours * 60 + sign * minutes.fill_null(0)
    times = given.select(time=read_time(given.text, params), offset=offset).filter(ibis._.time.notnull())
    local = times.time + times.offset.cast("int64").as_interval("m")
    moved = (local.date() != times.time.date()).cast("int64")
    times = times.mutate(hour=times.time.truncate("h"), moved=moved)
    found = times.group_by("hour", "offset").agg(lines=ibis._.count(), moved=ibis._.moved.sum()).execute()
    offsets = found["offset"].unique()
    if found["offset"].isna().any() or len(offsets) > _MOST_OFFSETS or not found["moved"].sum():
        return
    zone = next((zone for zone in _ZONES if _is_zone(zone, found)), None)
    lines = int(found["moved"].sum())
    yield told(
        "other_time_zone",
        "other_time_zone" if zone else "other_time_zone_unknown",
        facts={
            "column": name,
            "offsets": " / ".join(map(_written, sorted(offsets))),
            "count": f"{lines:,}",
            "share": share_of(lines, found["lines"].sum()),
            **({"zone": zone} if zone else {}),
        },
        lines=lines,
        setting=f"data.timezone={zone}" if zone else None,
    )


def _is_zone(zone: str, found: pd.DataFrame) -> bool:
    """Whether the clocks of a zone had these offsets at these hours."""
    clock = ZoneInfo(zone)
    pairs = zip(found["hour"], found["offset"], strict=True)
    return all(
        pd.Timestamp(hour).to_pydatetime().replace(tzinfo=UTC).astimezone(clock).utcoffset()
        == timedelta(minutes=int(offset))
        for hour, offset in pairs
    )


def _written(minutes: float) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(int(minutes)) // 60:02d}:{abs(int(minutes)) % 60:02d}"
