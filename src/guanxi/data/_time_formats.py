"""How the times of a source are written, found out from all its values; several readings are refused."""

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd

from guanxi.data._findings import DataFinding, told
from guanxi.data._times import (
    EXCEL,
    FIRST_TIME,
    UNITS,
    as_text,
    day_of,
    digits_of,
    has_clock,
    is_written,
    parse,
    parse_day,
)
from guanxi.errors import DataError
from guanxi.params import DataParams

_ISO = ("%Y-%m-%d", "%Y/%m/%d")  # read without a format
_JUNK = 0.05  # largest share of times that no format reads with which a format is still chosen
_SHAPES = 200
_TEXTS, _READ = "guanxi_times", "guanxi_times_read"  # engine tables
_FIRST_COUNTED = datetime(1990, 1, 1)  # earlier numbers of seconds, days or years are something else
_COUNTED = (*UNITS, EXCEL, "%Y")
_LENGTHS = {
    "seconds": (9, 10),
    "milliseconds": (12, 13),
    "microseconds": (15, 16),
    "nanoseconds": (18, 19),
    EXCEL: (5,),
}

_NUMERIC = ("d m Y", "m d Y", "Y m d", "Y d m", "d m y", "m d y", "y m d")
_NAMED = ("d b Y", "b d Y", "Y b d", "d b y", "b d y", "y b d", "b Y", "b y")
_SENTENCES = (
    "b d, Y",
    "d. b Y",
    "d b, Y",
    "b d, y",
    "a, d b Y",
    "a d b Y",
    "a, b d, Y",
    "a b d Y",
    "a, d. b Y",
)
_MONTHS = ("Y m", "m Y")


def _written(orders: tuple[str, ...], signs: str) -> list[str]:
    """Write orders of day, month and year with each separator (``_``: none)."""
    spaced = [order.replace(" ", sign) for sign in signs for order in orders]
    return [re.sub("[dmYyba]", r"%\g<0>", form).replace("_", "") for form in spaced]


_ENGLISH = re.compile(
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    "|dec(ember)?|(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?",
    re.IGNORECASE,
)
_WITH_NAMES = [*_written(_NAMED, " -/."), *_written(_SENTENCES, " ")]
_LONG_NAMES = [form.replace("%b", "%B").replace("%a", "%A") for form in _WITH_NAMES]
_OTHERS = (
    *("%d%b%Y", "%d%b%y", "%d%b%Y:%H:%M:%S"),  # SAS and Stata
    *("%Y年%m月%d日", "%Y年%m月", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m"),
    *_COUNTED,
)
_FORMATS = [*_written(_NUMERIC, "/.- _"), *_WITH_NAMES, *_LONG_NAMES, *_written(_MONTHS, "-/."), *_OTHERS]


def resolve_times(
    where: str, columns: dict[str, Any], params: DataParams, section: str
) -> tuple[str | None, tuple[DataFinding, ...]]:
    """Find the format that reads all times of the columns (by name), and say so.

    The given format, or ISO 8601, stays unless another reads more. ``section`` is where the parameter stands.

    Raises
    ------
    DataError
        If formats read the times differently, a year has two digits, or the given format does not fit.
    """
    written = {name: column for name, column in columns.items() if is_written(column)}
    given = params.timestamp_format
    if not written:
        return given, ()
    names = f"{where}: {' and '.join(written)}"
    with _distinct(list(written.values()), whole=given is not None and has_clock(given)) as texts:
        readings = _Readings(texts, params)
        fitting = readings.fitting()
        if given in fitting:
            return given, ()
        if given is not None:
            readings.check_given(names, fitting, section)
            return given, ()
        readings.check_choice(names, fitting, section)
        return fitting[0], (readings.finding(names, fitting[0], section),)


def time_advice(column: Any, params: DataParams, section: str) -> str:
    """Advise on the times that ``params.timestamp_format`` does not read."""
    if not is_written(column):
        return "times before 1900 or of another type than date and time: correct them in the source"
    with _distinct([column], whole=True) as texts:
        mixed = _Readings(texts, params, whole=True).mixed()
        if mixed:
            return mixed
        time = parse(texts.text, params)
        unread = texts.filter(time.isnull() | (time < ibis.literal(FIRST_TIME)))
        readings = _Readings(unread, params, whole=True)
        best = readings.best()
        example = readings.example(best)
        if not best:
            return f"the times look like {example!r}{_remedy(example, section)}"
        options = " or ".join(_setting(form, section) for form in readings.different(best))
        others = int(texts.lines.sum().execute()) - readings.lines
        rest = f" ({others:,} other times are written differently: write all in one way)" if others else ""
        return f"the times look like {example!r}: use {options}{rest}"


def _remedy(example: str, section: str) -> str:
    """Say what to do about a time that no known format reads; some no format can."""
    if not re.search("[0-9]", example):
        return ": map timestamp to the column that holds the time, or correct these lines in the source"
    if re.search(r":\d\d.*[A-Za-z]{3}", example):
        return ": write zones as offsets, such as +0200, or leave them out, in the source"
    if _is_foreign(example):
        return (
            ": weeks, quarters and names of months or half-days in other languages than English are not "
            "read: write days as 2021-12-31 in the source"
        )
    old = " (before 1900)" if re.match(r"[01]\d{3}-\d\d-\d\d", example) else ""
    return f"{old}: give their format with --set {section}.timestamp_format=…"


def _is_foreign(example: str) -> bool:
    """Whether a time has words that no format reads."""
    words = re.findall(r"[^\W\d_]{3,}|[^\W\d_a-zA-Z]+", example)
    return bool(re.search(r"(?:\b|\d-?)[WQ]\d", example)) or not all(map(_ENGLISH.fullmatch, words))


@contextmanager
def _distinct(columns: list[Any], *, whole: bool) -> Iterator[Any]:
    """Collect the distinct values of columns (or only their days) in an engine table, with their lines."""
    texts = [as_text(column).strip().name("text").as_table() for column in columns]
    table = functools.reduce(lambda one, other: one.union(other), texts)
    text = table.text if whole else day_of(table.text)
    counted = table.filter(table.text.notnull()).group_by(text=text).agg(lines=ibis._.count())
    connection = columns[0].get_backend()
    try:
        yield connection.create_table(_TEXTS, counted, overwrite=True)
    finally:
        for name in (_TEXTS, _READ):
            connection.drop_table(name, force=True)


def _read(text: Any, form: str | None, params: DataParams, whole: bool) -> Any:
    """Parse text (or only its day) by a format, for which numbers that count must be plausible."""
    dated = not whole and form is not None and form not in _LENGTHS and not has_clock(form)
    resolved = params.model_copy(update={"timestamp_format": form})
    time = parse_day(text, str(form)) if dated else parse(text, resolved)
    first = _FIRST_COUNTED if form in _COUNTED else FIRST_TIME
    last = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=366)
    plausible = time >= ibis.literal(first)
    if form in _COUNTED:
        plausible &= time <= ibis.literal(last)
    return ibis.ifelse(plausible, time, ibis.null("timestamp"))


