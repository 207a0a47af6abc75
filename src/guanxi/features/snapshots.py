"""Snapshots: features as of a cutoff, with the outcomes in the window after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from guanxi.data.chunks import ChunkQuery, CustomerChunks
from guanxi.data.engine import _one_thread, execute_in_order, explain_no_space
from guanxi.data.transactions import TransactionLog
from guanxi.features.behaviour import feature_expression
from guanxi.features.rfm import _keys, _until_each, purchases_until
from guanxi.periods import add_days, parse_date

OUTCOMES = ("purchases", "spend", "churned")
LOG_GAPS = "log_gap_sum"
_MINIMUM_WINDOW_DAYS = 7
_USUAL_CUTOFFS = 8
CUSTOMERS_AT_ONCE = 100_000
MOST_CUSTOMERS = 300_000  # of a window; the trees see at most 200,000 rows of all windows
_KEY_DIGITS = 8
_EVENTS_AT_ONCE, _FEWEST_AT_ONCE = 2_000_000, 5_000


@dataclass(frozen=True)
class SnapshotPlan:
    """Cutoffs of the training data and the length of their label windows.

    The label windows of the training cutoffs end before that of the validation cutoff begins, which ends on
    the training day. No data after the training day are used.
    """

    training: tuple[date, ...]
    validation: date
    window_days: int


def plan_snapshots(
    first_day: date, training_day: date, horizon_days: int, spacing_days: int | None = None
) -> SnapshotPlan | None:
    """Choose the snapshot cutoffs of a model trained on the data up to ``training_day``.

    Validation labels, training labels and history each get one window (half a window of history at the
    earliest training cutoff). With less than three horizons of data, the windows shrink to a third of it.

    Parameters
    ----------
    first_day, training_day : date
        First and last day of the data to use.
    horizon_days : int
        Length of the prediction window.
    spacing_days : int, optional
        Days between training cutoffs; default: half a window, or more to have at most nine cutoffs.

    Returns
    -------
    SnapshotPlan or None
        None if the windows would be shorter than a week and the horizon.

    Examples
    --------
    >>> plan = plan_snapshots(date(1997, 1, 1), date(1997, 9, 30), 273)
    >>> plan.window_days, plan.validation.isoformat()
    (90, '1997-07-02')
    """
    history = (training_day - first_day).days
    window = min(horizon_days, history // 3)
    if window < min(horizon_days, _MINIMUM_WINDOW_DAYS):
        return None
    validation = add_days(training_day, -window)
    latest = add_days(validation, -window)
    earliest = add_days(first_day, window // 2)
    spacing = spacing_days or max(1, window // 2, (latest - earliest).days // _USUAL_CUTOFFS)
    count = (latest - earliest).days // spacing + 1
    training = tuple(add_days(latest, -spacing * i) for i in range(count))
    return SnapshotPlan(training=training[::-1], validation=validation, window_days=window)


def features_at(log: TransactionLog, cutoff: date, horizon_days: int) -> pd.DataFrame:
    """Features of all customers known at the cutoff, sorted by ``customer_id``."""
    cutoff = parse_date(cutoff, what="cutoff")
    grain = log.params.event_grain
    expression = feature_expression(log.events, log.lines, cutoff, horizon_days, grain)
    return execute_in_order(log.connection, expression.order_by("customer_id"))


class OrderedChunks:
    """A table of features in chunks of customers, sorted by ``customer_id``; bounds depend only on the data.

    Parameters
    ----------
    chunks : CustomerChunks
    tables, build
        As for :class:`guanxi.data.chunks.ChunkQuery`; ``customer_id`` is the first column of what is built.

    Attributes
    ----------
    bounds : list of int
        Chunk i has the customers at positions ``bounds[i]`` to ``bounds[i + 1] - 1``.
    id_type : pyarrow.DataType
        Type of ``customer_id``.
    """

    def __init__(self, chunks: CustomerChunks, tables: Mapping[str, Any], build: Callable[..., Any]) -> None:
        self._query = ChunkQuery(chunks, tables, build)
        self.bounds = chunks.bounds
        self.id_type = _plain(_engine_type(chunks.connection, next(iter(tables.values()))))

    def __getitem__(self, number: int) -> pd.DataFrame:
        """Compute the features of one chunk."""
        with explain_no_space():
            table = self._query.execute(number)
        features: pd.DataFrame = _with_plain_ids(table, self.id_type).to_pandas()
        return features

    def ahead(self, numbers: Sequence[int]) -> Iterator[pd.DataFrame]:
        """Yield the features of chunks, each computed while the caller processes the previous one."""
        with ThreadPoolExecutor(max_workers=1) as executor:
            following = [executor.submit(self.__getitem__, number) for number in numbers[:1]]
            for number in [*numbers[1:], None]:
                if not following:
                    return
                features = following.pop().result()
                if number is not None:
                    following.append(executor.submit(self.__getitem__, number))
                yield features


class FeatureChunks(OrderedChunks):
    """Features of all customers known at the cutoff, in chunks with the values of :func:`features_at`.

    Parameters
    ----------
    log : TransactionLog
    cutoff : date
    horizon_days : int
    customers : int
        Maximum number of customers in a chunk; chunks are smaller if customers have many purchases.
    """

    def __init__(
        self, log: TransactionLog, cutoff: date, horizon_days: int, customers: int = CUSTOMERS_AT_ONCE
    ) -> None:
        past = log.events.filter(log.events.date <= ibis.literal(cutoff))
        events = int(past.count().execute())

        def size(known: int) -> int:
            fitting = max(_FEWEST_AT_ONCE, _EVENTS_AT_ONCE * known // max(1, events))
            return min(customers, fitting)

        def build(events: Any, lines: Any) -> Any:
            table = feature_expression(events, lines, cutoff, horizon_days, log.params.event_grain)
            return table.order_by("customer_id")

        chunks = CustomerChunks(log.connection, past, size)
        super().__init__(chunks, {"events": past, "lines": log.lines}, build)


def _engine_type(connection: Any, table: Any) -> Any:
    ids = connection.con.execute(connection.compile(table.select("customer_id").limit(0))).fetch_arrow_table()
    return ids.schema.field("customer_id").type


def _with_plain_ids(table: pa.Table, kind: Any) -> pa.Table:
    place = table.schema.get_field_index("customer_id")
    return table.set_column(place, "customer_id", table.column(place).cast(kind))


def _plain(kind: Any) -> Any:
    """Return the value type of a dictionary-encoded column, such as a pandas categorical."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def snapshot(log: TransactionLog, cutoff: date, window_days: int) -> pd.DataFrame:
    """Features at the cutoff with the outcomes in the window after it.

    Returns
    -------
    pandas.DataFrame
        The feature table and ``purchases`` (count), ``spend`` (amount) and ``churned`` (1.0: no purchase)
        in the ``window_days`` after the cutoff day.
    """
    return snapshots_at(log, [cutoff], window_days)[cutoff].drop(columns=LOG_GAPS)


