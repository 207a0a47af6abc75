"""Parquet and Arrow (Feather) files, whose columns have types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from guanxi.data.sources._sql import escape_glob, literal
from guanxi.data.sources._unpacking import DataFile
from guanxi.data.sources.source_table import SourceTable, _check_names, _load, _load_rows, first_line
from guanxi.errors import SourceError


def are_parquet(paths: list[Path]) -> bool:
    """Whether all files have a Parquet extension."""
    return all(path.suffix.lower() in (".parquet", ".pq") for path in paths)


def common_schema(source: str, paths: list[Path]) -> pa.Schema:
    """Return the schema of Parquet files, which must be the same for all."""
    try:
        schemas = [pq.read_schema(path).remove_metadata() for path in paths]
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{source}: not readable as Parquet: {first_line(error)}") from error
    return _same_schema(source, paths, schemas)


def _same_schema(source: str, paths: list[Path], schemas: list[pa.Schema]) -> pa.Schema:
    for path, schema in zip(paths, schemas, strict=True):
        if schema != schemas[0]:
            raise SourceError(f"{path}: its columns differ from those of {paths[0]}: read them one by one")
    _check_names(source, schemas[0].names)
    return schemas[0]


def read_parquet(connection: Any, source: str, files: list[DataFile]) -> SourceTable:
    """Read Parquet files of the same columns into the engine."""
    paths = [file.plain for file in files]
    common_schema(source, paths)
    try:
        return _load(connection, source, f"read_parquet({literal([escape_glob(path) for path in paths])})")
    except duckdb.Error as error:
        raise SourceError(f"{source}: not readable as Parquet: {first_line(error)}") from error


def read_arrow(connection: Any, source: str, files: list[DataFile]) -> SourceTable:
    """Read Arrow files (Feather) or streams of the same columns into the engine."""
    try:
        tables = [_open(file.plain) for file in files]
        schemas = [schema.remove_metadata() for schema, _ in tables]
        schema = _same_schema(source, [file.given for file in files], schemas)
        batches = (batch.replace_schema_metadata(None) for _, each in tables for batch in each)
        return _load_rows(connection, source, pa.RecordBatchReader.from_batches(schema, batches))
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise SourceError(f"{source}: not readable as Arrow: {first_line(error)}") from error


def _open(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    mapped = pa.memory_map(str(path))
    framed = mapped.read(6) == b"ARROW1"
    mapped.seek(0)
    if framed:
        opened = pa.ipc.open_file(mapped)
        return opened.schema, map(opened.get_batch, range(opened.num_record_batches))
    stream = pa.ipc.open_stream(mapped)
    return stream.schema, iter(stream)