class _Readings:
    """What the formats make of distinct texts (``text, lines``)."""

    def __init__(self, texts: Any, params: DataParams, *, whole: bool = False) -> None:
        self.given = params.timestamp_format
        all_read = not _read(texts.text, self.given, params, whole).isnull().any().execute()
        others = [] if all_read else [None, *_candidates(texts)]
        self.forms = [self.given, *(form for form in others if form != self.given)]
        read = {f"time_{i}": _read(texts.text, form, params, whole) for i, form in enumerate(self.forms)}
        self.table = texts.get_backend().create_table(_READ, texts.mutate(**read), overwrite=True)
        times = [self.table[f"time_{i}"] for i in range(len(self.forms))]
        self.read = functools.reduce(operator.or_, (time.notnull() for time in times))
        counts = {f"by_{i}": _lines(self.table, time.notnull()) for i, time in enumerate(times)}
        row = self.table.agg(lines=_lines(self.table, True), any=_lines(self.table, self.read), **counts)
        self.counts = row.execute().iloc[0]
        self.lines = int(self.counts["lines"])

    def _by(self, form: str | None) -> int:
        return int(self.counts[f"by_{self.forms.index(form)}"])

    def _time(self, form: str | None) -> Any:
        return self.table[f"time_{self.forms.index(form)}"]

    def fitting(self) -> list[str | None]:
        """Return the formats that read all times that any reads; the given one if there is none."""
        most = int(self.counts["any"])
        return [form for form in self.forms if self._by(form) == most > 0] or [self.given]

    def best(self) -> list[str | None]:
        """Return the formats that read most times, and at least half of them."""
        most = max(map(self._by, self.forms))
        return [form for form in self.forms if self._by(form) == most] if 2 * most >= self.lines else []

    def different(self, forms: list[str | None]) -> list[str | None]:
        """Leave out formats that read all times as an earlier one does."""
        kept = forms[:1]
        for form in forms[1:]:
            if all(self._differ(form, other).any().execute() for other in kept):
                kept.append(form)
        return kept

    def mixed(self) -> str:
        """Say that the times are written in two ways, of which no format reads both; else nothing."""
        first = max(self.forms, key=self._by)
        rest = {
            form: int(_lines(self.table, self._time(first).isnull() & self._time(form).notnull()).execute())
            for form in self.forms
        }
        second = max(self.forms, key=lambda form: rest[form])
        if not rest[second] or (first != self.given and rest[second] <= _JUNK * self.lines):
            return ""
        ways = [
            f"{self.example([form], unread_by=[other])!r} ({form or 'ISO 8601'})"
            for form, other in ((first, second), (second, first))
        ]
        return (
            f"the times are written in two ways, such as {ways[0]} and (lines: {rest[second]:,}) {ways[1]}: "
            "write all in one way in the source"
        )

    def _differ(self, one: str | None, other: str | None) -> Any:
        return (self._time(one) != self._time(other)).fill_null(False)

    def example(self, forms: list[str | None], unread_by: list[str | None] | None = None) -> str:
        """Return the most frequent text that all formats read differently, else one that is read."""
        apart = [self._differ(one, other) for one, other in itertools.combinations(forms, 2)]
        unread = [self._time(form).isnull() for form in unread_by or []]
        first = functools.reduce(operator.and_, [*apart, *unread, self.read if forms else ibis.literal(True)])
        ordered = self.table.order_by(first.desc(), self.table.lines.desc(), self.table.text)
        return str(ordered.select("text").limit(1).execute()["text"].iloc[0])

    def explain(self, forms: list[str | None], section: str) -> str:
        """Show what each format makes of one example."""
        example = self.example(forms)
        days = zip(self._days(example, forms), forms, strict=True)
        shown = " or ".join(f"{day} with {_setting(form, section)}" for day, form in days)
        return f"{example!r} is {shown}"

    def _days(self, example: str, forms: list[str | None]) -> list[date]:
        times = self.table.filter(self.table.text == example).limit(1).execute().iloc[0]
        return [pd.Timestamp(times[f"time_{self.forms.index(form)}"]).date() for form in forms]

    def check_choice(self, names: str, fitting: list[str | None], section: str) -> None:
        """Refuse to choose between formats that differ, two-digit years, and times that are not all read."""
        shown = self.different(fitting)
        unread = self.lines - self._by(fitting[0])
        bad = self.example([], fitting[:1])
        if 2 * unread > self.lines or (
            unread > _JUNK * self.lines and re.search("[0-9]", bad) and _is_foreign(bad)
        ):
            raise DataError(
                f"{names}: {unread:,} of {self.lines:,} times cannot be read, such as {bad!r}"
                f"{_remedy(bad, section)}"
            )
        if unread > _JUNK * self.lines:
            what = f"{unread:,} of {self.lines:,} times cannot be read, such as {bad!r}; of the others "
        elif any("%y" in form for form in shown if form):
            what = "the year has two digits: "
        elif len(shown) > 1:
            what = "day and month can be read in two ways: "
        else:
            return
        raise DataError(f"{names}: {what}{self.explain(shown, section)}")

    def check_given(self, names: str, fitting: list[str | None], section: str) -> None:
        """Refuse a given format that reads less than others do, unless it only leaves out a few lines."""
        missed = self._by(fitting[0]) - self._by(self.given)
        swapped = any(self._differ(self.given, form).any().execute() for form in fitting)
        if missed <= _JUNK * self.lines and not swapped:
            return
        options = " or ".join(_setting(form, section) for form in self.different(fitting))
        example = self.example(fitting[:1], unread_by=[self.given])
        raise DataError(
            f"{names}: {section}.timestamp_format={self.given} does not read {missed:,} of {self.lines:,} "
            f"times, such as {example!r}: use {options}"
        )

    def finding(self, names: str, form: str | None, section: str) -> DataFinding:
        """Say which format was found."""
        example = self.example([form])
        by_number = form in UNITS or form == EXCEL
        whole = by_number or not form or re.search("%d", form)
        kind = "serial" if form == EXCEL else "unit" if form in UNITS else "pattern" if whole else "period"
        return told(
            "timestamp_format",
            f"time_{kind}",
            {
                "columns": names.rpartition(": ")[2],
                **({} if form == EXCEL else {"form": str(form)}),
                "example": repr(example),
                "day": str(self._days(example, [form])[0]),
            },
            lines=self._by(form),
            examples=(example,),
            setting=f"{section}.timestamp_format={form}",
        )


def _lines(table: Any, where: Any) -> Any:
    return ibis.ifelse(where, table.lines, 0).sum().fill_null(0)


def _setting(form: str | None, section: str) -> str:
    return f"--set '{section}.timestamp_format={'null' if form is None else form}'"


def _candidates(texts: Any) -> list[str]:
    """Return the formats whose order of digits, words and signs is that of some text."""
    text = day_of(texts.text)
    words = text.re_replace("[0-9]+", "9").re_replace("[A-Za-z]+", "a")
    shape = ibis.ifelse(text.re_search("^[0-9]+$"), text.re_replace("[0-9]", "9"), words)
    found = texts.group_by(shape=shape).agg(lines=ibis._.lines.sum())
    shapes = set(found.order_by(found.lines.desc(), found.shape).limit(_SHAPES).execute()["shape"])
    return [form for form in _FORMATS if form not in _ISO and _shapes(form) & shapes]


def _shapes(form: str) -> set[str]:
    if form in _LENGTHS:
        return {"9.9", *("9" * length for length in _LENGTHS[form])}
    if width := digits_of(form):
        return {"9" * width}
    return {re.sub("%[^abAB]", "9", re.sub("%[abAB]", "a", form))}
