"""Source columns of a relation table mapped and cast to canonical ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis

from guanxi.data._booleans import read_boolean
from guanxi.data._columns import GIVEN, Keep, find_formats, repeated
from guanxi.data._findings import DataFinding
from guanxi.data._identifiers import identifier, identifier_like, present
from guanxi.data._number_formats import resolve_numbers
from guanxi.data._numbers import read_number
from guanxi.data._times import read_time
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.errors import DataError, SourceError
from guanxi.params import RELATION_COLUMNS, DataParams, RelationParams

IDS = ("customer_id", "referred_by")
TIMES = ("timestamp", "date", "acquired_on", "opened", "closed")
NUMBERS = (
    *("acquisition_cost", "score", "scale_low", "scale_high", "expectation", "satisfaction"),
    *("amount", "credit_limit", "overdue_days", "defaults"),
    *("earned", "redeemed", "expired"),
)
BOOLEANS = ("responded", "complaint")
# Columns with a fixed vocabulary, ignoring case and surrounding blanks.
WORDS = {
    ("interactions", "direction"): ("inbound", "outbound"),
    ("surveys", "instrument"): ("csat", "nps", "ces", "servqual"),
    ("surveys", "dimension"): ("tangibles", "reliability", "responsiveness", "assurance", "empathy"),
    ("costs", "kind"): ("acquire", "serve", "retain"),
    ("investments", "phase"): ("collect", "analyse", "set", "act", "evaluate"),
}
UNREADABLE = "unreadable_"
# Constants come from params.yaml, where dates are in ISO format and numbers have a decimal point.
_PLAIN_NUMBERS = {"decimal": None, "thousands": None}
_PLAIN = {"timestamp_format": None, **_PLAIN_NUMBERS}


def map_columns(relation: str, source: SourceTable, params: RelationParams) -> dict[str, Any]:
    """Map each canonical column to a constant, the given column, or the column of the same name."""
    required, optional = RELATION_COLUMNS[relation]
    values: dict[str, Any] = {}
    for name in (*required, *optional):
        column = params.columns.get(name, name)
        if name in params.constants:
            values[name] = ibis.literal(params.constants[name])
        elif column in source.columns:
            values[name] = source.table[column]
        elif name in required or name in params.columns:
            example = f'--set \'relations.{relation}.columns={{"{name}": "NAME"}}\''
            constant = f", or set relations.{relation}.constants.{name} for all lines"
            raise SourceError(
                f"{source.name}: no column {column!r} for {name}; it has {', '.join(source.columns)}: "
                f"map it with {example}{'' if name == 'customer_id' else constant}"
            )
    return values


def resolve_relation(
    relation: str, source: SourceTable, params: RelationParams, data: DataParams
) -> tuple[DataParams, tuple[DataFinding, ...]]:
    """Find how times and numbers are written: see :func:`guanxi.data._columns.find_formats`.

    The signs of the transactions' numbers, in ``data``, need not be those of this table: they decide only
    where its own numbers could be read in two ways.
    """
    mapped = {
        name: (params.columns.get(name, name), _present(name, value, data))
        for name, value in map_columns(relation, source, params).items()
        if name not in params.constants
    }
    times, numbers = (dict(mapped[name] for name in names if name in mapped) for names in (TIMES, NUMBERS))
    section = f"relations.{relation}"
    where = f"{section}: {source.name}"
    dated, found = find_formats(where, times, {}, data, section)
    try:
        resolved, others = resolve_numbers(where, numbers, dated.model_copy(update=_PLAIN_NUMBERS))
    except DataError:
        resolved, others = resolve_numbers(where, numbers, dated)
    # data.decimal is about the transactions first, so none is proposed.
    return resolved, (*found, *(replace(each, setting=None) for each in others))


def canonical_relation(
    relation: str, source: SourceTable, params: RelationParams, data: DataParams, known: Any, keep: Keep
) -> Any:
    """Map and cast a relation's columns; values that cannot be cast become null.

    The result also has ``line_number``, ``unreadable_…`` for each column (whether a value could not be cast)
    and ``repeated`` (whether an earlier line equals it). ``data`` gives the time zone and time format,
    ``known`` the identifiers of the transactions, None if there are none; ``keep`` is as in
    :func:`guanxi.data._columns.canonical_columns`.
    """
    mapped = map_columns(relation, source, params)
    values = {GIVEN + name: _present(name, value, data) for name, value in mapped.items()}
    line_number, again = source.table[ROW], repeated(source.table, source.columns)
    step = keep(source.table.select(line_number=line_number, repeated=again, **values))
    columns: dict[str, Any] = {"line_number": step.line_number}
    for name in mapped:
        given = step[GIVEN + name]
        plain = data.model_copy(update=_PLAIN) if name in params.constants else data
        cast = _cast(relation, name, given, plain, known)
        columns[name] = cast
        columns[UNREADABLE + name] = given.notnull() & cast.isnull()
    return step.select(**columns, repeated=step.repeated)


def _present(name: str, value: Any, data: DataParams) -> Any:
    """Replace blank text and, in a column that is not text, words for a missing value by null."""
    return present(value, data.missing if name in (*IDS, *TIMES, *NUMBERS) else ())


def _cast(relation: str, name: str, given: Any, data: DataParams, known: Any) -> Any:
    if name in IDS:
        return identifier(given).cast("string") if known is None else identifier_like(given, known)
    if name in TIMES:
        return read_time(given, data)
    if name in NUMBERS:
        number = read_number(given, data)
        return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)
    if name in BOOLEANS:
        return read_boolean(given)
    text = given.cast("string")
    if (relation, name) not in WORDS:
        return text
    word = text.strip().lower()
    return ibis.ifelse(word.isin(WORDS[relation, name]), word, ibis.null("string"))
