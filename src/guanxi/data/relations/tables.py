"""Relation tables: customers, interactions, surveys, tickets, costs, credit, spending and programmes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from guanxi.data._findings import share_of
from guanxi.data.engine import _connect
from guanxi.data.relations import rules
from guanxi.data.relations._lines import CustomerLog, RelationLines, RelationReader
from guanxi.data.sources.source import Source
from guanxi.errors import DataError, SourceError
from guanxi.params import RELATION_COLUMNS, DataParams, Params, RelationParams

_FEW_KNOWN = 0.5


@dataclass(frozen=True)
class Relations:
    """Relation tables in one engine.

    Attributes
    ----------
    lines : dict of str to RelationLines
        By relation; those not given are absent.
    warnings : tuple of str
        Problems, each with what to do.
    """

    connection: Any = field(repr=False)
    lines: dict[str, RelationLines]
    warnings: tuple[str, ...]

    def table(self, relation: str) -> Any:
        """Return the accepted lines of a relation, or None if it was not given."""
        return self.lines[relation].table if relation in self.lines else None

    @property
    def absent(self) -> tuple[str, ...]:
        """The relations that were not given."""
        return tuple(name for name in RELATION_COLUMNS if name not in self.lines)

    def close(self) -> None:
        """Close the engine, which is also that of the transactions, if any."""
        self.connection.disconnect()


def read_relations(
    params: Params,
    log: CustomerLog | None = None,
    *,
    tables: Mapping[str, Source] | None = None,
    only: Collection[str] = tuple(RELATION_COLUMNS),
) -> Relations:
    """Read the relation tables given by the parameters.

    Parameters
    ----------
    params : Params
        Its sections ``relations`` and ``data``.
    log : TransactionLog or ContractLog, optional
        The transactions or contracts, whose engine and type of identifier are used. Without it identifiers
        become text.
    tables : mapping of str to source, optional
        Sources by relation that replace those of the parameters.
    only : collection of str
        The relations that are read; default: all.

    Raises
    ------
    SourceError
        If a source or a mapped or required column does not exist.
    DataError
        If all lines of a relation were rejected.
    ParamsError
        If a time format is invalid.
    OutputError
        If the engine runs out of space.

    Examples
    --------
    >>> import pandas as pd
    >>> costs = pd.DataFrame({"customer_id": ["a"], "timestamp": ["2024-05-01"], "amount": [3.5]})
    >>> params = Params(relations={"costs": {"constants": {"kind": "serve"}}})
    >>> relations = read_relations(params, tables={"costs": costs})
    >>> relations.lines["costs"].lines_accepted, relations.absent[:3]
    (1, ('customers', 'interactions', 'surveys'))
    """
    unknown = (tables or {}).keys() - RELATION_COLUMNS.keys()
    if unknown:
        known = ", ".join(RELATION_COLUMNS)
        raise DataError(f"{min(unknown)!r} is not a relation table: choose from {known}")
    connection = log.connection if log else _connect(params.data.timezone)
    lines, warnings = {}, []
    try:
        for name in (each for each in RELATION_COLUMNS if each in only):
            given: RelationParams = getattr(params.relations, name)
            source = (tables or {}).get(name, given.source)
            if source is not None:
                try:
                    lines[name] = RelationReader(connection, name, given, params.data, log).read(source)
                except SourceError as error:
                    raise SourceError(f"relations.{name}: {error}") from error
                warnings += _warnings(name, lines[name], params.data)
    except BaseException:
        if log is None:
            connection.disconnect()
        raise
    return Relations(connection, lines, tuple(warnings))


def _warnings(relation: str, lines: RelationLines, data: DataParams) -> list[str]:
    firsts = lines.rejected.group_by("rule").agg(first=lines.rejected.line_number.min()).execute()
    first = dict(zip(firsts["rule"], firsts["first"], strict=True))
    warnings = [
        f"{relation}: {share_of(n, lines.lines_read)} of the lines ({n:,}, first: line {first[rule]:,}) were "
        f"rejected because {rules.describe(rule)}"
        for rule, n in lines.rejected_by_rule.items()
        if n
    ]
    warnings += [f"{relation}: {finding}" for finding in lines.findings]
    if not lines.lines_read:
        warnings.append(f"{relation}: {lines.source} has columns but no lines: all its measures are unknown")
    if lines.customers_known is not None and lines.customers_known < _FEW_KNOWN * lines.customers:
        warnings.append(
            f"{relation}: only {lines.customers_known:,} of its {lines.customers:,} customers have a "
            "transaction: check that customer_id is written the same way in both"
        )
    if lines.repeated_lines and data.duplicates == "keep" and relation != "customers":
        warnings.append(
            f"{relation}: {lines.repeated_lines:,} lines repeat an earlier one in every column and are kept: "
            "if they are copies, set data.duplicates=drop"
        )
    if lines.left_out:
        reasons = "; ".join(f"{name!r} {why}" for name, why in lines.left_out.items())
        warnings.append(f"{relation}: left out of the attributes: {reasons}")
    return warnings
