"""Rules for the lines of transactions; a line is rejected by the first rule it breaks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis

from guanxi.data._columns import NUMBERS, _mapping
from guanxi.data._findings import Phrase
from guanxi.data._identifiers import present
from guanxi.data._number_formats import number_advice
from guanxi.data._stand_ins import StandIns
from guanxi.data._time_formats import time_advice
from guanxi.data._times import FIRST_TIME
from guanxi.data._totals import is_word
from guanxi.data.sources.source_table import SourceTable
from guanxi.params import DataParams
from guanxi.served.texts import Language, texts

ROUNDING = 1e-9
# Lines that could not be read, as against those without a customer or left out on purpose.
UNREADABLE = frozenset(
    (
        *("missing_timestamp", "unparsable_timestamp", "future_timestamp"),
        *("missing_amount", "unparsable_amount", "non_finite_amount", "amount_too_large"),
        *("ragged_line", "unbalanced_quote", "invalid_encoding", "line_too_long", "unreadable_line"),
    )
)
# Rules for lines whose amount is not one to be added up.
WITHOUT_VALUE = frozenset(("unparsable_amount", "missing_amount", "non_finite_amount", "amount_too_large"))


def rule_descriptions(language: Language = "en") -> dict[str, str]:
    """Describe for each rule a line that breaks it.

    Examples
    --------
    >>> rule_descriptions()["missing_customer"]
    'no customer is given'
    """
    described: dict[str, str] = texts("guanxi.data", language)["rules"]
    return described


def _why(rule: str) -> str | Phrase:
    """Describe a line that breaks a rule; an unknown rule keeps its name."""
    return Phrase("rules", rule) if rule in rule_descriptions() else rule


def _last_time() -> datetime:
    """Return the time after which a line is in the future in every time zone."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


def _apply_rules(parsed: Any, params: DataParams, stand_ins: StandIns) -> Any:
    """Add ``date`` and ``rule`` (null: accepted) to lines with canonical columns.

    Comparisons with null are null, so lines of a source without amounts break no rule of amounts.
    """
    if stand_ins.customers:
        given = parsed.customer_id
        unknown = given.cast("string").isin(stand_ins.customers)
        parsed = parsed.mutate(customer_id=ibis.ifelse(unknown, ibis.null(given.type()), given))
    amount = parsed.amount
    numbers = [parsed[name] for name in NUMBERS if name in parsed.columns]
    cases: list[tuple[Any, str]] = [
        (parsed.customer_id.isnull(), "missing_customer"),
        (_is_total(parsed.customer_id.cast("string"), params, stand_ins), "total_line"),
        (~parsed.given_timestamp, "missing_timestamp"),
        (parsed.timestamp.isnull() | (parsed.timestamp < ibis.literal(FIRST_TIME)), "unparsable_timestamp"),
        (parsed.timestamp > ibis.literal(_last_time()), "future_timestamp"),
        (parsed.timestamp.date().isin(list(stand_ins.days)), "sentinel_date"),
        (_outside(parsed.timestamp.date(), params), "outside_period"),
        (~parsed.given_amount, "missing_amount"),
        (parsed.given_amount & amount.isnull(), "unparsable_amount"),
        (_any(number.isnan() | number.isinf() for number in numbers), "non_finite_amount"),
        (_any(number.abs() > params.max_amount for number in numbers), "amount_too_large"),
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


def _is_total(name: Any, params: DataParams, stand_ins: StandIns) -> Any:
    word = is_word(name, params)
    return word | name.isin(stand_ins.totals) if stand_ins.totals else word


def _any(conditions: Iterable[Any]) -> Any:
    return functools.reduce(operator.or_, conditions)


def _outside(day: Any, params: DataParams) -> Any:
    """Whether a day is before the first or after the last one wanted, if any."""
    early = day < ibis.literal(params.first_day) if params.first_day else ibis.literal(False)
    return early | (day > ibis.literal(params.last_day)) if params.last_day else early


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


def _advice(rule: str, source: SourceTable, params: DataParams) -> Phrase:
    """Advise on a rule that rejected many lines."""
    if rule == "unparsable_timestamp":
        times = present(source.table[_mapping(source, params)["timestamp"][0]], params.missing)
        return Phrase("advice", rule, (("shown", time_advice(times, params, "data")),))
    if rule == "unparsable_amount":
        parts = _mapping(source, params)["amount"]
        shown = number_advice({part: present(source.table[part], params.missing) for part in parts}, params)
        return Phrase("advice", rule, (("shown", shown),))
    if rule in source.advice:
        return Phrase("advice", "shown", (("shown", source.advice[rule]),))
    return _plain_advice(rule)


def _plain_advice(rule: str) -> Phrase:
    """Advise on a rule without looking at the lines, which may be on other machines."""
    if rule == "unparsable_amount":
        return Phrase("advice", "non_finite_amount")
    if rule == "unparsable_timestamp":
        return Phrase("advice", "otherwise")
    return Phrase("advice", rule if rule in texts("guanxi.data", "en")["advice"] else "otherwise")


def _proposal(rule: str, source: SourceTable) -> str | None:
    """Return the setting that reading the file proposed for its unreadable lines, if any."""
    return next((found.setting for found in source.findings if found.name == rule and found.setting), None)
