"""Rules for the lines of transactions; a line is rejected by the first rule it breaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis

from guanxi.data._columns import _mapping, present
from guanxi.data._number_formats import number_advice
from guanxi.data._time_formats import time_advice
from guanxi.data._times import FIRST_TIME
from guanxi.data.sources.source_table import SourceTable
from guanxi.params import DataParams
from guanxi.served.texts import Language, texts

ROUNDING = 1e-9
_ADVICE = {
    "missing_customer": "map customer_id to the column that names the customer",
    "missing_timestamp": "map timestamp to the column that holds the time",
    "future_timestamp": "these times are in the future: check data.timestamp_format",
    "missing_amount": "map amount to a complete column of numbers, as in --columns amount=Quantity*Price",
    "non_finite_amount": "map amount to a column of plain numbers, as in --columns amount=Quantity*Price",
    "invalid_encoding": "set the file's encoding, as in --set data.encoding=latin-1",
}


def rule_descriptions(language: Language = "en") -> dict[str, str]:
    """Describe for each rule a line that breaks it.

    Examples
    --------
    >>> rule_descriptions()["missing_customer"]
    'no customer is given'
    """
    described: dict[str, str] = texts("guanxi.data", language)["rules"]
    return described


def _last_time() -> datetime:
    """Return the time after which a line is in the future in every time zone."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


def _apply_rules(parsed: Any, params: DataParams) -> Any:
    """Add ``date`` and ``rule`` (null: accepted) to lines with canonical columns."""
    amount = parsed.amount
    cases: list[tuple[Any, str]] = [
        (parsed.customer_id.isnull(), "missing_customer"),
        (~parsed.given_timestamp, "missing_timestamp"),
        (parsed.timestamp.isnull() | (parsed.timestamp < ibis.literal(FIRST_TIME)), "unparsable_timestamp"),
        (parsed.timestamp > ibis.literal(_last_time()), "future_timestamp"),
        (~parsed.given_amount, "missing_amount"),
        (amount.isnull(), "unparsable_amount"),
        (amount.isnan() | amount.isinf(), "non_finite_amount"),
    ]
    if params.duplicates == "drop":
        cases.append((parsed.repeated, "duplicate_line"))
    if params.refunds == "drop":
        cases.append((amount < 0, "refund_dropped"))
    if params.refunds == "reject":
        cases.append((amount < 0, "refund_without_policy"))
    judged = parsed.mutate(
        date=parsed.timestamp.date(),
        rule=ibis.cases(*cases, else_=ibis.null("string")),
    ).drop("given_timestamp", "given_amount")
    return _reject_negative_days(judged) if params.refunds == "net" else judged


def _reject_negative_days(judged: Any) -> Any:
    """Reject all accepted lines of a customer and day whose sum is negative beyond rounding."""
    day = ["customer_id", "date"]
    accepted = judged.filter(judged.rule.isnull())
    refunds = accepted.filter(accepted.amount < 0).select(*day).distinct()
    # Only the few days with a refund need the sum.
    accepted = accepted.semi_join(refunds, day)
    days = accepted.group_by("customer_id", "date").agg(
        net=accepted.amount.sum(), gross=accepted.amount.abs().sum()
    )
    negative = days.filter(days.net < -ROUNDING * days.gross)
    same_day = [judged.customer_id == negative.customer_id, judged.date == negative.date]
    joined = judged.left_join(negative.select("customer_id", "date", "net"), same_day)
    beyond = joined.rule.isnull() & joined.net.notnull()
    return joined.select(
        *(name for name in judged.columns if name != "rule"),
        rule=ibis.ifelse(beyond, "refund_beyond_purchase", joined.rule),
    )


def _advice(rule: str, source: SourceTable, params: DataParams) -> str:
    """Advise on a rule that rejected many lines."""
    if rule == "unparsable_timestamp":
        return time_advice(
            present(source.table[params.columns.get("timestamp", "timestamp")]), params, "data"
        )
    if rule == "unparsable_amount":
        return number_advice(
            {part: present(source.table[part]) for part in _mapping(source, params)["amount"]}, params
        )
    if rule.startswith("refund"):
        return "amounts are negative: check the sign of the amount column, or data.refunds"
    proposal = next(
        (found.setting for found in source.findings if found.name == rule and found.setting), None
    )
    if proposal:
        return f"set what fits them: --set {proposal}"
    return _ADVICE.get(rule, "correct these lines in the source")
