"""How the lines of a text file are divided into fields, and where its table begins."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guanxi.data._findings import DataFinding
from guanxi.data.sources import _splitting
from guanxi.data.sources._decoding import propose
from guanxi.data.sources._encodings import encoding_advice
from guanxi.data.sources._header import check_width, column_names, find_header, skipped_finding
from guanxi.data.sources._splitting import Division
from guanxi.errors import SourceError
from guanxi.params import DataParams

_SAMPLE = 1 << 20  # characters
_RECORDS = 200
_LONGEST_RECORD = 50  # lines


@dataclass(frozen=True)
class Dialect:
    """The layout of a text file.

    Attributes
    ----------
    division : Division
        How lines are divided into fields.
    names : list of str
        Of the columns.
    skip : int
        Number of lines before the first line of data, as the engine counts them.
    simple : bool
        Whether the engine can read the file as it is: only the header stands before the data.
    findings : tuple of DataFinding
    """

    division: Division
    names: list[str]
    skip: int
    simple: bool
    findings: tuple[DataFinding, ...]


def detect(given: Path, text: Path, params: DataParams) -> Dialect:
    """Detect the layout of a file, ``text`` in UTF-8, from its first lines."""
    records = _first_records(text, params.skip_lines or 0)
    division = _splitting.best(records, params)
    rows = division.rows(records)
    header = find_header(rows, params)
    if header >= len(rows):
        raise SourceError(
            f"{given}: data.skip_lines={header} leaves no line: the file has {len(rows)}"
            if header
            else f"{given}: the first line is empty: it must name the columns"
        )
    _check_text(given, text, records[header], params.encoding)
    first = header + params.header
    while first < len(rows) and not any(rows[first]):
        first += 1
    body = [row for row in rows[first:] if any(row)]
    names, findings = column_names(str(given), rows[header] if params.header else None, body, params)
    check_width(str(given), names, body, header)
    if division.in_words:
        findings += (DataFinding("layout", f"{given}: {division.in_words}"),)
    simple = division.standard and first == params.header
    return Dialect(
        division=division,
        names=names,
        # The engine counts a header of several lines as one.
        skip=first if simple else sum(record.count("\n") + 1 for record in records[:first]),
        simple=simple,
        findings=skipped_finding(str(given), rows, header, params) + findings,
    )


def _first_records(text: Path, single: int) -> list[str]:
    """Return the first records without their line ends.

    A record ends where its quotation marks are balanced, but the first ``single`` lines are each a record.
    """
    with text.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        lines = file.read(_SAMPLE).split("\n")
        complete = not file.read(1)
    if len(lines) > 1 and (not complete or not lines[-1]):
        lines.pop()
    records: list[str] = []
    at = 0
    while at < len(lines) and len(records) < _RECORDS + single:
        end = at + 1
        if lines[at].count('"') % 2 and at >= single:
            following = range(end, min(end + _LONGEST_RECORD, len(lines)))
            end = next((line + 1 for line in following if lines[line].count('"') % 2), end)
        records.append("\n".join(lines[at:end]))
        at = end
    return records


def _check_text(given: Path, text: Path, header: str, encoding: str) -> None:
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in header):
        advice = encoding_advice(propose(text)) or "give a table as text, a workbook or Parquet"
        raise SourceError(f"{given}: the first line is not text in encoding {encoding}: {advice}")


def standard_copy(text: Path, copy: Path, dialect: Dialect) -> Path:
    """Copy a file with blank lines before the data and, if the engine cannot divide its lines, as CSV."""
    with (
        text.open(encoding="utf-8-sig", errors="surrogateescape") as lines,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        for _ in range(dialect.skip):
            lines.readline()
            out.write("\n")
        out.writelines(lines if dialect.division.standard else _as_csv(lines, dialect.division))
    return copy


def _as_csv(lines: Iterator[str], division: Division) -> Iterator[str]:
    buffer: list[str] = []

    class _Writer:
        write = buffer.append

    writer = csv.writer(_Writer(), delimiter=division.delimiter, lineterminator="\n")
    for line in lines:
        writer.writerow(division.fields(line.rstrip("\n")))
        yield buffer.pop()
