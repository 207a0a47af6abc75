"""Customers to score in chunks, the processes that score them, and the manifest of the result.

Large tables are scored in several processes, since Python's lock keeps the threads of one process from using
a second core. A process reads feature tables and returns prediction tables as Arrow streams over its standard
input and output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from guanxi.errors import EngineError
from guanxi.jobs.reporter import Reporter
from guanxi.registry.loaded_model import LoadedModel, load_model

_WHOLE_NUMBERS, _DAYS = ("horizon_days",), ("as_of", "next_purchase_date")
_MOST_PROCESSES, _CUSTOMERS_EACH = 3, 200_000


@dataclass(frozen=True)
class Manifest:
    """Says what stands in a prediction table and where it came from.

    Attributes
    ----------
    guanxi : str
        Version of the package.
    engine : str
        ``duckdb`` or ``spark``.
    model, model_version, model_id : str
        Address asked for; version in the registry; MLflow's identifier of the logged model.
    source, source_digest : str
        Without passwords; digest of the accepted lines, as it is logged with a training (None from Spark).
    as_of : str or None
        ISO date; None for a model trained on labels, as are the next two and the counts of lines.
    horizon_days : int or None
    drivers : int
    rows : int
        Customers in the table.
    lines_read, lines_rejected, customers_without_purchase : int or None
    rejected_by_rule : dict of str to int
    chunks, resumed_chunks : int or None
        Parts it was scored in; how many of them an earlier job had done. None from Spark.
    started, ended : str
        ISO times with their offset; of the job that ended it.
    seconds : float
    """

    guanxi: str
    model: str
    model_version: str
    model_id: str
    source: str
    source_digest: str | None
    as_of: str | None
    horizon_days: int | None
    drivers: int
    rows: int
    lines_read: int | None
    lines_rejected: int | None
    rejected_by_rule: dict[str, int]
    customers_without_purchase: int | None
    started: str
    ended: str
    seconds: float
    chunks: int | None = None
    resumed_chunks: int | None = None
    engine: str = "duckdb"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields by name, as they are written."""
        return asdict(self)


@dataclass(frozen=True)
class Scoring:
    """Customers and a model, not scored yet.

    Attributes
    ----------
    facts : dict
        What is scored, and as of when: the fields of :class:`Manifest` about the source.
    bounds : list of int
        Chunk i holds the customers from place ``bounds[i]`` to before ``bounds[i + 1]``.
    id_type : pyarrow.DataType
        Type of ``customer_id``.
    score : callable of list of int
        Gives the prediction tables of these chunks one after another.
    also : dict
        What else decides what stands in a chunk.
    close : callable
        Gives up what holds the source.
    """

    facts: dict[str, Any]
    bounds: list[int]
    id_type: Any
    score: Callable[[Sequence[int]], Iterator[pd.DataFrame]] = field(repr=False)
    also: dict[str, str] = field(default_factory=dict)
    close: Callable[[], None] = field(repr=False, default=lambda: None)

    def tables(
        self, numbers: Sequence[int], reporter: Reporter | None = None
    ) -> Iterator[tuple[int, pd.DataFrame]]:
        """Score chunks, and tell how far it is."""
        reporter = reporter or Reporter()
        done = self.rows - sum(self.size(number) for number in numbers)
        reporter.count(done, self.rows, "customers")
        for number, table in zip(numbers, self.score(numbers), strict=True):
            # A chunk with nothing in a column of text would give it another type.
            yield number, table.astype({name: "str" for name in table.columns if _is_text(str(name))})
            done += len(table)
            reporter.count(done, self.rows, "customers")

    def whole(self, reporter: Reporter | None = None) -> pd.DataFrame:
        """Score everyone into one table."""
        every = [table for _, table in self.tables(range(len(self.bounds) - 1), reporter)]
        return pd.concat(every, ignore_index=True)

    @property
    def rows(self) -> int:
        """Customers."""
        return self.bounds[-1]

    def size(self, number: int) -> int:
        """Count the customers of a chunk."""
        return self.bounds[number + 1] - self.bounds[number]


