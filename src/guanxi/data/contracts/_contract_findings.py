"""What was noticed in contract data: rejected lines with advice, and contracts at the same time."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import date
from typing import Any

import ibis

from guanxi.data._findings import DataFinding, Phrase, told
from guanxi.data._number_formats import number_advice
from guanxi.data._plausibility import SHOWN
from guanxi.data._rejections import LONGEST_EXAMPLE, without_examples
from guanxi.data._time_formats import time_advice
from guanxi.data.contracts._contract_columns import NUMBERS, TIMES, given_values, map_columns
from guanxi.data.rules import _plain_advice
from guanxi.data.sources.source_table import SourceTable, free_names
from guanxi.params import ContractParams, DataParams

_OURS = {"line_number", "rule", "line_text"}
_NEVER = date(9999, 12, 31)


def advice(rule: str, form: str, source: SourceTable, data: DataParams) -> Phrase:
    """Advise on a rule that rejected many lines."""
    what, _, name = rule.partition("_")
    mapping = map_columns(form, source, data)
    if what == "unparsable" and name in (*TIMES, *NUMBERS):
        given = given_values(form, source, data)[name]
        if name in TIMES:
            return Phrase("advice", "shown", (("shown", time_advice(given, data, "data")),))
        return Phrase("advice", "shown", (("shown", number_advice({mapping[name]: given}, data)),))
    if rule in source.advice:
        return Phrase("advice", "shown", (("shown", source.advice[rule]),))
    return _plain_advice(rule)


def rejections(
    form: str, source: SourceTable, rejected: Any, lines: dict[str, int], accepted: int, data: DataParams
) -> tuple[DataFinding, ...]:
    """Describe each rule that rejected lines, the most frequent first."""
    if not lines:
        return ()
    advise = functools.partial(advice, form=form, source=source, data=data)
    found = without_examples(source, lines, {}, accepted, advise)
    mapping = map_columns(form, source, data)
    return tuple(replace(each, examples=_examples(source, rejected, each.name, mapping)) for each in found)


def _examples(source: SourceTable, rejected: Any, rule: str, mapping: dict[str, str]) -> tuple[str, ...]:
    """Show the first rejected lines of a rule, with what stands in the column that it is about."""
    lines = rejected.filter(rejected.rule == rule).order_by("line_number").limit(SHOWN)
    named = [name for name in mapping if rule.endswith(f"_{name}")]
    about = "end" if rule == "end_before_start" else next(iter(named), None)
    text = lines.line_text if about is None else lines[free_names(source.columns, _OURS)[mapping[about]]]
    shown = lines.select("line_number", text=text.cast("string").fill_null("")).execute()
    return tuple(
        f"line {number:,}{given and ': '}{given[:LONGEST_EXAMPLE]}"
        for number, given in zip(shown["line_number"], shown["text"], strict=True)
    )


def overlapping(contracts: Any, params: ContractParams) -> tuple[DataFinding, ...]:
    """Say how many contracts begin while another of the same customer runs, if they count as parallel."""
    if params.overlaps == "replace":
        return ()
    customers = {"group_by": "customer_id", "order_by": ["start", "line_number"]}
    ends = contracts.mutate(until=contracts.end.fill_null(_NEVER))
    reached = ends.mutate(reached=ends.until.max().over(ibis.cumulative_window(**customers)))
    before = reached.mutate(before=reached.reached.lag().over(ibis.window(**customers)))
    parallel = before.filter(before.before > before.start)
    row = parallel.agg(lines=parallel.count(), customers=parallel.customer_id.nunique()).execute().iloc[0]
    if not int(row["lines"]):
        return ()
    facts = {"count": f"{int(row['lines']):,}", "customers": f"{int(row['customers']):,}"}
    return (told("overlapping_contracts", facts=facts, lines=int(row["lines"])),)
