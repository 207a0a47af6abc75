"""The file of a campaign: which customer was in which arm, when, and what followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ibis
import pandas as pd

from guanxi.data._booleans import read_boolean
from guanxi.data._columns import find_formats
from guanxi.data._findings import DataFinding
from guanxi.data._identifiers import identifier, identifier_like, present
from guanxi.data._numbers import read_number
from guanxi.data._times import read_time
from guanxi.data.attribute_values import number_or_text
from guanxi.data.attributes import _check_lines
from guanxi.data.engine import _connect, explain_no_space
from guanxi.data.sources.source import Source, read_source
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

FLAGS = ("sent", "opened", "clicked", "converted")
LINE = "line_number"
# Columns of the customers of a campaign; another column of the file by such a name cannot be used.
RESERVED = (LINE, "customer_id", "arm", "date", "day", "cost", *FLAGS)
LARGEST = 1e50  # larger numbers are typing errors, whose squares and sums overflow


@dataclass(frozen=True)
class CampaignLines:
    """The lines of a campaign file.

    Attributes
    ----------
    source : str
        As given, without passwords.
    table : pandas.DataFrame
        ``line_number``; ``customer_id`` as in the transactions; ``arm`` (text); of ``date``, ``cost`` and the
        flags ``sent, opened, clicked, converted`` those that the file has; and its other columns as numbers
        or text.
    others : tuple of str
        The other columns.
    findings : tuple of DataFinding
        How dates and numbers were read.
    """

    source: str
    table: pd.DataFrame = field(repr=False)
    others: tuple[str, ...]
    findings: tuple[DataFinding, ...] = ()


def read_campaign(
    source: Source, columns: Mapping[str, str], data: DataParams, log: TransactionLog | None = None
) -> CampaignLines:
    """Read the file of a campaign.

    Parameters
    ----------
    source : str, path or table
        See :func:`guanxi.data.sources.source.read_source`.
    columns : mapping of str to str
        Column of the file by canonical name, where they differ.
    data : DataParams
        Encoding, time zone, and how times and numbers are written.
    log : TransactionLog, optional
        The transactions, in whose engine the file is read and whose identifiers it uses. Without, a file
        that has no ``customer_id`` is taken as one customer per line.

    Raises
    ------
    SourceError
        If the source or a column does not exist, or a line cannot be read.
    DataError
        If a value of a canonical column cannot be read.

    Examples
    --------
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "arm": ["mail", "control"], "visit": [1, 0]})
    >>> read_campaign(rows, {}, DataParams()).others
    ('visit',)
    """
    layout: dict[str, Any] = {"columns": {}, "sheet": None, "skip_lines": None, "header": True}
    data = data.model_copy(update=layout)
    connection = log.connection if log else _connect(data.timezone)
    try:
        with explain_no_space(), _source(connection, source, data) as found:
            _check_lines(found)
            return _lines(found, _mapping(found, columns, log), data, log)
    finally:
        if log is None:
            connection.disconnect()


@contextmanager
def _source(connection: Any, given: Source, data: DataParams) -> Iterator[SourceTable]:
    """Read the source; the transactions leave a table "unreadable", which is made anew."""
    connection.drop_table("unreadable", force=True)
    try:
        yield read_source(connection, given, data, "the table of the campaign")
    finally:
        for name in ("source", "unreadable"):
            connection.drop_table(name, force=True)


def _mapping(found: SourceTable, columns: Mapping[str, str], log: TransactionLog | None) -> dict[str, str]:
    """Map each canonical column to the one given or that of the same name."""
    mapped = {}
    for name in ("customer_id", "arm", "date", "cost", *FLAGS):
        column = columns.get(name, name)
        if column in found.columns:
            mapped[name] = column
        elif name in columns or name == "arm" or (name == "customer_id" and log is not None):
            raise SourceError(
                f"{found.name}: no column {column!r} for {name}; it has {', '.join(found.columns)}: "
                f'map it with --set \'campaign.columns={{"{name}": "NAME"}}\''
            )
    return mapped


def _lines(
    found: SourceTable, mapped: dict[str, str], data: DataParams, log: TransactionLog | None
) -> CampaignLines:
    # An arm may be called none.
    words = {name: () if name == "arm" else data.missing for name in mapped}
    given = {name: present(found.table[column], words[name]) for name, column in mapped.items()}
    times, numbers = (
        {mapped[name]: given[name] for name in (each,) if name in mapped} for each in ("date", "cost")
    )
    data, findings = find_formats(found.name, times, numbers, data, "data")
    known = None if log is None else log.lines.customer_id
    casts = {name: _cast(name, column, data, known) for name, column in given.items()}
    others = [name for name in found.columns if name not in (*mapped.values(), *RESERVED)]
    texts = {f"other {name}": _readable(found.table[name]) for name in others}
    broken = {f"broken {name}": given[name].notnull() & cast.isnull() for name, cast in casts.items()}
    chosen = found.table.order_by(ROW).select(**{LINE: found.table[ROW]}, **casts, **texts, **broken)
    rows = chosen.execute()
    _check_casts(found.name, rows, mapped, found.table)
    table = rows[[LINE, *casts]].assign(**{name: number_or_text(rows[f"other {name}"]) for name in others})
    if "customer_id" not in table:
        table["customer_id"] = table[LINE]
    return CampaignLines(found.name, table, tuple(others), findings)


def _cast(name: str, given: Any, data: DataParams, known: Any) -> Any:
    if name == "customer_id":
        return identifier(given) if known is None else identifier_like(given, known)
    if name == "date":
        return read_time(given, data).date()
    if name == "cost":
        number = read_number(given, data)
        return ibis.ifelse(number.abs() > LARGEST, ibis.null("float64"), number)
    return read_boolean(given) if name in FLAGS else given.cast("string").strip()


def _readable(column: Any) -> Any:
    """Numbers as they are, everything else as text."""
    kind = column.type()
    return column.cast("float64") if kind.is_numeric() or kind.is_boolean() else column.cast("string")


def _check_casts(name: str, rows: pd.DataFrame, mapped: dict[str, str], table: Any) -> None:
    """Refuse values that cannot be read, and lines without customer or arm."""
    for canonical, column in mapped.items():
        broken = rows[f"broken {canonical}"].to_numpy(dtype=bool)
        # A customer whose identifier does not fit the log's type has no purchases there.
        if broken.any():
            line = int(rows.loc[broken, LINE].iloc[0])
            value = table.filter(table[ROW] == line)[column].execute().iloc[0]
            raise DataError(
                f"{name}: line {line:,}: {value!r} in column {column!r} is no {_MEANT[canonical]}: correct it"
            )
        if canonical in ("customer_id", "arm") and rows[canonical].isna().any():
            line = int(rows.loc[rows[canonical].isna(), LINE].iloc[0])
            raise DataError(f"{name}: line {line:,} has no {column!r}: every line needs one")


_MEANT = {
    "customer_id": "identifier like those of the transactions",
    "arm": "name of an arm",
    "date": "date",
    "cost": "number",
    **dict.fromkeys(FLAGS, "yes or no"),
}