def side_by_side(
    scorers: Sequence[Callable[[pd.DataFrame], pd.DataFrame]], tables: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """Have each table scored by whichever is free, and give the results in the order of the tables.

    No more tables are held than there are scorers, and one.
    """
    free: SimpleQueue[Callable[[pd.DataFrame], pd.DataFrame]] = SimpleQueue()
    for scorer in scorers:
        free.put(scorer)

    def work(table: pd.DataFrame) -> pd.DataFrame:
        scorer = free.get()
        try:
            return scorer(table)
        finally:
            free.put(scorer)

    with ThreadPoolExecutor(max_workers=len(scorers)) as pool:
        pending: deque[Future[pd.DataFrame]] = deque()
        for table in tables:
            pending.append(pool.submit(work, table))
            if len(pending) > len(scorers):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def as_arrow(table: pd.DataFrame, id_type: Any) -> Any:
    """Give a prediction table the types it has in files, also where a chunk holds nothing in a column."""

    def kind(name: str) -> Any:
        if name == "customer_id":
            return id_type
        if name in _DAYS:
            return pa.date32()
        if name in _WHOLE_NUMBERS:
            return pa.int64()
        return pa.string() if _is_text(name) else pa.float64()

    schema = pa.schema({name: kind(str(name)) for name in table.columns})
    return pa.Table.from_pandas(table, schema, preserve_index=False).replace_schema_metadata()


def _is_text(name: str) -> bool:
    return name == "model_version" or (name.startswith("driver_") and not name.endswith("_effect"))


class ScoringProcess:
    """A process that scores one feature table after another with one model.

    Parameters
    ----------
    folder : pathlib.Path
        The model's files.
    settings : mapping
        What to predict with: ``as_of, horizon_days, drivers``, None meaning as trained.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        paths = os.pathsep.join(path for path in sys.path if path)
        # One thread: as many of these processes are at work as there are cores.
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", __name__, str(folder), json.dumps(dict(settings))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment
        )

    def __call__(self, features: pd.DataFrame) -> pd.DataFrame:
        """Score one table.

        Raises
        ------
        EngineError
            If the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, features)
            return _receive(self._process.stdout)
        except (OSError, pa.ArrowInvalid) as error:
            raise EngineError(f"a scoring process ended: {self._last_words()}") from error

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"exit code {self._process.returncode}, perhaps for lack of memory"


@contextmanager
def scorers(
    loaded: LoadedModel, settings: Mapping[str, Any], customers: int
) -> Iterator[list[Callable[[pd.DataFrame], pd.DataFrame]]]:
    """Give what scores so many customers on all cores: this process, and others where they are worth it."""
    # A process takes seconds to begin: fewer customers are scored by then.
    count = min((os.cpu_count() or 1) - 1, _MOST_PROCESSES, customers // _CUSTOMERS_EACH)
    others = [ScoringProcess(loaded.folder, settings) for _ in range(count)]
    try:
        yield [lambda features: scored(loaded, features, settings), *others]
    finally:
        for other in others:
            other.close()


def scored(loaded: LoadedModel, features: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Score a feature table, and name the customers."""
    scores = loaded.predict(features, **settings)
    scores.insert(0, "customer_id", features["customer_id"].to_numpy())
    return scores


def _send(stream: IO[bytes], table: pd.DataFrame) -> None:
    rows = pa.Table.from_pandas(table, preserve_index=False)
    with pa.ipc.new_stream(stream, rows.schema) as writer:
        writer.write_table(rows)
    stream.flush()


def _receive(stream: IO[bytes]) -> pd.DataFrame:
    table: pd.DataFrame = pa.ipc.open_stream(stream).read_all().to_pandas()
    return table


def _serve(folder: str, settings: Mapping[str, Any]) -> None:
    """Answer tables until there are no more."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    loaded = load_model(folder)
    while requests.peek(1):
        _send(answers, scored(loaded, _receive(requests), settings))


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
