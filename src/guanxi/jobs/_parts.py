"""Finished parts of a job, kept so that an interrupted job can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from guanxi.data.sinks import files
from guanxi.data.sinks.output_location import OutputLocation, repeating_columns
from guanxi.data.sinks.own_files import PARTS, PLAN, check_no_link, remove_own
from guanxi.errors import OutputError, ParamsError
from guanxi.jobs.reporter import Reporter

_DIGESTS = "_digests.txt"


@contextmanager
def only_writer(name: str, path: Path) -> Iterator[None]:
    """Lock a place against other processes, with an empty file that exists meanwhile.

    Raises
    ------
    OutputError
        If another process is writing to it.
    """
    check_no_link(path)
    if path.exists() and (not path.is_file() or path.stat().st_size):
        raise OutputError(f"{path} is in the way and not of guanxi: move it away, or choose another output")
    made = _make_folder(path.parent)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{name}: another guanxi command writes it now: wait for its end, or choose another output"
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _make_folder(folder: Path) -> list[Path]:
    """Create a folder; return the folders created, the deepest first."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


class PartFolder:
    """The parts of a table before they are moved to its location, and the plan that they follow.

    Parameters
    ----------
    location : OutputLocation
    plan : mapping
        All that determines the contents of the parts, JSON values.
    sizes : sequence of int
        Rows of each part.
    """

    def __init__(self, location: OutputLocation, plan: Mapping[str, Any], sizes: Sequence[int]) -> None:
        self.path = location.work_folder
        self._plan, self._sizes = dict(plan), sizes
        self._digests: dict[str, str] = {}

    def open(self, reporter: Reporter, *, resume: bool) -> list[int]:
        """Resume the parts of an interrupted job, or discard them; return the numbers of those to do.

        Raises
        ------
        ParamsError
            If they were made with another plan.
        """
        found = len(list(self.path.glob("part-*.parquet")))
        if resume:
            if found:
                self._check_plan()
            else:
                reporter.say("   nothing to resume: starting from the beginning")
        elif found:
            reporter.say(
                f"   discarding the {found:,} parts of an interrupted job: --resume would have continued it"
            )
        if not (resume and found):
            self.remove()
            files.write_text(json.dumps(self._plan, indent=1) + "\n", self.path / PLAN)
        self._digests = self._read_digests()
        left = [number for number in range(len(self._sizes)) if not self._is_done(number)]
        if resume and found:
            reporter.say(f"   {len(self._sizes) - len(left):,} of {len(self._sizes):,} parts are done")
        return left

    def write(self, number: int, table: Any) -> None:
        """Write a part, whole or not at all."""
        path = self._part(number)
        files.write_atomically(
            path,
            lambda temporary: pq.write_table(
                table, temporary, use_dictionary=repeating_columns(table.schema)
            ),
        )
        self._digests[path.name] = _digest(path)
        with (self.path / _DIGESTS).open("a", encoding="utf-8") as file:
            file.write(f"{path.name} {self._digests[path.name]}\n")

    @property
    def parts(self) -> list[Path]:
        """All parts in order."""
        return [self._part(number) for number in range(len(self._sizes))]

    @property
    def done(self) -> int:
        """Number of finished parts."""
        return sum(map(self._is_done, range(len(self._sizes))))

    def remove(self) -> None:
        """Delete the parts."""
        remove_own(self.path, PARTS)

    def _part(self, number: int) -> Path:
        return self.path / f"part-{number:05d}.parquet"

    def _is_done(self, number: int) -> bool:
        path = self._part(number)
        try:
            return bool(pq.read_metadata(path).num_rows == self._sizes[number]) and self._digests.get(
                path.name
            ) == _digest(path)
        except (OSError, pa.ArrowException):
            return False

    def _read_digests(self) -> dict[str, str]:
        """Read the digest of each finished part; a line that was cut off matches none."""
        try:
            lines = (self.path / _DIGESTS).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return {}
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def _check_plan(self) -> None:
        try:
            earlier = json.loads((self.path / PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = {}
        for name, value in self._plan.items():
            if earlier.get(name) != value:
                raise ParamsError(
                    f"the interrupted job in {self.path} had {name} {earlier.get(name)!r}, not {value!r}: "
                    "repeat its options, or start again without --resume"
                )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
