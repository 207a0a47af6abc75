"""Rows of typed values, as in workbooks and JSON, copied into the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any

import pyarrow as pa

from guanxi.data.sources.source_table import SourceTable, _check_names, _load_rows

Record = dict[str, Any]

_WHOLE = 2.0**53  # a float up to this is exact
_ROWS = 50_000
_TIME = "timestamp[us]"


class ColumnKinds:
    """The columns of records that have been seen, and the kinds of their values."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}

    def add(self, record: Record) -> None:
        """Note the columns and kinds of a record."""
        for name, value in record.items():
            kinds = self._kinds.setdefault(name, set())
            if value is not None and value != "":
                kinds.add(_kind(value))

    def schema(self) -> pa.Schema:
        """Return the types; a column with values of several kinds is text."""
        return pa.schema([(name, _type(kinds)) for name, kinds in self._kinds.items()])


def load_records(
    connection: Any, name: str, schema: pa.Schema, records: Callable[[], Iterable[Record]]
) -> SourceTable:
    """Copy records into the engine."""
    _check_names(name, schema.names)
    reader = pa.RecordBatchReader.from_batches(schema, _batches(schema, records()))
    return _load_rows(connection, name, reader)


def _batches(schema: pa.Schema, records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    remaining = iter(records)
    while rows := list(islice(remaining, _ROWS)):
        arrays = []
        for field in schema:
            convert = _CONVERSIONS[str(field.type)]
            column = [row.get(field.name) for row in rows]
            values = [None if value is None or value == "" else convert(value) for value in column]
            arrays.append(pa.array(values, field.type))
        yield pa.record_batch(arrays, schema=schema)


def _type(kinds: set[str]) -> pa.DataType:
    if kinds == {"int64", "double"}:
        return pa.float64()
    if kinds == {_TIME}:
        return pa.timestamp("us")
    return pa.type_for_alias(next(iter(kinds)) if len(kinds) == 1 else "string")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64" if -(2**63) <= value < 2**63 else "string"
    if isinstance(value, float):
        return "int64" if value.is_integer() and abs(value) <= _WHOLE else "double"
    return _TIME if isinstance(value, date) else "string"


def _as_time(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def as_text(value: Any) -> str:
    """Write a value as text: whole numbers without a point, times in ISO 8601, lists and maps as JSON."""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _WHOLE:
        value = int(value)
    return str(value)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "string": as_text,
    "double": float,
    "int64": int,
    "bool": bool,
    _TIME: _as_time,
}
