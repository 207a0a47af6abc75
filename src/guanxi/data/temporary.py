"""Temporary folders that are named after their process, so that those of a killed one can be removed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guanxi.data.processes import identity, is_alive


def _make_folder(beside: Path | None = None) -> Path:
    """Make an empty folder of a random name that only this user can enter.

    Parameters
    ----------
    beside : Path, optional
        Where, hidden: the folder of the files to come. Default: the system's folder for temporary files.
    """
    return Path(tempfile.mkdtemp(prefix=f"{_prefix(beside)}{_machine()}-{identity()}-", dir=beside))


@contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """Make a folder as :func:`_make_folder` does, and remove it afterwards.

    Examples
    --------
    >>> with temporary_folder() as folder:
    ...     (folder / "log.csv").touch()
    >>> folder.exists()
    False
    """
    folder = _make_folder(beside)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(beside: Path | None = None) -> list[Path]:
    """Remove the folders of :func:`_make_folder` whose process on this machine is dead; return them."""
    pattern = re.compile(rf"{re.escape(_prefix(beside))}{_machine()}-(\d+-\d+)-\w+")
    removed = []
    for path in sorted((beside or Path(tempfile.gettempdir())).glob(f"{_prefix(beside)}*")):
        named = pattern.fullmatch(path.name)
        if named and not path.is_symlink() and not is_alive(named[1]):
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                removed.append(path)
    return removed


def _prefix(beside: Path | None) -> str:
    return "guanxi-" if beside is None else ".guanxi-"


def _machine() -> str:
    """Name the machine, or the container: elsewhere the numbers of processes mean others."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]
