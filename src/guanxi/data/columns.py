"""Source columns mapped and cast to canonical ones."""

from __future__ import annotations

import functools
import operator
from typing import Any

import ibis

from guanxi.data.sources import LINE_NUMBER, SourceTable
from guanxi.errors import SourceError
from guanxi.params import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, DataParams

_NUMBERS = ("amount", "quantity", "unit_price", "margin")
_WORDS = ("order_id", "category", "channel")


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp('UTC')"))
def _try_parse_aware(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse a text with an offset, or give null."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _try_parse_naive(text, timestamp_format):  # type: ignore[no-untyped-def]
    """Parse a text without an offset, or give null."""


def canonical_columns(source: SourceTable, params: DataParams) -> Any:
    """Map and cast a source's columns; what cannot be cast becomes null.

    Beside the canonical columns stand ``given_timestamp`` and ``given_amount`` (whether the source held
    anything there) and ``repeated`` (whether an earlier line equals it in all compared columns).

    Raises
    ------
    SourceError
        If a mapped column does not exist.
    """
    table = source.table
    mapping = _mapping(source, params)
    columns: dict[str, Any] = {LINE_NUMBER: table[LINE_NUMBER]}
    columns["customer_id"] = _present(table[mapping["customer_id"]])
    columns["timestamp"] = _timestamp(_present(table[mapping["timestamp"]]), params)
    columns["given_timestamp"] = _present(table[mapping["timestamp"]]).notnull()
    for name in _NUMBERS:
        if name in mapping:
            columns[name] = _product(table, mapping[name])
    columns["given_amount"] = functools.reduce(
        operator.and_, (_present(table[part]).notnull() for part in _parts(mapping["amount"]))
    )
    for name in _WORDS:
        if name in mapping:
            columns[name] = _present(table[mapping[name]]).cast("string")
    compared = [name for name in table.columns if name not in (LINE_NUMBER, *params.duplicates_ignore)]
    window = ibis.window(group_by=compared, order_by=LINE_NUMBER)
    columns["repeated"] = ibis.row_number().over(window) > 0
    return table.select(**columns)


def _mapping(source: SourceTable, params: DataParams) -> dict[str, str]:
    """Give each canonical column its source column: the mapped one, else the one of its own name."""
    available = [name for name in source.table.columns if name != LINE_NUMBER]
    names = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    mapping = {name: params.columns.get(name, name) for name in names}
    for name, column in mapping.items():
        missing = [part for part in _parts(column, available) if part not in available]
        if missing and (name in REQUIRED_COLUMNS or name in params.columns):
            raise SourceError(
                f"{source.name}: no column {missing[0]!r} for {name}; it has {', '.join(available)}: "
                f"map it with --columns {name}=NAME"
            )
    for column in params.duplicates_ignore:
        if column not in available:
            raise SourceError(f"{source.name}: data.duplicates_ignore names {column!r}, which is no column")
    return {
        name: column for name, column in mapping.items() if set(_parts(column, available)) <= set(available)
    }


def _parts(column: str, available: list[str] | None = None) -> list[str]:
    """Split ``A*B`` into its factors, unless a column has just that name."""
    if "*" not in column or (available and column in available):
        return [column]
    return [part.strip() for part in column.split("*")]


def _present(column: Any) -> Any:
    """Turn blank text and not-a-number into null."""
    if column.type().is_string():
        return ibis.ifelse(column.strip() == "", ibis.null("string"), column)
    if column.type().is_floating():
        return ibis.ifelse(column.isnan(), ibis.null(column.type()), column)
    return column


def _timestamp(column: Any, params: DataParams) -> Any:
    """Cast to a naive timestamp in the data's time zone (which is that of the engine's session)."""
    kind = column.type()
    if params.timestamp_format and not kind.is_temporal():
        text = column.cast("string")
        aware = "%z" in params.timestamp_format
        parse = _try_parse_aware if aware else _try_parse_naive
        return parse(text, params.timestamp_format).cast("timestamp")
    if kind.is_string():
        return column.try_cast(f"timestamp('{params.timezone}')").cast("timestamp")
    if kind.is_temporal():
        return column.cast("timestamp")
    return ibis.null("timestamp")


def _product(table: Any, column: str) -> Any:
    factors = [_present(table[part]).try_cast("float64") for part in _parts(column, list(table.columns))]
    return functools.reduce(operator.mul, factors)
