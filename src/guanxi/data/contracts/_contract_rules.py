"""Rules for the lines of contract data; a line is rejected by the first rule it breaks."""

from __future__ import annotations

from typing import Any

import ibis

from guanxi.data import rules
from guanxi.data._totals import is_word
from guanxi.data.contracts._contract_columns import NUMBERS, TIMES, UNREADABLE
from guanxi.params import CONTRACT_COLUMNS, DataParams

_LONGEST_DAYS = 36_500


def _apply_rules(parsed: Any, form: str, data: DataParams, longest: float) -> Any:
    """Add ``rule`` (null: accepted) to parsed lines of a form; no tenure is above ``longest`` periods."""
    cases: list[tuple[Any, str]] = [
        (parsed.customer_id.isnull(), "missing_customer"),
        (is_word(parsed.customer_id.cast("string"), data), "total_line"),
    ]
    required, optional = CONTRACT_COLUMNS[form]
    for name in (*required[1:], *optional):
        if name in parsed.columns:
            cases += _column_rules(parsed, form, name, data)
    if "end" in parsed.columns:
        cases.append((parsed.end < parsed.start, "end_before_start"))
    if "tenure" in parsed.columns:
        cases.append((parsed.tenure > longest, "tenure_too_long"))
    if data.duplicates == "drop":
        cases.append((parsed.repeated, "duplicate_line"))
    return parsed.mutate(rule=ibis.cases(*cases, else_=ibis.null("string")))


def _column_rules(parsed: Any, form: str, name: str, data: DataParams) -> list[tuple[Any, str]]:
    column = parsed[name]
    failed = f"unknown_{name}" if name in ("event", "period") else f"unparsable_{name}"
    cases = [(parsed[UNREADABLE + name], failed)]
    if name in CONTRACT_COLUMNS[form][0] or (name == "amount" and form != "events"):
        cases.append((column.isnull(), f"missing_{name}"))
    if name in TIMES and name != "end":
        cases.append((column > ibis.literal(rules._last_time()).date(), f"future_{name}"))
        cases.append((rules._outside(column, data), "outside_period"))
    if name in NUMBERS:
        cases.append((column.isnan() | column.isinf(), f"non_finite_{name}"))
        cases.append((column < 0, f"negative_{name}"))
    if name == "amount":
        cases.append((column > data.max_amount, "amount_too_large"))
    return cases


def longest_tenure(days_per_period: float) -> float:
    """Return the periods of a century, beyond which a tenure is an error."""
    return _LONGEST_DAYS / days_per_period


def _reject_second_lines(judged: Any) -> Any:
    """Reject all otherwise accepted lines of a customer except the first."""
    same = ibis.window(group_by=[judged.customer_id, judged.rule.isnull()], order_by=judged.line_number)
    later = judged.rule.isnull() & (ibis.row_number().over(same) > 0)
    return judged.mutate(rule=ibis.ifelse(later, "customer_twice", judged.rule))
