"""Texts for the cells of spreadsheets, and tables as an Excel workbook that is ready to read.

No text is taken for a formula or ends in half a letter.
XlsxWriter writes row by row in constant memory, so that a sheet may be as long as Excel allows.
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
from guanxi.errors import DataError, OutputError

Kind = Literal["text", "count", "number", "score", "points", "percent", "money", "date"]

MOST_ROWS = 1_048_576  # Excel's own limits of a sheet: the heading is a row too
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
# What a spreadsheet may take for the beginning of a formula, the last four for East Asian input; tabs and
# line ends since some programs strip them before they look (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
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
_DAY_ZERO = 693_594  # ordinal of 1899-12-30, from which Excel counts days
_FIRST_SAFE_DAY = 61  # 1900-03-01: before it Excel counts a 29 February that never was
_HEADING_COLOUR = "#12343B"
_LOW, _MIDDLE, _HIGH = "#F6D5C0", "#FFFFFF", "#A9D6CF"
_BLOCK = 10_000
_SAMPLE = 200  # rows looked at for the width of a column
_NARROWEST, _WIDEST = 9, 48


@dataclass(frozen=True)
class Column:
    """How a column looks.

    Attributes
    ----------
    heading : str
    kind : str
        ``score`` has one decimal, ``points`` two, ``percent`` takes shares of 1; ``text`` is never counted or
        run, whatever it holds.
    scale : bool
        Whether the cells are coloured from low to high.
    fills : mapping of str to str
        Colour of the cells that hold a text, such as ``{"high": "#A9D6CF"}``.
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
        At most 31 letters, none of ``[]:*?/\``.
    table : pandas.DataFrame
    columns : mapping of str to Column
        The columns of the table that are written, in order.
    notes : sequence of str
        Sentences below the table, one a row.
    """

    name: str
    table: pd.DataFrame
    columns: Mapping[str, Column]
    notes: Sequence[str] = ()


def write_spreadsheet(sheets: Sequence[Sheet], path: Path) -> None:
    """Write sheets as an Excel workbook: whole, or not at all.

    The heading stays in sight and has a filter. Missing values are empty cells. Texts are texts, also those
    that look like formulas, numbers or links; what is longer than a cell of Excel holds ends in ``…``.

    Raises
    ------
    OutputError
        If a table is larger than a sheet, or the file cannot be written; an earlier file of that name stays.
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
            f"{path}: {len(sheet.table):,} rows and {len(sheet.columns):,} columns are more than a sheet of "
            f"Excel holds ({MOST_ROWS:,} and {MOST_COLUMNS:,}, the heading included): write .parquet or .csv"
        )
    for name, column in sheet.columns.items():
        if column.kind in ("text", "date"):
            continue
        infinite = pd.to_numeric(sheet.table[name]).abs() == float("inf")
        if infinite.any():
            raise DataError(
                f"{path}: {name} is infinite in {int(infinite.sum()):,} rows, which Excel cannot hold: "
                "mend the column, or write .parquet"
            )


def _write(sheets: Sequence[Sheet], path: Path) -> None:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    # The rows wait beside the file: the system's temporary folder is often small and in memory.
    with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as waiting:
        workbook = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": waiting})
        workbook.use_zip64()
        try:
            for sheet in sheets:
                _write_sheet(workbook, sheet)
            workbook.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from error
        finally:
            # A workbook that could not be closed keeps the files of its rows open.
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
    """Rows as plain values, None where missing: a block at a time, to save memory."""
    for start in range(0, len(sheet.table), _BLOCK):
        block = sheet.table.iloc[start : start + _BLOCK]
        columns = []
        for name in sheet.columns:
            values = block[name]
            columns.append([None if gone else v for v, gone in zip(values, values.isna(), strict=True)])
        yield from zip(*columns, strict=True)


def _writer(workbook: Any, page: Any, kind: Kind, place: int, look: Any) -> Callable[[int, Any], object]:
    # Excel would run such a text as a formula once somebody edits its cell; the quote prefix keeps it text.
    marked = workbook.add_format({"num_format": _FORMATS["text"], "quote_prefix": True})

    def write_text(row: int, value: Any) -> None:
        text = cut(str(value), LONGEST_TEXT)
        page.write_string(row, place, text, marked if text.startswith(FORMULA_STARTS) else look)

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
    """Width that shows the heading's longest word and the first rows, in characters."""
    longest = max((_letters(word) for word in column.heading.split()), default=0) + 3  # the filter's button
    if column.kind == "text":
        shown = (_letters(str(value)) for value in islice(values.dropna(), _SAMPLE))
        longest = max(longest, max(shown, default=0) + 1)
    elif column.kind in ("money", "count", "date"):
        longest = max(longest, 13)
    return min(max(longest, _NARROWEST), _WIDEST)


def _letters(text: str) -> int:
    """Length of a text on screen: Chinese characters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def neutralise(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    References
    ----------
    OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("a=1")
    ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def cut(text: str, units: int) -> str:
    """Cut a text to at most ``units`` UTF-16 units, so that it ends in ``…`` and in no half of a letter.

    Excel and the customer systems count in these units or in characters, of which there are never more. An
    accent, a variant or a joined sign stays with its letter, or both go.

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
