"""Destination of a table written in parts: a file, a folder of Parquet files, or a database table."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from guanxi.data.sinks import files
from guanxi.data.sinks._database_tables import DuckDBLocation, PostgresLocation
from guanxi.data.sinks.formulas import _neutralise_texts
from guanxi.data.sinks.own_files import PARTS, PLAN, _is_ours, check_only_own, remove_own
from guanxi.data.sources._databases import SCHEMES
from guanxi.data.sources.redaction import redact
from guanxi.errors import OutputError, ParamsError

FOLDER_MANIFEST = "_manifest.json"
_WHOLE_DAYS = ("frequency", "recency", "T")


class OutputLocation(Protocol):
    """A destination for a table.

    Attributes
    ----------
    name : str
        As given, without passwords.
    work_folder : Path
        Folder of the parts and their plan until all are complete; on the same disk if the destination
        has one.
    """

    name: str
    work_folder: Path

    def check(self) -> None:
        """Fail early if the table could not be written; nothing is created."""

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """Write the table from its parts, ordered Parquet files of one schema: completely or not at all.

        Raises
        ------
        OutputError
            If it cannot be written; an earlier table is kept.
        """


def parse_output_location(output: str | Path) -> OutputLocation:
    """Parse the ``--output`` of a table.

    Parameters
    ----------
    output : str or Path
        ``FILE.parquet`` or ``FILE.csv``; a name without extension, or ending in ``/``, for a folder of
        Parquet files; or ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``.

    Raises
    ------
    ParamsError

    Examples
    --------
    >>> type(parse_output_location("scores.csv")).__name__, type(parse_output_location("scores/")).__name__
    ('_FileLocation', 'FolderLocation')
    """
    text = output if isinstance(output, str) else str(files.output_path(output))
    if text.startswith(SCHEMES):
        return DuckDBLocation(text) if text.startswith("duckdb") else PostgresLocation(text)
    if "://" in text:
        raise ParamsError(
            f"{redact(text)}: write to files, to duckdb://FILE::TABLE or to postgres://…::TABLE"
        )
    path = Path(text).expanduser()
    if text.endswith(("/", os.sep)) or not path.suffix:
        return FolderLocation(path)
    if path.suffix.lower() not in files.TABLE_ENDINGS:
        raise ParamsError(
            f"{text}: end the name in .parquet or .csv to choose the format, or in / for a folder"
        )
    return _FileLocation(path)


class _FileLocation:
    """One Parquet or CSV file, with ``FILE.manifest.json`` next to it."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        self.work_folder = path.with_name(f".{path.name}.partial")
        self.manifest = path.with_name(f"{path.name}.manifest.json")

    def check(self) -> None:
        """See :class:`OutputLocation`."""
        files.check_output(self.path)
        files.check_output(self.manifest)
        if self.manifest.exists() and not _is_ours(self.manifest):
            raise OutputError(
                f"{self.manifest} is not of guanxi: move it away, or choose another name with -o"
            )
        check_only_own(self.work_folder, PARTS, PLAN)

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`OutputLocation`. The manifest is written last, so it always matches the file."""
        join = _join_csv if self.path.suffix.lower() == ".csv" else _join_parquet

        def write(temporary: Path) -> None:
            join(parts, temporary)
            self.manifest.unlink(missing_ok=True)

        files.write_atomically(self.path, write)
        files.write_text(_manifest_text(manifest), self.manifest)


class FolderLocation:
    """A folder of files, such as ``part-00000.parquet``, … and ``_manifest.json``.

    Parameters
    ----------
    path : Path
    own : re.Pattern, optional
        Matches the names of its files; default: Parquet files of Spark or guanxi.
    """

    def __init__(self, path: Path, own: re.Pattern[str] = PARTS) -> None:
        if not path.name:
            raise ParamsError(f"{path}: name a separate folder for the table, as in scores/")
        self.path, self.name = path, f"{path}/"
        self.work_folder = path.with_name(f".{path.name}.partial")
        self._old, self._own = path.with_name(f".{path.name}.old"), own

    def check(self) -> None:
        """See :class:`OutputLocation`. A folder with any other content is refused."""
        check_folder(self.path, self._own)
        check_only_own(self.work_folder, PARTS, PLAN)
        files.check_output(self.work_folder / PLAN)

    def put(self, parts: Sequence[Path], manifest: Mapping[str, Any]) -> None:
        """See :class:`OutputLocation`. The folder of the parts is renamed."""
        self._put_back()
        kept = [part.name for part in parts]
        files.write_text(_manifest_text(manifest), self.work_folder / FOLDER_MANIFEST)
        try:
            remove_own(self._old, self._own)
            if self.path.exists():
                self.path.rename(self._old)
            self.work_folder.rename(self.path)
        except OSError as error:
            self._put_back()
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error
        remove_own(self.path, self._own, kept=(*kept, FOLDER_MANIFEST))
        remove_own(self._old, self._own)

    def _put_back(self) -> None:
        """Restore the earlier table after a job that was killed between its two renames."""
        if self._old.is_dir() and not self.path.exists():
            self._old.rename(self.path)


def check_folder(path: Path, own: re.Pattern[str] = PARTS) -> None:
    """Refuse to replace a folder, or to use what was left beside it, with anything but an earlier table.

    Raises
    ------
    OutputError
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file: choose another name with -o")
    for folder in (path, path.with_name(f".{path.name}.old")):
        check_only_own(folder, own, FOLDER_MANIFEST)


def _manifest_text(manifest: Mapping[str, Any]) -> str:
    """Format a manifest as JSON."""
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def repeating_columns(schema: pa.Schema) -> list[str]:
    """Columns to store by dictionary: for numbers that hardly repeat one takes time and no less room."""
    return [
        field.name for field in schema if field.name in _WHOLE_DAYS or not pa.types.is_floating(field.type)
    ]


def _join_parquet(parts: Sequence[Path], path: Path) -> None:
    schema = pq.read_schema(parts[0])
    with pq.ParquetWriter(path, schema, use_dictionary=repeating_columns(schema)) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part))


def _join_csv(parts: Sequence[Path], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for part in parts:
            table: pa.Table = pq.read_table(part)
            _neutralise_texts(table.to_pandas()).to_csv(file, index=False, header=part == parts[0])
