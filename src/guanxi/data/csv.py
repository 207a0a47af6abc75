"""CSV files read as text, with every line that does not fit its header kept apart."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from pathlib import Path
from typing import Any

from guanxi.errors import SourceError

_DELIMITERS = ",;\t|"
_RULES = {
    "TOO MANY COLUMNS": "ragged_line",
    "MISSING COLUMNS": "ragged_line",
    "UNQUOTED VALUE": "unbalanced_quote",
    "INVALID ENCODING": "invalid_encoding",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID STATE": "unbalanced_quote",
}


def read(connection: Any, paths: list[Path], encoding: str) -> tuple[Any, Any]:
    """Read CSV files of one header into the engine's table ``source``.

    The header is read here and handed over, so that a ragged line cannot mislead a sniffer.

    Returns
    -------
    table, unreadable : ibis.Table
        The lines as text with ``line_number``, and ``line_number, rule, line_text`` of the refused ones.

    Raises
    ------
    SourceError
        If a file is empty, its header names a column twice, or two files differ in header.
    """
    delimiter, header = _header(paths[0], encoding)
    for path in paths[1:]:
        if _header(path, encoding) != (delimiter, header):
            raise SourceError(f"{path}: its header differs from that of {paths[0]}: read them one by one")
    for name in ("source", "unreadable"):
        connection.raw_sql(f"DROP TABLE IF EXISTS {name}")
    options = {
        "columns": dict.fromkeys(header, "VARCHAR"),
        "auto_detect": False,
        "header": True,
        "delim": delimiter,
        "quote": '"',
        "escape": '"',
        "encoding": _engine_encoding(encoding),
        "store_rejects": True,
        "rejects_limit": 0,
    }
    arguments = ", ".join(f"{name} = {_literal(value)}" for name, value in options.items())
    files = _literal([str(path) for path in paths])
    try:
        connection.raw_sql(
            f"CREATE TABLE source AS SELECT *, row_number() OVER () AS line_number "
            f"FROM read_csv({files}, {arguments})"
        )
    except Exception as error:
        message = " ".join(str(error).split())[:300]
        raise SourceError(f"{paths[0]}: not readable as CSV in encoding {encoding}: {message}") from error
    rules = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in _RULES.items())
    connection.raw_sql(
        "CREATE TABLE unreadable AS "
        "SELECT line::BIGINT AS line_number, "
        f"CASE min(error_type)::VARCHAR {rules} ELSE 'unreadable_line' END AS rule, "
        "first(csv_line) AS line_text "
        "FROM reject_errors GROUP BY file_id, line ORDER BY file_id, line"
    )
    return connection.table("source"), connection.table("unreadable")


def _header(path: Path, encoding: str) -> tuple[str, list[str]]:
    try:
        with _open(path, encoding) as file:
            line = file.readline()
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{path}: its first line cannot be read in encoding {encoding}: {error}") from None
    if not line.strip():
        raise SourceError(f"{path}: the file is empty: the first line must name the columns")
    delimiter = max(_DELIMITERS, key=line.count)
    header = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SourceError(f"{path}: the header names {', '.join(map(repr, twice))} twice: rename one")
    if "" in header:
        raise SourceError(f"{path}: column {header.index('') + 1} of the header has no name: give it one")
    return delimiter, header


def _open(path: Path, encoding: str) -> io.TextIOBase:
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=codec, newline="")
    return path.open("r", encoding=codec, newline="")


def _engine_encoding(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    known = {"utf-8": "utf-8", "iso8859-1": "latin-1", "utf-16": "utf-16", "utf-16-le": "utf-16"}
    if name not in known:
        raise SourceError(f"data.encoding {encoding!r} cannot be read: use utf-8, latin-1 or utf-16")
    return known[name]


def _literal(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"
