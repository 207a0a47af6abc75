"""Whole contract periods between days, in the engine's words."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis

from guanxi.periods import CALENDAR_UNITS


def add_periods(start: Any, count: Any, unit: str) -> Any:
    """Return the day ``count`` periods after ``start``, as :func:`guanxi.periods.add_periods` does."""
    base, length = CALENDAR_UNITS[unit]
    return (start + (count * length).as_interval(base)).cast("date")


def whole_periods(start: Any, day: Any, unit: str) -> Any:
    """Return how many periods have passed from ``start`` up to ``day``; negative before it."""
    base, length = CALENDAR_UNITS[unit]
    if base == "D":
        return day.delta(start, unit="day") // length
    # Months that begin are counted first, and one that is not over is taken back.
    count = (day.delta(start, unit="month") // length).cast("int64")
    return count - (add_periods(start, count, unit) > day).cast("int64")


def literal_day(day: date) -> Any:
    """Write a day as a constant."""
    return ibis.literal(day).cast("date")
