"""Where a table of many parts goes: one file, a folder of Parquet files, or a table of a database."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from guanxi.data.sinks import files
from guanxi.data.sinks._database_tables import DuckDBLocation, PostgresLocation
from guanxi.data.sources._databases import SCHEMES
from guanxi.data.sources.source_table import redact
from guanxi.errors import OutputError, ParamsError

FOLDER_MANIFEST = "_manifest.json"
_OWN = re.compile(r"part-[\w.-]+\.parquet|_\w+(\.json)?|\..+\.crc")


class OutputLocation(Protocol):
    """A place for a table.

    Attributes
    ----------
    name : str
        As given, without passwords.
    work_folder : Path
        Where its parts wait until all are done: on the same disk, if it has one.
    """

    name: str
    work_folder: Path

    def check(self) -> None:
        """Fail before the work starts if the table could not be written; nothing is created yet."""

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """Make the table of its parts, Parquet files of one schema in order: whole, or not at all.

        Raises
        ------
        OutputError
            If it cannot be written; an earlier table stays.
        """


def parse_output_location(output: str | Path) -> OutputLocation:
    """Read what ``--output`` of a table says.

    Parameters
    ----------
    output : str or Path
        ``FILE.parquet`` or ``FILE.csv``; a name without ending, or with ``/`` behind it, for a folder of
        Parquet files; or ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``.

    Raises
    ------
    ParamsError

    Examples
    --------
    >>> type(parse_output_location("scores.csv")).__name__, type(parse_output_location("scores/")).__name__
    ('FileLocation', 'FolderLocation')
    """
    text = str(output)
    if text.startswith(SCHEMES):
        return DuckDBLocation(text) if text.startswith("duckdb") else PostgresLocation(text)
    if "://" in text:
        raise ParamsError(
            f"{redact(text)}: write to files, or to duckdb://FILE::TABLE or postgres://…::TABLE"
        )
    path = Path(text).expanduser()
    if text.endswith(("/", os.sep)) or not path.suffix:
        return FolderLocation(path)
    if path.suffix.lower() not in files.TABLE_ENDINGS:
        raise ParamsError(
            f"{text}: end the name in .parquet or .csv, which says the format, or in / for a folder"
        )
    return FileLocation(path)


class FileLocation:
    """One Parquet or CSV file, with ``FILE.manifest.json`` beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        self.work_folder = path.with_name(f".{path.name}.partial")
        self.manifest = path.with_name(f"{path.name}.manifest.json")

    def check(self) -> None:
        """See :class:`OutputLocation`."""
        files.check_output(self.path)
        files.check_output(self.manifest)

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`OutputLocation`. The manifest comes last: it always belongs to the file."""
        join = _join_csv if self.path.suffix.lower() == ".csv" else _join_parquet

        def write(temporary: Path) -> None:
            join(parts, temporary)
            self.manifest.unlink(missing_ok=True)

        files.write_atomically(self.path, write, self.work_folder / "whole")
        files.write_text(_manifest_text(manifest), self.manifest)


class FolderLocation:
    """A folder of Parquet files ``part-00000.parquet``, … with ``_manifest.json`` among them."""

    def __init__(self, path: Path) -> None:
        if not path.name:
            raise ParamsError(f"{path}: name a folder of its own for the table, as in scores/")
        self.path, self.name = path, f"{path}/"
        self.work_folder = path.with_name(f".{path.name}.partial")
        self._old = path.with_name(f".{path.name}.old")

    def check(self) -> None:
        """See :class:`OutputLocation`. A folder with anything else in it is not given up for a table."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file: choose another name with -o")
        _check_only_parts(self.path)
        files.check_output(self.work_folder / FOLDER_MANIFEST)

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`OutputLocation`. The parts' own folder becomes the table's."""
        self._put_back()
        kept = [part.name for part in parts]
        files.write_text(_manifest_text(manifest), self.work_folder / FOLDER_MANIFEST)
        try:
            shutil.rmtree(self._old, ignore_errors=True)
            if self.path.exists():
                self.path.rename(self._old)
            self.work_folder.rename(self.path)
        except OSError as error:
            self._put_back()
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error
        for other in {*self.path.iterdir()} - {self.path / name for name in (*kept, FOLDER_MANIFEST)}:
            other.unlink()
        shutil.rmtree(self._old, ignore_errors=True)

    def _put_back(self) -> None:
        """Repair the state left by a job that was killed between its two renames."""
        if self._old.is_dir() and not self.path.exists():
            self._old.rename(self.path)


def _check_only_parts(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but an earlier table."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    other = [name for name in names if not _OWN.fullmatch(name)]
    if other or (names and FOLDER_MANIFEST not in names):
        raise OutputError(
            f"{folder} holds {(other or names)[0]!r}, which is no part of a table of guanxi predict: "
            "choose another folder with -o"
        )


def _manifest_text(manifest: Mapping[str, Any]) -> str:
    """Write a manifest as a file holds it."""
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def _join_parquet(parts: Sequence[Path], path: Path) -> None:
    with pq.ParquetWriter(path, pq.read_schema(parts[0])) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part))


def _join_csv(parts: Sequence[Path], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for part in parts:
            table: pa.Table = pq.read_table(part)
            table.to_pandas().to_csv(file, index=False, header=part == parts[0])
