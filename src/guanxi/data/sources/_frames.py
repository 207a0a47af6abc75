"""Tables of other Python libraries, converted to Arrow so that the engine reads every value as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from pyarrow import types

from guanxi.data.sources.source_table import SourceTable, _check_names, _load_rows, first_line
from guanxi.errors import SourceError

_READABLE = (
    *(types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_decimal128),
    *(types.is_string, types.is_large_string, types.is_string_view),
    *(types.is_timestamp, types.is_date, types.is_time, types.is_nested),
)


def read_frame(connection: Any, name: str, given: Any) -> SourceTable:
    """Copy a table into the engine; its index, if any, is ignored.

    Columns of a type that the engine does not have (intervals, bytes, whole numbers of any length, a mixture
    of types) become text.

    Parameters
    ----------
    connection : ibis backend
    name : str
        Of the table, in messages.
    given : table
        pandas, polars, Arrow, a DuckDB relation or any other that narwhals knows; or a mapping of columns, or
        a sequence of rows.

    Raises
    ------
    SourceError
        If it is not a table, or cannot be read.
    """
    try:
        table = _arrow_table(name, given)
        return _load_rows(connection, name, table)
    except duckdb.Error as error:
        raise SourceError(f"{name}: a column cannot be read: {first_line(error)}") from error


def _arrow_table(name: str, given: Any) -> pa.Table:
    import narwhals as nw

    if isinstance(given, pa.RecordBatchReader | pa.RecordBatch):
        given = pa.table(given)
    try:
        if isinstance(given, Mapping | Sequence):
            given = pd.DataFrame(given)
        if isinstance(given, pd.DataFrame):
            given = _plain_pandas(name, given)
        frame = nw.from_native(given)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect("pyarrow")
    except SourceError:
        raise
    except Exception as error:  # other libraries' own errors
        raise SourceError(
            f"{name}: {type(given).__name__} cannot be read as a table ({first_line(error)}): give a path, "
            "an address, or a table of pandas, polars, Arrow or DuckDB"
        ) from error
    _check_names(name, frame.columns)
    return pa.table({column: _arrow_column(frame[column]) for column in frame.columns})


def _plain_pandas(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Name the columns by text, and replace times that Arrow does not read: periods by their start."""
    columns = [str(column) for column in frame.columns]
    _check_names(name, columns)
    frame = frame.set_axis(columns, axis=1)
    kinds = {column: type(frame[column].dtype) for column in columns}
    starts = {name: frame[name].dt.to_timestamp() for name, kind in kinds.items() if kind is pd.PeriodDtype}
    aware = {name: _aware(frame[name]) for name, kind in kinds.items() if kind is pd.DatetimeTZDtype}
    return frame.assign(**starts, **aware)


def _aware(times: pd.Series[Any]) -> Any:
    """Convert aware times by way of UTC: pyarrow reads them through an interface that pandas 4 changes."""
    naive = pa.array(times.dt.tz_convert(None))
    return pd.arrays.ArrowExtensionArray(naive.cast(pa.timestamp(naive.type.unit, tz="UTC")))


def _arrow_column(column: Any) -> Any:
    try:
        values = column.to_arrow()
    except (pa.ArrowException, OverflowError, TypeError):  # Arrow has no type for these values together
        return _as_text(column.to_list())
    kind = values.type
    if types.is_dictionary(kind):
        return values.cast(kind.value_type)
    is_known = str(kind) == "extension<arrow.uuid>" or any(is_kind(kind) for is_kind in _READABLE)
    return values if is_known else _as_text(column.to_list())


def _as_text(values: list[Any]) -> pa.Array:
    missing = pd.isna(pd.Series(values, dtype="object"))
    return pa.array(
        [None if gap else _text(value) for value, gap in zip(values, missing, strict=True)], pa.string()
    )


def _text(value: Any) -> str:
    """Write a value as text; bytes that are not text as hexadecimal digits."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
