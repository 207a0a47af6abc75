"""The rejected lines of a log as findings: one for each rule, weighed by lines and by value, with advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ibis

from guanxi.data import rules
from guanxi.data._columns import _mapping
from guanxi.data._findings import DataFinding, Phrase, share_of, told
from guanxi.data._plausibility import SHOWN, rounded
from guanxi.data.sources.source_table import SourceTable, free_names
from guanxi.params import DataParams

_SHOWN_COLUMNS = {
    **dict.fromkeys(
        ("unparsable_timestamp", "future_timestamp", "sentinel_date", "outside_period"), "timestamp"
    ),
    **dict.fromkeys(("unparsable_amount", "non_finite_amount", "amount_too_large"), "amount"),
    "total_line": "customer_id",
}
LONGEST_EXAMPLE = 60


def rejections(
    source: SourceTable, judged: Any, rejected: Any, lines: dict[str, int], accepted: int, params: DataParams
) -> tuple[DataFinding, ...]:
    """Describe each rule that rejected lines, the most frequent first.

    Parameters
    ----------
    source : SourceTable
    judged, rejected : ibis.Table
        The lines with canonical columns and ``rule``, and the rejected ones as in the source.
    lines : dict of str to int
        Rejected lines by rule.
    accepted : int
        Accepted lines.
    params : DataParams
    """
    if not lines:
        return ()
    found = without_examples(
        source, lines, _values(judged, params), accepted, lambda rule: rules._advice(rule, source, params)
    )
    return tuple(replace(each, examples=_examples(source, rejected, each.name, params)) for each in found)


def without_examples(
    source: SourceTable,
    lines: dict[str, int],
    values: Mapping[str | None, float],
    accepted: int,
    advise: Callable[[str], Phrase],
) -> tuple[DataFinding, ...]:
    """Describe each rule that rejected lines as :func:`rejections` does, from counts and values alone.

    ``values`` are the absolute amounts that are known, by rule; those of accepted lines under None.
    """
    values = {rule: value for rule, value in values.items() if rule not in rules.WITHOUT_VALUE}
    read, total = accepted + sum(lines.values()), sum(values.values())
    found = []
    for rule, count in sorted(lines.items(), key=lambda item: (-item[1], item[0])):
        value = values.get(rule)
        known = value is not None and total > 0
        found.append(
            told(
                rule,
                "rejected_with_value" if known else "rejected",
                facts={
                    "share": share_of(count, read),
                    "count": f"{count:,}",
                    **({"of_value": share_of(value, total)} if value is not None and known else {}),
                    "why": rules._why(rule),
                    "advice": advise(rule),
                },
                lines=count,
                value=None if value is None else rounded(value),
                setting=rules._proposal(rule, source),
            )
        )
    return tuple(found)


def _values(judged: Any, params: DataParams) -> dict[str | None, float]:
    """Add up the absolute amounts that are known, by rule; those of accepted lines under None."""
    size = judged.amount.abs()
    known = judged.filter(size <= params.max_amount)
    sums = known.group_by("rule").agg(value=known.amount.abs().sum()).execute()
    return {rule if isinstance(rule, str) else None: float(value) for rule, value in sums.to_numpy()}


def _examples(source: SourceTable, rejected: Any, rule: str, params: DataParams) -> tuple[str, ...]:
    lines = rejected.filter(rejected.rule == rule).order_by("line_number").limit(SHOWN)
    if rule not in _SHOWN_COLUMNS:
        shown = lines.select("line_number", text=lines.line_text).execute()
    else:
        names = free_names(source.columns, {"line_number", "rule", "line_text"})
        columns = [lines[names[each]] for each in _mapping(source, params)[_SHOWN_COLUMNS[rule]]]
        factors = [column.cast("string").fill_null("") for column in columns]
        shown = lines.select("line_number", text=ibis.literal(" * ").join(factors)).execute()
    texts = [text[:LONGEST_EXAMPLE] if isinstance(text, str) else "" for text in shown["text"]]
    return tuple(
        f"line {number:,}{text and ': '}{text}"
        for number, text in zip(shown["line_number"], texts, strict=True)
    )
