"""The transaction log on Spark: Parquet, with the same rules as on DuckDB."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa

from guanxi.data import datasets, rules
from guanxi.data._columns import canonical_columns, repeated
from guanxi.data._findings import DataFinding
from guanxi.data._plausibility import examine
from guanxi.data._rejections import without_examples
from guanxi.data._stand_ins import find_stand_ins
from guanxi.data.sources import _arrow, _databases
from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source import _find_files
from guanxi.data.sources.source_table import ROW, SourceTable, _check_names
from guanxi.data.spark.engine import _SparkEngine
from guanxi.data.transactions import (
    WITHOUT_AMOUNTS,
    _all_rejected,
    _dated_from_first_days,
    _events_of,
    _from_first_days,
)
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.params import DataParams

_ROW = f"named_struct('file', _metadata.file_path, 'row', _metadata.row_index) AS {ROW}"


@dataclass(frozen=True)
class SparkLog:
    """Accepted lines of a source on Spark; attributes as in :class:`.transactions.TransactionLog`.

    ``repeated_lines`` is None unless they were to be counted.
    """

    source: str
    params: DataParams
    engine: _SparkEngine = field(repr=False)
    lines: Any = field(repr=False)
    events: Any = field(repr=False)
    lines_read: int
    lines_accepted: int
    rejected_by_rule: dict[str, int]
    repeated_lines: int | None
    has_amounts: bool
    customers_without_purchase: int
    first_day: date
    last_day: date
    value: float
    findings: tuple[DataFinding, ...] = ()

    def rows(self, expression: Any) -> pd.DataFrame:
        """Collect a small table."""
        return self.engine.rows(expression)

    def fetch(self, expression: Any) -> pd.DataFrame:
        """Collect a table of up to some millions of rows."""
        return self.engine.fetch(expression)

    def digest(self) -> str:
        """Digest of all accepted lines, in any order; another than DuckDB's, whose hash function differs."""
        names = ", ".join(f"`{name}`" for name in self.lines.columns)
        totals = "count(*)", f"sum(cast(xxhash64({names}) AS decimal(38, 0)))"
        row = self.engine.frame(self.lines).selectExpr(*totals).collect()[0]
        return hashlib.sha256(repr(("spark", names, *row)).encode()).hexdigest()[:32]


def check_source(source: str, params: DataParams) -> None:
    """Fail early if Spark cannot read the source.

    Raises
    ------
    SourceError
        If it is not Parquet.
    ParamsError
        If ``timestamp_format`` is set, which is for times as text.
    """
    named = source in datasets.NAMES or source.startswith(_databases.SCHEMES)
    if named or not (_has_scheme(source) or _arrow.are_parquet(_find_files(source))):
        raise SourceError(
            f"{redact(source)}: --engine spark reads Parquet only, a folder, file or glob, local or at an "
            "address such as hdfs://… or s3a://…: write the data as Parquet, or leave --engine out"
        )
    if params.timestamp_format:
        raise ParamsError(
            "data.timestamp_format is for times written as text, which --engine spark does not read: "
            "store them as timestamps, or leave --engine out"
        )


def read_transactions(
    engine: _SparkEngine, source: str, params: DataParams, *, count_repeated: bool = False
) -> SparkLog:
    """Read Parquet into canonical transactions; only counts are collected.

    Parameters
    ----------
    engine : _SparkEngine
    source : str
        A path, glob or folder visible to all workers, or an address of a file system known to Spark.
    params : DataParams
        Columns and policies.
    count_repeated : bool
        Whether to count the lines that repeat an earlier one, which takes another pass over the source.

    Raises
    ------
    SourceError
        If the source or a mapped column does not exist, or times are text.
    DataError
        If no line is accepted.
    """
    table = _read(engine, source, params)
    columns = canonical_columns(table, params, lambda step: engine.table("given", engine.frame(step)))
    unused = ("line_number",) if params.duplicates == "drop" else ("line_number", "repeated")
    parsed = engine.keep("parsed", columns.drop(*unused))
    stand_ins = find_stand_ins(parsed, params, engine.rows)
    judged = engine.keep("judged", rules._apply_rules(parsed, params, stand_ins))
    by_rule = _by_rule(engine, judged, params)
    rejected = {str(rule): int(by_rule.loc[rule, "lines"]) for rule in sorted(by_rule.index.dropna())}
    if not by_rule.index.isna().any():
        if by_rule.empty:
            raise DataError(f"{table.name}: the source has columns but no lines: nothing to learn from")
        raise DataError(_all_rejected(table.name, rejected, lambda rule: str(rules._plain_advice(rule))))
    accepted = by_rule[by_rule.index.isna()].iloc[0]
    everyone = judged.filter(judged.customer_id.notnull()).agg(n=judged.customer_id.nunique())
    lines = engine.table("lines", engine.frame(judged.filter(judged.rule.isnull()).drop("rule")))
    n_accepted, has_amounts = int(accepted["lines"]), bool(pd.notna(accepted["value"]))
    lines, first, last, noted = _in_whole_periods(engine, lines, accepted, params)
    known = by_rule["value"].dropna()
    values = {rule if isinstance(rule, str) else None: float(value) for rule, value in known.items()}
    return SparkLog(
        source=table.name,
        params=params,
        engine=engine,
        lines=lines,
        events=engine.keep("events", _events_of(lines)),
        lines_read=int(by_rule["lines"].sum()),
        lines_accepted=n_accepted,
        rejected_by_rule=rejected,
        repeated_lines=_repeated_lines(engine, table, params) if count_repeated else None,
        has_amounts=has_amounts,
        customers_without_purchase=int(engine.rows(everyone)["n"].iloc[0] - accepted["customers"]),
        first_day=first,
        last_day=last,
        value=float(accepted["value"]) if has_amounts else math.nan,
        findings=(
            *stand_ins.findings,
            *without_examples(table, rejected, values, n_accepted, rules._plain_advice),
            *(() if has_amounts else (WITHOUT_AMOUNTS,)),
            *noted,
            *examine(lines, params, engine.rows),
        ),
    )


