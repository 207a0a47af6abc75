"""Several files of a folder that are replaced together."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from guanxi import __version__
from guanxi.data.sinks.files import check_output, write_text
from guanxi.data.sinks.own_files import _is_ours, check_no_link
from guanxi.data.temporary import remove_abandoned, temporary_folder
from guanxi.errors import OutputError

WAITING = ".guanxi-files"
LOCK = f"{WAITING}.lock"
_MARKER = "_set.json"


@contextmanager
def replaced_together(folder: Path) -> Iterator[Path]:
    """Give an empty folder for new files, which replace those of the same names in ``folder`` afterwards.

    If the block fails, the earlier files stay. Once all new files are complete, they count: a process killed
    while it moves them leaves the rest in a hidden folder, and the next one moves them.

    Raises
    ------
    OutputError
        If the files cannot be replaced; none is.

    Examples
    --------
    >>> with replaced_together(Path("output")) as new:  # doctest: +SKIP
    ...     write_text("{}", new / "metrics.json")
    """
    check_output(folder / WAITING / _MARKER)
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    finish(folder)
    with temporary_folder(folder) as staged:
        new = staged / "new"
        new.mkdir()
        yield new
        for path in _files(new):
            check_output(folder / path.relative_to(new))
        write_text(json.dumps({"guanxi": __version__}), new / _MARKER)
        _move(new, folder / WAITING)
    finish(folder)


def check_replaceable(folder: Path, own: re.Pattern[str], proof: str, fields: Collection[str]) -> None:
    """Refuse a folder with files of our names, unless an earlier result of ours is there.

    Parameters
    ----------
    folder : Path
    own : re.Pattern
        Matches the names of the files that would be replaced or removed, relative to the folder.
    proof : str
        A JSON or Parquet file of each earlier result.
    fields : collection of str
        Its keys or columns, by which it is known.

    Raises
    ------
    OutputError
    """
    found = sorted(path for path in (*folder.glob("*"), *folder.glob("*/*")) if not path.is_dir())
    taken = [path for path in found if own.fullmatch(path.relative_to(folder).as_posix())]
    if taken and not is_unfinished(folder) and not _fields(folder / proof).issuperset(fields):
        raise OutputError(
            f"{taken[0]} would be replaced, and no {proof} beside it shows that guanxi wrote it: "
            "move it away, or choose another folder with -o"
        )


def _fields(path: Path) -> set[str]:
    """Return the keys of a JSON document or the columns of a Parquet file; none if it is neither."""
    try:
        if path.suffix == ".parquet":
            return set(pq.read_schema(path).names)
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, pa.ArrowException):
        return set()
    return set(document) if isinstance(document, dict) else set()


def is_unfinished(folder: Path) -> bool:
    """Whether complete files wait in a folder for :func:`finish`, since their process was killed."""
    return _is_ours(folder / WAITING / _MARKER)


def finish(folder: Path) -> bool:
    """Move the files that a killed process had completed to their places; return whether there were any.

    Raises
    ------
    OutputError
        If one cannot be moved.
    """
    waiting = folder / WAITING
    check_no_link(waiting)
    if not is_unfinished(folder):
        return False
    for path in _files(waiting):
        if path.name != _MARKER:
            target = folder / path.relative_to(waiting)
            check_output(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(path, target)
    (waiting / _MARKER).unlink()
    for path in (*sorted(waiting.rglob("*"), reverse=True), waiting):
        with suppress(OSError):
            path.rmdir()
    return True


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _move(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
