"""Source columns mapped and cast to canonical ones."""

from __future__ import annotations

import functools
import operator
from typing import Any

import ibis

from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.errors import SourceError
from guanxi.params import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, DataParams

_NUMBERS = ("amount", "quantity", "unit_price", "margin")
_TEXTS = ("order_id", "category", "channel")
_OFFSET = r"[A-Za-z]\s*$|:.*[+-][0-9:]+\s*$"


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp('UTC')"))
def _try_parse_aware(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse text with a UTC offset; null if it does not match."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _try_parse_naive(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse text without a UTC offset; null if it does not match."""


def canonical_columns(source: SourceTable, params: DataParams) -> Any:
    """Map and cast a source's columns; values that cannot be cast become null.

    The result also has ``given_timestamp`` and ``given_amount`` (whether the source had a value) and
    ``repeated`` (whether an earlier line equals it in all compared columns).
    """
    table = source.table
    mapping = _mapping(source, params)
    columns: dict[str, Any] = {"line_number": table[ROW]}
    customer_id, timestamp = (present(table[mapping[name][0]]) for name in ("customer_id", "timestamp"))
    columns["customer_id"] = customer_id
    columns["timestamp"] = read_time(timestamp, params)
    columns["given_timestamp"] = timestamp.notnull()
    for name in _NUMBERS:
        if name in mapping:
            columns[name] = _product(table, mapping[name])
    columns["given_amount"] = functools.reduce(
        operator.and_, (present(table[part]).notnull() for part in mapping["amount"])
    )
    for name in _TEXTS:
        if name in mapping:
            columns[name] = present(table[mapping[name][0]]).cast("string")
    compared = [name for name in source.columns if name not in params.duplicates_ignore]
    columns["repeated"] = repeated(table, compared)
    return table.select(**columns)


def _mapping(source: SourceTable, params: DataParams) -> dict[str, list[str]]:
    """Map each canonical column to its source columns: those given, else the one of the same name."""
    mapping = {}
    for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS):
        column = params.columns.get(name, name)
        parts = _parts(column, source.columns) if name in _NUMBERS else [column]
        missing = [part for part in parts if part not in source.columns]
        if not missing:
            mapping[name] = parts
        elif name in REQUIRED_COLUMNS or name in params.columns:
            raise SourceError(
                f"{source.name}: no column {missing[0]!r} for {name}; it has {', '.join(source.columns)}: "
                f"map it with --columns {name}=NAME"
            )
    for column in params.duplicates_ignore:
        if column not in source.columns:
            raise SourceError(
                f"{source.name}: data.duplicates_ignore names {column!r}, which is not a column; "
                f"it has {', '.join(source.columns)}"
            )
    return mapping


def repeated(table: Any, compared: list[str]) -> Any:
    """Whether an earlier line of a source's table equals this one in the compared columns.

    Only lines with equal hashes are compared; sorting all lines would cost several times as much.
    """
    if not compared:
        return table[ROW] > 1
    line_hash = _hash(ibis.struct({name: table[name] for name in compared}))
    several = table.group_by(line_hash=line_hash).having(ibis._.count() > 1).agg(lines=ibis._.count())
    suspects = table.filter(line_hash.isin(several.line_hash))
    window = ibis.window(group_by=compared, order_by=ROW)
    numbered = suspects.select(row=suspects[ROW], earlier=ibis.row_number().over(window))
    return table[ROW].isin(numbered.filter(numbered.earlier > 0).row)


def _hash(values: Any) -> Any:
    """Hash with the engine's own function, which is ten times as fast as that of ibis."""
    signature = ((values.type(),), "uint64")
    return ibis.udf.scalar.builtin(lambda values: None, name="hash", signature=signature)(values)


def _parts(column: str, available: list[str]) -> list[str]:
    """Split ``A*B`` into its factors, unless a column has that name."""
    return [column] if column in available else [part.strip() for part in column.split("*")]


def present(column: Any) -> Any:
    """Replace blank text and NaN by null."""
    if column.type().is_string():
        # Blank text sorts before "!", so few values need stripping, which is slow.
        stripped = ibis.ifelse(column.strip() == "", ibis.null("string"), column)
        return ibis.ifelse(column < "!", stripped, column)
    if column.type().is_floating():
        return ibis.ifelse(column.isnan(), ibis.null(column.type()), column)
    return column


def read_time(column: Any, params: DataParams) -> Any:
    """Cast to a naive timestamp in the data's time zone, which is that of the engine's session."""
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        return column.cast("timestamp")
    if kind.is_numeric() and not kind.is_integer():
        column = column.try_cast("int64")  # a column with gaps holds 19970101 as 19970101.0
    if params.timestamp_format:
        parse = _try_parse_aware if "%z" in params.timestamp_format.lower() else _try_parse_naive
        return parse(column.cast("string"), params.timestamp_format).cast("timestamp")
    if kind.is_string():
        # The engine would read words such as infinity and epoch as times.
        dated = ibis.ifelse(column.strip()[0].between("0", "9"), column, ibis.null("string"))
        aware = dated.try_cast(f"timestamp('{params.timezone}')").cast("timestamp")
        # Times without an offset do not need the time zone database, which takes ten times as long.
        return ibis.ifelse(dated.re_search(_OFFSET), aware, dated.try_cast("timestamp"))
    return ibis.null("timestamp")


def _product(table: Any, parts: list[str]) -> Any:
    factors = [present(table[part]).try_cast("float64") for part in parts]
    return functools.reduce(operator.mul, factors)
