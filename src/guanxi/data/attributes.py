"""Attribute tables: one row per customer, with an identifier, attributes and optionally a label.

The values of an attribute determine its type, so that CSV, Parquet and databases give the same result: a
**number** if all values are numeric, else a **category** (text, true or false). Missing values are defined
in :func:`guanxi.data.attribute_values.to_text`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data._identifiers import identifier, present
from guanxi.data._number_formats import find_numbers
from guanxi.data._numbers import read_number
from guanxi.data.attribute_values import (
    IS_DATE,
    MISSING,
    _all_numbers,
    _may_be_written_numbers,
    _read_label,
    _split_label,
    _to_number,
    number_or_text,
    to_text,
    why_useless,
)
from guanxi.data.engine import _connect
from guanxi.data.sources.source import Source, read_source
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.errors import DataError, ParamsError, SourceError, did_you_mean
from guanxi.params import DataParams

_SHOWN = 5


@dataclass(frozen=True)
class AttributeTable:
    """Customers and their attributes, in the order of the source.

    Attributes
    ----------
    source : str
        As given, without passwords.
    ids : pandas.Series
        Unique, and written as in transactions: text has no blanks around it, whole numbers no ``.0``.
    attributes : pandas.DataFrame
        Numbers are float64 columns, categories text; NaN and None are missing.
    label : pandas.Series or None
        1.0 is churn, 0.0 is not; None if no label was requested.
    left_out : dict of str to str
        Columns that are not attributes, and why: dates, constants, columns without values, and text that
        identifies customers (more than half of its values are distinct).
    """

    source: str
    ids: pd.Series[Any]
    attributes: pd.DataFrame = field(repr=False)
    label: pd.Series[float] | None
    left_out: dict[str, str]


def read_labelled(
    source: Source, id_column: str, label: str, params: DataParams | None = None
) -> AttributeTable:
    """Read customers whose outcome is known.

    Parameters
    ----------
    source : str, path or table
        See :func:`guanxi.data.sources.source.read_source`.
    id_column : str
    label : str
        A column with two values: 0 and 1, false and true, or no and yes, ignoring case, of which the second
        is churn; for other values, ``COLUMN=VALUE`` gives the one that means churn.
    params : DataParams, optional
        Encoding, time zone, how numbers are written, and ``exclude``: the columns that are no attributes.

    Raises
    ------
    SourceError
        If the source, one of the two columns or one to be excluded does not exist, or a line does not fit
        the header.
    DataError
        If there are no lines, an identifier is missing or duplicated, the label is not valid, or no attribute
        is left.

    Examples
    --------
    >>> customers = pd.DataFrame({"id": range(20), "age": range(30, 50), "left": ["no", "YES"] * 10})
    >>> read_labelled(customers, "id", "left").label.sum()
    np.float64(10.0)
    """
    for argument, given in (("id_column", id_column), ("label", label)):
        if not isinstance(given, str):
            raise ParamsError(f"{argument} is {given!r}: give the name of a column")
    name, rows, left_out = _read(source, id_column, params)
    column, churn = _split_label(label, list(rows))
    _check_label_column(name, column, id_column, list(rows))
    for excluded in _excluded(name, params, [*rows, *left_out], (id_column, column)):
        rows.pop(excluded, None)
        left_out.pop(excluded, None)
    ids = _identifiers(name, rows, id_column)
    outcome = _read_label(name, rows[column], ids, churn)
    attributes = {other: number_or_text(rows[other]) for other in rows if other not in (id_column, column)}
    left_out |= {other: why for other, values in attributes.items() if (why := why_useless(values))}
    used = {other: values for other, values in attributes.items() if other not in left_out}
    if not used:
        reasons = "; ".join(f"{other!r} {why}" for other, why in left_out.items()) or "there are none"
        raise DataError(f"{name}: no attribute is left to learn from: {reasons}")
    return AttributeTable(name, ids, pd.DataFrame(used, index=ids.index), outcome, left_out)


def read_attributes(
    source: Source,
    id_column: str,
    attributes: Mapping[str, list[str] | None],
    params: DataParams | None = None,
) -> AttributeTable:
    """Read customers with the attributes of a trained model; other columns are ignored.

    Parameters
    ----------
    source : str, path or table
    id_column : str
    attributes : mapping of str to list of str or None
        The categories seen in training, or None for a number, by name.
    params : DataParams, optional

    Raises
    ------
    SourceError
        If the source or one of the columns does not exist, or a line does not fit the header.
    DataError
        If there are no lines, an identifier is missing or duplicated, or the type of a column differs from
        training: text in a number, or only numbers in a category.
    """
    name, rows, others = _read(source, id_column, params)
    absent = [column for column in attributes if column not in rows]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        why = f" {others[absent[0]]}" if absent[0] in others else " is missing"
        raise SourceError(
            f"{name}: column {absent[0]!r}{why}{more}: the model needs it; add it, empty if unknown"
        )
    ids = _identifiers(name, rows, id_column)
    columns = {
        column: _as_number(name, rows[column], ids, column)
        if categories is None
        else _as_category(name, rows[column], column, categories)
        for column, categories in attributes.items()
    }
    return AttributeTable(name, ids, pd.DataFrame(columns, index=ids.index), None, others)


def attribute_digest(customers: AttributeTable) -> str:
    """Digest of all customers with their attributes and label, in any order."""
    rows = customers.attributes.assign(**{"": customers.label}).set_axis(customers.ids.astype(str))
    total = int(pd.util.hash_pandas_object(rows).to_numpy().sum(dtype="uint64"))
    return hashlib.sha256(repr((list(rows), total)).encode()).hexdigest()[:32]


def _check_label_column(name: str, column: str, id_column: str, columns: list[str]) -> None:
    if column in columns and column != id_column:
        return
    others = [other for other in columns if other != id_column]
    what = "is the identifier" if column == id_column else "is not a column that can be a label"
    choice = f"choose --label from {', '.join(others)}"
    advice = choice if column == id_column else did_you_mean(column, others, choice)
    raise SourceError(f"{name}: {column!r} {what}: {advice}")


def _excluded(
    name: str, params: DataParams | None, columns: list[str], needed: tuple[str, str]
) -> tuple[str, ...]:
    """Return the columns to be excluded; refuse unknown ones, the identifier and the label."""
    excluded = params.exclude if params else ()
    for column in excluded:
        if column in needed:
            raise SourceError(f"{name}: column {column!r} is the identifier or the label: do not exclude it")
        if column not in columns:
            raise SourceError(f"{name}: no column {column!r} to exclude: {did_you_mean(column, columns)}")
    return excluded


def _read(
    source: Source, id_column: str, params: DataParams | None
) -> tuple[str, dict[str, pd.Series[Any]], dict[str, str]]:
    """Read the name, the identifiers and usable columns, and why other columns are unusable."""
    params = params or DataParams()
    connection = _connect(params.timezone)
    try:
        found = read_source(connection, source, params)
        _check_lines(found)
        if id_column not in found.columns:
            advice = did_you_mean(id_column, found.columns, f"it has {', '.join(found.columns)}")
            raise SourceError(f"{found.name}: no column {id_column!r} for the identifier; {advice}")
        columns, others = _readable_columns(found, id_column)
        columns[id_column] = identifier(found.table[id_column])
        table = found.table.order_by(ROW)
        rows: pd.DataFrame = table.select(**columns).execute()
        written = _written_numbers(found, rows, id_column, params)
        if written:
            rows = table.select(**columns | written).execute()
    finally:
        connection.disconnect()
    return found.name, {str(name): values for name, values in rows.items()}, others


def _written_numbers(
    found: SourceTable, rows: pd.DataFrame, id_column: str, params: DataParams
) -> dict[str, Any]:
    """Read the text columns of numbers, if some are written with signs of currency or thousands."""
    schema = found.table.schema()
    texts = [str(name) for name in rows if name != id_column and schema[name].is_string()]
    signed = [name for name in texts if _may_be_written_numbers(rows[name])]
    if not signed:
        return {}
    plain = [name for name in texts if _all_numbers(to_text(rows[name]))]
    present_texts = {name: present(found.table[name], MISSING) for name in (*signed, *plain)}
    resolved, numbers = find_numbers(found.name, present_texts, params)
    return {name: read_number(present_texts[name], resolved) for name in numbers}


def _check_lines(found: SourceTable) -> None:
    unreadable = found.unreadable.order_by("line_number").limit(1).execute()
    if len(unreadable):
        line = unreadable.iloc[0]
        advice = found.advice.get(line["rule"]) or "correct them, since each is a customer"
        raise SourceError(
            f"{found.name}: lines that cannot be read: {found.unreadable.count().execute():,} "
            f"(first: line {line['line_number']}, {line['rule']}): {advice}"
        )
    if found.table.count().execute() == 0:
        raise DataError(f"{found.name}: the source has columns but no lines: nothing to learn from or score")


def _readable_columns(found: SourceTable, id_column: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the identifiers and usable columns, as numbers or text, and why others are unusable."""
    columns, others = {}, {}
    for name, dtype in found.table.drop(ROW).schema().items():
        column = found.table[name]
        if name == id_column or dtype.is_string():
            columns[name] = column
        elif dtype.is_numeric():
            columns[name] = column.cast("float64")
        elif dtype.is_boolean():
            columns[name] = column.cast("string")
        elif dtype.is_temporal():
            others[name] = IS_DATE
        else:
            others[name] = f"is of type {dtype}"
    return columns, others


