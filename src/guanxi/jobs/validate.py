"""``guanxi validate``: what in this data is usable."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import Usability, assess
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params


def open_log(
    source: str | pd.DataFrame, params: Params, progress: Reporter
) -> tuple[TransactionLog, date, Usability]:
    """Read a source and judge it; the day is ``as_of`` or the last day of the data."""
    with progress.step(f"read {source_name(source)}"):
        log = read_transactions(source, params.data)
        as_of = params.as_of or log.last_day
        usability = assess(log, as_of, params.horizon_days)
    return log, as_of, usability


def source_name(source: str | pd.DataFrame) -> str:
    """Give an address without its password; a DataFrame is the table."""
    from guanxi.data.sources.source import redact

    return "the table" if isinstance(source, pd.DataFrame) else redact(source)


def validate(source: str | pd.DataFrame, params: Params, progress: Reporter) -> Usability:
    """Judge a source, and the relation tables that the parameters name, without fitting anything."""
    log, _, usability = open_log(source, params, progress)
    try:
        named = [name for name, relation in params.relations if relation.source]
        if named:
            with progress.step(f"read {', '.join(named)}"):
                usability = _with_relations(usability, read_relations(params, log))
    finally:
        log.close()
    return usability


def _with_relations(usability: Usability, relations: Relations) -> Usability:
    """Add what stands in the relation tables."""
    facts, rejected = [], []
    for name, lines in relations.lines.items():
        accepted = f"{lines.lines_accepted:,} of {lines.lines_read:,} lines accepted"
        known = f"{lines.customers_known:,} of {lines.customers:,} customers in the transactions"
        facts.append((f"table {name}", f"{accepted}, {known}"))
        rejected += [
            (f"{name}: {rule}", n, n / lines.lines_read) for rule, n in lines.rejected_by_rule.items()
        ]
    if relations.absent:
        facts.append(("tables not given", ", ".join(relations.absent)))
    return replace(
        usability,
        facts=[*usability.facts, *facts],
        rejected=[*usability.rejected, *sorted(rejected, key=lambda item: -item[1])],
        warnings=[*usability.warnings, *relations.warnings],
    )


def usability_text(usability: Usability) -> str:
    """Write the report as aligned lines."""
    width = max(len(label) for label, _ in usability.facts)
    lines = [f"  {label:<{width}}  {value}" for label, value in usability.facts]
    if usability.rejected:
        lines.append("\nRejected lines by rule:")
        wide = max(len(rule) for rule, _, _ in usability.rejected)
        lines += [f"  {rule:<{wide}}  {n:>12,}  {share:>6.1%}" for rule, n, share in usability.rejected]
    if usability.warnings:
        lines.append("\nTo know:")
        lines += [f"  - {warning}" for warning in usability.warnings]
    return "\n".join(lines)
