"""Sources: datasets, CSV or Parquet files, and database tables."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from guanxi.data import datasets
from guanxi.data.sources import _csv, _databases
from guanxi.data.sources.source_table import SourceTable, _check_names, _load, _read_frame, first_line
from guanxi.errors import SourceError
from guanxi.params import DataParams

_CSV_ENDINGS = tuple(ending + packed for ending in (".csv", ".tsv", ".txt") for packed in ("", ".gz"))


def read_source(
    connection: Any, source: str | pd.DataFrame, params: DataParams, frame_name: str = "DataFrame"
) -> SourceTable:
    """Read a source into the engine.

    Parameters
    ----------
    connection : ibis backend
        The engine.
    source : str or pandas.DataFrame
        ``cdnow`` or ``cdnow-sample``, a path or glob of CSV or Parquet files, a folder of Parquet files,
        or ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``.
    frame_name : str
        Name of a DataFrame in messages.

    Raises
    ------
    SourceError
        If there is no such source, or it cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        return _read_frame(connection, frame_name, source)
    source = str(source)
    if source in datasets.NAMES:
        return _read_frame(connection, source, datasets.load(source))
    if source.startswith(_databases.SCHEMES):
        return _databases.read_database(connection, source)
    paths = _find_files(source)
    before = _state(paths)
    try:
        table = _read_files(connection, source, paths, params)
    except SourceError:
        _check_unchanged(source, before)
        raise
    _check_unchanged(source, before)
    return table


def _read_files(connection: Any, source: str, paths: list[Path], params: DataParams) -> SourceTable:
    if all(path.name.lower().endswith(_CSV_ENDINGS) for path in paths):
        table, unreadable = _csv.read(connection, paths, params.encoding)
        return SourceTable(source, table, unreadable)
    if _are_parquet(paths):
        return _read_parquet(connection, source, paths)
    raise SourceError(
        f"{source}: its files are neither all CSV (.csv, .tsv, .txt, also with .gz) nor all .parquet: "
        "rename them, or read them one by one"
    )


def _state(paths: list[Path]) -> dict[Path, tuple[int, ...] | None]:
    """Return file properties that change when a file is modified, replaced or removed."""
    state: dict[Path, tuple[int, ...] | None] = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            state[path] = None
        else:
            state[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return state


def _check_unchanged(source: str, before: dict[Path, tuple[int, ...] | None]) -> None:
    """Fail if files changed, so that the data may mix an old and a new version."""
    now = _state(_find_files(source))
    changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise SourceError(
            f"{source}: {changed[0]}{more} changed while it was read: run again when it is complete"
        )


def _find_files(source: str) -> list[Path]:
    """Find the files of a path, glob or Parquet folder, sorted by name."""
    path = Path(source).expanduser()
    if path.is_dir():
        paths = sorted(path.rglob("*.parquet"))
        if not paths:
            raise SourceError(f"{source}: the folder contains no .parquet file")
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


def _are_parquet(paths: list[Path]) -> bool:
    """Whether all files have a Parquet extension."""
    return all(path.suffix.lower() in (".parquet", ".pq") for path in paths)


def _common_schema(source: str, paths: list[Path]) -> pa.Schema:
    """Return the schema of Parquet files, which must be the same for all."""
    try:
        schemas = [pq.read_schema(path).remove_metadata() for path in paths]
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{source}: not readable as Parquet: {first_line(error)}") from error
    for path, schema in zip(paths, schemas, strict=True):
        if schema != schemas[0]:
            raise SourceError(f"{path}: its columns differ from those of {paths[0]}: read them one by one")
    _check_names(source, schemas[0].names)
    return schemas[0]


def _read_parquet(connection: Any, source: str, paths: list[Path]) -> SourceTable:
    _common_schema(source, paths)
    files = _csv.literal([_csv.escape_glob(path) for path in paths])
    try:
        return _load(connection, source, f"read_parquet({files})")
    except duckdb.Error as error:
        raise SourceError(f"{source}: not readable as Parquet: {first_line(error)}") from error
