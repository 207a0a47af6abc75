"""Folders whose content is replaced: only what guanxi wrote is ever removed, and no link is followed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from guanxi.errors import OutputError

PLAN = "_plan.json"
PARTS = re.compile(r"part-[\w.-]+\.parquet|_\w+(\.json|\.txt)?|\.[^/]+\.crc|\.guanxi-.+")
_LONGEST_NAME = 60


def check_no_link(*paths: Path) -> None:
    """Refuse symbolic links: what they lead to would be replaced or emptied.

    Raises
    ------
    OutputError
    """
    for path in paths:
        try:
            is_link = path.is_symlink()
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; choose another name") from None
        if is_link:
            raise OutputError(f"{path} is a symbolic link: name the place it leads to, or remove the link")


def check_only_own(folder: Path, own: re.Pattern[str], marker: str = "") -> None:
    """Refuse a folder with anything but our files, or without the marker that we leave there.

    Parameters
    ----------
    folder : Path
        It need not exist; an empty one is ours.
    own : re.Pattern
        Matches the names of our files, relative to the folder.
    marker : str, optional
        A JSON file of ours: :func:`_is_ours`.

    Raises
    ------
    OutputError
    """
    check_no_link(folder)
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = [path.relative_to(folder).as_posix() for path in found]
    other = [
        name for name, path in zip(names, found, strict=True) if path.is_symlink() or not own.fullmatch(name)
    ]
    if names and marker and not _is_ours(folder / marker):
        other = other or names
    if other:
        raise OutputError(
            f"{folder} contains {other[0]!r}, which guanxi did not write and would delete: "
            "move it away, or choose another place"
        )


def _is_ours(marker: Path) -> bool:
    """Whether a JSON file is a manifest or plan of guanxi."""
    try:
        document = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and not {"guanxi", "system"}.isdisjoint(document)


def remove_own(folder: Path, own: re.Pattern[str], kept: Iterable[str] = ()) -> None:
    """Delete our files except some, and the folders that are empty then; nothing else stays away."""
    if folder.is_symlink():
        return
    stay = set(kept)
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()
        elif own.fullmatch(name) and name not in stay:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def file_name(text: str) -> str:
    """Turn any text into a file name that is short, on every system, and its own.

    Examples
    --------
    >>> file_name("region")
    'region'
    >>> file_name("/../etc")
    '-..-etc-4ae57fe3'
    """
    if re.fullmatch(rf"\w[\w.-]{{0,{_LONGEST_NAME - 1}}}", text):
        return text
    plain = re.sub(r"[^\w.-]+", "-", text)[:_LONGEST_NAME].lstrip(".")
    return f"{plain}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
