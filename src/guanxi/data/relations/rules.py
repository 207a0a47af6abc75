"""Rules for the lines of relation tables; a line is rejected by the first rule it breaks."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data import rules
from guanxi.data._findings import DataFinding, counted, told
from guanxi.data.relations._columns import BOOLEANS, NUMBERS, TIMES, UNREADABLE, WORDS
from guanxi.params import RELATION_COLUMNS

SERVQUAL_DIMENSIONS = WORDS["surveys", "dimension"]
SCALES = {"csat": (1.0, 5.0), "nps": (0.0, 10.0), "ces": (1.0, 7.0), "servqual": (1.0, 7.0)}
SATISFACTION = (1.0, 5.0)
_EXAMPLES = 3
_NEVER_NEGATIVE = (
    *("acquisition_cost", "amount", "credit_limit", "overdue_days", "defaults"),
    *("earned", "redeemed", "expired"),
)
_CUSTOMER_RULES = {"customer_id": "customer"}

_DESCRIPTIONS = {
    "customer_twice": "an earlier line has the same customer",
    "missing_scale": "scale_low and scale_high are not given, and the instrument has no usual ones",
    "empty_scale": "scale_low is not below scale_high",
    "score_off_scale": "the score is outside its scale",
    "expectation_off_scale": "the expectation is outside the score's scale",
    "missing_dimension": "a SERVQUAL answer has no dimension",
    "unparsable_customer": "the customer is not an identifier of the same type as in the transactions",
    "unparsable_referred_by": "referred_by is not an identifier of the same type as in the transactions",
    "satisfaction_off_scale": "the satisfaction is not between 1 and 5",
    "closed_before_opened": "the ticket was closed on a day before it was opened",
}


def _with_scales(parsed: Any) -> Any:
    """Fill in missing scale limits with those usual for the instrument."""
    ends = {}
    for place, name in enumerate(("scale_low", "scale_high")):
        usual = ibis.cases(
            *((parsed.instrument == word, scale[place]) for word, scale in SCALES.items()),
            else_=ibis.null("float64"),
        )
        ends[name] = ibis.coalesce(parsed[name], usual) if name in parsed.columns else usual
    return parsed.mutate(**ends)


def _apply_rules(parsed: Any, relation: str, duplicates: str) -> Any:
    """Add ``rule`` (null: accepted) to the parsed lines of a relation; surveys need their scale limits."""
    cases: list[tuple[Any, str]] = []
    for name in (name for names in RELATION_COLUMNS[relation] for name in names):
        # Instruments other than SERVQUAL may have other dimensions.
        if UNREADABLE + name in parsed.columns and name != "dimension":
            cases += _column_rules(parsed, relation, name)
    cases += _RULES.get(relation, lambda parsed: [])(parsed)
    if duplicates == "drop":
        cases.append((parsed.repeated, "duplicate_line"))
    return parsed.mutate(rule=ibis.cases(*cases, else_=ibis.null("string")))


def _column_rules(parsed: Any, relation: str, name: str) -> list[tuple[Any, str]]:
    column, word = parsed[name], _CUSTOMER_RULES.get(name, name)
    failed = "unknown" if (relation, name) in WORDS else "unparsable"
    cases = [(parsed[UNREADABLE + name], f"{failed}_{word}")]
    if name in RELATION_COLUMNS[relation][0]:
        cases.append((column.isnull(), f"missing_{word}"))
    if name in TIMES:
        cases.append((column > ibis.literal(rules._last_time()), f"future_{word}"))
    if name in _NEVER_NEGATIVE:
        cases.append((column < 0, f"negative_{word}"))
    return cases


def _survey_rules(parsed: Any) -> list[tuple[Any, str]]:
    low, high = parsed.scale_low, parsed.scale_high
    servqual = parsed.instrument == "servqual"
    unscaled = low.isnull() | high.isnull()
    cases = [
        (unscaled, "missing_scale"),
        (low >= high, "empty_scale"),
        (~parsed.score.between(low, high), "score_off_scale"),
    ]
    if "expectation" in parsed.columns:
        cases.append((~parsed.expectation.between(low, high), "expectation_off_scale"))
    if "dimension" not in parsed.columns:
        return [*cases, (servqual, "missing_dimension")]
    return [
        *cases,
        (servqual & ~parsed.dimension.isin(SERVQUAL_DIMENSIONS), "unknown_dimension"),
        (servqual & parsed.dimension.isnull(), "missing_dimension"),
    ]


def _ticket_rules(parsed: Any) -> list[tuple[Any, str]]:
    cases = []
    if "satisfaction" in parsed.columns:
        cases.append((~parsed.satisfaction.between(*SATISFACTION), "satisfaction_off_scale"))
    if "closed" in parsed.columns:
        # Compare dates: a date without a time counts as midnight.
        cases.append((parsed.closed.date() < parsed.opened.date(), "closed_before_opened"))
    return cases


def _indicator_rules(parsed: Any) -> list[tuple[Any, str]]:
    if not {"name", "value"} <= set(parsed.columns):
        return []
    return [(parsed.name.isnull(), "missing_name"), (parsed.value.isnull(), "missing_value")]


_RULES = {"indicators": _indicator_rules, "surveys": _survey_rules, "tickets": _ticket_rules}


def _reject_second_lines(judged: Any) -> Any:
    """Reject all otherwise accepted lines of a customer except the first."""
    same = ibis.window(group_by=[judged.customer_id, judged.rule.isnull()], order_by=judged.line_number)
    later = judged.rule.isnull() & (ibis.row_number().over(same) > 0)
    return judged.mutate(rule=ibis.ifelse(later, "customer_twice", judged.rule))


def _without_loops(connection: Any, judged: Any) -> tuple[Any, tuple[DataFinding, ...]]:
    """Leave out the referrers of customers on a referral loop; all else of their lines is kept."""
    referred = judged.filter(judged.rule.isnull() & judged.referred_by.notnull())
    looped = _customers_on_loops(referred.select("customer_id", "referred_by").execute())
    if looped.empty:
        return judged, ()
    names = connection.create_table("looped", looped.to_frame(), overwrite=True)
    on_loop = judged.rule.isnull() & judged.customer_id.isin(names.customer_id)
    kept = ibis.ifelse(on_loop, ibis.null(judged.referred_by.type()), judged.referred_by)
    facts = {"customers": counted("customers", len(looped))}
    examples = tuple(sorted(map(str, looped))[:_EXAMPLES])
    found = told("referral_loop", facts=facts, lines=len(looped), examples=examples)
    return judged.mutate(referred_by=kept), (found,)


def _customers_on_loops(referrals: pd.DataFrame) -> pd.Series[Any]:
    """Find the customers on a referral loop; those merely referred by one of them are not on it.

    Examples
    --------
    >>> referrals = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "referred_by": ["b", "c", "a", "a"]})
    >>> _customers_on_loops(referrals).tolist()
    ['a', 'b', 'c']
    """
    places = pd.Index(referrals["customer_id"]).get_indexer(pd.Index(referrals["referred_by"]))
    return referrals["customer_id"].iloc[_on_loops(places)]


def _on_loops(jump: NDArray[np.intp]) -> NDArray[np.intp]:
    """Find the positions on cycles of the map ``jump`` from each position to the next (-1: none).

    Each round squares the map. Once its image no longer shrinks, the map permutes its image, which consists
    of the cycles.
    """
    image = _image(jump)
    while True:
        jump = np.where(jump >= 0, jump[jump], -1)
        smaller = _image(jump)
        if len(smaller) == len(image):
            return smaller
        image = smaller


def _image(jump: NDArray[np.intp]) -> NDArray[np.intp]:
    reached = np.zeros(len(jump), dtype=bool)
    reached[jump[jump >= 0]] = True
    return np.flatnonzero(reached)


def describe(rule: str) -> str:
    """Describe a line that breaks a rule.

    Examples
    --------
    >>> describe("unparsable_closed"), describe("negative_amount")
    ('closed cannot be read as a time', 'the amount is negative')
    """
    known = _DESCRIPTIONS | rules.rule_descriptions()
    if rule in known:
        return known[rule]
    what, _, name = rule.partition("_")
    if what == "unparsable":
        return f"{name} {_kind(name)}"
    words = next((", ".join(words) for (_, column), words in WORDS.items() if column == name), "")
    endings = {
        "missing": "is not given",
        "future": "is in the future",
        "negative": "is negative",
        "unknown": f"is not one of {words}",
    }
    return f"{name} {endings[what]}"


def _kind(name: str) -> str:
    if name in NUMBERS:
        return "is not a number"
    if name in BOOLEANS:
        return "is neither true nor false"
    return "cannot be read as a time"
