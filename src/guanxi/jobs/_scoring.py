"""Scoring of customers in chunks, the worker processes, and the manifest of the result.

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
from guanxi.registry.direct import load_directly
from guanxi.registry.loaded_model import LoadedModel, load_model

_WHOLE_NUMBERS, _DAYS = ("horizon_days",), ("as_of", "next_purchase_date")
_MOST_PROCESSES, _CUSTOMERS_EACH = 3, 400_000


@dataclass(frozen=True)
class Manifest:
    """Contents and origin of a prediction table.

    Attributes
    ----------
    guanxi : str
        Version of the package.
    engine : str
        ``duckdb`` or ``spark``.
    model, model_version, model_id : str
        Address given; version in the registry; MLflow's identifier of the logged model.
    source, source_digest : str
        Without passwords; digest of the accepted lines, as logged with a training (None from Spark).
    as_of : str or None
        ISO date; None for a model trained on labels, like the horizon and the counts of lines.
    horizon_days : int or None
    drivers : int
    rows : int
        Customers in the table.
    lines_read, lines_rejected, customers_without_purchase : int or None
    rejected_by_rule : dict of str to int
    chunks, resumed_chunks : int or None
        Number of parts scored, and number of those done by an interrupted job. None from Spark.
    started, ended : str
        ISO times with their UTC offset, of the job that completed the table.
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
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Scoring:
    """Customers still to be scored with a model.

    Attributes
    ----------
    facts : dict
        The fields of :class:`Manifest` about the source and the day.
    bounds : list of int
        Chunk i holds the customers at positions ``bounds[i]`` to ``bounds[i + 1] - 1``.
    id_type : pyarrow.DataType
        Type of ``customer_id``.
    score : callable of list of int
        Yields the prediction tables of these chunks in order.
    also : dict
        What else determines the contents of a chunk.
    close : callable
        Closes the source.
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
        """Score chunks and report progress."""
        reporter = reporter or Reporter()
        done = self.rows - sum(self.size(number) for number in numbers)
        reporter.count(done, self.rows, "customers")
        for number, table in zip(numbers, self.score(numbers), strict=True):
            # A text column that is empty in this chunk would otherwise get another type.
            yield number, table.astype({name: "str" for name in table.columns if _is_text(str(name))})
            done += len(table)
            reporter.count(done, self.rows, "customers")

    def whole(self, reporter: Reporter | None = None) -> pd.DataFrame:
        """Score all customers into one table."""
        every = [table for _, table in self.tables(range(len(self.bounds) - 1), reporter)]
        return pd.concat(every, ignore_index=True)

    @property
    def rows(self) -> int:
        """Number of customers."""
        return self.bounds[-1]

    def size(self, number: int) -> int:
        """Count the customers of a chunk."""
        return self.bounds[number + 1] - self.bounds[number]


def side_by_side(
    scorers: Sequence[Callable[[pd.DataFrame], pd.DataFrame]], tables: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """Score each table with the next free scorer; yield the results in the order of the tables.

    At most one table more than there are scorers is held in memory.
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
    """Give a prediction table the column types of files, even where a chunk's column is empty."""

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
    return name in ("model_version", "plan") or (name.startswith("driver_") and not name.endswith("_effect"))


class ScoringProcess:
    """A process that scores feature tables with the model in a folder.

    Settings: ``as_of, horizon_days, drivers``, None meaning as trained.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        paths = os.pathsep.join(path for path in sys.path if path)
        # One thread each, since there is one process per core.
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", __name__, str(folder), json.dumps(dict(settings))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment
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
            raise EngineError(f"a scoring process ended: {self._last_message()}") from error

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _last_message(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        messages = [line.strip() for line in lines if line.strip()]
        return (
            messages[-1] if messages else f"exit code {self._process.returncode}, perhaps for lack of memory"
        )


@contextmanager
def scorers(
    loaded: LoadedModel, settings: Mapping[str, Any], customers: int
) -> Iterator[list[Callable[[pd.DataFrame], pd.DataFrame]]]:
    """Yield scorers that use all cores: this process, and others if there are enough customers."""
    # A process takes seconds to start, in which this one would score as many customers.
    count = min((os.cpu_count() or 1) - 1, _MOST_PROCESSES, customers // _CUSTOMERS_EACH)
    others = [ScoringProcess(loaded.folder, loaded.given(settings)) for _ in range(count)]
    try:
        yield [lambda features: scored(loaded, features, settings), *others]
    finally:
        for other in others:
            other.close()


def scored(loaded: LoadedModel, features: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Score a feature table, and add the customer identifiers."""
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
    """Score the tables from standard input until it ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what libraries print out of the results
    loaded = load_directly(folder) or load_model(folder)
    while requests.peek(1):
        _send(answers, scored(loaded, _receive(requests), settings))


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
