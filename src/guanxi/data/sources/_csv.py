"""CSV files read as text; lines that do not fit the header are kept separately."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from guanxi.data.engine import explain_no_space
from guanxi.data.sources.source_table import ROW, _check_names
from guanxi.errors import OutputError, SourceError

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LONGEST_HEADER = 1 << 20
_LONGEST_RECORD = 1000  # lines
_BLOCK = 1 << 22
_GZIP = b"\x1f\x8b"
_RULES = {
    "TOO MANY COLUMNS": "ragged_line",
    "MISSING COLUMNS": "ragged_line",
    "UNQUOTED VALUE": "unbalanced_quote",
    "INVALID ENCODING": "invalid_encoding",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID STATE": "unbalanced_quote",
}


def read(connection: Any, paths: list[Path], encoding: str) -> tuple[Any, Any]:
    """Read CSV files with the same header into the engine tables ``source`` and ``unreadable``.

    The header is parsed here, because a ragged line could mislead the engine's sniffer. Files may be
    gzip-compressed, whatever their extension, and in any encoding known to Python. ``source`` has the
    readable lines as text and their number ``guanxi_row`` from 1; ``unreadable`` has ``line_number`` (in the
    file), ``rule`` and ``line_text`` (up to 10,000 characters) of the others.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = [plain_text(path, encoding, Path(folder) / f"{i}.csv") for i, path in enumerate(paths)]
        delimiter, header = _header(plain[0], paths[0], encoding)
        for text, path in zip(plain[1:], paths[1:], strict=True):
            if _header(text, path, encoding) != (delimiter, header):
                raise SourceError(f"{path}: its header differs from that of {paths[0]}: read them one by one")
        _load(connection, plain, paths, delimiter, header)
        if _may_hide_lines(connection):
            repaired = [Path(folder) / f"{i}-repaired.csv" for i in range(len(plain))]
            left_out = [
                line
                for text, copy in zip(plain, repaired, strict=True)
                for line in repair_quotes(text, copy, delimiter, len(header))
            ]
            _load(connection, repaired, paths, delimiter, header)
            _add_unreadable(connection, left_out)
    return connection.table("source"), connection.table("unreadable")


def _load(connection: Any, files: list[Path], paths: list[Path], delimiter: str, header: list[str]) -> None:
    options = {
        "columns": dict.fromkeys(header, "VARCHAR"),
        "auto_detect": False,
        "header": True,
        "delim": delimiter,
        "quote": '"',
        "escape": '"',
        "compression": "none",
        "store_rejects": True,
        "rejects_limit": 0,
    }
    arguments = ", ".join(f"{name} = {literal(value)}" for name, value in options.items())
    for table in ("source", "unreadable", "reject_errors", "reject_scans"):
        connection.raw_sql(f"DROP TABLE IF EXISTS {table}")
    try:
        with explain_no_space():
            connection.raw_sql(
                f"CREATE TABLE source AS SELECT *, row_number() OVER () AS {ROW} "
                f"FROM read_csv({literal([escape_glob(file) for file in files])}, {arguments})"
            )
    except OutputError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())[:200]
        raise SourceError(f"{paths[0]}: not readable as CSV: {message}") from error
    rules = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in _RULES.items())
    connection.raw_sql(
        "CREATE TABLE unreadable AS "
        "SELECT line::BIGINT AS line_number, "
        f"CASE min(error_type)::VARCHAR {rules} ELSE 'unreadable_line' END AS rule, "
        "first(csv_line) AS line_text "
        "FROM reject_errors GROUP BY file_id, line ORDER BY file_id, line"
    )


def _may_hide_lines(connection: Any) -> bool:
    """Whether a refused record may include lines that follow it."""
    suspects = connection.raw_sql(
        "SELECT count(*) FROM unreadable "
        "WHERE rule IN ('unbalanced_quote', 'line_too_long') OR contains(line_text, chr(10))"
    )
    return bool(suspects.fetchone()[0])


def _add_unreadable(connection: Any, lines: list[tuple[int, str]]) -> None:
    if lines:
        connection.con.executemany("INSERT INTO unreadable VALUES (?, 'unbalanced_quote', ?)", lines)


