"""Customers and days that stand for unknown ones or totals, told by their place among the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from guanxi.data._findings import DataFinding, told
from guanxi.data._totals import find_totals
from guanxi.params import DataParams

_GUESTS = ("0", "-1")
_TIMES_THE_BUSIEST = 3
_FEWEST_LINES = 20
# Where customers are numbered from 0, fewer others do not show what is usual.
_FEWEST_OTHERS = 10
_FIRST_NUMBERS = tuple(map(str, range(1, 10)))
# The first days of Excel, of classic Mac OS and of Unix, west of Greenwich too.
_FIRST_DAYS = (date(1900, 1, 1), date(1904, 1, 1), date(1969, 12, 31), date(1970, 1, 1))
_ALONE = timedelta(days=366)


@dataclass(frozen=True)
class StandIns:
    """Identifiers, as text, and days whose lines have no known customer or time, and ``totals`` of others."""

    customers: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    totals: tuple[str, ...] = ()
    findings: tuple[DataFinding, ...] = ()


def find_stand_ins(parsed: Any, params: DataParams, rows: Callable[[Any], pd.DataFrame]) -> StandIns:
    """Find the stand-ins among lines with canonical columns; ``rows`` collects a small table."""
    days = _first_days(parsed, rows) if params.first_day is None else ()
    totals = find_totals(parsed, params, rows)
    if params.guests is not None:
        return StandIns(params.guests, days, totals)
    guests = _guests(parsed, rows)
    return StandIns(tuple(guests), days, totals, tuple(_as_finding(*guest) for guest in guests.items()))


def _guests(parsed: Any, rows: Callable[[Any], pd.DataFrame]) -> dict[str, int]:
    """Return 0 and -1, with their lines, where they have many more than any other customer."""
    name = parsed.customer_id.cast("string")
    if not rows(parsed.filter(name.isin(_GUESTS)).agg(n=ibis._.count()))["n"].iloc[0]:
        return {}
    lines = parsed.filter(name.notnull()).group_by(name=name).agg(lines=ibis._.count())
    guest = ibis.ifelse(lines.name.isin(_GUESTS), lines.name, "")
    numbered = lines.name.isin(_FIRST_NUMBERS).any()
    groups = lines.group_by(guest=guest).agg(most=lines.lines.max(), others=lines.count(), numbered=numbered)
    found = rows(groups).set_index("guest")
    if "" not in found.index or (found["numbered"][""] and found["others"][""] < _FEWEST_OTHERS):
        return {}
    most = found["most"]
    limit = max(_TIMES_THE_BUSIEST * most[""], _FEWEST_LINES - 1)
    return {name: int(most[name]) for name in _GUESTS if most.get(name, 0) > limit}


def _as_finding(customer: str, lines: int) -> DataFinding:
    return told(
        "guest_customer",
        facts={"customer": customer, "count": f"{lines:,}", "times": str(_TIMES_THE_BUSIEST)},
        lines=lines,
        examples=(customer,),
        setting="data.guests=[]",
    )


def _first_days(parsed: Any, rows: Callable[[Any], pd.DataFrame]) -> tuple[date, ...]:
    """Return the days from which calendars of computers begin, where no other line is within a year."""
    day = parsed.timestamp.date()
    if not rows(parsed.filter(day.isin(_FIRST_DAYS)).agg(n=ibis._.count()))["n"].iloc[0]:
        return ()
    near = parsed.filter(day < ibis.literal(_FIRST_DAYS[-1] + _ALONE))
    days = {pd.Timestamp(each).date() for each in rows(near.select(day=day).distinct())["day"].dropna()}
    others = days.difference(_FIRST_DAYS)
    alone = {each for each in days if not any(abs(other - each) < _ALONE for other in others)}
    return tuple(each for each in _FIRST_DAYS if each in alone)
