"""The transaction log on Spark: Parquet under the same rules as on DuckDB."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa

from guanxi.data import datasets, rules
from guanxi.data._columns import canonical_columns
from guanxi.data.sources import _databases
from guanxi.data.sources.source import _are_parquet, _common_schema, _find_files
from guanxi.data.sources.source_table import ROW, SourceTable, _check_names, redact
from guanxi.data.spark.engine import SparkEngine
from guanxi.data.transactions import _events_of, _nothing_left
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.params import DataParams

_ROW = f"named_struct('file', _metadata.file_path, 'row', _metadata.row_index) AS {ROW}"


@dataclass(frozen=True)
class SparkLog:
    """A source under the rules, its lines with Spark's workers: see :class:`.transactions.TransactionLog`.

    Attributes
    ----------
    source : str
    params : DataParams
    engine : SparkEngine
    lines, events : ibis.Table
    lines_read, lines_accepted : int
    rejected_by_rule : dict of str to int
    customers_without_purchase : int
    first_day, last_day : date
    """

    source: str
    params: DataParams
    engine: SparkEngine = field(repr=False)
    lines: Any = field(repr=False)
    events: Any = field(repr=False)
    lines_read: int
    lines_accepted: int
    rejected_by_rule: dict[str, int]
    customers_without_purchase: int
    first_day: date
    last_day: date


def check_source(source: str, params: DataParams) -> None:
    """Fail before Spark starts if it cannot read the source.

    Raises
    ------
    SourceError
        If it is no Parquet.
    ParamsError
        If times are to be parsed from text.
    """
    named = source in datasets.NAMES or source.startswith(_databases.SCHEMES)
    if named or not (_elsewhere(source) or _are_parquet(_find_files(source))):
        raise SourceError(
            f"{redact(source)}: --engine spark reads Parquet only, a folder, file or glob, here or at an "
            "address such as hdfs://… or s3a://…: write it as Parquet, or leave --engine out"
        )
    if params.timestamp_format:
        raise ParamsError(
            "data.timestamp_format is for times written as text, which --engine spark does not read: "
            "store them as timestamps, or leave --engine out"
        )


def read_transactions(engine: SparkEngine, source: str, params: DataParams) -> SparkLog:
    """Read Parquet into canonical transactions; only counts come to this process.

    Parameters
    ----------
    engine : SparkEngine
    source : str
        A path, glob or folder that every worker sees, or an address of a file system that Spark knows.
    params : DataParams
        Columns and policies.

    Raises
    ------
    SourceError
        If the source or one of its mapped columns does not exist, or holds its times as text.
    DataError
        If no line is left.
    """
    table = _read(engine, source, params)
    columns = canonical_columns(table, params)
    unused = ("line_number",) if params.duplicates == "drop" else ("line_number", "repeated")
    parsed = engine.keep("parsed", columns.drop(*unused))
    judged = engine.keep("judged", rules._apply_rules(parsed, params))
    by_rule = _by_rule(engine, judged)
    rejected = {str(rule): int(by_rule.loc[rule, "lines"]) for rule in sorted(by_rule.index.dropna())}
    if not by_rule.index.isna().any():
        if by_rule.empty:
            raise DataError(f"{table.name}: the source has columns but no line: nothing to learn from")
        raise DataError(_nothing_left(table.name, rejected, lambda rule: rules._advice(rule, table, params)))
    accepted = by_rule[by_rule.index.isna()].iloc[0]
    everyone = judged.filter(judged.customer_id.notnull()).agg(n=judged.customer_id.nunique())
    lines = engine.table("lines", engine.frame(judged.filter(judged.rule.isnull()).drop("rule")))
    return SparkLog(
        source=table.name,
        params=params,
        engine=engine,
        lines=lines,
        events=engine.keep("events", _events_of(lines)),
        lines_read=int(by_rule["lines"].sum()),
        lines_accepted=int(accepted["lines"]),
        rejected_by_rule=rejected,
        customers_without_purchase=int(engine.rows(everyone)["n"].iloc[0] - accepted["customers"]),
        first_day=pd.Timestamp(accepted["first"]).date(),
        last_day=pd.Timestamp(accepted["last"]).date(),
    )


def _by_rule(engine: SparkEngine, judged: Any) -> pd.DataFrame:
    """Lines, customers and days of each rule; the accepted lines have none."""
    facts = judged.group_by("rule").agg(
        lines=ibis._.count(),
        customers=ibis._.customer_id.nunique(),
        first=ibis._.date.min(),
        last=ibis._.date.max(),
    )
    return engine.rows(facts).set_index("rule")


def _read(engine: SparkEngine, source: str, params: DataParams) -> SourceTable:
    reader = engine.session.read
    if _elsewhere(source):
        frame = reader.parquet(source)
        _check_names(redact(source), frame.columns)
    else:
        paths = _find_files(source)
        _check_units(source, _common_schema(source, paths))
        if Path(source).expanduser().is_dir():
            # Spark finds columns in the names of the folders below this one (year=2011).
            reader = reader.option("basePath", f"file://{Path(source).expanduser().resolve()}")
        frame = reader.parquet(*map(_pattern, paths))
    kinds = dict(frame.dtypes)
    column = params.columns.get("timestamp", "timestamp")
    if kinds.get(column, "date") not in ("timestamp", "timestamp_ntz", "date"):
        raise SourceError(
            f"{redact(source)}: {column!r} holds times as {kinds[column]}, which --engine spark does not "
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
                f"{source}: {each.name!r} holds times in nanoseconds, which Spark cannot read: "
                "write them in microseconds, or leave --engine out"
            )


def _elsewhere(source: str) -> bool:
    return "://" in source


def _pattern(path: Path) -> str:
    """Write the path of a local file as the pattern that Spark expects."""
    escaped = "".join(f"\\{sign}" if sign in r"\*?[]{}" else sign for sign in str(path.resolve()))
    return f"file://{escaped}"
