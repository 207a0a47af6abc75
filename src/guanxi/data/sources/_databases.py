"""Tables in a DuckDB file or on a PostgreSQL server, opened read-only."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

import duckdb
import ibis

from guanxi.data.engine import _connect
from guanxi.data.sources._sql import identifier, literal
from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import SourceTable, _check_names, _load_rows, first_line
from guanxi.errors import SourceError

SCHEMES = ("duckdb://", "postgres://", "postgresql://")
_ROWS_AT_ONCE = 100_000
_SQLITE = b"SQLite format 3\0"


def read_database(connection: Any, source: str) -> SourceTable:
    """Copy ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE`` into the engine.

    ``TABLE`` may be ``SCHEMA.TABLE``.
    """
    scheme, address, table_name = split_address(source)
    if scheme == "duckdb":
        return _read_duckdb(connection, source, address, table_name)
    return _read_postgres(connection, redact(source), address, table_name)


def split_address(address: str) -> tuple[str, str, str]:
    """Split ``SCHEME://ADDRESS::TABLE``.

    Examples
    --------
    >>> split_address("duckdb://shop.db::sales")
    ('duckdb', 'shop.db', 'sales')
    """
    scheme, _, rest = address.partition("://")
    place, separator, table_name = rest.rpartition("::")
    if not (separator and place and table_name):
        raise SourceError(f"{redact(address)}: add the table to the address, as in {scheme}://…::sales")
    return scheme, place, table_name


def _read_duckdb(connection: Any, source: str, address: str, table_name: str) -> SourceTable:
    path = Path(address).expanduser()
    if not path.is_file():
        raise SourceError(f"{path}: no such DuckDB file: check the path")
    if is_sqlite(path):
        raise SourceError(f"{path}: a SQLite database, not a DuckDB file: write the table to CSV or Parquet")
    zone = connection.con.execute("SELECT current_setting('TimeZone')").fetchone()[0]
    reader = _connect(zone)
    try:
        reader.raw_sql(f"ATTACH {literal(str(path))} AS given (READ_ONLY)")
    except Exception as error:
        reader.disconnect()
        raise SourceError(
            f"{path}: cannot be opened: it must be a DuckDB file that is not in use ({first_line(error)})"
        ) from error
    try:
        # A view in the file may name any file or address, or a variable of this process.
        reader.raw_sql("SET enable_external_access = false")
        reader.raw_sql("SET python_enable_replacements = false")
        schema, _, name = table_name.rpartition(".")
        place = ("given", schema or "main")
        _check_table(source, table_name, name, reader.list_tables(database=place))
        _check_names(source, reader.table(name, database=place).columns)
        rows = reader.con.execute(f"FROM given.{identifier(schema or 'main')}.{identifier(name)}")
        return _load_rows(connection, source, rows.fetch_record_batch(_ROWS_AT_ONCE))
    except duckdb.Error as error:
        raise SourceError(f"{source}: cannot be read: {first_line(error)}") from error
    finally:
        reader.disconnect()


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database, as MLflow stores are; False if it cannot be read."""
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _read_postgres(connection: Any, shown: str, address: str, table_name: str) -> SourceTable:
    database = connect_postgres(shown, address)
    schema, _, name = table_name.rpartition(".")
    try:
        _check_table(shown, table_name, name, database.list_tables(database=schema or None))
        given = database.table(name, database=schema or None)
        _check_names(shown, list(given.columns))
        return _load_rows(connection, shown, given.to_pyarrow_batches(chunk_size=_ROWS_AT_ONCE))
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(
            f"{shown}: cannot be read: {hide(postgres_password(address), first_line(error))}"
        ) from None
    finally:
        database.disconnect()


def connect_postgres(shown: str, address: str) -> Any:
    """Open a PostgreSQL database through ibis; error messages do not show the password."""
    password = postgres_password(address)
    try:
        return ibis.connect(f"postgres://{address}")
    except Exception as error:
        raise SourceError(f"{shown}: cannot connect: {hide(password, first_line(error))}") from None


def postgres_password(address: str) -> str:
    """Return the password in an address, or an empty string."""
    try:
        parts = urlsplit(f"postgres://{address}")
        _ = parts.port
        return unquote(parts.password or "")
    except ValueError:
        raise SourceError(
            "the postgres address cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE::TABLE, "
            "and in the password %40 for @, %3A for :, %2F for /, %23 for #, %3F for ?"
        ) from None


def hide(password: str, text: str) -> str:
    """Mask a password in a text, as it is or encoded."""
    for form in (password, quote(password, safe=""), quote_plus(password)):
        text = text.replace(form, "***") if form else text
    return redact(text)


def _check_table(shown: str, table_name: str, name: str, known: list[str]) -> None:
    if name not in known:
        tables = ", ".join(sorted(known)) or "none"
        raise SourceError(f"{shown}: no table {table_name!r}: choose from {tables}")
