"""Attributes of customers: the columns of a file of customers that are not mapped, or a table of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from guanxi.data._number_formats import find_numbers
from guanxi.data._numbers import read_number
from guanxi.data.attribute_values import (
    MISSING,
    _may_be_written_numbers,
    number_or_text,
    why_useless,
)
from guanxi.data.attributes import _readable_columns
from guanxi.data.contracts._contract_columns import map_columns
from guanxi.data.relations._lines import RelationReader
from guanxi.data.sources.source import Source
from guanxi.data.sources.source_table import ROW, SourceTable, free_names
from guanxi.errors import SourceError, did_you_mean
from guanxi.params import DataParams, Params

if TYPE_CHECKING:
    from guanxi.data.contracts.log import ContractLog

# Names of the feature tables, which an attribute of the same name leaves to them.
RESERVED = (
    *("customer_id", "spell", "spells", "start", "entry", "renewals", "opportunity", "next_opportunity"),
    *("churned", "amount", "first_amount", "amount_changes", "last_change", "periods_since_change"),
    *("periods_away", "plan", "channel", "as_of"),
)
EXCLUDED = "is excluded"
ACCUMULATES = "adds up over the tenure, so that it tells at every renewal how long the customer will stay"
_NOT_ATTRIBUTES = ("customer_id", "acquired_on", "referred_by")
_SAMPLE = 100_000
_GROWS_WITH_TENURE, _IS_A_TOTAL = 0.8, 0.95  # correlations with the tenure, and with its product with a rate


def attribute_columns(
    source: SourceTable, data: DataParams, accepted: Any, *, history: bool
) -> tuple[Any, dict[str, str]]:
    """Return the attributes of the accepted lines of a file of customers, as numbers or text.

    With ``history``, when every renewal of a customer is learned from, what adds up over the tenure is none.

    Returns
    -------
    ibis.Table or None
        ``customer_id`` and the attributes; None if there are none.
    dict of str to str
        The columns that are no attributes, and why.
    """
    mapped = map_columns("customers", source, data)
    columns, left_out = _readable_columns(source, "")
    columns = {name: column for name, column in columns.items() if name not in mapped.values()}
    left_out = {name: why for name, why in left_out.items() if name not in mapped.values()}
    chosen, useless = _useful(source, data, columns)
    left_out |= useless
    if history:
        left_out |= _totals(source, accepted, chosen)
    chosen = {name: column for name, column in chosen.items() if name not in left_out}
    if not chosen:
        return None, left_out
    return _of_lines(source, accepted, chosen), left_out


def _of_lines(source: SourceTable, accepted: Any, columns: dict[str, Any]) -> Any:
    names = free_names(list(columns), set(RESERVED))
    given = source.table.select(
        guanxi_row=source.table[ROW], **{names[name]: column for name, column in columns.items()}
    )
    lines = accepted.select("customer_id", guanxi_line=accepted.line_number)
    joined = lines.inner_join(given, lines.guanxi_line == given.guanxi_row)
    return joined.drop("guanxi_line", "guanxi_row")


def _useful(
    source: SourceTable, data: DataParams, columns: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return columns that may tell something, those of numbers as such, and why others may not.

    Whether they do is seen from the first lines.
    """
    left_out = {name: EXCLUDED for name in columns if name in data.exclude}
    kept = {name: column for name, column in columns.items() if name not in left_out}
    if not kept:
        return {}, left_out
    sample = source.table.limit(_SAMPLE).select(**_by_place(kept)).execute()
    values = dict(zip(kept, (sample[place] for place in _by_place(kept)), strict=True))
    numbers = _numbers_in_text(source, data, kept, values)
    for name in kept.keys() - numbers.keys():
        why = why_useless(number_or_text(values[name]))
        if why:
            left_out[name] = why
    kept = {name: numbers.get(name, _without_missing(column)) for name, column in kept.items()}
    return {name: column for name, column in kept.items() if name not in left_out}, left_out


def _by_place(columns: dict[str, Any]) -> dict[str, Any]:
    """Name columns by their place, since the engine ignores case and names may be odd."""
    return {f"column_{place}": column for place, column in enumerate(columns.values())}


def _without_missing(column: Any) -> Any:
    """Replace words for a missing value by null; text is trimmed."""
    if not column.type().is_string():
        return column
    text = column.strip()
    return ibis.ifelse(text.lower().isin(MISSING), ibis.null("string"), text)


