"""A source as a table of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ibis

from guanxi.data._findings import DataFinding
from guanxi.data.engine import explain_no_space
from guanxi.errors import SourceError

ROW = "guanxi_row"


@dataclass(frozen=True)
class SourceTable:
    """A source as an engine table, and the lines that could not be parsed.

    Attributes
    ----------
    name : str
        As given, without passwords.
    table : ibis.Table
        The readable lines with the source columns and ``guanxi_row``, the line's number from 1.
    unreadable : ibis.Table
        ``line_number, rule, line_text`` of the other lines.
    findings : tuple of DataFinding
        What was noticed while the file was read, such as lines above the header.
    advice : dict of str to str
        What to do about the unreadable lines of a rule, where reading the file told.
    """

    name: str
    table: Any
    unreadable: Any
    findings: tuple[DataFinding, ...] = ()
    advice: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns of the source."""
        return [name for name in self.table.columns if name != ROW]


def _load_rows(connection: Any, name: str, rows: Any) -> SourceTable:
    """Copy an Arrow table or a reader of Arrow batches into the engine."""
    connection.con.register("incoming", rows)
    try:
        return _load(connection, name, "incoming")
    finally:
        connection.con.unregister("incoming")


def _load(connection: Any, name: str, relation: str) -> SourceTable:
    """Copy the relation after ``FROM`` into the engine and number its lines."""
    # A bare row_number() streams; with the window frame that ibis adds, the engine would sort the table.
    with explain_no_space():
        connection.raw_sql(f"CREATE TABLE source AS SELECT *, row_number() OVER () AS {ROW} FROM {relation}")
    return SourceTable(name, connection.table("source"), _create_unreadable(connection))


def _create_unreadable(connection: Any) -> Any:
    """Create the table of the lines that could not be parsed."""
    schema = ibis.schema({"line_number": "int64", "rule": "string", "line_text": "string"})
    return connection.create_table("unreadable", schema=schema, overwrite=True)


def _check_names(source: str, columns: list[str]) -> None:
    """Refuse duplicate column names (the engine ignores case) and the reserved name."""
    lower = [name.lower() for name in columns]
    twice = sorted({name for name in columns if lower.count(name.lower()) > 1})
    if twice:
        names = " and ".join(map(repr, twice))
        raise SourceError(f"{source}: duplicate column name, ignoring case: {names}: rename one")
    if ROW in lower:
        raise SourceError(f"{source}: the column name {ROW!r} is reserved for the line number: rename it")


def free_names(columns: list[str], kept: set[str]) -> dict[str, str]:
    """Map each column to its name, with an underscore if that is reserved, ignoring case.

    Examples
    --------
    >>> free_names(["Rule", "amount"], {"rule"})
    {'Rule': 'Rule_', 'amount': 'amount'}
    """
    kept = {name.lower() for name in kept}
    taken = kept | {name.lower() for name in columns}
    names = {}
    for column in columns:
        name = column
        while name.lower() in (taken if name != column else kept):
            name += "_"
        names[column] = name
    return names


def first_line(error: BaseException) -> str:
    """Return the first non-blank line of an error message, or the name of the error's class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
