"""Tables in a DuckDB file or a PostgreSQL server, opened to be read only."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import ibis

from guanxi.data.csv import literal
from guanxi.data.source_table import SourceTable, check_names, first_line, load, load_rows, redact
from guanxi.errors import SourceError

SCHEMES = ("duckdb://", "postgres://", "postgresql://")


def read_database(connection: Any, source: str) -> SourceTable:
    """Copy a table of a database into the engine; the database is only read.

    Parameters
    ----------
    connection : ibis backend
    source : str
        ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``;
        ``TABLE`` may be ``SCHEMA.TABLE``.

    Raises
    ------
    SourceError
        If the database cannot be reached or has no such table; no password stands in the message.
    """
    scheme, _, rest = source.partition("://")
    address, separator, table_name = rest.rpartition("::")
    if not (separator and address and table_name):
        raise SourceError(f"{redact(source)}: name the table behind the address, as in {scheme}://…::sales")
    if scheme == "duckdb":
        return _read_duckdb(connection, source, address, table_name)
    return _read_postgres(connection, redact(source), address, table_name)


def _read_duckdb(connection: Any, source: str, address: str, table_name: str) -> SourceTable:
    path = Path(address).expanduser()
    if not path.is_file():
        raise SourceError(f"{path}: no such DuckDB file: check the path")
    try:
        connection.raw_sql(f"ATTACH {literal(str(path))} AS given (READ_ONLY)")
    except Exception as error:
        raise SourceError(
            f"{path}: cannot be opened: it must be a DuckDB file that nobody writes to ({first_line(error)})"
        ) from error
    try:
        schema, _, name = table_name.rpartition(".")
        known = connection.list_tables(database=("given", schema or "main"))
        _check_table(source, table_name, name, known)
        check_names(source, connection.table(name, database=("given", schema or "main")).columns)
        return load(connection, source, f"given.{_identifier(schema or 'main')}.{_identifier(name)}")
    except duckdb.Error as error:
        raise SourceError(f"{source}: cannot be read: {first_line(error)}") from error
    finally:
        connection.raw_sql("DETACH given")


def _read_postgres(connection: Any, shown: str, address: str, table_name: str) -> SourceTable:
    database, password = _connect_postgres(shown, address)
    schema, _, name = table_name.rpartition(".")
    try:
        _check_table(shown, table_name, name, database.list_tables(database=schema or None))
        given = database.table(name, database=schema or None)
        check_names(shown, list(given.columns))
        return load_rows(connection, shown, given.to_pyarrow_batches(chunk_size=100_000))
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{shown}: cannot be read: {_hide(password, first_line(error))}") from None
    finally:
        database.disconnect()


def _connect_postgres(shown: str, address: str) -> tuple[Any, str]:
    try:
        parts = urlsplit(f"postgres://{address}")
        password = unquote(parts.password or "")
        _ = parts.port
    except ValueError:
        raise SourceError(
            "the postgres address cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE::TABLE, "
            "and in the password %40 for @, %3A for :, %2F for /, %23 for #, %3F for ?"
        ) from None
    try:
        return ibis.connect(f"postgres://{address}"), password
    except Exception as error:
        raise SourceError(f"{shown}: cannot connect: {_hide(password, first_line(error))}") from None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hide(password: str, text: str) -> str:
    return redact(text.replace(password, "***") if password else text)


def _check_table(shown: str, table_name: str, name: str, known: list[str]) -> None:
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise SourceError(f"{shown}: no table {table_name!r}: the tables there are {there}")
