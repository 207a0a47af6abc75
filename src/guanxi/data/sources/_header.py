"""Where the header of a table stands, and the names of its columns."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from guanxi.data._findings import DataFinding
from guanxi.data._numbers import CURRENCY
from guanxi.data.sources.source_table import _check_names
from guanxi.errors import SourceError
from guanxi.params import REQUIRED_COLUMNS, DataParams

_NUMBER = re.compile(
    rf"(?:{CURRENCY}\s?)?[^\w\s]{{0,2}}\s?\d[\d.,'’\s]*(?:\s?{CURRENCY}|\s?[^\w\s]{{0,2}})", re.IGNORECASE
)
_NAME = r"[^\W\d]{3,9}"
_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?|\d{4}年.*|(19|20)\d\d[-/.]\d\d|\d\d[-/.](19|20)\d\d"
    r"|(19|20)\d{6}(\d{4}|\d{6})?|1\d{9}(\d{3}){0,3}"  # without separators, and counts since 1970
    rf"|({_NAME}\.?,? )?\d{{1,2}}\.?[-/ .]?{_NAME}\.?[-/ .,]{{0,2}}\d{{2,4}}( .*)?"
    rf"|({_NAME},? )?{_NAME} \d{{1,2}},? \d{{4}}.*"
)

Rows = Sequence[Sequence[str]]


def usual_width(rows: Rows) -> int:
    """Return the most frequent number of fields of rows with several, or 1."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    return max(widths, key=lambda width: (widths[width], width), default=1)


def find_header(rows: Rows, params: DataParams) -> int:
    """Find the row that names the columns or, without a header, the first row of data.

    It is the first row with all columns that are mapped; else the first that fills more than half of the
    columns and does not look like data.
    """
    if params.skip_lines is not None:
        return params.skip_lines
    width = _filled_width(rows)
    full = [number for number, row in enumerate(rows) if 2 * sum(map(bool, row)) > width]
    if not params.header:
        return next((number for number in full if len(rows[number]) == usual_width(rows)), 0)
    named = [number for number, row in enumerate(rows) if _wanted(params) <= set(row)]
    plain = [number for number in full if not _looks_like_data(rows[number])]
    # A line of comment may have as many fields as the header.
    uncommented = [number for number in plain if not rows[number][0].startswith("#")]
    first = next((number for number, row in enumerate(rows) if any(row)), 0)
    return (named or uncommented or plain or [first])[0]


def _filled_width(rows: Rows) -> int:
    """Return the width of the usual rows without the columns at their end that are always blank."""
    usual = [row for row in rows if len(row) == usual_width(rows)]
    return max((at for row in usual for at, cell in enumerate(row, 1) if cell), default=1)


def column_names(
    source: str, row: Sequence[str] | None, body: Rows, params: DataParams
) -> tuple[list[str], tuple[DataFinding, ...]]:
    """Return one name for each column; those without a name or with the same one get a number.

    ``row`` is the header, None if there is none; ``body`` are rows of data.
    """
    width = usual_width(body)
    if row is None:
        return [str(number + 1) for number in range(width)], ()
    names = [_printable(name) for name in row]
    if not any(names):
        raise SourceError(f"{source}: the first line is empty: it must name the columns")
    wanted = _wanted(params)
    numbered = all(name.isdigit() for name in wanted)
    if not wanted & set(names) and (numbered or _looks_like_data(names)):
        raise SourceError(
            f"{source}: the first line ({', '.join(names)[:80]}) looks like data, not like names of columns: "
            "number them with --set data.header=false --columns customer_id=1,timestamp=2,amount=3"
        )
    names += [""] * _blank_fields(names, body, width)
    while len(names) > width > 1 and not names[-1] and all(len(other) == width for other in body):
        names.pop()
    unique = _unique(names)
    _check_names(source, unique)
    return unique, _naming_findings(names, unique)


def check_width(source: str, names: Sequence[str], body: Rows, header: int) -> None:
    """Refuse a table of which no row fits the header."""
    widths = {len(row) for row in body if any(row)}
    if len(names) > 1 and widths and min(widths) > len(names):
        raise SourceError(
            f"{source}: the lines have {usual_width(body)} fields, but the header has {len(names)}: "
            f"correct the header, or number the columns with --set data.skip_lines={header + 1} "
            "--set data.header=false"
        )


def _blank_fields(names: Sequence[str], body: Rows, width: int) -> int:
    """Count the fields that rows have beyond the header, if all are blank."""
    beyond = [row[len(names) :] for row in body if len(row) == width]
    return 0 if any(any(fields) for fields in beyond) else max(0, width - len(names))


def _wanted(params: DataParams) -> set[str]:
    """Return the source columns that are mapped, else the canonical names."""
    parts = [part.strip() for column in params.columns.values() for part in column.split("*")]
    return set(parts) or set(REQUIRED_COLUMNS)


def _printable(name: str) -> str:
    """Remove control characters, with which a terminal could be misled, from a name."""
    plain = re.sub(r"[\s]*[\r\n\t]+[\s]*", " ", name)
    return "".join(letter for letter in plain if unicodedata.category(letter) not in ("Cc", "Cf")).strip()


def _looks_like_data(row: Sequence[str]) -> bool:
    """Whether cells are numbers with separators, a date beside a number, or nothing but both."""
    cells = [cell.strip() for cell in row if cell.strip()]
    dates = [cell for cell in cells if _DATE.fullmatch(cell)]
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell) and cell not in dates]
    separated = [number for number in numbers if not number.isdigit()]
    return bool(separated or (dates and numbers)) or len(dates) + len(numbers) == len(cells)


def _unique(names: Sequence[str]) -> list[str]:
    """Add its number to the name of a column that is blank or, ignoring case, not the only one."""
    lower = [name.lower() for name in names]
    unique: list[str] = []
    for number, name in enumerate(names, 1):
        if not name or lower.count(name.lower()) > 1:
            name = f"{name}_column_{number}".lstrip("_")
            while name.lower() in lower:
                name += "_"
        unique.append(name)
    return unique


def _naming_findings(names: Sequence[str], unique: Sequence[str]) -> tuple[DataFinding, ...]:
    changed = [(old, new) for old, new in zip(names, unique, strict=True) if old != new]
    findings = []
    blank = [new for old, new in changed if not old]
    twice = [new for old, new in changed if old]
    if blank:
        text = f"columns without a name are called {', '.join(blank[:5])}"
        findings.append(DataFinding("unnamed_columns", text, examples=tuple(blank[:3])))
    if twice:
        text = f"columns of the same name are called {', '.join(twice[:6])}"
        findings.append(DataFinding("duplicate_columns", text, examples=tuple(twice[:3])))
    return tuple(findings)


def skipped_finding(source: str, rows: Rows, header: int, params: DataParams) -> tuple[DataFinding, ...]:
    """Return what is said of lines above the header that were found, not set."""
    above = [" ".join(filter(None, row)) for row in rows[:header] if any(row)]
    if not above or params.skip_lines is not None:
        return ()
    text = f"{source}: the header is line {header + 1}; lines above it, not read: {len(above)}"
    return (
        DataFinding(
            "lines_above_header",
            text,
            len(above),
            examples=tuple(above[:3]),
            setting=f"data.skip_lines={header}",
        ),
    )
