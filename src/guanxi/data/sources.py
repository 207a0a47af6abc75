"""Sources: a dataset name, a CSV or Parquet path or glob, or a table in a database."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis

from guanxi.data import csv, datasets
from guanxi.errors import SourceError
from guanxi.params import DataParams

LINE_NUMBER = "line_number"
_DATABASE = re.compile(r"^(?P<scheme>duckdb|postgres|postgresql)://(?P<rest>.*)$")
_PASSWORD = re.compile(r"(?P<before>://[^:/@\s]*:)[^@\s]*(?=@)")
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".txt")


@dataclass(frozen=True)
class SourceTable:
    """A source as it was read: one engine table, and the lines no table could hold.

    Attributes
    ----------
    name : str
        The source as given, without passwords.
    table : ibis.Table
        Every readable line with its source columns and ``line_number`` (from 1).
    unreadable : ibis.Table
        ``line_number, rule, line_text`` of lines that the reader refused.
    text : bool
        Whether all columns are text, as in CSV.
    """

    name: str
    table: Any
    unreadable: Any
    text: bool


def redact(text: str) -> str:
    """Hide the password of every address in a text.

    Examples
    --------
    >>> redact("postgres://me:secret@host/db::sales")
    'postgres://me:***@host/db::sales'
    """
    return _PASSWORD.sub(r"\g<before>***", text)


def read_source(connection: Any, source: str, params: DataParams) -> SourceTable:
    """Read a source into the engine.

    Parameters
    ----------
    connection : ibis backend
        From :func:`guanxi.data.engine.connect`.
    source : str
        ``cdnow`` or ``cdnow-sample``, a path or glob of CSV or Parquet files, a folder of Parquet files,
        or ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``.

    Raises
    ------
    SourceError
        If there is no such source, or it cannot be read.
    """
    if source in datasets.NAMES:
        table = _number(connection, ibis.memtable(datasets.load(source)))
        return SourceTable(source, table, _no_unreadable(connection), text=False)
    if match := _DATABASE.match(source):
        table = _read_database(connection, source, match["scheme"], match["rest"])
        return SourceTable(redact(source), table, _no_unreadable(connection), text=False)
    paths = _find(source)
    if all(path.name.lower().endswith(_CSV_ENDINGS) for path in paths):
        table, unreadable = csv.read(connection, paths, params.encoding)
        return SourceTable(source, table, unreadable, text=True)
    if all(path.suffix.lower() in (".parquet", ".pq") for path in paths):
        table = _read_parquet(connection, source, paths)
        return SourceTable(source, table, _no_unreadable(connection), text=False)
    raise SourceError(f"{source}: the files are neither all CSV (.csv, .csv.gz, .tsv, .txt) nor all .parquet")


def _find(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.is_dir():
        paths = sorted(path.rglob("*.parquet"))
        if not paths:
            raise SourceError(f"{source}: the folder holds no .parquet file")
        return paths
    if path.is_file():
        return [path]
    paths = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    if not paths:
        known = ", ".join(datasets.NAMES)
        raise SourceError(
            f"{source}: no such file, and no dataset of that name (known: {known}); check the path, "
            "or give duckdb://FILE::TABLE or postgres://HOST/DATABASE::TABLE"
        )
    return paths


def _read_parquet(connection: Any, source: str, paths: list[Path]) -> Any:
    try:
        return _number(connection, connection.read_parquet([str(path) for path in paths]))
    except Exception as error:
        raise SourceError(f"{source}: not readable as Parquet: {first_line(error)}") from error


def _number(connection: Any, table: Any) -> Any:
    if LINE_NUMBER in table.columns:
        table = table.rename({f"{LINE_NUMBER}_": LINE_NUMBER})
    numbered = table.mutate(**{LINE_NUMBER: ibis.row_number() + 1})
    return connection.create_table("source", numbered, overwrite=True)


def _no_unreadable(connection: Any) -> Any:
    schema = ibis.schema({LINE_NUMBER: "int64", "rule": "string", "line_text": "string"})
    return connection.create_table("unreadable", schema=schema, overwrite=True)


def _read_database(connection: Any, source: str, scheme: str, rest: str) -> Any:
    address, separator, table_name = rest.rpartition("::")
    if not (separator and address and table_name):
        raise SourceError(f"{redact(source)}: name the table behind the address, as in {scheme}://…::sales")
    if scheme == "duckdb":
        return _read_duckdb(connection, address, table_name)
    return _read_postgres(connection, source, address, table_name)


def _read_duckdb(connection: Any, address: str, table_name: str) -> Any:
    path = Path(address).expanduser()
    if not path.is_file():
        raise SourceError(f"{path}: no such DuckDB file")
    try:
        connection.attach(path, name="given", read_only=True)
    except Exception as error:
        raise SourceError(f"{path}: cannot be opened as a DuckDB file: {first_line(error)}") from error
    schema, _, name = table_name.rpartition(".")
    try:
        known = connection.list_tables(database=("given", schema or "main"))
        if name not in known:
            raise SourceError(f"{path}: no table {table_name!r}; it holds {', '.join(known) or 'none'}")
        return _number(connection, connection.table(name, database=("given", schema or "main")))
    finally:
        connection.detach("given")


def _read_postgres(connection: Any, source: str, address: str, table_name: str) -> Any:
    shown = redact(source)
    schema, _, name = table_name.rpartition(".")
    try:
        database = ibis.connect(f"postgres://{address}")
    except Exception as error:
        raise SourceError(f"{shown}: cannot connect: {redact(first_line(error))}") from None
    try:
        known = database.list_tables(database=schema or None)
        if name not in known:
            raise SourceError(f"{shown}: no table {table_name!r}; there is {', '.join(known) or 'none'}")
        batches = database.table(name, database=schema or None).to_pyarrow_batches(chunk_size=100_000)
        connection.con.register("incoming", batches)
        connection.raw_sql(
            f"CREATE TABLE source AS SELECT *, row_number() OVER () AS {LINE_NUMBER} FROM incoming"
        )
        connection.con.unregister("incoming")
        return connection.table("source")
    finally:
        database.disconnect()


def first_line(error: BaseException) -> str:
    """Shorten another library's message to its first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