def _header(text: Path, path: Path, encoding: str) -> tuple[str, list[str]]:
    """Return the most frequent delimiter of the first line, and the column names."""
    record = _first_record(text)
    delimiter = max(_DELIMITERS, key=_QUOTED.sub("", record).count)
    try:
        header = [name.strip() for name in next(csv.reader([record], delimiter=delimiter), [])]
    except csv.Error as error:
        raise SourceError(f"{path}: the first line is not a CSV header ({error})") from None
    if not any(header):
        raise SourceError(f"{path}: the first line is empty: it must name the columns")
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for name in header for letter in name):
        raise SourceError(
            f"{path}: the first line is not text in encoding {encoding}: "
            "set the file's encoding, as in --set data.encoding=latin-1 or utf-16"
        )
    if "" in header:
        raise SourceError(f"{path}: column {header.index('') + 1} of the header has no name: give it one")
    _check_names(str(path), header)
    return delimiter, header


def _first_record(text: Path) -> str:
    """Return the first line, and those that follow while a quotation mark is open."""
    with text.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        record = file.readline()
        while record.count('"') % 2 and len(record) < _LONGEST_HEADER and (line := file.readline()):
            record += line
    return record


def plain_text(path: Path, encoding: str, copy: Path) -> Path:
    """Return a file that the engine can read: the file itself, or ``copy`` converted to UTF-8.

    Bytes that cannot be decoded are kept, so that only their line is rejected later.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise SourceError(
            f"data.encoding {encoding!r} is unknown: use, for example, utf-8, latin-1, cp1252 or gb18030"
        ) from None
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == _GZIP
        if not compressed and codec.name in ("utf-8", "ascii") and not _mixed_line_endings(path):
            return path
        with (
            _decoded(path, encoding, compressed) as text,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
        ):
            shutil.copyfileobj(text, out, _BLOCK)
    except (EOFError, zlib.error) as error:
        raise SourceError(f"{path}: the compressed file is damaged ({error}): copy it again") from None
    except UnicodeError as error:
        raise SourceError(
            f"{path}: not text in encoding {encoding} ({error}): "
            "set its encoding, as in --set data.encoding=latin-1"
        ) from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return copy


def repair_quotes(path: Path, copy: Path, delimiter: str, fields: int) -> list[tuple[int, str]]:
    """Copy a file without the lines whose quotation mark is never closed.

    A line with an open quotation mark is kept if it forms, with the following lines, a record with as many
    fields as the header; otherwise it is replaced by an empty line. The omitted lines are returned, each as
    its number from 1 and its text.
    """
    left_out = []
    with (
        path.open(encoding="utf-8", errors="surrogateescape") as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        lines: Iterator[str] = source
        number = 0
        while line := next(lines, ""):
            record = [line]
            if line.count('"') % 2 and not _is_record(record, delimiter):
                record += _until_closed(lines)
                if not _is_record(record, delimiter, fields):
                    left_out.append((number + 1, line.rstrip("\n").encode("utf-8", "replace").decode()))
                    lines = chain(record[1:], lines)
                    record = ["\n"]
            out.writelines(record)
            number += len(record)
    return left_out


def _decoded(path: Path, encoding: str, compressed: bool) -> IO[str]:
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    if compressed:
        return gzip.open(path, "rt", encoding=name, errors="surrogateescape")
    return path.open(encoding=name, errors="surrogateescape")


def _mixed_line_endings(path: Path) -> bool:
    """Whether a file mixes line endings, which the engine rejects."""
    pairs = returns = feeds = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            pairs += block.count(b"\r\n")
            returns += block.count(b"\r")
            feeds += block.count(b"\n")
    return sum((pairs > 0, returns > pairs, feeds > pairs)) > 1


def _until_closed(lines: Iterator[str]) -> list[str]:
    following = []
    for line in islice(lines, _LONGEST_RECORD):
        following.append(line)
        if line.count('"') % 2:
            break
    return following


def _is_record(lines: list[str], delimiter: str, fields: int | None = None) -> bool:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len(rows) == 1 and fields in (None, len(rows[0]))


def escape_glob(path: Path) -> str:
    """Escape wildcard characters in a file name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def literal(value: Any) -> str:
    """Format a value as an SQL literal."""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"
