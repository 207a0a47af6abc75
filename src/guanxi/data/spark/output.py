"""Folders of Parquet that Spark's workers write, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from guanxi.data.sinks import files
from guanxi.data.sinks.output_location import FOLDER_MANIFEST, _check_only_parts, _manifest_text
from guanxi.data.spark.engine import SparkEngine
from guanxi.errors import OutputError, ParamsError


def check_folder(output: str) -> None:
    """Fail before the work starts if the folder could not be written.

    Raises
    ------
    ParamsError
        If a file or a database table is named.
    OutputError
        If the place cannot be written, or holds something other than an earlier result.
    """
    if "::" in output or output.lower().endswith((".parquet", ".csv")):
        raise ParamsError(f"{output}: --engine spark writes a folder of Parquet: name one without an ending")
    if "://" in output:
        return
    folder = Path(output)
    if folder.is_file():
        raise OutputError(f"{folder} is a file: name a folder with -o")
    files.check_output(folder.absolute().parent / f".{folder.name}")
    _check_only_parts(folder)


class FolderWriter:
    """A folder of Parquet that gets its name once it is complete, manifest included.

    Parameters
    ----------
    engine : SparkEngine
    output : str
        A path that every worker sees, or an address of a file system that Spark knows.
    """

    def __init__(self, engine: SparkEngine, output: str) -> None:
        self._engine = engine
        self._hadoop = engine.session._jvm.org.apache.hadoop.fs
        address = output if "://" in output else f"file://{Path(output).absolute()}"
        self._path = self._hadoop.Path(address)
        self._files = self._path.getFileSystem(engine.session._jsc.hadoopConfiguration())
        self._hidden, self._old = self._beside("spark.partial"), self._beside("old")
        self._files.delete(self._hidden, True)  # of a job that was killed
        self._put_back()

    def write(self, frame: Any) -> int:
        """Let the workers compute and write all rows; return their number."""
        address = str(self._hidden)
        # The folder's new name says that it is complete: Spark's own marker is not needed.
        frame.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(address)
        return int(self._engine.session.read.parquet(address).count())

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and give the folder its name; an earlier result stays until then.

        Raises
        ------
        OutputError
            If the folder cannot be put in its place.
        """
        file = self._files.create(self._hadoop.Path(self._hidden, FOLDER_MANIFEST))
        file.write(bytearray(_manifest_text(manifest).encode()))
        file.close()
        if self._files.getScheme() == "file":
            _settle(Path(self._hidden.toUri().getPath()))
        self._files.delete(self._old, True)
        if self._files.exists(self._path):
            self._files.rename(self._path, self._old)
        # Renamed to an existing folder, it would be moved into that folder.
        if self._files.exists(self._path) or not self._files.rename(self._hidden, self._path):
            self._put_back()
            raise OutputError(f"cannot write {self._path}: its place was taken meanwhile")
        self._files.delete(self._old, True)

    def discard(self) -> None:
        """Delete what is not complete."""
        self._files.delete(self._hidden, True)

    def _put_back(self) -> None:
        """Repair the state left by a job that was killed between its two renames."""
        if self._files.exists(self._old) and not self._files.exists(self._path):
            self._files.rename(self._old, self._path)

    def _beside(self, role: str) -> Any:
        return self._hadoop.Path(self._path.getParent(), f".{self._path.getName()}.{role}")


def _settle(folder: Path) -> None:
    """Sync the files to disk, and delete the checksums that Hadoop writes beside them."""
    for path in folder.iterdir():
        if path.suffix == ".crc":
            path.unlink()
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