def _numbers_in_text(
    source: SourceTable, data: DataParams, columns: dict[str, Any], values: dict[str, pd.Series[Any]]
) -> dict[str, Any]:
    """Read the columns of text that hold nothing but numbers, plain or with signs such as currencies."""
    distinct = {name: pd.Series(each.unique()) for name, each in values.items()}
    texts = {name: _without_missing(each) for name, each in columns.items() if each.type().is_string()}
    plain = {name: text for name, text in texts.items() if _holds_numbers(distinct[name])}
    signed = {name: text for name, text in texts.items() if _may_be_written_numbers(distinct[name])}
    numbers = {}
    if plain:
        unread = _by_place(
            {name: text.notnull() & text.try_cast("float64").isnull() for name, text in plain.items()}
        )
        found = source.table.agg(**{place: each.any() for place, each in unread.items()}).execute().iloc[0]
        read = [name for name, place in zip(plain, unread, strict=True) if not found[place]]
        numbers = {name: plain[name].try_cast("float64") for name in read}
    if signed:
        resolved, written = find_numbers(source.name, signed, data)
        numbers |= {name: read_number(signed[name], resolved) for name in written}
    return numbers


def _holds_numbers(values: pd.Series[Any]) -> bool:
    """Whether a column has values, all of them plain numbers."""
    read = number_or_text(values)
    return bool(read.notna().any()) and pd.api.types.is_numeric_dtype(read.dtype)


def _totals(source: SourceTable, accepted: Any, columns: dict[str, Any]) -> dict[str, str]:
    """Find numbers that grow with the tenure, or are the tenure times another, as total charges are."""
    numbers = {name: column for name, column in columns.items() if column.type().is_numeric()}
    if not numbers:
        return {}
    rates = [name for name in ("amount",) if name in accepted.columns]
    lines = accepted.select("tenure", *rates, guanxi_line=accepted.line_number)
    given = source.table.select(guanxi_row=source.table[ROW], **_by_place(numbers))
    joined = lines.inner_join(given, lines.guanxi_line == given.guanxi_row).order_by("guanxi_line")
    values = joined.limit(_SAMPLE).select("tenure", *rates, *_by_place(numbers)).execute().astype("float64")
    return {
        name: ACCUMULATES
        for name, place in zip(numbers, _by_place(numbers), strict=True)
        if _is_total(values.drop(columns=place), values[place])
    }


def _is_total(others: pd.DataFrame, values: pd.Series[float]) -> bool:
    tenure = others["tenure"]
    products = others.drop(columns="tenure").mul(tenure, axis=0)
    return bool(
        _correlation(values, tenure) >= _GROWS_WITH_TENURE
        or any(_correlation(values, products[name]) >= _IS_A_TOTAL for name in products)
    )


def _correlation(one: pd.Series[float], other: pd.Series[float]) -> float:
    known = (one.notna() & other.notna()).to_numpy()
    first, second = one.to_numpy()[known], other.to_numpy()[known]
    if known.sum() < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def with_customers(log: ContractLog, customers: Source, params: Params) -> ContractLog:
    """Add the attributes of a table of customers."""
    reader = RelationReader(log.connection, "customers", params.relations.customers, log.data, log)
    relation = reader.read(customers)
    excluded = {name: EXCLUDED for name in log.data.exclude if name in relation.table.columns}
    kept = [name for name in relation.table.columns if name not in (*_NOT_ATTRIBUTES, *excluded)]
    taken = set(RESERVED) | set(log.attributes.columns if log.attributes is not None else ())
    names = free_names(kept, taken)
    table = relation.table.select("customer_id", **{names[name]: relation.table[name] for name in kept})
    if log.attributes is not None:
        table = log.attributes.left_join(table, "customer_id").drop("customer_id_right")
    return replace(
        log,
        attributes=log.connection.create_table("all_attributes", table),
        left_out=log.left_out | relation.left_out | excluded,
        findings=(*log.findings, *relation.findings),
    )


def check_excluded(log: ContractLog) -> None:
    """Refuse an excluded column that is none.

    Raises
    ------
    SourceError
    """
    for name in log.data.exclude:
        if name not in log.left_out:
            known = list(log.attributes.columns[1:]) if log.attributes is not None else []
            advice = did_you_mean(name, known) if known else "there are no attributes"
            raise SourceError(f"{log.source}: no attribute {name!r} to exclude: {advice}")
