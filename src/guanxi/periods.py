"""All unit arithmetic: days, horizons, and annual rates converted to rates per period."""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from typing import Literal, get_args

from guanxi.errors import ParamsError

TimeUnit = Literal["D", "W", "M", "Q", "Y"]

DAYS_PER_YEAR = 365.0
DISCOUNT_PERIOD_DAYS = 30.0
_DAYS_PER_UNIT: dict[str, float] = {
    "D": 1.0,
    "W": 7.0,
    "M": DAYS_PER_YEAR / 12.0,
    "Q": DAYS_PER_YEAR / 4.0,
    "Y": DAYS_PER_YEAR,
}
# Units that are a number of calendar months, or of days.
CALENDAR_UNITS: dict[str, tuple[Literal["M", "D"], int]] = {
    "D": ("D", 1),
    "W": ("D", 7),
    "M": ("M", 1),
    "Q": ("M", 3),
    "Y": ("M", 12),
}


def days_per_unit(time_unit: str) -> float:
    """Days in one time unit: ``D`` 1, ``W`` 7, ``M`` 365/12, ``Q`` 365/4, ``Y`` 365.

    Raises
    ------
    ParamsError
        If the unit is unknown.

    Examples
    --------
    >>> days_per_unit("W")
    7.0
    """
    if not isinstance(time_unit, str) or time_unit not in _DAYS_PER_UNIT:
        known = ", ".join(get_args(TimeUnit))
        raise ParamsError(f"time_unit {time_unit!r} is unknown: use one of {known}")
    return _DAYS_PER_UNIT[time_unit]


def _discount_rate_per_unit(annual_discount_rate: float, time_unit: str) -> float:
    """Compound rate per time unit equivalent to an annual rate: ``(1 + annual) ** (unit / year) - 1``.

    Examples
    --------
    >>> round(_discount_rate_per_unit(0.1, "Y"), 12)
    0.1
    """
    return float((1.0 + annual_discount_rate) ** (days_per_unit(time_unit) / DAYS_PER_YEAR) - 1.0)


def discount_period(time_unit: str) -> float:
    """Length of one discounting period (30 days) in the given time unit."""
    return DISCOUNT_PERIOD_DAYS / days_per_unit(time_unit)


def add_days(day: date, days: int) -> date:
    """Shift ``day`` by ``days`` (negative: into the past).

    Raises
    ------
    ParamsError
        If the result is not a valid date.
    """
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise ParamsError(
            f"the calendar has no day {days:+,} days from {day}: choose another date or a shorter horizon"
        ) from None


def add_periods(day: date, count: int, time_unit: str) -> date:
    """Return the day ``count`` units after ``day``, in a shorter month its last.

    Raises
    ------
    ParamsError
        If the unit is unknown, or the result is not a valid date.

    Examples
    --------
    >>> add_periods(date(2024, 1, 31), 1, "M"), add_periods(date(2024, 1, 31), 1, "W")
    (datetime.date(2024, 2, 29), datetime.date(2024, 2, 7))
    """
    days_per_unit(time_unit)
    base, length = CALENDAR_UNITS[time_unit]
    if base == "D":
        return add_days(day, count * length)
    months = 12 * day.year + day.month - 1 + count * length
    if not 12 * MINYEAR <= months < 12 * (MAXYEAR + 1):
        raise ParamsError(f"the calendar has no day {count:+,} {time_unit} from {day}: choose another date")
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def parse_date(value: object, *, what: str) -> date:
    """Convert a date, a time or an ISO text to its day; ``what`` names the option in the error.

    Raises
    ------
    ParamsError
        If it is not such a value.

    Examples
    --------
    >>> parse_date("1997-09-30 18:00", what="cutoff")
    datetime.date(1997, 9, 30)
    """
    # The text of a date is ISO in the standard library, NumPy and pandas; that of a missing one is not.
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise ParamsError(f"{what} {value!r} is not a date: write it as YYYY-MM-DD") from None
