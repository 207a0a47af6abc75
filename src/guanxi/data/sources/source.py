"""Sources: datasets, files and database tables."""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path
from typing import Any

from guanxi.data import datasets
from guanxi.data.sources import _arrow, _csv, _databases, _json, _workbooks
from guanxi.data.sources._frames import read_frame
from guanxi.data.sources._unpacking import unpack
from guanxi.data.sources.source_table import SourceTable
from guanxi.errors import SourceError
from guanxi.params import DataParams

Source = str | Path | Any  # an address, a path, or a table of pandas, polars, Arrow, DuckDB and the like

# Of files that are read from a folder.
_ENDINGS = (
    *(".parquet", ".pq", ".arrow", ".feather", ".ipc", ".xlsx", ".xlsm", ".xls", ".ods"),
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".gz", ".bz2", ".xz", ".zst", ".zip"),
)


def read_source(
    connection: Any, source: Source, params: DataParams, frame_name: str = "DataFrame"
) -> SourceTable:
    """Read a source into the engine.

    Parameters
    ----------
    connection : ibis backend
        The engine.
    source : str, path or table
        ``cdnow`` or ``cdnow-sample``; a path, glob or folder of files of one kind (delimited text, Parquet,
        a workbook, JSON, Arrow), each also compressed; or ``duckdb://FILE::TABLE`` or
        ``postgres://HOST/DATABASE::TABLE``; or a table, see :func:`._frames.read_frame`.
    frame_name : str
        Name of a table in messages.

    Raises
    ------
    SourceError
        If there is no such source, or it cannot be read.
    """
    if not isinstance(source, str | Path):
        return read_frame(connection, frame_name, source)
    source = str(source)
    if source in datasets.NAMES:
        return read_frame(connection, source, datasets.load(source))
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


def is_source(source: str) -> bool:
    """Whether there is such a dataset, file or folder, or it is the address of a database.

    Examples
    --------
    >>> is_source("cdnow"), is_source("C-0042")
    (True, False)
    """
    return (
        source in datasets.NAMES
        or source.startswith(_databases.SCHEMES)
        or Path(source).expanduser().exists()
        or bool(glob.glob(source, recursive=True))
    )


def _read_files(connection: Any, source: str, paths: list[Path], params: DataParams) -> SourceTable:
    # Copies of the data are kept in the engine's folder, which is deleted with the connection.
    place = connection.con.execute("SELECT current_setting('temp_directory')").fetchone()[0]
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        files = []
        for number, path in enumerate(paths):
            (folder / str(number)).mkdir()
            files.append(unpack(path, folder / str(number)))
        first = files[0]
        other = next((file for file in files if file.kind != first.kind), first)
        if other is not first:
            raise SourceError(
                f"{source}: {first.given} is {first.kind}, but {other.given} is {other.kind}: "
                "read files of one kind together"
            )
        match first.kind:
            case "Parquet":
                return _arrow.read_parquet(connection, source, files)
            case "Arrow":
                return _arrow.read_arrow(connection, source, files)
            case "workbook":
                return _workbooks.read(connection, source, files, params)
            case "JSON":
                return _json.read(connection, source, files, folder, params)
        return _csv.read(connection, source, files, folder, params)


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
    """Find the files of a path, glob or folder, sorted by name."""
    path = Path(source).expanduser()
    if path.is_dir():
        paths = sorted(
            file
            for file in path.rglob("*")
            if file.name.lower().endswith(_ENDINGS)
            and not file.name.startswith(("_", "."))
            and file.is_file()
        )
        if not paths:
            raise SourceError(f"{source}: the folder contains no file of data (such as .csv or .parquet)")
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
