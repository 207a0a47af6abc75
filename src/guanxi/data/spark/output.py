"""Parquet folders written by Spark's workers, completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from guanxi.data.sinks import files, output_location
from guanxi.data.sinks.output_location import FOLDER_MANIFEST, _manifest_text
from guanxi.data.sinks.own_files import check_no_link
from guanxi.data.spark.engine import _SparkEngine
from guanxi.errors import OutputError, ParamsError


def check_folder(output: str) -> None:
    """Fail early if the folder could not be written.

    Raises
    ------
    ParamsError
        If the output is a file or a database table.
    OutputError
        If it cannot be written, or contains anything but an earlier result.
    """
    if "::" in output or output.lower().endswith((".parquet", ".csv")):
        raise ParamsError(f"{output}: --engine spark writes a Parquet folder: name one, without an extension")
    if "://" in output:
        return
    folder = Path(output)
    files.check_output(folder.absolute().parent / f".{folder.name}")
    check_no_link(folder.with_name(f".{folder.name}.spark.partial"))
    output_location.check_folder(folder)


class FolderWriter:
    """A Parquet folder that is renamed once it is complete, including the manifest.

    Parameters
    ----------
    engine : _SparkEngine
    output : str
        A path visible to all workers, or an address of a file system known to Spark.
    """

    def __init__(self, engine: _SparkEngine, output: str) -> None:
        self._engine = engine
        self._hadoop = engine.session._jvm.org.apache.hadoop.fs
        address = output if "://" in output else f"file://{Path(output).absolute()}"
        self._path = self._hadoop.Path(address)
        self._files = self._path.getFileSystem(engine.session._jsc.hadoopConfiguration())
        self._hidden, self._old = self._sibling("spark.partial"), self._sibling("old")
        self._files.delete(self._hidden, True)  # of a job that was killed
        self._put_back()

    def write(self, frame: Any) -> int:
        """Compute and write all rows on the workers; return their number."""
        address = str(self._hidden)
        # The final name marks the folder as complete, so Spark's marker is not needed.
        frame.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(address)
        return int(self._engine.session.read.parquet(address).count())

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and rename the folder; an earlier result is kept until then.

        Raises
        ------
        OutputError
            If the folder cannot be renamed.
        """
        file = self._files.create(self._hadoop.Path(self._hidden, FOLDER_MANIFEST))
        file.write(bytearray(_manifest_text(manifest).encode()))
        file.close()
        if self._files.getScheme() == "file":
            _sync_files(Path(self._hidden.toUri().getPath()))
        self._files.delete(self._old, True)
        if self._files.exists(self._path):
            self._files.rename(self._path, self._old)
        # A rename to an existing folder would move it into that folder.
        if self._files.exists(self._path) or not self._files.rename(self._hidden, self._path):
            self._put_back()
            raise OutputError(f"cannot write {self._path}: it was created by another process meanwhile")
        self._files.delete(self._old, True)

    def discard(self) -> None:
        """Delete the incomplete folder."""
        self._files.delete(self._hidden, True)

    def _put_back(self) -> None:
        """Restore the earlier result after a job that was killed between its two renames."""
        if self._files.exists(self._old) and not self._files.exists(self._path):
            self._files.rename(self._old, self._path)

    def _sibling(self, role: str) -> Any:
        return self._hadoop.Path(self._path.getParent(), f".{self._path.getName()}.{role}")


def _sync_files(folder: Path) -> None:
    """Sync the files to disk, and delete Hadoop's checksum files."""
    for path in folder.iterdir():
        if path.suffix == ".crc":
            path.unlink()
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
