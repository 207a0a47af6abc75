"""``guanxi validate``: usability of the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.sources.source import Source
from guanxi.data.usability import Usability
from guanxi.errors import ParamsError
from guanxi.jobs._contract_log import assess_source, contract_day
from guanxi.jobs._opened_log import Engine, open_log, opened_on_spark
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.pipeline.contracts.leaks import contract_leaks


@advises_in_python()
def validate(
    source: Source,
    *,
    params: Params | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    engine: Engine = "duckdb",
    progress: bool | Reporter = False,
) -> Usability:
    """Assess a source without fitting; with purchases, the relation tables named by the parameters too.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    horizon_days : int, optional
    as_of : date or str, optional
        Default: the last day of the data.
    engine : {"duckdb", "spark"}
        As in :func:`guanxi.train`.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError
        If a parameter is not valid, or the task is labels.
    SourceError, DataError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.validate("cdnow-sample").numbers["customers"]
    2357
    """
    base = params if params is not None else load_params()
    params = override(base, {"horizon_days": horizon_days, "as_of": as_of})
    reporter = reporter_of(progress)
    reporter.expect(1)
    named = [name for name, relation in params.relations if relation.source]
    if engine != "duckdb":
        if named:
            raise ParamsError(f"--engine spark reads no relation tables, but {named[0]} is set: leave it out")
        with opened_on_spark(source, params, reporter, engine) as (_, usability):
            return usability
    if params.task == "labels":
        raise ParamsError("guanxi validate knows purchases and contracts: guanxi train checks labels")
    if params.task == "contracts":
        return _validate_contracts(source, params, reporter)
    opened = open_log(source, params, reporter)
    usability = opened.usability
    try:
        if named:
            with reporter.step(f"read {', '.join(named)}", extra=True):
                usability = _with_relations(usability, read_relations(params, opened.log))
    finally:
        opened.log.close()
    return usability


def _validate_contracts(source: Source, params: Params, reporter: Reporter) -> Usability:
    log, usability = assess_source(source, params, reporter)
    try:
        if not usability.usable:
            return usability
        with reporter.step("look for columns that tell who left"):
            leaks = contract_leaks(log, contract_day(log, params, reporter), params.seed)
    finally:
        log.close()
    return replace(usability, warnings=[*usability.warnings, *leaks.values()])


def _with_relations(usability: Usability, relations: Relations) -> Usability:
    """Add the counts of the relation tables."""
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
        lines.append("\nNotes:")
        lines += [f"  - {warning}" for warning in usability.warnings]
    return "\n".join(lines)
