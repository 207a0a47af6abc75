"""Ways in which the lines of a text file are divided into fields."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from guanxi.data.sources._header import find_header, usual_width
from guanxi.params import DataParams

_DELIMITERS = ",;\t|^~\x01"
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_RULE = re.compile(r"(?=.*[-=]{2})[-=+|:,;\s]+")
_SPANS = re.compile(r"-+( +-+)+\s*")
_BLANKS = re.compile(r"\s{2,}|\t")
# A time stays with its date.
_WORDS = re.compile(r'"[^"]*"|\S+(?: \d{1,2}:\d\d\S*(?: [AaPp]\.?[Mm]\.?(?=\s|$))?)?')
_MOST = 0.8


@dataclass(frozen=True)
class Division:
    """One way to divide lines; ``standard`` if the engine knows it, else ``in_words`` says what it is."""

    delimiter: str
    split: Callable[[str], list[str]]
    standard: bool = True
    in_words: str = ""

    def fields(self, line: str) -> list[str]:
        """Divide a line; blank lines and rules drawn with dashes have no fields."""
        if not line.strip() or _RULE.fullmatch(line) or _DELIMITER_LINE.fullmatch(line):
            return []
        return self.split(line)

    def rows(self, records: Sequence[str]) -> list[list[str]]:
        """Divide all records and strip their fields."""
        return [[field.strip() for field in self.fields(record)] for record in records]


def best(records: Sequence[str], params: DataParams) -> Division:
    """Return the way that gives the most fields in lines of the usual number of fields."""
    named = _DELIMITER_LINE.fullmatch(records[0]) if records else None
    if named:
        return _delimited(named[1], records)
    ruler = next((record for record in records if _SPANS.fullmatch(record)), None)
    if ruler:
        return _fixed_width(ruler)
    divisions = [_delimited(delimiter, records) for delimiter in _DELIMITERS]
    if all(record.startswith('"') for record in records if record):
        divisions += [_wrapped(delimiter) for delimiter in _DELIMITERS]
    found = max(divisions, key=lambda division: _fit(division, records))
    blanks = [division for division in _BLANK_SEPARATED if _separates(division, records, params)]
    return max([found, *blanks[:1]], key=lambda division: _fit(division, records))


def _fit(division: Division, records: Sequence[str]) -> float:
    rows = [row for row in division.rows(records) if row]
    width = usual_width(rows)
    return sum(len(row) for row in rows if len(row) == width > 1) / max(1, len(rows))


def _separates(division: Division, records: Sequence[str], params: DataParams) -> bool:
    """Whether a division by blanks fits nearly all lines, and a header without delimiters."""
    rows = division.rows(records)
    filled = [row for row in rows if row]
    width = usual_width(filled)
    header = find_header(rows, params)
    return (
        header < len(rows)
        and len(rows[header]) in (width, width - 1)  # R writes no name above the numbers of the rows
        and len(rows[header]) > 1
        and sum(len(row) == width for row in filled) >= _MOST * len(filled)
        and not any(delimiter in records[header] for delimiter in _DELIMITERS[not params.header :])
    )


def _delimited(delimiter: str, records: Sequence[str]) -> Division:
    if delimiter == "|" and _is_drawn(records):
        return Division(",", _drawn, False, "the table is drawn with vertical bars and dashes")
    first = _csv(delimiter, next(filter(str.strip, records), ""))
    if first and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in first):
        return Division(
            delimiter, functools.partial(_csv, delimiter, quotechar="'"), False, "fields stand in '…'"
        )
    usual = Division(delimiter, functools.partial(_csv, delimiter))
    spaced = sum(any(field.startswith(' "') for field in usual.fields(record)) for record in records)
    if spaced <= len(records) / 2:
        return usual
    split = functools.partial(_csv, delimiter, skipinitialspace=True)
    return Division(delimiter, split, False, "blanks stand before quotation marks")


def _csv(delimiter: str, record: str, **options: object) -> list[str]:
    try:
        lines = record.split("\n")
        return next(csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, **options), [])  # type: ignore[arg-type]
    except csv.Error:
        return [record]


def _wrapped(delimiter: str) -> Division:
    """Divide lines each of which stands in quotation marks as a whole."""

    def split(line: str) -> list[str]:
        whole = _csv(delimiter, line)
        return _csv(delimiter, whole[0]) if len(whole) == 1 else whole

    return Division(delimiter, split, False, "each line stands in quotation marks")


def _is_drawn(records: Sequence[str]) -> bool:
    """Whether lines begin and end with a bar, or the line below the header is a rule, as in psql."""
    filled = [record.strip() for record in records if record.strip()]
    framed = sum(record[0] in "|+" and record[-1] in "|+" for record in filled)
    ruled = any(_RULE.fullmatch(record) and set(record) & set("+|") for record in filled[:5])
    return ruled or framed >= _MOST * len(filled)


def _drawn(line: str) -> list[str]:
    line = line.strip()
    framed = line.startswith("|") and line.endswith("|")
    return [field.strip() for field in (line[1:-1] if framed else line).split("|")]


def _fixed_width(ruler: str) -> Division:
    """Divide where the columns begin that dashes below the header show, as in SQL Server's output."""
    starts = [match.start() for match in re.finditer("-+", ruler)]

    def split(line: str) -> list[str]:
        if any(line[start - 1 : start].strip() for start in starts[1:]):
            return [line]  # text across columns, such as the number of rows below the table
        return [line[start:end].strip() for start, end in pairwise([*starts, None])]

    return Division(",", split, False, "the columns have fixed widths")


def _words(line: str) -> list[str]:
    return [
        word[1:-1] if word[0] == word[-1] == '"' and len(word) > 1 else word for word in _WORDS.findall(line)
    ]


def _wide_blanks(line: str) -> list[str]:
    return _BLANKS.split(line.strip())


_BLANK_SEPARATED = (
    Division(",", _words, False, "the columns are separated by blanks"),
    Division(",", _wide_blanks, False, "the columns are separated by two or more blanks"),
)