def _in_whole_periods(
    engine: _SparkEngine, lines: Any, accepted: Any, params: DataParams
) -> tuple[Any, date, date, tuple[DataFinding, ...]]:
    """Date lines of whole periods from the first days, and tell it; return the first and last day too."""
    noted: tuple[DataFinding, ...] = ()
    ends = accepted
    dated = _from_first_days(lines, params.event_grain, engine.rows)
    if dated is not lines:
        frame = engine.frame(dated)  # where the first day of a period is a timestamp
        lines = engine.table("lines_of_periods", frame.withColumn("date", frame["date"].cast("date")))
        ends = engine.rows(lines.agg(first=lines.date.min(), last=lines.date.max())).iloc[0]
        noted = (_dated_from_first_days(params.event_grain, int(accepted["lines"]), ends["last"]),)
    return lines, pd.Timestamp(ends["first"]).date(), pd.Timestamp(ends["last"]).date(), noted


def _repeated_lines(engine: _SparkEngine, source: SourceTable, params: DataParams) -> int:
    compared = [name for name in source.columns if name not in params.duplicates_ignore]
    again = source.table.filter(repeated(source.table, compared))
    return int(engine.rows(again.agg(n=again.count()))["n"].iloc[0])


def _by_rule(engine: _SparkEngine, judged: Any, params: DataParams) -> pd.DataFrame:
    """Lines, value, customers and dates by rule (missing for accepted lines)."""
    size = judged.amount.abs()
    facts = judged.group_by("rule").agg(
        lines=ibis._.count(),
        value=ibis.ifelse(size <= params.max_amount, size, ibis.null("float64")).sum(),
        customers=ibis._.customer_id.nunique(),
        first=ibis._.date.min(),
        last=ibis._.date.max(),
    )
    return engine.rows(facts).set_index("rule")


def _read(engine: _SparkEngine, source: str, params: DataParams) -> SourceTable:
    reader = engine.session.read
    if _has_scheme(source):
        frame = reader.parquet(source)
        _check_names(redact(source), frame.columns)
    else:
        paths = _find_files(source)
        _check_units(source, _arrow.common_schema(source, paths))
        if Path(source).expanduser().is_dir():
            # Spark reads columns from the names of subfolders (year=2011).
            reader = reader.option("basePath", f"file://{Path(source).expanduser().resolve()}")
        frame = reader.parquet(*map(_pattern, paths))
    kinds = dict(frame.dtypes)
    column = params.columns.get("timestamp", "timestamp")
    if kinds.get(column, "date") not in ("timestamp", "timestamp_ntz", "date"):
        raise SourceError(
            f"{redact(source)}: {column!r} has times of type {kinds[column]}, which --engine spark does not "
            "read: store them as timestamps, or leave --engine out"
        )
    frame = frame.selectExpr("*", _ROW)
    if kinds.get(column) == "timestamp":
        frame = frame.withColumn(column, frame[f"`{column}`"].cast("timestamp_ntz"))
    return SourceTable(redact(source), engine.table("source", frame), unreadable=None)


def _check_units(source: str, schema: pa.Schema) -> None:
    for each in schema:
        if pa.types.is_timestamp(each.type) and each.type.unit == "ns":
            raise SourceError(
                f"{source}: {each.name!r} has times in nanoseconds, which Spark cannot read: "
                "write them in microseconds, or leave --engine out"
            )


def _has_scheme(source: str) -> bool:
    return "://" in source


def _pattern(path: Path) -> str:
    """Convert the path of a local file to a pattern for Spark."""
    escaped = "".join(f"\\{sign}" if sign in r"\*?[]{}" else sign for sign in str(path.resolve()))
    return f"file://{escaped}"