def snapshots_at(
    log: TransactionLog, cutoffs: Sequence[date], window_days: int, most: int = MOST_CUSTOMERS
) -> dict[date, pd.DataFrame]:
    """Snapshots at several cutoffs, by one query.

    With more than ``most`` customers known at the last cutoff, about as many are chosen by a hash of their
    identifiers. They are the same at all cutoffs, so that each keeps its share of the rows.

    Returns
    -------
    dict of date to pandas.DataFrame
        As :func:`snapshot`, with ``log_gap_sum`` as from :func:`guanxi.features.rfm.with_log_gaps`.
    """
    if not cutoffs:
        return {}
    grain, sampled = log.params.event_grain, _sampled(log, max(cutoffs), most)
    events, lines = (_until_each(sampled(table), cutoffs) for table in (log.events, log.lines))
    features = feature_expression(events, lines, None, window_days, grain, log_gaps=True)
    labels = _outcomes_of_each(sampled(log.events), cutoffs, window_days, grain)
    keys = ["cutoff", "customer_id"]
    joined = features.left_join(labels, keys).drop(*(f"{name}_right" for name in keys))
    purchases = joined.purchases.fill_null(0).cast("float64")
    labelled = joined.mutate(
        purchases=purchases,
        spend=ibis.ifelse(joined.purchases.isnull(), 0.0, joined.spend),
        churned=(purchases == 0).cast("float64"),
    )
    query = log.connection.compile(labelled.order_by(keys))
    with _one_thread(log.connection), explain_no_space():
        table = log.connection.con.execute(query).fetch_arrow_table()
    table = _with_plain_ids(table, _plain(_engine_type(log.connection, log.events)))
    days, table = table.column("cutoff"), table.drop_columns("cutoff")
    starts = {day: pc.index(days, pa.scalar(day)).as_py() for day in cutoffs}
    counts = {entry["values"].as_py(): entry["counts"].as_py() for entry in days.value_counts()}
    return {day: table.slice(max(starts[day], 0), counts.get(day, 0)).to_pandas() for day in cutoffs}


def _sampled(log: TransactionLog, cutoff: date, most: int) -> Callable[[Any], Any]:
    """Return what restricts a table to a sample of about ``most`` customers known at the cutoff."""
    known = 0
    if log.customers > most:
        known = int(
            log.events.filter(log.events.date <= ibis.literal(cutoff)).customer_id.nunique().execute()
        )
    if known <= most:
        return lambda table: table
    customers = log.events.select("customer_id").distinct()
    key = customers.customer_id.cast("string").hexdigest("md5").left(_KEY_DIGITS)
    limit = f"{int(most / known * 16**_KEY_DIGITS):0{_KEY_DIGITS}x}"
    chosen = log.connection.create_table(f"sample_{uuid4().hex}", customers.filter(key < limit), temp=True)
    return lambda table: table.semi_join(chosen, "customer_id")


def outcome_expression(events: Any, cutoff: date, window_days: int, event_grain: str = "D") -> Any:
    """Count and sum each customer's purchases in the ``window_days`` after the cutoff.

    Returns
    -------
    ibis.Table
        ``customer_id, purchases, spend`` of those who bought; purchases within one period count once.
    """
    window = purchases_until(
        events.filter(events.date > ibis.literal(cutoff)), add_days(cutoff, window_days), event_grain
    )
    return _outcomes(window)


def _outcomes_of_each(events: Any, cutoffs: Sequence[date], window_days: int, event_grain: str) -> Any:
    """Outcomes in the window after each cutoff, whose column is ``cutoff``."""
    ends = _until_each(events, [add_days(day, window_days) for day in cutoffs])
    days = ibis.literal(window_days)
    dated = ends.mutate(cutoff=(ends.cutoff - days.as_interval("D")).cast("date"))
    return _outcomes(purchases_until(dated.filter(dated.date > dated.cutoff), None, event_grain))


def _outcomes(window: Any) -> Any:
    return window.group_by(*_keys(window)).agg(purchases=window.count(), spend=window.amount.sum())
