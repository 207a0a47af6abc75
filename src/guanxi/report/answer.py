"""The answer in five sentences: worth, risk, who and why, what to do, how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from guanxi.report import _summaries
from guanxi.report.standing import OF_SILENCE
from guanxi.report.words import _driver_in_words, words
from guanxi.served.ordering import falling
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from datetime import date

_TOP = 0.1
_LEAST_SHARE = 0.05  # of the customers; what moves fewer is no main reason
_NAMED, _REASONS, _ACTIONS = 5, 3, 3


class Ranged(NamedTuple):
    """A number and the ends of its interval; NaN where they are unknown."""

    value: float
    lower: float = float("nan")
    upper: float = float("nan")


class Checked(NamedTuple):
    """What the held-out window showed: its days, totals, and the share that the top tenth brought."""

    start: date
    end: date
    expected: float
    actual: float
    captured: float


@dataclass(frozen=True)
class Answer:
    """The numbers of the five sentences.

    Attributes
    ----------
    days : int
        Length of the horizon.
    level : float
        Probability of the ranges.
    customers : int
    value, at_risk : Ranged
        Totals over all customers, in the currency of the data.
    top_share : Ranged
        Share of the expected value held by the top tenth.
    leavers : Ranged
        Customers who are expected to stay away.
    slipping, protect : pandas.DataFrame
        The two lists, first customer first.
    reasons : list of (str, float)
        Drivers that point most to leaving, strongest first, with the share of customers (of those slipping
        away, or of all likely leavers if nobody is) to whom they do. The silence of those slipping away,
        which all have in common, is the first.
    actions : list of (str, int)
        Actions of the playbook with their customers, by value at risk.
    checked : Checked or None
    grades : mapping of str to str
    """

    days: int
    level: float
    customers: int
    value: Ranged
    at_risk: Ranged
    top_share: Ranged
    leavers: Ranged
    slipping: pd.DataFrame = field(repr=False)
    protect: pd.DataFrame = field(repr=False)
    reasons: list[tuple[str, float]]
    actions: list[tuple[str, int]]
    checked: Checked | None
    grades: Mapping[str, str]


def build_answer(
    table: pd.DataFrame,
    *,
    days: int,
    level: float,
    totals: pd.DataFrame | None,
    holdout: pd.DataFrame | None,
    window: tuple[date, date] | None,
    actions: pd.Series | None,
    grades: Mapping[str, str],
) -> Answer:
    """Compute the numbers of the answer.

    The ends of value and value at risk are as far from them, relatively, as those of total spend (of total
    purchases if spend is unknown): the error that all customers share moves them alike.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`guanxi.report.standing.standing`.
    days : int
    level : float
        Probability of the ranges.
    totals : pandas.DataFrame or None
        ``target, segment, expected, lower, upper``.
    holdout : pandas.DataFrame or None
        Predictions and outcomes of the held-out window.
    window : pair of dates or None
        Its first and last day.
    actions : pandas.Series or None
        Action of the playbook for each customer, in the order of the table.
    grades : mapping of str to str
        Letter by target.
    """
    headline = _summaries.headline(table)
    worth, risk = headline.value, headline.value_at_risk
    below, above = _relative_ends(totals)
    slipping = _ordered(table[table["slipping"]], "spent")
    leaving = table[table["churn_probability"] > _summaries.LEAVING]
    return Answer(
        days=days,
        level=level,
        customers=headline.customers,
        value=Ranged(worth, worth * below, worth * above),
        at_risk=Ranged(risk, risk * below, risk * above),
        top_share=_top_share(table, holdout, level),
        leavers=_leavers(table, holdout, level),
        slipping=slipping,
        protect=_ordered(table[table["protect"]], "clv"),
        reasons=_reasons_of_slipping(slipping) if len(slipping) else _reasons(leaving),
        actions=_actions(table, actions),
        checked=_checked(holdout, window),
        grades=grades,
    )


def sentences(answer: Answer, language: Language, currency: str = "") -> list[tuple[str, str]]:
    """Say the answer: a heading and a sentence for each of the five questions."""
    t = words(language)
    said = {
        "worth": _worth(answer, t, currency),
        "risk": _risk(answer, t, currency),
        "who": _who(answer, t, language, currency),
        "do": _do(answer, t, currency),
        "sure": _sure(answer, t),
    }
    return [(t[f"answer_{name}"], sentence) for name, sentence in said.items()]


def money(value: float, currency: str, decimals: int = 0) -> str:
    r"""Format an amount with its currency, if one is given.

    Examples
    --------
    >>> money(54074.3, "GBP"), money(float("nan"), "GBP")
    ('54,074\xa0GBP', '–')
    """
    shown = number(value, decimals)
    return f"{shown}\u00a0{currency}" if currency and np.isfinite(value) else shown


def _ordered(table: pd.DataFrame, by: str) -> pd.DataFrame:
    return table.iloc[falling(table[by])]


def _relative_ends(totals: pd.DataFrame | None) -> tuple[float, float]:
    """Return the ends of the total spend, or of purchases, as shares of its forecast."""
    if totals is not None:
        whole = totals[totals["segment"].isna() & (totals["expected"] > 0)]
        for target in ("spend", "purchases"):
            for row in whole[whole["target"] == target].to_dict("records"):
                return row["lower"] / row["expected"], row["upper"] / row["expected"]
    return float("nan"), float("nan")


def _top_share(table: pd.DataFrame, holdout: pd.DataFrame | None, level: float) -> Ranged:
    """Share of the top tenth by expected value, and how far what they will bring may differ.

    Two things move the share: the customers' own chance, from their intervals, and errors of the ranking,
    whose size is the difference between forecast and outcome of the tenth ranked highest in the held-out
    window. An error that all customers share moves no share.
    """
    curve = _summaries.concentration(table)
    if curve is None:
        return Ranged(float("nan"))
    share, z = curve.held_by(_TOP), float(norm.ppf((1.0 + level) / 2.0))
    deviation = (table["clv_upper"] - table["clv_lower"]).to_numpy(dtype=float) / (2.0 * z)
    top = (table["clv"].rank(ascending=False, method="first") <= _TOP * len(table)).to_numpy()
    squared = np.nan_to_num(deviation) ** 2
    total = float(table["clv"].sum())
    own = (1.0 - share) ** 2 * squared[top].sum() + share**2 * squared[~top].sum()
    spread = z * float(np.sqrt(own / total**2 + _ranking_error(holdout) ** 2))
    return Ranged(share, max(share - spread, 0.0), min(share + spread, 1.0))


def _ranking_error(holdout: pd.DataFrame | None) -> float:
    if holdout is None or "spend" not in holdout:
        return 0.0
    score = holdout["expected_spend_total"]
    forecast, came = _summaries.gains(score, score), _summaries.gains(score, holdout["spend"])
    return 0.0 if forecast is None or came is None else forecast.held_by(_TOP) - came.held_by(_TOP)


def _leavers(table: pd.DataFrame, holdout: pd.DataFrame | None, level: float) -> Ranged:
    """Sum the churn probabilities.

    The variance is that of independent customers plus the squared error of the held-out window's total.
    """
    churn, z = table["churn_probability"].dropna(), float(norm.ppf((1.0 + level) / 2.0))
    missed = 0.0
    if holdout is not None and len(holdout):
        missed = float((holdout["churn_probability"] - holdout["churned"].astype(float)).mean())
    spread = z * float(np.sqrt((churn * (1.0 - churn)).sum() + (missed * len(churn)) ** 2))
    expected = float(churn.sum())
    return Ranged(expected, max(expected - spread, 0.0), min(expected + spread, float(len(churn))))


def _reasons_of_slipping(customers: pd.DataFrame) -> list[tuple[str, float]]:
    """Put the silence, by which they were found, before the other drivers.

    Drivers compare with the average customer, who in many businesses is silent too.
    """
    others = [each for each in _reasons(customers) if each[0] not in OF_SILENCE]
    return [("silence", 1.0), *others][:_REASONS]


def _reasons(customers: pd.DataFrame) -> list[tuple[str, float]]:
    """Drivers by their total effect towards leaving, and the share of customers to whom each points so."""
    places = [name for name in customers if str(name).startswith("driver_") and str(name)[7:].isdigit()]
    parts = [
        pd.DataFrame({"driver": customers[place], "effect": customers[f"{place}_effect"]}) for place in places
    ]
    if not parts or customers.empty:
        return []
    every = pd.concat(parts)
    towards = every[every["effect"] > 0].groupby("driver")["effect"].agg(["sum", "size"])
    towards = towards[towards["size"] >= _LEAST_SHARE * len(customers)]
    strongest = towards.iloc[falling(towards["sum"])[: _REASONS + len(OF_SILENCE)]]
    return [(str(name), row["size"] / len(customers)) for name, row in strongest.iterrows()]


def _actions(table: pd.DataFrame, actions: pd.Series | None) -> list[tuple[str, int]]:
    if actions is None:
        return []
    given = pd.DataFrame({"action": actions.to_numpy(), "at_risk": table["value_at_risk"].to_numpy()})
    groups = given.groupby("action")["at_risk"].agg(["sum", "size"])
    first = groups.iloc[falling(groups["sum"])[:_ACTIONS]]
    return [(str(name), int(row["size"])) for name, row in first.iterrows()]


def _checked(holdout: pd.DataFrame | None, window: tuple[date, date] | None) -> Checked | None:
    if holdout is None or window is None or holdout.empty:
        return None
    score, outcome = ("expected_spend_total", "spend")
    if "spend" not in holdout or holdout["spend"].isna().all():
        score, outcome = ("expected_purchases", "purchases")
    curve = _summaries.gains(holdout[score], holdout[outcome])
    captured = float("nan") if curve is None else curve.held_by(_TOP)
    return Checked(*window, float(holdout[score].sum()), float(holdout[outcome].sum()), captured)


def _within(ranged: Ranged, shown: Mapping[str, str], t: Mapping[str, str]) -> str:
    """Write a range in brackets; nothing where it is unknown."""
    return "" if np.isnan(ranged.lower) else t["answer_range"].format(**shown)


def _money_range(ranged: Ranged, t: Mapping[str, str], currency: str) -> str:
    shown = {"lower": number(ranged.lower), "upper": money(ranged.upper, currency)}
    return _within(ranged, shown, t)


def _share_range(ranged: Ranged, t: Mapping[str, str]) -> str:
    return _within(ranged, {"lower": percent(ranged.lower), "upper": percent(ranged.upper)}, t)


def _worth(answer: Answer, t: Mapping[str, str], currency: str) -> str:
    value, share = answer.value, answer.top_share
    if np.isnan(value.value):
        return t["answer_worth_unknown"].format(customers=number(answer.customers))
    return t["answer_worth_text"].format(
        customers=number(answer.customers),
        value=money(value.value, currency),
        range=_money_range(value, t, currency),
        days=answer.days,
        share=percent(share.value),
        share_range=_share_range(share, t),
        level=percent(answer.level),
    )


def _risk(answer: Answer, t: Mapping[str, str], currency: str) -> str:
    leavers = answer.leavers
    shown = {"lower": number(leavers.lower), "upper": number(leavers.upper)}
    found: dict[str, Any] = {
        "leavers": number(leavers.value),
        "leavers_range": _within(leavers, shown, t),
        "days": answer.days,
    }
    if np.isnan(answer.at_risk.value):
        return t["answer_risk_unknown"].format(**found)
    return t["answer_risk_text"].format(
        value=money(answer.at_risk.value, currency), range=_money_range(answer.at_risk, t, currency), **found
    )


def _who(answer: Answer, t: Mapping[str, str], language: Language, currency: str) -> str:
    reasons = t["answer_and"].join(
        t["answer_reason"].format(reason=_driver_in_words(name, language), share=percent(share))
        for name, share in answer.reasons[:_REASONS]
    )
    slipping = answer.slipping
    if slipping.empty:
        return t["answer_nobody"].format(reasons=reasons or t["answer_no_reasons"])
    first = slipping.head(_NAMED)
    named = t["answer_and"].join(
        t["answer_customer"].format(id=row["customer_id"], spent=money(row["spent"], currency))
        for row in first.to_dict("records")
    )
    return t["answer_who_text"].format(
        count=number(len(slipping)),
        spent=money(float(slipping["spent"].sum()), currency),
        named=named,
        reasons=reasons or t["answer_no_reasons"],
    )


def _do(answer: Answer, t: Mapping[str, str], currency: str) -> str:
    shown = {
        "slipping": number(len(answer.slipping)),
        "protect": number(len(answer.protect)),
        "value": money(float(answer.protect["clv"].sum()), currency),
    }
    said = t["answer_do_text" if len(answer.slipping) else "answer_do_protect"].format(**shown)
    if not answer.actions:
        return said + t["answer_stop"]
    actions = t["answer_and"].join(
        t["answer_action"].format(action=action, count=number(count)) for action, count in answer.actions
    )
    return said + t["answer_playbook"].format(actions=actions)


def _sure(answer: Answer, t: Mapping[str, str]) -> str:
    checked = answer.checked
    if checked is None:
        return t["trust_none"]
    difference = _summaries.relative_difference(checked.expected, checked.actual)
    grades = t["answer_and"].join(f"{t.get(name, name)} {letter}" for name, letter in answer.grades.items())
    return t["answer_sure_text"].format(
        start=checked.start,
        end=checked.end,
        difference=_summaries.difference_in_words(difference, t, "answer"),
        captured=percent(checked.captured),
    ) + (t["answer_grades"].format(grades=grades) if grades else t["answer_stop"])
