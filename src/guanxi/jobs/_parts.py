"""Finished parts of a job, kept so that an interrupted job can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from guanxi.data.sinks import files
from guanxi.data.sinks.output_location import OutputLocation
from guanxi.errors import OutputError, ParamsError
from guanxi.jobs.reporter import Reporter

_PLAN = "_plan.json"


@contextmanager
def only_writer(location: OutputLocation) -> Iterator[None]:
    """Lock the location against other processes.

    Raises
    ------
    OutputError
        If another process is writing to it.
    """
    path = location.work_folder.with_suffix(".lock")
    made = _make_folder(path.parent)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{location.name}: another guanxi predict writes it now: "
            "wait for its end, or choose another output"
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
            shutil.rmtree(self.path, ignore_errors=True)
            files.write_text(json.dumps(self._plan, indent=1) + "\n", self.path / _PLAN)
        left = [number for number in range(len(self._sizes)) if not self._is_done(number)]
        if resume and found:
            reporter.say(f"   {len(self._sizes) - len(left):,} of {len(self._sizes):,} parts are done")
        return left

    def write(self, number: int, table: Any) -> None:
        """Write a part, whole or not at all."""
        files.write_atomically(self._part(number), lambda temporary: pq.write_table(table, temporary))

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
        shutil.rmtree(self.path, ignore_errors=True)

    def _part(self, number: int) -> Path:
        return self.path / f"part-{number:05d}.parquet"

    def _is_done(self, number: int) -> bool:
        try:
            return bool(pq.read_metadata(self._part(number)).num_rows == self._sizes[number])
        except (OSError, pa.ArrowException):
            return False

    def _check_plan(self) -> None:
        try:
            earlier = json.loads((self.path / _PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = {}
        for name, value in self._plan.items():
            if earlier.get(name) != value:
                raise ParamsError(
                    f"the interrupted job in {self.path} had {name} {earlier.get(name)!r}, not {value!r}: "
                    "repeat its options, or start again without --resume"
                )
