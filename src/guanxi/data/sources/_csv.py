"""Delimited text read as text; lines that do not fit the header are kept separately."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from guanxi.data._findings import DataFinding
from guanxi.data.engine import explain_no_space
from guanxi.data.sources._decoding import marked_encoding, plain_text, propose
from guanxi.data.sources._dialect import Dialect, detect, standard_copy
from guanxi.data.sources._encodings import encoding_advice
from guanxi.data.sources._quotes import double_quotes, escapes_quotes, repair_quotes
from guanxi.data.sources._sql import escape_glob, identifier, literal
from guanxi.data.sources._unpacking import DataFile
from guanxi.data.sources.source_table import ROW, SourceTable, _create_unreadable
from guanxi.errors import OutputError, SourceError
from guanxi.params import DataParams

_RULES = {
    "TOO MANY COLUMNS": "ragged_line",
    "MISSING COLUMNS": "ragged_line",
    "UNQUOTED VALUE": "unbalanced_quote",
    "INVALID ENCODING": "invalid_encoding",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID STATE": "unbalanced_quote",
}


def read(
    connection: Any, source: str, files: list[DataFile], folder: Path, params: DataParams
) -> SourceTable:
    """Read text files of the same columns into the engine tables ``source`` and ``unreadable``.

    The layout is detected here, because a ragged line could mislead the engine's sniffer. ``source`` has the
    readable lines as text and their number ``guanxi_row`` from 1; ``unreadable`` has ``line_number`` (in the
    file), ``rule`` and ``line_text`` (up to 10,000 characters) of the others.
    """
    names: list[str] = []
    findings: dict[DataFinding, None] = {}
    advice: dict[str, str] = {}
    for number, file in enumerate(files):
        text = plain_text(file.given, file.plain, params.encoding, folder / f"{number}.csv")
        if escapes_quotes(text):
            text = double_quotes(text, folder / f"{number}-doubled.csv")
        dialect = detect(file.given, text, params)
        if not names:
            names = dialect.names
            _create_tables(connection, names)
        if dialect.names != names:
            raise SourceError(
                f"{file.given}: its header differs from that of {files[0].given}: read them one by one"
            )
        if not dialect.simple:
            text = standard_copy(text, folder / f"{number}-standard.csv", dialect)
        _load(connection, file.given, text, folder / f"{number}-repaired.csv", dialect)
        encoding, fix = _encoding_finding(connection, file, params.encoding)
        if fix:
            advice.setdefault("invalid_encoding", fix)
        found = _mark_finding(file, params.encoding), encoding
        findings |= dict.fromkeys((*dialect.findings, *filter(None, found)))
    connection.raw_sql(f"DELETE FROM source WHERE {_is_header(names)}")
    tables = connection.table("source"), connection.table("unreadable")
    return SourceTable(source, *tables, tuple(findings), advice)


def _create_tables(connection: Any, names: list[str]) -> None:
    columns = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
    connection.raw_sql(f"CREATE OR REPLACE TABLE source ({columns}, {ROW} BIGINT)")
    _create_unreadable(connection)


def _load(connection: Any, given: Path, text: Path, copy: Path, dialect: Dialect) -> None:
    """Add the lines of a file to both tables."""
    before = _rows(connection)
    _insert(connection, given, text, dialect, before)
    lines_left_out = []
    if _may_hide_lines(connection):
        connection.raw_sql(f"DELETE FROM source WHERE {ROW} > {before}")
        lines_left_out = repair_quotes(text, copy, dialect.division.delimiter, len(dialect.names))
        _insert(connection, given, copy, dialect, before)
    connection.raw_sql("INSERT INTO unreadable FROM refused")
    header = literal(dialect.division.delimiter.join(dialect.names))
    connection.raw_sql(
        f"INSERT INTO unreadable SELECT {ROW} - {before} + {dialect.skip}, 'repeated_header', {header} "
        f"FROM source WHERE {ROW} > {before} AND {_is_header(dialect.names)}"
    )
    if lines_left_out:
        connection.con.executemany("INSERT INTO unreadable VALUES (?, 'unbalanced_quote', ?)", lines_left_out)


def _is_header(names: list[str]) -> str:
    """Write the condition that a line repeats the header, as where files were joined."""
    same = [f"trim({identifier(name)}) = {literal(name)}" for name in names if not name.isdigit()]
    return " AND ".join(same) if len(same) > 1 else "false"


def _rows(connection: Any) -> int:
    return int(connection.raw_sql("SELECT count(*) FROM source").fetchone()[0])


def _insert(connection: Any, given: Path, text: Path, dialect: Dialect, before: int) -> None:
    options = {
        "columns": dict.fromkeys(dialect.names, "VARCHAR"),
        "auto_detect": False,
        "header": False,
        "skip": dialect.skip,
        "delim": dialect.division.delimiter,
        "quote": '"',
        "escape": '"',
        "compression": "none",
        "store_rejects": True,
        "rejects_limit": 0,
    }
    arguments = ", ".join(f"{name} = {literal(value)}" for name, value in options.items())
    for table in ("reject_errors", "reject_scans", "refused"):
        connection.raw_sql(f"DROP TABLE IF EXISTS {table}")
    try:
        with explain_no_space():
            connection.raw_sql(
                f"INSERT INTO source SELECT *, {before} + row_number() OVER () "
                f"FROM read_csv({literal(escape_glob(text))}, {arguments})"
            )
    except OutputError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())[:200]
        raise SourceError(f"{given}: not readable as CSV: {message}") from error
    rules = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in _RULES.items())
    connection.raw_sql(
        "CREATE TEMP TABLE refused AS "
        "SELECT line::BIGINT AS line_number, "
        f"CASE min(error_type)::VARCHAR {rules} ELSE 'unreadable_line' END AS rule, "
        "ltrim(first(csv_line), chr(10) || chr(13)) AS line_text "
        "FROM reject_errors GROUP BY line ORDER BY line"
    )


def _may_hide_lines(connection: Any) -> bool:
    """Whether a refused record may include lines that follow it."""
    suspects = connection.raw_sql(
        "SELECT count(*) FROM refused "
        "WHERE rule IN ('unbalanced_quote', 'line_too_long') OR contains(line_text, chr(10))"
    )
    return bool(suspects.fetchone()[0])


def _mark_finding(file: DataFile, encoding: str) -> DataFinding | None:
    """Return what is said of a byte order mark that names another encoding than the one set."""
    name = marked_encoding(file.plain)
    if name is None or codecs.lookup(name).name.startswith(codecs.lookup(encoding).name):
        return None
    return DataFinding("encoding", f"{file.given}: read as {name}, as its byte order mark says")


def _encoding_finding(connection: Any, file: DataFile, encoding: str) -> tuple[DataFinding | None, str]:
    """Return what is said of lines that do not fit the encoding, and the advice on those they may have."""
    lines = connection.raw_sql(
        "SELECT line_text FROM refused WHERE rule = 'invalid_encoding' ORDER BY line_number"
    ).fetchall()
    if not lines:
        return None, ""
    proposals = propose(file.plain)
    if proposals and codecs.lookup(proposals[0].encoding) == codecs.lookup(encoding):
        proposals = []  # few lines are damaged
    fix = encoding_advice(proposals)
    finding = DataFinding(
        "invalid_encoding",
        f"{file.given}: lines that are not text in encoding {encoding}: {len(lines):,}{fix and ': '}{fix}",
        lines=len(lines),
        examples=tuple(str(text) for (text,) in lines[:3]),
        setting=f"data.encoding={proposals[0].encoding}" if proposals else None,
    )
    return finding, fix
