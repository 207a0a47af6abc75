"""Cells of an import file: formatting of values, and the changes needed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.sinks.formulas import neutralise
from guanxi.data.sinks.spreadsheet import cut
from guanxi.errors import DataError
from guanxi.scorecard.exports._import_layouts import Layout

CUSTOMER = "customer_id"
_DECIMALS = 4
_BLOCK = 10_000


@dataclass
class Changes:
    """Number of texts changed, by column and kind of change."""

    cut: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    neutralised: Counter[str] = field(default_factory=Counter)

    def sentences(self, layout: Layout) -> Iterator[str]:
        """Yield one sentence for each column and change."""
        template = f"{layout.title}: texts of {{name}} {{what}}: {{count:,}}"
        for name, count in (+self.cut).items():
            yield template.format(name=name, what=f"cut to {layout.text_length:,} characters", count=count)
        for name, count in (+self.replaced).items():
            what = f"with a blank in place of one of {layout.forbidden}"
            yield template.format(name=name, what=what, count=count)
        for name, count in (+self.neutralised).items():
            what = "that look like formulas, prefixed with an apostrophe"
            what += ", which the identifiers in the system need too" if name == CUSTOMER else ""
            yield template.format(name=name, what=what, count=count)


def csv_line(values: Sequence[str]) -> bytes:
    """Format a line of a CSV file (RFC 4180) in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def csv_lines(
    table: pd.DataFrame, columns: Sequence[str], layout: Layout, changes: Changes
) -> Iterator[bytes]:
    """Yield the lines of a table, in batches, and count changes; DataError if a number is infinite."""
    for start in range(0, len(table), _BLOCK):
        block = table.iloc[start : start + _BLOCK]
        cells = [_cells(name, block[name], layout, changes) for name in columns]
        yield from map(csv_line, zip(*cells, strict=True))


def check_identifiers(customers: pd.Series[Any], layout: Layout) -> None:
    """Refuse identifiers that would be truncated or changed: they would match another customer, or none.

    Raises
    ------
    DataError
    """
    forbidden = set(layout.forbidden)
    texts = [neutralise(text) for text in customers.astype("str")]
    spoilt = [text for text in texts if cut(text, layout.text_length) != text or set(text) & forbidden]
    if spoilt:
        none_of = f" or with one of {layout.forbidden}" if forbidden else ""
        raise DataError(
            f"{layout.title} accepts no identifier of more than {layout.text_length:,} characters{none_of}; "
            f"customers with one: {len(spoilt):,}, the first {cut(spoilt[0], 40)!r}:  "
            "leave them out or change their identifiers"
        )


def _cells(name: str, values: pd.Series[Any], layout: Layout, changes: Changes) -> list[str]:
    write = _text_writer(name, layout, changes) if name == CUSTOMER else _writer(name, layout, changes)
    return ["" if gone else write(v) for v, gone in zip(values, values.isna(), strict=True)]


def _writer(name: str, layout: Layout, changes: Changes) -> Callable[[Any], str]:
    text = _text_writer(name, layout, changes)

    def write(value: Any) -> str:
        if isinstance(value, bool):
            return layout.true if value else layout.false
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return _number(name, value)
        if isinstance(value, date):
            return value.strftime(layout.date_format)
        return text(str(value))

    return write


def _text_writer(name: str, layout: Layout, changes: Changes) -> Callable[[Any], str]:
    blanks = str.maketrans(dict.fromkeys(layout.forbidden, " "))

    def write(value: Any) -> str:
        given = str(value)
        allowed = given.translate(blanks)
        safe = neutralise(allowed)
        short = cut(safe, layout.text_length)
        if not given == allowed == safe == short:
            changes.replaced[name] += allowed != given
            changes.neutralised[name] += safe != allowed
            changes.cut[name] += short != safe
        return short

    return write


def _number(name: str, value: float) -> str:
    if value in (float("inf"), float("-inf")):
        raise DataError(f"{name} is infinite for a customer, which no system accepts: correct the column")
    return f"{value:z.{_DECIMALS}f}".rstrip("0").rstrip(".")
