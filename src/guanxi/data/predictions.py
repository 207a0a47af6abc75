"""Earlier prediction tables, read for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from guanxi.data._identifiers import identifier
from guanxi.data.engine import _connect
from guanxi.data.sources.source import read_source
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

_NUMBERS = ("churn_probability", "expected_purchases", "expected_spend")
_SAME_FOR_ALL = ("as_of", "horizon_days", "model_version")


@dataclass(frozen=True)
class Predictions:
    """The columns of a prediction table that can be evaluated.

    Attributes
    ----------
    source : str
        As given, without passwords.
    as_of : date
    horizon_days : int
    model_version : str
    table : pandas.DataFrame
        ``customer_id`` (text), ``churn_probability, expected_purchases, expected_spend``.
    """

    source: str
    as_of: date
    horizon_days: int
    model_version: str
    table: pd.DataFrame = field(repr=False)


def read_predictions(source: str, params: DataParams) -> Predictions:
    """Read a prediction table of one date, horizon and model.

    Parameters
    ----------
    source : str
        A file, folder or database table: see :func:`guanxi.data.sources.source.read_source`.
    params : DataParams
        Encoding and time zone.

    Raises
    ------
    SourceError
        If it cannot be read or lacks a column.
    DataError
        If it has no rows, several dates or models, duplicate customers or missing numbers.
    """
    connection = _connect(params.timezone)
    try:
        found = read_source(connection, source, params)
        missing = [name for name in ("customer_id", *_SAME_FOR_ALL, *_NUMBERS) if name not in found.columns]
        if missing:
            raise SourceError(
                f"{found.name}: no column {missing[0]!r}: "
                "give a table that guanxi predict wrote from transactions"
            )
        table = found.table
        numbers = {name: table[name].try_cast("float64") for name in _NUMBERS}
        texts = {name: table[name].cast("string") for name in _SAME_FOR_ALL}
        texts["customer_id"] = identifier(table.customer_id).cast("string")
        rows: pd.DataFrame = table.select(**texts, **numbers).execute()
    finally:
        connection.disconnect()
    return _checked(found.name, rows)


def _checked(source: str, rows: pd.DataFrame) -> Predictions:
    if rows.empty:
        raise DataError(f"{source}: the table has no rows: nothing was predicted")
    if rows.isna().any(axis=None) or rows["customer_id"].duplicated().any():
        what = "a value is missing" if rows.isna().any(axis=None) else "a customer appears twice"
        raise DataError(f"{source}: {what}: give the table as guanxi predict wrote it")
    for name in _SAME_FOR_ALL:
        first, last = rows[name].min(), rows[name].max()
        if first != last:
            raise DataError(
                f"{source}: several values of {name} ({first} to {last}): evaluate one table at a time"
            )
    day, days, version = (str(rows[name].iloc[0]) for name in _SAME_FOR_ALL)
    try:
        as_of, horizon_days = pd.Timestamp(day).date(), int(float(days))
    except ValueError:
        raise DataError(
            f"{source}: as_of {day!r} and horizon_days {days!r} are not a date and a number of days: "
            "give the table as guanxi predict wrote it"
        ) from None
    return Predictions(source, as_of, horizon_days, version, rows[["customer_id", *_NUMBERS]])
