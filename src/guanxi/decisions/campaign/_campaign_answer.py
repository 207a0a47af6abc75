"""The first sentences of the page: did it work, by how much, how sure, and what did it cost and earn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from guanxi.decisions.campaign._campaign_result import CampaignResult
from guanxi.decisions.campaign._campaign_wording import Record, Wording, probability, records
from guanxi.decisions.campaign._effects import leading
from guanxi.decisions.campaign._observational_result import EFFECT
from guanxi.served.texts import percent

_EARNED = ("margin", "spend")
_FIRST_OF_LOG = ("spend", "margin", "purchase")


def answer_sentences(result: CampaignResult, wording: Wording, confidence: float) -> list[str]:
    """Answer in plain sentences, two for each arm."""
    told = records(leading(result.effects.table))
    main = main_outcome(result)
    sentences = []
    for arm in result.observed.experiment.arms:
        rows = {row["outcome"]: row for row in told if row["arm"] == arm}
        sentences.append(_effect(result, wording, arm, rows[main], main, confidence))
        others = [name for name in rows if name not in (main, _earned(rows))]
        sentences += _others(wording, rows, others, confidence)
        sentences += _money(result, wording, arm, rows)
    return sentences


def main_outcome(result: CampaignResult) -> str:
    """Choose the outcome that is answered first: what customers of the log spent, or the first one named."""
    names = [str(name) for name in result.observed.outcomes]
    of_log = names[0] == "purchase"
    return next((name for name in _FIRST_OF_LOG if of_log and name in names), names[0])


def _effect(
    result: CampaignResult, wording: Wording, arm: str, row: Record, outcome: str, confidence: float
) -> str:
    facts = {
        "arm": arm,
        "outcome": wording.outcome(outcome),
        "treated": wording.level(outcome, row["baseline"] + row["estimate"]),
        "baseline": wording.level(outcome, row["baseline"]),
        "estimate": wording.change(outcome, row["estimate"], row),
        "ends": wording.interval(outcome, row),
        "confidence": percent(confidence),
        "p": probability(row["p_adjusted"]),
        "relative": "",
    }
    if math.isfinite(row["relative"]):
        facts["relative"] = wording.say("relative", share=_signed_percent(row["relative"]))
    if row["kind"] != EFFECT:
        return wording.say("is_difference", **facts)
    if _established(row, confidence):
        sure = wording.say("sure" if _tested(row) else "assumed", p=facts["p"])
        return wording.say("raised" if row["estimate"] > 0 else "lowered", **facts) + sure
    power = result.effects.power.set_index(["outcome", "arm"])["found"].get((outcome, arm), math.nan)
    reach = wording.change(outcome, power).removeprefix("+")
    alone = wording.say("only_by_itself") if row["lower"] > 0 or row["upper"] < 0 else ""
    return wording.say("not_established", **facts, reach=reach) + alone


def _tested(row: Record) -> bool:
    """Whether there is a p-value; doubly robust estimates and the like have an interval only."""
    return bool(pd.notna(row["p_adjusted"]))


def _established(row: Record, confidence: float) -> bool:
    """Whether a row is told as an effect: by the corrected p-value, not by the interval for one arm."""
    outside = bool(row["lower"] > 0 or row["upper"] < 0)
    return bool(row["p_adjusted"] < 1.0 - confidence) if _tested(row) else outside


def _signed_percent(share: float) -> str:
    return ("+" if share > 0 else "") + percent(share, 0 if abs(share) >= 0.1 else 1)


def _others(
    wording: Wording, rows: Mapping[str, Record], names: list[str], confidence: float
) -> Iterator[str]:
    """Say in one sentence which other outcomes changed."""
    changed = [
        wording.say(
            "also_item",
            outcome=wording.outcome(name),
            estimate=wording.change(name, rows[name]["estimate"], rows[name]),
            ends=wording.interval(name, rows[name]),
        )
        for name in names
        if name not in ("profit", "churn")
        and rows[name]["kind"] == EFFECT
        and _established(rows[name], confidence)
    ]
    if changed:
        yield wording.say("also", items=wording.say("comma").join(changed), confidence=percent(confidence))


def _earned(rows: Mapping[str, Record]) -> str | None:
    return next((name for name in _EARNED if name in rows), None)


def _money(result: CampaignResult, wording: Wording, arm: str, rows: Mapping[str, Record]) -> Iterator[str]:
    """Say what the arm cost and earned per customer treated."""
    earned = _earned(rows)
    if earned is None:
        return
    facts = {
        "arm": arm,
        "what": wording.outcome(earned),
        "earned": wording.change(earned, rows[earned]["estimate"], rows[earned]),
        "ends": wording.interval(earned, rows[earned]),
    }
    customers = result.observed.experiment.customers
    if not result.observed.experiment.has_cost:
        yield wording.say("earned_without_cost", **facts)
        return
    facts["cost"] = wording.level("cost", float(customers.loc[customers["arm"] == arm, "cost"].mean()))
    if "profit" not in rows:
        yield wording.say("earned_beside_cost", **facts)
        return
    kept = rows["profit"]
    yield wording.say(
        "cost_and_earned",
        **facts,
        profit=wording.change("profit", kept["estimate"], kept),
        profit_ends=wording.interval("profit", kept),
    )
