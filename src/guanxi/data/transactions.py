"""The canonical transaction table, and every rejected line with the rule it broke."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from guanxi.data import rules
from guanxi.data._columns import _mapping, canonical_columns, resolve_formats
from guanxi.data._findings import DataFinding, Phrase, told
from guanxi.data._other_columns import examine_other_columns
from guanxi.data._plausibility import examine
from guanxi.data._rejections import rejections
from guanxi.data._stand_ins import find_stand_ins
from guanxi.data.chunks import ChunkQuery, CustomerChunks
from guanxi.data.engine import _all_cores, _check_timestamp_format, _connect, explain_no_space
from guanxi.data.sources.source import Source, read_source
from guanxi.data.sources.source_table import ROW, SourceTable, free_names
from guanxi.errors import DataError, ParamsError
from guanxi.params import DataParams

if TYPE_CHECKING:
    from guanxi.data.spark.transactions import SparkLog

_LINES_PER_CHUNK = 1_000_000
WITHOUT_AMOUNTS = told("no_amounts", setting="data.columns.amount=NAME")
_PERIODS = {"W": "week", "M": "month", "Y": "year"}


@dataclass(frozen=True)
class TransactionLog:
    """Accepted and rejected lines of a source, with their counts.

    Attributes
    ----------
    source : str
        As given, without passwords.
    params : DataParams
        With the formats of times and numbers that were found.
    lines : ibis.Table
        Accepted lines: ``customer_id, timestamp, amount``, the event date ``date``, the mapped optional
        columns, and ``line_number``. ``amount`` is null in all lines if the source has none.
    events : ibis.Table
        Purchases: one row per customer and day with ``amount`` (netted), ``lines``, ``orders``, ``refunded``
        (positive) and the totals of optional columns. A coarser ``params.event_grain`` is applied as of a
        cutoff (:func:`guanxi.features.rfm.purchases_until`), so that no later day of the period is used.
    rejected : ibis.Table
        Rejected lines as in the source, with ``rule`` and ``line_number`` (among the readable lines, from
        1); a line that could not be parsed has ``line_text`` and its number in the file.
    lines_read, lines_accepted : int
    rejected_by_rule : dict of str to int
        Sums to ``lines_read - lines_accepted``.
    repeated_lines : int
        Lines that equal an earlier one in all compared columns, whether kept or dropped.
    has_amounts : bool
        Without, everything about spend is unknown.
    customers_without_purchase : int
        Customers in the source without an accepted line.
    first_day, last_day : date
        Of the accepted lines.
    value : float
        Sum of their absolute amounts.
    findings : tuple of DataFinding
        What was noticed while the source was read: detected formats, rules that rejected lines (each with
        advice), and implausible values.
    whole : SparkLog or None
        The log on Spark of whose customers ``lines``, ``events`` and ``customers`` are a sample; None if
        they are all here.
    weight : float
        Number of customers that each of the sample stands for.
    """

    source: str
    params: DataParams
    connection: Any = field(repr=False)
    lines: Any = field(repr=False)
    events: Any = field(repr=False)
    rejected: Any = field(repr=False)
    lines_read: int
    lines_accepted: int
    rejected_by_rule: dict[str, int]
    repeated_lines: int
    has_amounts: bool
    customers: int
    customers_without_purchase: int
    first_day: date
    last_day: date
    value: float
    findings: tuple[DataFinding, ...] = ()
    whole: SparkLog | None = field(default=None, repr=False)
    weight: float = 1.0

    def close(self) -> None:
        """Close the engine."""
        self.connection.disconnect()

    def rows(self, expression: Any) -> pd.DataFrame:
        """Collect a table."""
        return _rows(expression)


def read_transactions(
    source: Source, params: DataParams | None = None, *, memory: str | None = None
) -> TransactionLog:
    """Read a source into canonical transactions.

    Parameters
    ----------
    source : str, path or table
        See :func:`guanxi.data.sources.source.read_source`.
    params : DataParams, optional
        Columns and policies; defaults as in ``params.yaml``.
    memory : str, optional
        Memory limit of the engine, such as ``1GB``.

    Raises
    ------
    SourceError
        If the source or a mapped column does not exist, or the source changes during reading.
    DataError
        If no line is accepted.
    OutputError
        If the engine runs out of space.

    Examples
    --------
    >>> read_transactions("cdnow-sample").customers
    2357
    """
    params = DataParams() if params is None else params
    if not isinstance(params, DataParams):
        raise ParamsError(f"params is a {type(params).__name__}: give a guanxi.params.DataParams")
    connection = _connect(params.timezone, memory)
    try:
        if params.timestamp_format:
            _check_timestamp_format(connection, params.timestamp_format)
        # Counts, comparisons and ordered sums do not depend on the number of threads.
        with explain_no_space(), _all_cores(connection):
            table = _read(connection, source, params)
            params, found = resolve_formats(table, params)
            table = replace(table, findings=(*table.findings, *found))
            # Each step becomes a table, or the engine would recompute shared steps at every use.
            keep = functools.partial(connection.create_table, "given")
            parsed = connection.create_table("parsed", canonical_columns(table, params, keep))
            connection.drop_table("given")
            stand_ins = find_stand_ins(parsed, params, _rows)
            judged = connection.create_table("judged", rules._apply_rules(parsed, params, stand_ins))
            connection.drop_table("parsed")
            log = _summarise(connection, table, judged, params)
            # What reading the file proposed for unreadable lines stands in their rule's finding.
            noticed = [each for each in table.findings if each.name not in log.rejected_by_rule]
            return replace(log, findings=(*noticed, *stand_ins.findings, *log.findings))
    except BaseException:
        connection.disconnect()
        raise


def _rows(small: Any) -> pd.DataFrame:
    table: pd.DataFrame = small.execute()
    return table


def _read(connection: Any, source: Source, params: DataParams) -> SourceTable:
    table = read_source(connection, source, params)
    if table.table.count().execute() == 0 and table.unreadable.count().execute() == 0:
        raise DataError(f"{table.name}: the source has columns but no lines: nothing to learn from")
    return table


def _summarise(connection: Any, source: SourceTable, judged: Any, params: DataParams) -> TransactionLog:
    rejected, rejected_by_rule = _rejected_lines(connection, source, judged, "rejected")
    accepted = judged.filter(judged.rule.isnull()).drop("rule", "repeated")
    dated = _from_first_days(accepted, params.event_grain, _rows)
    lines = connection.create_table("lines", dated)
    facts = lines.agg(
        accepted=lines.count(),
        customers=lines.customer_id.nunique(),
        first=lines.date.min(),
        last=lines.date.max(),
        value=lines.amount.abs().sum(),
    ).execute()
    n_accepted = int(facts["accepted"].iloc[0])
    if n_accepted == 0:
        raise DataError(
            _all_rejected(
                source.name, rejected_by_rule, lambda rule: str(rules._advice(rule, source, params))
            )
        )
    everyone = judged.filter(judged.customer_id.notnull()).customer_id.nunique().execute()
    repeated = judged.filter(judged.repeated).count().execute()
    customers, has_amounts = int(facts["customers"].iloc[0]), bool(facts["value"].notna().iloc[0])
    found = rejections(source, judged, rejected, rejected_by_rule, n_accepted, params)
    mapped = {part for parts in _mapping(source, params).values() for part in parts}
    found = (*found, *examine_other_columns(connection, source, lines, mapped, params))
    if not has_amounts:
        found = (*found, WITHOUT_AMOUNTS)
    # Drop intermediate tables before the next large step, which needs the memory.
    connection.drop_table("judged")
    connection.drop_table("source")
    if dated is not accepted:
        found = (*found, _dated_from_first_days(params.event_grain, n_accepted, facts["last"].iloc[0]))
    return TransactionLog(
        source=source.name,
        params=params,
        connection=connection,
        lines=lines,
        events=_merge_days(connection, lines),
        rejected=rejected,
        lines_read=n_accepted + sum(rejected_by_rule.values()),
        lines_accepted=n_accepted,
        rejected_by_rule=rejected_by_rule,
        repeated_lines=int(repeated),
        has_amounts=has_amounts,
        customers=customers,
        customers_without_purchase=int(everyone) - customers,
        first_day=pd.Timestamp(facts["first"].iloc[0]).date(),
        last_day=pd.Timestamp(facts["last"].iloc[0]).date(),
        value=float(facts["value"].iloc[0]),
        findings=(*found, *examine(lines, params, _rows)),
    )


def _from_first_days(lines: Any, event_grain: str, rows: Callable[[Any], pd.DataFrame]) -> Any:
    """Date the lines from the first day of their period if all are of the last one, as in yearly totals.

    Cutoffs are whole horizons of days before the last day. In leap years they would fall behind the last day
    of a period, and the next one would seem to be over without a purchase.
    """
    following = lines.date + ibis.interval(days=1)
    ends = (following.truncate(event_grain) == following).all()
    if event_grain == "D" or not rows(lines.agg(ends=ends))["ends"].iloc[0]:
        return lines
    return lines.mutate(date=lines.date.truncate(event_grain))


def _dated_from_first_days(event_grain: str, lines: int, last: date) -> DataFinding:
    period = Phrase("phrases", _PERIODS[event_grain])
    facts: dict[str, str | Phrase] = {"period": period, "last": f"{last:%Y-%m-%d}"}
    return told("dated_from_first_days", facts=facts, lines=lines)


def _rejected_lines(
    connection: Any, source: SourceTable, judged: Any, name: str
) -> tuple[Any, dict[str, int]]:
    """Create the engine table ``name`` of the rejected lines, and count them by rule.

    It has the broken rules (``rule`` of ``judged``, null: accepted) and the source's columns, which get an
    underscore if their name is taken.
    """
    broken = judged.filter(judged.rule.notnull()).select("line_number", "rule")
    names = free_names(source.columns, {"line_number", "rule", "line_text"})
    original = source.table.select(
        guanxi_row=source.table[ROW], **{names[column]: source.table[column] for column in source.columns}
    )
    joined = broken.inner_join(original, broken.line_number == original.guanxi_row)
    joined = joined.select("line_number", "rule", *names.values(), line_text=ibis.null("string"))
    unreadable = source.unreadable
    given = {name: unreadable[name] for name in unreadable.columns}
    absent = {name: ibis.null(dtype) for name, dtype in joined.schema().items() if name not in given}
    union = joined.union(unreadable.select(**given, **absent).select(joined.columns))
    columns = ["line_number", "rule", "line_text", *names.values()]
    rejected = connection.create_table(name, union.select(columns).order_by("line_number", "rule"))
    counts = rejected.group_by("rule").agg(lines=rejected.count()).order_by("rule").execute()
    return rejected, {str(rule): int(n) for rule, n in zip(counts["rule"], counts["lines"], strict=True)}


def _merge_days(connection: Any, lines: Any) -> Any:
    """Create the purchases, sorted by customer and day."""
    # The sum of two numbers does not depend on their order, so most days need no sorting of their lines.
    days = connection.create_table("days", _events_of(lines, _plain_sum))
    short, long = days.filter(days.lines <= 2), days.filter(days.lines > 2)
    if long.count().execute():
        same_day = ["customer_id", "date"]
        short = short.union(_merge_long_days(connection, lines.semi_join(long, same_day)))
    events = connection.create_table("events", short.order_by("customer_id", "date"))
    for name in ("days", "long_days"):
        connection.drop_table(name, force=True)
    return events


def _merge_long_days(connection: Any, lines: Any) -> Any:
    """Create the purchases of more than two lines, in chunks of customers that fit into memory."""
    n_lines = int(lines.count().execute())
    chunks = CustomerChunks(
        connection, lines, lambda customers: max(1, _LINES_PER_CHUNK * customers // n_lines)
    )
    query = ChunkQuery(chunks, {"lines": lines}, _events_of)
    days = connection.create_table("long_days", schema=_events_of(lines).schema())
    for number in range(len(chunks)):
        query.execute(number, "INSERT INTO long_days")
    query.close()
    chunks.close()
    return days


def ordered_sum(column: Any) -> Any:
    """Sum in ascending order, so that the result does not depend on line order or number of threads."""
    return column.collect().sort().sums()


def _plain_sum(column: Any) -> Any:
    return column.sum()


def _events_of(lines: Any, total: Callable[[Any], Any] = ordered_sum) -> Any:
    """Merge the accepted lines of each customer and day into one purchase; ``total`` sums a column."""
    totals = {
        "amount": _clean_sum(lines.amount, total),
        "lines": lines.count(),
        "refunded": total(-lines.amount.clip(upper=0)),
        "orders": lines.order_id.nunique() if "order_id" in lines.columns else ibis.literal(1),
    }
    for column in ("quantity", "margin"):
        if column in lines.columns:
            totals[column] = total(lines[column])
    return lines.group_by("customer_id", "date").agg(**totals)


def _clean_sum(amount: Any, total: Callable[[Any], Any]) -> Any:
    """Sum amounts; a net amount that is zero up to rounding becomes zero."""
    net = total(amount)
    return ibis.ifelse(net.abs() <= rules.ROUNDING * amount.abs().sum(), 0.0, net)


def _all_rejected(source: str, rejected_by_rule: dict[str, int], advice: Callable[[str], str]) -> str:
    """Explain why all lines were rejected, with advice on the most frequent rule."""
    counts = ", ".join(f"{rule} {n:,}" for rule, n in sorted(rejected_by_rule.items(), key=lambda kv: -kv[1]))
    worst = max(rejected_by_rule, key=lambda rule: rejected_by_rule[rule])
    return f"{source}: all {sum(rejected_by_rule.values()):,} lines were rejected ({counts}): {advice(worst)}"


def data_digest(log: TransactionLog) -> str:
    """Digest of all accepted lines, in any order; repeated lines count.

    The engine's hash is 50 times as fast as MD5, which took a tenth of a scoring job.
    """
    if log.whole is not None:
        return log.whole.digest()
    names = log.lines.drop("line_number").columns
    total = log.connection.raw_sql(
        "SELECT count(*), sum(hash(line)) FROM (SELECT * EXCLUDE line_number FROM lines) AS line"
    ).fetchone()
    return hashlib.sha256(repr((names, *total)).encode()).hexdigest()[:32]
