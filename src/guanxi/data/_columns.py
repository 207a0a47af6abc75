"""Source columns mapped and cast to canonical ones."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import ibis
import numpy as np

from guanxi.data._column_proposals import columns_option, is_wide, propose_columns
from guanxi.data._findings import DataFinding
from guanxi.data._identifiers import identifier, present
from guanxi.data._number_formats import resolve_numbers
from guanxi.data._numbers import read_number
from guanxi.data._offsets import offset_findings
from guanxi.data._time_formats import resolve_times
from guanxi.data._times import read_time
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.errors import SourceError
from guanxi.params import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, DataParams

NUMBERS = ("amount", "quantity", "unit_price", "margin", "cost")
_TEXTS = ("order_id", "category", "channel")
GIVEN = "given_"
_HASHES_AT_ONCE = 2**23  # 64 MB
Keep = Callable[[Any], Any]


def resolve_formats(source: SourceTable, params: DataParams) -> tuple[DataParams, tuple[DataFinding, ...]]:
    """Find how times and numbers of the mapped columns are written: see :func:`find_formats`."""
    mapping = _mapping(source, params)
    parts = {part for name in NUMBERS for part in mapping.get(name, ())}
    times, numbers = (
        {name: present(source.table[name], params.missing) for name in names}
        for names in (mapping["timestamp"], sorted(parts))
    )
    params, found = find_formats(source.name, times, numbers, params)
    zones = (each for name, column in times.items() for each in offset_findings(name, column, params))
    return params, (*found, *zones)


def find_formats(
    where: str, times: dict[str, Any], numbers: dict[str, Any], params: DataParams, section: str = "data"
) -> tuple[DataParams, tuple[DataFinding, ...]]:
    """Set the formats that ``params`` leaves open, and say so.

    ``times`` and ``numbers`` hold columns by name; ``section`` is where ``timestamp_format`` stands.

    Raises
    ------
    DataError
        If there are several readings, or the given formats do not fit.
    """
    timestamp_format, found = resolve_times(where, times, params, section)
    resolved = params.model_copy(update={"timestamp_format": timestamp_format})
    resolved, others = resolve_numbers(where, numbers, resolved)
    return resolved, (*found, *others)


def canonical_columns(source: SourceTable, params: DataParams, keep: Keep, *, repeating: bool = True) -> Any:
    """Map and cast a source's columns; values that cannot be cast become null.

    ``keep`` makes a step a table or view: the casts repeat what they cast, so it must be plain columns.
    Without ``repeating`` lines none is looked for.

    The result also has ``given_timestamp`` and ``given_amount`` (whether the source had a value) and
    ``repeated`` (whether an earlier line equals it in all compared columns). Without a column of amounts,
    ``amount`` and ``given_amount`` are null. With a column of costs, ``margin`` is the amount less the cost.
    """
    mapping = _mapping(source, params)
    given = keep(_given_columns(source, mapping, params, repeating))
    parts = {name: [given[GIVEN + part] for part in mapping[name]] for name in mapping}
    (customer_id,), (timestamp,) = parts["customer_id"], parts["timestamp"]
    columns = {
        "line_number": given.line_number,
        "customer_id": identifier(customer_id),
        "timestamp": read_time(timestamp, params),
        "given_timestamp": timestamp.notnull(),
    }
    for name in NUMBERS:
        if name in parts:
            factors = (read_number(part, params) for part in parts[name])
            columns[name] = functools.reduce(operator.mul, factors)
    if "amount" in parts:
        known = (part.notnull() for part in parts["amount"])
        columns["given_amount"] = functools.reduce(operator.and_, known)
    else:
        columns |= {"amount": ibis.null("float64"), "given_amount": ibis.null("boolean")}
    if "cost" in columns:
        columns["margin"] = columns["amount"] - columns.pop("cost")
    columns |= {name: parts[name][0].cast("string") for name in _TEXTS if name in parts}
    return given.select(**columns, repeated=given.repeated)


def _given_columns(
    source: SourceTable, mapping: dict[str, list[str]], params: DataParams, repeating: bool
) -> Any:
    """Select the mapped columns, what is missing as null; words for it count except in columns of text."""
    table = source.table
    texts = {part for name in _TEXTS for part in mapping.get(name, ())}
    others = {part for name, parts in mapping.items() if name not in _TEXTS for part in parts}
    columns = {GIVEN + part: present(table[part]) for part in texts}
    columns |= {GIVEN + part: present(table[part], params.missing) for part in others}
    again = repeated(table, _compared(source, params)) if repeating else ibis.literal(False)
    return table.select(line_number=table[ROW], repeated=again, **columns)


def _compared(source: SourceTable, params: DataParams) -> list[str]:
    return [name for name in source.columns if name not in params.duplicates_ignore]


def has_types(source: SourceTable, params: DataParams) -> bool:
    """Whether no mapped column is text, so that casting it again costs less than keeping it."""
    kinds = source.table.schema()
    return not any(kinds[part].is_string() for parts in _mapping(source, params).values() for part in parts)


def may_repeat(connection: Any, source: SourceTable, params: DataParams) -> bool:
    """Whether two lines have equal hashes: sorting these takes a fifth of the time of grouping by them."""
    compared = _compared(source, params)
    if not compared:
        return True
    parts = 1 + int(source.table.count().execute()) // _HASHES_AT_ONCE
    hashes = source.table.select(
        line_hash=_hash(ibis.struct({name: source.table[name] for name in compared}))
    )
    for part in range(parts):
        some = hashes.filter(hashes.line_hash % parts == part) if parts > 1 else hashes
        column = np.sort(connection.con.execute(connection.compile(some)).fetchnumpy()["line_hash"])
        if (column[1:] == column[:-1]).any():
            return True
    return False


def _mapping(source: SourceTable, params: DataParams) -> dict[str, list[str]]:
    """Map each canonical column to its source columns: those given, else the one of the same name."""
    mapping, unknown = {}, []
    # Many logs have a column of this name, of a piece or of the line: only its user knows.
    cost = ("cost",) if "cost" in params.columns else ()
    for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *cost):
        column = params.columns.get(name, name)
        if name == "amount" and not column:
            continue
        parts = _parts(column, source.columns) if name in NUMBERS else [column]
        missing = [part for part in parts if part not in source.columns]
        if not missing:
            mapping[name] = parts
        elif name in REQUIRED_COLUMNS or name in params.columns:
            unknown.append(f"no column {missing[0]!r} for {name}")
    known = {name: "*".join(parts) for name, parts in mapping.items()}
    if "amount" not in mapping and "amount" not in params.columns and not unknown:
        proposed = propose_columns(source, known)
        if "amount" in proposed:
            raise SourceError(
                f"{source.name}: no column 'amount'; it has {', '.join(source.columns)}: map it with "
                f"{columns_option(proposed)}, or leave amounts out with --columns amount="
            )
    if unknown:
        _check_not_wide(source, unknown)
        option = columns_option(propose_columns(source, known))
        raise SourceError(
            f"{source.name}: {', '.join(unknown)}; it has {', '.join(source.columns)}: map it with {option}"
        )
    for column in params.duplicates_ignore:
        if column not in source.columns:
            raise SourceError(
                f"{source.name}: data.duplicates_ignore names {column!r}, which is not a column; "
                f"it has {', '.join(source.columns)}"
            )
    return mapping


def _check_not_wide(source: SourceTable, unknown: list[str]) -> None:
    """Refuse a table of customers by months, from which no columns can be mapped."""
    if is_wide(source):
        names = ", ".join(source.columns[:5]) + (" and so on" if len(source.columns) > 5 else "")
        raise SourceError(
            f"{source.name}: {', '.join(unknown)}; its columns ({names}) are periods: write one line per "
            "purchase, with the columns customer_id, timestamp and amount (in Excel: Power Query, Unpivot; "
            "in pandas: melt)"
        )


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
