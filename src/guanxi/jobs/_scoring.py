"""Customers to score, chunk by chunk, and what is told of the table they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from queue import SimpleQueue
from typing import Any

import pandas as pd

from guanxi.jobs.reporter import Reporter

_WHOLE_NUMBERS, _DAYS = ("horizon_days",), ("as_of", "next_purchase_date")


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
    import pyarrow as pa

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
