"""Files written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from guanxi.data.sinks.formulas import _neutralise_texts
from guanxi.data.sinks.own_files import check_no_link
from guanxi.data.sources._databases import is_sqlite
from guanxi.data.sources.source_table import first_line
from guanxi.data.temporary import remove_abandoned, temporary_folder
from guanxi.errors import OutputError, ParamsError

TABLE_ENDINGS = (".parquet", ".csv")


def output_path(given: str | Path) -> Path:
    """Convert the place of an output to a path.

    Raises
    ------
    ParamsError
        If it is neither text nor a path.
    """
    if not isinstance(given, str | Path):
        raise ParamsError(f"the output {given!r} is not a path: give the name of a file or folder")
    return Path(given)


def check_output(path: Path) -> None:
    """Fail early if a file could not be written; nothing is created.

    Raises
    ------
    OutputError
        If the folder cannot be created or written, or ``path`` is a folder, a symbolic link or, as an MLflow
        store may be, a SQLite database.
    """
    check_no_link(path)
    _check_no_store(path)
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror
        raise OutputError(f"cannot write into {folder}: {reason}; choose another place with -o") from None
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")


def _check_no_store(path: Path) -> None:
    """Refuse to replace a SQLite database, by whatever path it is reached: no output of ours is one."""
    if is_sqlite(path):
        raise OutputError(
            f"{path} is a SQLite database, such as an MLflow store: choose another place with -o"
        )


def _check_table_name(path: Path) -> None:
    """Fail if the extension is not that of a known table format."""
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise ParamsError(f"{path}: end the name in .parquet or .csv to choose the format")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table to Parquet or CSV, depending on the extension; in CSV no text is a formula.

    Raises
    ------
    OutputError
        If it cannot be written; an earlier file is kept.
    """
    _check_table_name(path)
    if path.suffix.lower() == ".parquet":
        write_atomically(path, lambda temporary: table.to_parquet(temporary, index=False))
    else:
        write_atomically(path, lambda temporary: _neutralise_texts(table).to_csv(temporary, index=False))


def write_engine_table(
    connection: Any, table: Any, path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write an engine table to Parquet without loading it into memory; ``metadata`` goes into its footer."""
    more = {"kv_metadata": dict(metadata)} if metadata else {}
    write_atomically(path, lambda temporary: connection.to_parquet(table, str(temporary), **more))


def write_text(text: str, path: Path) -> None:
    """Write a text file."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, which is renamed to ``path`` once it is complete and on disk.

    Raises
    ------
    OutputError
        If it cannot be written; an earlier file is kept.
    """
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    try:
        with temporary_folder(path.parent) as folder:
            temporary = folder / path.name
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        if "No space left" in reason:
            reason = "the disk is full: free some space and run again"
        raise OutputError(f"cannot write {path}: {reason}") from error
