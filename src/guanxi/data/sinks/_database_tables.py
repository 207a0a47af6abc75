"""A table of a DuckDB file or a PostgreSQL server, filled in one transaction."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from guanxi.data.sinks import files as atomic_files
from guanxi.data.sinks.own_files import PARTS, PLAN, check_only_own, file_name
from guanxi.data.sources._databases import (
    connect_postgres,
    hide,
    postgres_password,
    split_address,
)
from guanxi.data.sources._sql import escape_glob, identifier, literal
from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.errors import OutputError, SourceError

_ROWS_PER_BATCH = 20_000
_CSV = "FORMAT csv, NULL ''"
_ENGINE: dict[str, Any] = {
    "threads": 1,
    "memory_limit": "1GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class DuckDBLocation:
    """A table of a DuckDB file, created if missing, and ``TABLE_manifest``."""

    def __init__(self, output: str) -> None:
        _, address, self._table = split_address(output)
        self._path = Path(address).expanduser()
        self.name = output
        self.work_folder = self._path.with_name(f".{self._path.name}.{file_name(self._table)}.partial")

    def check(self) -> None:
        """See :class:`guanxi.data.sinks.output_location.OutputLocation`."""
        atomic_files.check_output(self._path)
        check_only_own(self.work_folder, PARTS, PLAN)
        if self._path.exists():
            with self._opened():
                pass

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`guanxi.data.sinks.output_location.OutputLocation`."""
        is_new = not self._path.exists()
        try:
            with self._opened() as connection:
                connection.con.begin()
                files = literal([escape_glob(part) for part in parts])
                self._replace(connection, self._table, f"SELECT * FROM read_parquet({files})")
                connection.con.register("manifest", _row(manifest))
                self._replace(connection, f"{self._table}_manifest", "SELECT * FROM manifest")
                connection.con.commit()
        except OutputError:
            if is_new:
                self._path.unlink(missing_ok=True)
            raise

    def _replace(self, connection: Any, table: str, query: str) -> None:
        connection.con.execute(f"CREATE OR REPLACE TABLE {_quoted(table)} AS {query}")

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file for writing; nothing changes without a commit."""
        try:
            connection = ibis.duckdb.connect(self._path, **_ENGINE)
            try:
                yield connection
            finally:
                connection.disconnect()
        except duckdb.Error as error:
            raise OutputError(f"cannot write {self.name}: {first_line(error)}") from error


class PostgresLocation:
    """A table of a PostgreSQL database, whose privileges and views are kept, and ``TABLE_manifest``."""

    def __init__(self, output: str) -> None:
        _, self._address, self._table = split_address(output)
        self.name = redact(output)
        own = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        self.work_folder = Path(f".{file_name(self._table)}-{own}.partial").absolute()

    def check(self) -> None:
        """See :class:`guanxi.data.sinks.output_location.OutputLocation`."""
        atomic_files.check_output(self.work_folder / PLAN)
        check_only_own(self.work_folder, PARTS, PLAN)
        with self._opened() as database, database.con.transaction(force_rollback=True):
            for table in (self._table, f"{self._table}_manifest"):
                if _columns(database, table) is None:
                    _create(database, table, pa.schema({"check": pa.int64()}))

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`guanxi.data.sinks.output_location.OutputLocation`."""
        with self._opened() as database, database.con.transaction():
            self._lock(database)
            _fill(database, self._table, pq.read_schema(parts[0]), map(pq.read_table, parts))
            row = _row(manifest)
            _fill(database, f"{self._table}_manifest", row.schema, [row])

    def _lock(self, database: Any) -> None:
        """Lock the table against other writers until the transaction ends."""
        key = int.from_bytes(hashlib.sha256(self._table.encode()).digest()[:8], "big", signed=True)
        (locked,) = database.con.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,)).fetchone()
        if not locked:
            raise OutputError(
                f"{self.name}: another guanxi predict is writing it: "
                "wait until it has finished, or choose another output"
            )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            database = connect_postgres(self.name, self._address)
        except SourceError as error:
            raise OutputError(str(error)) from None
        try:
            yield database
        except OutputError:
            raise
        except Exception as error:
            reason = hide(postgres_password(self._address), first_line(error))
            raise OutputError(f"cannot write {self.name}: {reason}") from None
        finally:
            database.disconnect()


def _fill(database: Any, table: str, schema: Any, tables: Any) -> None:
    """Replace the rows of a table, or all of it if its columns differ; readers still see the old rows."""
    known = _columns(database, table)
    if known == _types(ibis.Schema.from_pyarrow(schema)):
        database.con.execute(f"DELETE FROM {_quoted(table)}")
    else:
        if known is not None:
            database.con.execute(f"DROP TABLE {_quoted(table)}")
        _create(database, table, schema)
    columns = ", ".join(map(identifier, schema.names))
    with (
        database.con.cursor() as cursor,
        cursor.copy(f"COPY {_quoted(table)} ({columns}) FROM STDIN WITH ({_CSV})") as copy,
    ):
        options = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
        for rows in tables:
            for batch in rows.to_batches(max_chunksize=_ROWS_PER_BATCH):
                text = io.BytesIO()
                pa_csv.write_csv(batch, text, options)
                copy.write(text.getvalue())


def _create(database: Any, table: str, schema: Any) -> None:
    place, _, name = table.rpartition(".")
    database.create_table(name, schema=ibis.Schema.from_pyarrow(schema), database=place or None)


def _columns(database: Any, table: str) -> list[tuple[str, Any]] | None:
    """Names and types of a table's columns; None if there is no such table."""
    place, _, name = table.rpartition(".")
    if name not in database.list_tables(database=place or None):
        return None
    return _types(database.table(name, database=place or None).schema())


def _types(schema: Any) -> list[tuple[str, Any]]:
    return [(name, kind.copy(nullable=True)) for name, kind in schema.items()]


def _row(manifest: Mapping[str, Any]) -> Any:
    """Convert a manifest to one row; mappings become JSON."""
    flat = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for name, value in manifest.items()
    }
    columns = {
        name: pa.array([value], pa.string() if value is None or isinstance(value, str) else None)
        for name, value in flat.items()
    }
    return pa.table(columns)


def _quoted(table: str) -> str:
    schema, _, name = table.rpartition(".")
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)
