"""Tables as a formatted Excel workbook.

No text is run as a formula or cut within a character. XlsxWriter writes row by row in constant memory, so a
sheet may be as long as Excel allows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from guanxi.data.sinks.files import write_atomically
from guanxi.data.sinks.formulas import FORMULA_STARTS
from guanxi.errors import DataError, OutputError

Kind = Literal["text", "count", "number", "score", "points", "percent", "money", "date"]

MOST_ROWS = 1_048_576  # Excel's limits per sheet; the heading counts as a row
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
_JOINER = "\u200d"

_FORMATS: dict[Kind, str] = {
    "text": "@",
    "count": "#,##0",
    "number": "General",
    "score": "0.0",
    "points": "0.00",
    "percent": "0.0%",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
}
_DAY_ZERO = 693_594  # ordinal of 1899-12-30, day 0 of Excel
_FIRST_SAFE_DAY = 61  # 1900-03-01: Excel counts a 29 February 1900, which did not exist
_HEADING_COLOUR = "#12343B"
_LOW, _MIDDLE, _HIGH = "#F6D5C0", "#FFFFFF", "#A9D6CF"
_BLOCK = 10_000
_SAMPLE = 200  # rows that determine the width of a column
_NARROWEST, _WIDEST = 9, 48


@dataclass(frozen=True)
class Column:
    """Format of a column.

    Attributes
    ----------
    heading : str
    kind : str
        ``score`` has one decimal, ``points`` two, ``percent`` takes proportions; ``text`` is never converted
        to a number or run as a formula.
    scale : bool
        Whether the cells are coloured from low to high.
    fills : mapping of str to str
        Colour of the cells with a given text, such as ``{"high": "#A9D6CF"}``.
    """

    heading: str
    kind: Kind = "text"
    scale: bool = False
    fills: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    r"""A sheet of a workbook.

    Attributes
    ----------
    name : str
        At most 31 characters, none of ``[]:*?/\``.
    table : pandas.DataFrame
    columns : mapping of str to Column
        The columns to write, in order.
    notes : sequence of str
        Sentences below the table, one per row.
    """

    name: str
    table: pd.DataFrame
    columns: Mapping[str, Column]
    notes: Sequence[str] = ()


def write_spreadsheet(sheets: Sequence[Sheet], path: Path) -> None:
    """Write sheets as an Excel workbook: completely or not at all.

    The heading is frozen and has a filter. Missing values are empty cells. Texts that look like formulas,
    numbers or links remain texts; those too long for an Excel cell end in ``…``.

    Raises
    ------
    OutputError
        If a table exceeds a sheet, or the file cannot be written; an earlier file of that name is kept.
    DataError
        If a number is infinite.
    """
    for sheet in sheets:
        _check(sheet, path)
    write_atomically(path, lambda temporary: _write(sheets, temporary))


def _check(sheet: Sheet, path: Path) -> None:
    rows = 1 + len(sheet.table) + (1 + len(sheet.notes) if sheet.notes else 0)
    if rows > MOST_ROWS or len(sheet.columns) > MOST_COLUMNS:
        raise OutputError(
            f"{path}: {len(sheet.table):,} rows and {len(sheet.columns):,} columns are too many for an Excel "
            f"sheet ({MOST_ROWS:,} and {MOST_COLUMNS:,}, including the heading): write .parquet or .csv"
        )
    for name, column in sheet.columns.items():
        if column.kind in ("text", "date"):
            continue
        infinite = pd.to_numeric(sheet.table[name]).abs() == float("inf")
        if infinite.any():
            raise DataError(
                f"{path}: {name} is infinite in {int(infinite.sum()):,} rows, which Excel cannot store: "
                "correct the column, or write .parquet"
            )


def _write(sheets: Sequence[Sheet], path: Path) -> None:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    # Not in the system's temporary folder, which is often small and in memory.
    with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        workbook = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": folder})
        workbook.use_zip64()
        try:
            for sheet in sheets:
                _write_sheet(workbook, sheet)
            workbook.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from error
        finally:
            # A workbook that could not be closed leaves the files of its rows open.
            for page in workbook.worksheets():
                page.row_data_fh.close()


def _write_sheet(workbook: Any, sheet: Sheet) -> None:
    page = workbook.add_worksheet(sheet.name)
    heading = workbook.add_format(
        {"bold": True, "font_color": "white", "bg_color": _HEADING_COLOUR, "text_wrap": True, "valign": "top"}
    )
    last_row, last_column = max(len(sheet.table), 1), len(sheet.columns) - 1
    writers = []
    for place, (name, column) in enumerate(sheet.columns.items()):
        look = workbook.add_format({"num_format": _FORMATS[column.kind]})
        page.set_column(place, place, _width(sheet.table[name], column))
        _colour(workbook, page, column, (1, place, last_row, place))
        writers.append(_writer(workbook, page, column.kind, place, look))
    page.freeze_panes(1, 1)
    page.autofilter(0, 0, last_row, last_column)
    for place, column in enumerate(sheet.columns.values()):
        page.write_string(0, place, column.heading, heading)
    for row, values in enumerate(_rows(sheet), start=1):
        for write, value in zip(writers, values, strict=True):
            if value is not None:
                write(row, value)
    for row, note in enumerate(sheet.notes, start=len(sheet.table) + 2):
        page.write_string(row, 0, cut(note, LONGEST_TEXT))


def _rows(sheet: Sheet) -> Iterator[tuple[Any, ...]]:
    """Yield rows of plain values, None where missing; in blocks, to save memory."""
    for start in range(0, len(sheet.table), _BLOCK):
        block = sheet.table.iloc[start : start + _BLOCK]
        columns = []
        for name in sheet.columns:
            values = block[name]
            columns.append([None if gone else v for v, gone in zip(values, values.isna(), strict=True)])
        yield from zip(*columns, strict=True)


def _writer(workbook: Any, page: Any, kind: Kind, place: int, look: Any) -> Callable[[int, Any], object]:
    # Without the quote prefix Excel would run such a text as a formula once its cell is edited.
    quoted = workbook.add_format({"num_format": _FORMATS["text"], "quote_prefix": True})

    def write_text(row: int, value: Any) -> None:
        text = cut(str(value), LONGEST_TEXT)
        page.write_string(row, place, text, quoted if text.startswith(FORMULA_STARTS) else look)

    def write_date(row: int, value: Any) -> None:
        days = value.toordinal() - _DAY_ZERO
        if days < _FIRST_SAFE_DAY:
            page.write_string(row, place, value.isoformat()[:10], look)
        else:
            page.write_number(row, place, days, look)

    def write_number(row: int, value: Any) -> None:
        page.write_number(row, place, value, look)

    return {"text": write_text, "date": write_date}.get(kind, write_number)


def _colour(workbook: Any, page: Any, column: Column, cells: tuple[int, int, int, int]) -> None:
    if column.scale:
        colours = {"min_color": _LOW, "mid_color": _MIDDLE, "max_color": _HIGH}
        page.conditional_format(*cells, {"type": "3_color_scale"} | colours)
    for text, colour in column.fills.items():
        fill = workbook.add_format({"bg_color": colour})
        value = '"' + text.replace('"', '""') + '"'
        rule = {"type": "cell", "criteria": "==", "value": value, "format": fill}
        page.conditional_format(*cells, rule)


def _width(values: pd.Series[Any], column: Column) -> int:
    """Width in characters that fits the longest word of the heading and the first rows."""
    longest = max((_text_width(word) for word in column.heading.split()), default=0) + 3  # the filter button
    if column.kind == "text":
        shown = (_text_width(str(value)) for value in islice(values.dropna(), _SAMPLE))
        longest = max(longest, max(shown, default=0) + 1)
    elif column.kind in ("money", "count", "date"):
        longest = max(longest, 13)
    return min(max(longest, _NARROWEST), _WIDEST)


def _text_width(text: str) -> int:
    """Display width of a text; Chinese characters count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def cut(text: str, units: int) -> str:
    """Truncate a text to at most ``units`` UTF-16 code units, ending in ``…`` and never within a character.

    Excel and CRM systems count code units, or characters, of which there are never more. Combining marks
    and joined characters are kept or dropped with their base character.

    Examples
    --------
    >>> cut("关系客户", 3), cut("short", 5), cut("ab🙂🙂", 4)
    ('关系…', 'short', 'ab…')
    """
    if 2 * len(text) <= units:
        return text
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * units:
        return text
    kept = encoded[: 2 * (units - 1)].decode("utf-16-le", "ignore")
    while kept and (_joins(text[len(kept)]) or kept.endswith(_JOINER)):
        kept = kept[:-1]
    return f"{kept}…"


def _joins(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc", "Me", "Sk") or letter == _JOINER