def _identifiers(name: str, rows: Mapping[str, pd.Series[Any]], id_column: str) -> pd.Series[Any]:
    ids = rows[id_column]
    blank = ids.isna() | (ids.astype(str).str.strip() == "")
    if blank.any():
        raise DataError(
            f"{name}: customer {int(np.argmax(blank)) + 1} from the top has no {id_column!r}: "
            "every customer needs one"
        )
    twice = ids.duplicated()
    if twice.any():
        raise DataError(
            f"{name}: {id_column} {str(ids[twice].iloc[0])!r} appears twice: keep one row per customer "
            f"({int(twice.sum()):,} rows too many)"
        )
    return ids.rename("customer_id")


def _as_number(name: str, values: pd.Series[Any], ids: pd.Series[Any], column: str) -> pd.Series[float]:
    text = to_text(values)
    number = _to_number(text)
    other = pd.to_numeric(text, errors="coerce").isna() & text.notna()
    if other.any():
        raise DataError(
            f"{name}: column {column!r} contains {text[other].iloc[0]!r} (customer {ids[other].iloc[0]}), "
            "but was numeric in training: write numbers, or leave it empty"
        )
    return number


def _as_category(name: str, values: pd.Series[Any], column: str, categories: list[str]) -> pd.Series[Any]:
    text = to_text(values)
    known = text.isin(categories)
    if text.notna().any() and not known.any() and _all_numbers(text):
        shown = ", ".join(map(repr, categories[:_SHOWN])) + (", …" if len(categories) > _SHOWN else "")
        raise DataError(
            f"{name}: column {column!r} contains numbers (first: {text.dropna().iloc[0]}), "
            f"but was categorical in training: write {shown}"
        )
    return text
