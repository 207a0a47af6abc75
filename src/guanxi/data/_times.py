"""Times read from text and numbers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import ibis

from guanxi.params import DataParams

FIRST_TIME = datetime(1900, 1, 1)
_LAST = 4_102_444_800_000_000  # microseconds from 1970 to 2100
UNITS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
EXCEL = "excel"  # days since 1899-12-30
_EXCEL_1970 = 25_569
_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}

_BLANK = r"[\s\p{Z}]"
_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_OFFSET = r"[+-](?:0\d|1[0-4])(?::?[0-5]\d)?"
_NO_OFFSET = r"[+-](?:1[5-9]|[2-9]\d)(?::?\d{2})?$"  # such as +99:00
_NAIVE = rf"^\s*{_DAY}(?:[T\s]+\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?)?\s*$"
_AWARE = rf"^{_DAY}[T ]\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d+)?(?:Z|{_OFFSET})$"
_START = rf"^\s*({_DAY})(?:T|,|{_BLANK})+({_CLOCK}){_BLANK}*"
_END = rf"(?:{_BLANK}*\([^()]*\))?$"  # a browser adds the name of the zone
_LOOSE = rf"{_START}$"
_HALF_DAY = rf"{_START}([AaPp])\.?{_BLANK}?[Mm]\.?$"
_IN_UTC = rf"{_START}(?:Z|UTC|GMT){_END}"
_SHIFTED = rf"{_START}(?:UTC|GMT)?({_OFFSET}){_END}"
_TIME_OF_DAY = rf"(?:T|,|{_BLANK})+\d{{1,2}}:\d{{2}}.*$"


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp('UTC')"))
def _try_parse_aware(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse text with a UTC offset; null if it does not match."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _try_parse_naive(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse text without a UTC offset; null if it does not match."""


@ibis.udf.scalar.builtin(name="make_timestamptz", signature=(("int64",), "timestamp('UTC')"))
def _instant(microseconds):  # type: ignore[no-untyped-def]
    """Convert microseconds since 1970 in UTC to a time."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=(("int64",), "timestamp"))
def _local(microseconds):  # type: ignore[no-untyped-def]
    """Convert microseconds since 1970 in local time to a time."""


def read_time(column: Any, params: DataParams) -> Any:
    """Cast to a naive timestamp in the data's time zone, which is that of the engine's session.

    Times before 1900 are null, since a year of two digits would be one of them.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        time = column.cast("timestamp")
    elif is_written(column):
        time = parse(as_text(column).strip(), params)
    else:
        return ibis.null("timestamp")
    return ibis.ifelse(time < ibis.literal(FIRST_TIME), ibis.null("timestamp"), time)


def is_written(column: Any) -> bool:
    """Whether times of a column need a format: text and numbers."""
    kind = column.type()
    return bool(kind.is_string() or (kind.is_numeric() and not kind.is_boolean()))


def as_text(column: Any) -> Any:
    """Write numbers as text; a column with gaps holds 19970101 as 19970101.0."""
    if column.type().is_string():
        return column
    if column.type().is_integer():
        return column.cast("string")
    whole = column.try_cast("int64")
    return ibis.ifelse(whole == column, whole.cast("string"), column.cast("string"))


def day_of(text: Any) -> Any:
    """Leave out the time of day that follows a date."""
    return text.re_replace(_TIME_OF_DAY, "").strip()


def has_clock(form: str) -> bool:
    """Whether a format has a time of day; else one may follow the date."""
    return re.search("%[HIMSpcXTzZ]", form) is not None


def digits_of(form: str) -> int:
    """Count the digits of a format without separators; 0 if it has some."""
    return sum(_WIDTHS[letter] for letter in form[1::2]) if re.fullmatch("(?:%[YymdHMS])+", form) else 0


def parse(text: Any, params: DataParams) -> Any:
    """Parse text by ``params.timestamp_format``; null if it does not match."""
    form = params.timestamp_format
    if form is None:
        return _iso(text, params.timezone)
    if form == EXCEL or form in UNITS:
        return _from_number(text, form)
    if not has_clock(form):
        clock = text.re_extract(_TIME_OF_DAY, 0)
        dated = parse_day(text, form).strftime("%Y-%m-%d") + clock
        return ibis.ifelse(clock == "", parse_day(text, form), _iso(dated, params.timezone))
    if "%z" in form.lower():
        text = ibis.ifelse(text.re_search(_NO_OFFSET), ibis.null("string"), text)
        return _try_parse_aware(text, form).cast("timestamp")
    return _strict(text, form)


def parse_day(text: Any, form: str) -> Any:
    """Parse the date in front of a time of day."""
    return _strict(day_of(text), form)


def _strict(text: Any, form: str) -> Any:
    """Parse text without what the engine would read beyond a format: words such as epoch, missing digits."""
    width = digits_of(form)
    fits = text.length() == width if width else text.re_search("[0-9]")
    return _try_parse_naive(ibis.ifelse(fits, text, ibis.null("string")), form)


def _iso(text: Any, timezone: str) -> Any:
    """Parse ISO 8601 with four-digit years, also with ``/`` and a clock of twelve hours.

    The engine's own cast would read words, years of two digits and offsets of 99 hours. Times
    without an offset do not need the time zone database, which takes ten times as long.
    """
    aware = f"timestamp('{timezone}')"

    def local(pattern: str) -> Any:
        return text.re_replace(pattern, r"\1 \2").replace(",", ".").try_cast("timestamp")

    def converted(pattern: str, offset: Any) -> Any:
        return (local(pattern).cast("string") + offset).try_cast(aware).cast("timestamp")

    half = text.re_replace(_HALF_DAY, r"\1 \2 \3M").replace("/", "-")
    half_day = (_try_parse_naive(half, f"%Y-%m-%d %I:%M{seconds} %p") for seconds in ("", ":%S"))
    return ibis.cases(
        (text.re_search(_NAIVE), text.try_cast("timestamp")),
        (text.re_search(_AWARE), text.try_cast(aware).cast("timestamp")),
        (text.re_search(_LOOSE), local(_LOOSE)),
        (text.re_search(_HALF_DAY), ibis.coalesce(*half_day)),
        (text.re_search(_IN_UTC), converted(_IN_UTC, "+00")),
        (text.re_search(_SHIFTED), converted(_SHIFTED, text.re_replace(_SHIFTED, r"\3"))),
        else_=ibis.null("timestamp"),
    )


def _from_number(text: Any, unit: str) -> Any:
    if unit == EXCEL:
        # A day is stored as a binary fraction, exact to less than a millisecond.
        days = text.try_cast("float64") - _EXCEL_1970
        return _local(_possible((days * 86_400_000).try_cast("int64") * 1000))
    if unit == "nanoseconds":  # beyond what a float holds exactly
        return _instant(_possible(text.try_cast("int64") // 1000)).cast("timestamp")
    micros = (text.try_cast("float64") * UNITS[unit]).try_cast("int64")
    return _instant(_possible(micros)).cast("timestamp")


def _possible(microseconds: Any) -> Any:
    """Replace numbers out of the range that the engine can convert by null."""
    return ibis.ifelse(microseconds.between(0, _LAST), microseconds, ibis.null("int64"))
