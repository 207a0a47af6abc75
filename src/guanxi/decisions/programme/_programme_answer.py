"""The answer to what the relationship programme brought, and how its teams did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi.decisions.answer import Answer
from guanxi.decisions.programme._handovers import LEVELS, TeamPerformance
from guanxi.decisions.programme._performance import ABOVE, BELOW
from guanxi.decisions.programme._programme_pictures import draw_owners, draw_payback, picture_words
from guanxi.decisions.programme._programme_return import EFFECT, ProgrammeReturn
from guanxi.params import Params
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.served.texts import Language, number, percent, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("phases", "campaigns", "timeline", "performance")


def programme_answer(
    earned: ProgrammeReturn | None, teams: TeamPerformance | None, params: Params, as_of: date, days: int
) -> Answer:
    """Put the return and the performance on one page.

    Parameters
    ----------
    earned : ProgrammeReturn or None
        None without investments.
    teams : TeamPerformance or None
        None without owners.
    params : Params
    as_of : datetime.date
    days : int
        Days after each hand-over.
    """
    language: Language = params.language
    t = texts("guanxi.decisions.programme", language)
    chapters = [_return_chapter(earned, as_of, language, t)]
    chapters.append(_teams_chapter(teams, days, language, t))
    return Answer(
        t["programme"],
        chapters,
        _tables(earned, teams),
        _metrics(earned, teams),
        _settings(params, days),
        _figures(earned, teams, language),
        programme_summary(earned, teams, as_of),
    )


def programme_summary(earned: ProgrammeReturn | None, teams: TeamPerformance | None, as_of: date) -> str:
    """Lines for the terminal."""
    t = texts("guanxi.decisions.programme", "en")
    lines = [t["no_investments"]] if earned is None else [*_told(earned, as_of, t), *_remarks(earned, t)]
    lines += [t["no_owners"]] if teams is None else _verdicts(teams, t)
    return "\n".join(lines)


def _return_chapter(
    earned: ProgrammeReturn | None, as_of: date, language: Language, t: dict[str, Any]
) -> Chapter:
    if earned is None:
        return Chapter("return", t["answer"], notices=[t["no_investments"]])
    drawn = picture(
        lambda: draw_payback(earned.timeline, language),
        "payback",
        t["picture"]["payback_text"],
        picture_words(language),
    )
    shown = [_phases_table(earned, t), *([_campaigns_table(earned, t)] if len(earned.campaigns) else [])]
    return Chapter("return", t["answer"], _told(earned, as_of, t), _remarks(earned, t), [drawn], shown)


def _told(earned: ProgrammeReturn, as_of: date, t: dict[str, Any]) -> list[str]:
    lines = [_say(t["cost_text"], as_of=as_of, cost=number(earned.cost))]
    if earned.probability is None:
        return lines
    gains = {"": earned.gain, "_lower": earned.gain_lower, "_upper": earned.gain_upper}
    rates = {f"rate{end}": percent(earned.rate(gain)) for end, gain in gains.items()}
    gain, lower, upper = (number(value) for value in gains.values())
    lines.append(_say(t["gain_text"], gain=gain, lower=lower, upper=upper, **rates))
    lines.append(_payback(earned, t))
    return [*lines, _say(t["probability_text"], probability=percent(earned.probability))]


def _payback(earned: ProgrammeReturn, t: dict[str, Any]) -> str:
    if earned.payback is None:
        key = "never_covered_text" if earned.payback_earliest is None else "not_covered_text"
    else:
        key = "covered_once_text" if earned.payback_latest is None else "covered_text"
    days = {"day": earned.payback, "earliest": earned.payback_earliest, "latest": earned.payback_latest}
    return _say(t[key], **days)


def _remarks(earned: ProgrammeReturn, t: dict[str, Any]) -> list[str]:
    remarks = [t["nothing_counted"]] if earned.probability is None else []
    if earned.unmeasured:
        remarks.append(_say(t["unmeasured"], names=", ".join(earned.unmeasured)))
    if len(earned.campaigns):
        only = earned.campaigns[earned.campaigns["kind"] != EFFECT]
        for key, rows in (
            ("differences_left", only[~only["counted"]]),
            ("differences_counted", only[only["counted"]]),
        ):
            names = ", ".join(dict.fromkeys(f"{row.campaign} ({row.arm})" for row in rows.itertuples()))
            remarks += [_say(t[key], names=names)] if names else []
        spend = earned.campaigns[earned.campaigns["counted"] & (earned.campaigns["outcome"] == "spend")]
        names = ", ".join(dict.fromkeys(spend["campaign"]))
        remarks += [_say(t["spend_counted"], names=names)] if names else []
    return remarks


def _phases_table(earned: ProgrammeReturn, t: dict[str, Any]) -> ShownTable:
    table = earned.phases.assign(phase=[t[f"phase_{name}"] for name in earned.phases["phase"]])
    headings = {name: t[name] for name in ("phase", "cost", "share", "first", "last")}
    return ShownTable(t["phases_table"], table, headings, shares=("share",))


def _campaigns_table(earned: ProgrammeReturn, t: dict[str, Any]) -> ShownTable:
    table = earned.campaigns
    table = table.assign(
        outcome=[t[name] for name in table["outcome"]],
        kind=[t[name] for name in table["kind"]],
        counted=[t["yes" if each else "no"] for each in table["counted"]],
    )
    names = ("campaign", "arm", "outcome", "kind", "customers", "estimate", "gain", "counted")
    return ShownTable(
        t["campaigns_table"], table, {name: t[name] for name in names}, note=t["campaigns_note"]
    )


def _teams_chapter(
    teams: TeamPerformance | None, days: int, language: Language, t: dict[str, Any]
) -> Chapter:
    if teams is None:
        return Chapter("teams", t["teams"], notices=[t["no_owners"]])
    told = [_say(t["teams_text"], handovers=number(len(teams.handovers)), days=days), *_verdicts(teams, t)]
    if teams.left_out:
        told.append(_say(t["teams_left"], count=number(teams.left_out)))
    drawn = picture(
        lambda: draw_owners(_main(teams), language),
        "owners",
        t["picture"]["owners_text"],
        picture_words(language),
    )
    shown = [_level_table(teams, by, t) for by in LEVELS if (teams.table["by"] == by).any()]
    return Chapter("teams", t["teams"], told, [t["teams_caution"]], [drawn], shown)


def _verdicts(teams: TeamPerformance, t: dict[str, Any]) -> list[str]:
    lines = []
    for measure, rows in teams.table[teams.table["by"] == "owner"].groupby("measure", sort=False):
        counts = rows["verdict"].value_counts()
        above, below = int(counts.get(ABOVE, 0)), int(counts.get(BELOW, 0))
        rest = len(rows) - above - below
        lines.append(_say(t["teams_told"], measure=t[str(measure)], above=above, below=below, rest=rest))
    return lines


def _level_table(teams: TeamPerformance, by: str, t: dict[str, Any]) -> ShownTable:
    rows = teams.table[teams.table["by"] == by]
    rows = rows.assign(
        measure=[t[name] for name in rows["measure"]], verdict=[t[name] for name in rows["verdict"]]
    )
    names = ("name", "measure", "customers", "expected", "actual", "ratio", "shrunk", "verdict")
    return ShownTable(t[f"{by}_table"], rows, {name: t[name] for name in names}, note=t["teams_note"])


def _main(teams: TeamPerformance) -> pd.DataFrame:
    """Owners by the first measure: spend, else purchases."""
    owners = teams.table[teams.table["by"] == "owner"]
    found: pd.DataFrame = owners[owners["measure"] == owners["measure"].iloc[0]]
    return found


def _tables(earned: ProgrammeReturn | None, teams: TeamPerformance | None) -> dict[str, pd.DataFrame]:
    tables = {}
    if earned is not None:
        tables = {"phases": earned.phases, "timeline": earned.timeline}
        if len(earned.campaigns):
            tables["campaigns"] = earned.campaigns
    if teams is not None:
        tables["performance"] = teams.table
    return tables


def _metrics(earned: ProgrammeReturn | None, teams: TeamPerformance | None) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {}
    if earned is not None:
        counted = earned.probability is not None
        metrics = {"cost": earned.cost, "probability": earned.probability}
        for name in ("gain", "gain_lower", "gain_upper"):
            value = getattr(earned, name)
            metrics[name] = value if counted else None
            metrics[name.replace("gain", "return")] = earned.rate(value) if counted else None
    if teams is not None:
        owners = teams.table[teams.table["by"] == "owner"]
        metrics |= {"handovers": float(len(teams.handovers)), "owners": float(owners["name"].nunique())}
    return metrics


def _settings(params: Params, days: int) -> dict[str, Any]:
    settings = params.programme
    return {
        "days": days,
        "confidence": settings.confidence,
        "campaigns": ", ".join(settings.campaigns) or "none",
        "count_differences": ", ".join(settings.count_differences) or "none",
    }


def _figures(
    earned: ProgrammeReturn | None, teams: TeamPerformance | None, language: Language
) -> dict[str, Callable[[], Figure]]:
    figures: dict[str, Callable[[], Figure]] = {}
    if earned is not None:
        figures["payback"] = lambda: draw_payback(earned.timeline, language)
    if teams is not None:
        figures["owners"] = lambda: draw_owners(_main(teams), language)
    return figures


def _say(text: str, **given: object) -> str:
    return text.format(**given)
