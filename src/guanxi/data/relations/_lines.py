"""Accepted and rejected lines of one relation table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from guanxi.data._findings import DataFinding
from guanxi.data._identifiers import present
from guanxi.data._time_formats import time_advice
from guanxi.data.attributes import _readable_columns
from guanxi.data.engine import _check_timestamp_format, explain_no_space
from guanxi.data.relations import rules as relation_rules
from guanxi.data.relations._columns import TIMES, UNREADABLE, canonical_relation, resolve_relation
from guanxi.data.sources.source import Source, read_source
from guanxi.data.sources.source_table import ROW, SourceTable, free_names
from guanxi.data.transactions import _all_rejected, _rejected_lines
from guanxi.errors import DataError
from guanxi.params import OTHER_COLUMNS, RELATION_COLUMNS, DataParams, RelationParams

_OURS = ("line_number", "rule", "repeated")


class CustomerLog(Protocol):
    """A log whose customers the relation tables describe: of transactions, or of contracts."""

    @property
    def connection(self) -> Any:
        """The engine."""

    @property
    def lines(self) -> Any:
        """The accepted lines, with ``customer_id``."""


@dataclass(frozen=True)
class RelationLines:
    """Accepted and rejected lines of a relation table, with their counts.

    Attributes
    ----------
    source : str
        As given, without passwords.
    table : ibis.Table
        Accepted lines: the canonical columns; for surveys, the limits of each line's scale; for customers,
        questionnaires and wide indicators, every other column (number or text), with an underscore if its
        name is taken.
    rejected, lines_read, lines_accepted, rejected_by_rule, repeated_lines
        As in :class:`guanxi.data.transactions.TransactionLog`.
    customers : int
        Customers in accepted lines.
    customers_known : int or None
        Those with a transaction; None without transactions.
    left_out : dict of str to str
        Columns of these two that are not kept, and why.
    findings : tuple of DataFinding
        As in :class:`guanxi.data.transactions.TransactionLog`.
    """

    source: str
    table: Any = field(repr=False)
    rejected: Any = field(repr=False)
    lines_read: int
    lines_accepted: int
    rejected_by_rule: dict[str, int]
    repeated_lines: int
    customers: int
    customers_known: int | None
    left_out: dict[str, str]
    findings: tuple[DataFinding, ...] = ()


class RelationReader:
    """Reads one relation table into the engine.

    ``data`` supplies what ``params`` leaves open. Identifiers get the type of those in ``log``, which must
    use the same ``connection``; without it they become text.
    """

    def __init__(
        self,
        connection: Any,
        relation: str,
        params: RelationParams,
        data: DataParams,
        log: CustomerLog | None,
    ) -> None:
        own = {"timestamp_format": params.timestamp_format, "encoding": params.encoding}
        self.connection, self.relation, self.params, self.log = connection, relation, params, log
        # The layout of the transactions' file is not that of this table.
        layout: dict[str, Any] = {"columns": {}, "sheet": None, "skip_lines": None, "header": True}
        given = {key: value for key, value in own.items() if value is not None}
        self.data = data.model_copy(update=layout | given)
        self.section, self.name = f"relations.{relation}", f"relation_{relation}"

    def read(self, given: Source) -> RelationLines:
        """Read a source and apply the relation's rules."""
        if self.params.timestamp_format:
            _check_timestamp_format(self.connection, self.params.timestamp_format, self.section)
        with explain_no_space(), self._source(given) as source:
            self.data, found = resolve_relation(self.relation, source, self.params, self.data)
            source = replace(source, findings=(*source.findings, *found))
            known = self.log.lines.customer_id if self.log else None
            keep = functools.partial(self.connection.create_table, "given")
            parsed = canonical_relation(self.relation, source, self.params, self.data, known, keep)
            if self.relation == "surveys":
                parsed = relation_rules._with_scales(parsed)
            parsed = self.connection.create_table("parsed", parsed)
            self.connection.drop_table("given")
            judged, looped = self._apply_rules(parsed)
            source = replace(source, findings=(*source.findings, *looped))
            judged = self.connection.create_table("judged", judged)
            self.connection.drop_table("parsed")
            return self._summarise(source, judged)

    @contextmanager
    def _source(self, given: Source) -> Iterator[SourceTable]:
        """Read the source, and drop the intermediate tables at the end."""
        # The transactions leave the table "unreadable", an earlier reading the relation's own tables.
        for name in ("unreadable", self.name, f"{self.name}_rejected"):
            self.connection.drop_table(name, force=True)
        try:
            yield read_source(self.connection, given, self.data, f"the table of {self.relation}")
        finally:
            for name in ("source", "unreadable", "given", "parsed", "judged", "looped"):
                self.connection.drop_table(name, force=True)

    def _apply_rules(self, parsed: Any) -> tuple[Any, tuple[DataFinding, ...]]:
        judged = relation_rules._apply_rules(parsed, self.relation, self.data.duplicates)
        if self.relation == "customers":
            judged = relation_rules._reject_second_lines(judged)
            if "referred_by" in judged.columns:
                return relation_rules._without_loops(self.connection, judged)
        return judged, ()

    def _summarise(self, source: SourceTable, judged: Any) -> RelationLines:
        rejected, by_rule = _rejected_lines(self.connection, source, judged, f"{self.name}_rejected")
        accepted, left_out = self._accepted(source, judged)
        table = self.connection.create_table(self.name, accepted)
        n_accepted = int(table.count().execute())
        if by_rule and not n_accepted:
            raise DataError(_all_rejected(f"{self.section}: {source.name}", by_rule, self._advice(source)))
        customers, known = self._customers(table)
        return RelationLines(
            source=source.name,
            table=table,
            rejected=rejected,
            lines_read=n_accepted + sum(by_rule.values()),
            lines_accepted=n_accepted,
            rejected_by_rule=by_rule,
            repeated_lines=int(judged.filter(judged.repeated).count().execute()),
            customers=customers,
            customers_known=known,
            left_out=left_out,
            findings=source.findings,
        )

    def _customers(self, table: Any) -> tuple[int, int | None]:
        """Count the customers, and those with a transaction; the company's spending has none."""
        if "customer_id" not in table.columns:
            return 0, None
        ids = table.select("customer_id").distinct()
        known = ids.semi_join(self.log.lines, "customer_id").count().execute() if self.log else None
        return int(ids.count().execute()), None if known is None else int(known)

    def _accepted(self, source: SourceTable, judged: Any) -> tuple[Any, dict[str, str]]:
        canonical = [name for name in judged.columns if name not in _OURS and not name.startswith(UNREADABLE)]
        accepted = judged.filter(judged.rule.isnull()).select("line_number", *canonical)
        wide = self.relation == "indicators" and not {"name", "value"} <= set(canonical)
        if self.relation not in OTHER_COLUMNS and not wide:
            return accepted.drop("line_number"), {}
        mapped = {self.params.columns.get(name, name) for name in canonical}
        columns, left_out = _readable_columns(source, "")
        unused = mapped.union(self.data.exclude)
        attributes = {name: column for name, column in columns.items() if name not in unused}
        kept = {"line_number", *(name for names in RELATION_COLUMNS[self.relation] for name in names)}
        names = free_names(list(attributes), kept)
        chosen = {names[name]: column for name, column in attributes.items()}
        others = source.table.select(guanxi_row=source.table[ROW], **chosen)
        joined = accepted.inner_join(others, accepted.line_number == others.guanxi_row)
        left_out = {name: why for name, why in left_out.items() if name not in unused}
        return joined.select(*canonical, *chosen), left_out

    def _advice(self, source: SourceTable) -> Callable[[str], str]:
        def advise(rule: str) -> str:
            time = rule.removeprefix("unparsable_")
            column = self.params.columns.get(time, time)
            if time in TIMES and column in source.columns:
                return time_advice(present(source.table[column], self.data.missing), self.data, self.section)
            return f"{relation_rules.describe(rule)}: check {self.section}"

        return advise
