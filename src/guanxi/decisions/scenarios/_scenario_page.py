"""The page of scenarios: customer equity today, what moves it, and the scenarios."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.decisions.scenarios._scenario_pictures import outcome_figure, tornado_figure
from guanxi.decisions.scenarios._scenario_words import level_text, money, scenario_words
from guanxi.decisions.scenarios._sensitivity import steady_elasticities
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.segments.membership import segment_name
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from guanxi.decisions.scenarios._analysis import Analysis

_LEVERS = ("margin", "order_value", "purchase_rate", "retention", "discount_rate", "acquisition_cost")


def chapters(found: Analysis, language: Language) -> list[Chapter]:
    """Write the chapters; the first one answers what moves customer equity."""
    t = scenario_words(language)
    return [
        _equity(found, t, language),
        _scenarios(found, t, language),
        *_plans(found, t),
        _definitions(found, t),
    ]


def figures(found: Analysis, language: Language) -> dict[str, Callable[[], Figure]]:
    """Figures by file name."""
    drawn: dict[str, Callable[[], Figure]] = {"tornado": partial(tornado_figure, found.tornado, language)}
    if len(found.scenarios) > 1:
        rows = found.scenarios.iloc[1:]
        drawn["scenarios"] = partial(outcome_figure, rows, _names(found, scenario_words(language)), language)
    return drawn


def _equity(found: Analysis, t: dict[str, str], language: Language) -> Chapter:
    now, swing = found.scenarios.iloc[0], percent(found.params.swing)
    top = found.tornado.iloc[0]
    today = t["equity_today"].format(
        customers=number(found.customers),
        within=money(now["within_horizon"]),
        days=number(found.horizon_days),
        beyond=money(now["beyond"]),
        years=number(found.params.years),
        present=money(now["within_horizon"] + now["beyond"]),
        rate=percent(found.discount_rate, 1),
    )
    low, high = money(top["equity_low"]), money(top["equity_high"])
    most = t["most_moving"].format(lever=t[top["lever"]], swing=swing, low=low, high=high)
    caption = t["tornado_text"].format(swing=swing, total=money(now["equity"]))
    shown = picture(figures(found, language)["tornado"], "tornado", caption, t)
    return Chapter(
        "equity",
        t["equity"],
        [today, *_acquired(found, t), most],
        pictures=[shown],
        tables=[_lever_table(found, t)],
    )


def _acquired(found: Analysis, t: dict[str, str]) -> list[str]:
    per_year, cost = found.params.new_customers, found.params.acquisition_cost
    if per_year is None or cost is None:
        return []
    now = found.scenarios.iloc[0]
    new, total = money(now["new_customers"]), money(now["equity"])
    return [t["equity_new"].format(per_year=number(per_year), cost=money(cost), new=new, total=total)]


def _lever_table(found: Analysis, t: dict[str, str]) -> ShownTable:
    table = found.tornado.merge(found.elasticities.drop(columns="level"), on="lever")
    for column in ("level", "level_low", "level_high"):
        pairs = zip(table["lever"], table[column], strict=True)
        table[column] = [level_text(lever, level) for lever, level in pairs]
    table["lever"] = [t[lever] for lever in table["lever"]]
    columns = (
        "lever",
        "level",
        "level_low",
        "level_high",
        "change_low",
        "change_high",
        "elasticity",
        "one_per_cent",
    )
    note = " ".join([t["levers_note"], *_reference(found, t)])
    return ShownTable(t["levers"], table, {name: t[name] for name in columns}, note=note)


def _reference(found: Analysis, t: dict[str, str]) -> list[str]:
    levels = found.tornado.set_index("lever")["level"]
    if "retention" not in levels:
        return []
    steady = steady_elasticities(levels["retention"], found.discount_rate)
    return [
        t["reference"].format(
            retention=percent(levels["retention"], 1),
            rate=percent(found.discount_rate, 1),
            by_retention=number(steady["retention"], 2),
            by_rate=number(steady["discount_rate"], 2),
        )
    ]


def _scenarios(found: Analysis, t: dict[str, str], language: Language) -> Chapter:
    if len(found.scenarios) == 1:
        return Chapter("scenarios", t["scenarios"], [t["no_scenarios"]])
    interval, names = percent(found.params.interval), _names(found, t)
    note = t["scenarios_note"].format(
        draws=number(found.params.draws), seed=str(found.seed), interval=interval
    )
    shown = picture(
        figures(found, language)["scenarios"], "outcome", t["outcome_text"].format(interval=interval), t
    )
    table = found.scenarios.assign(
        scenario=[t["today"], *names],
        changed=["", *_changes(found, t)],
        scenario_equity=found.scenarios["equity"],
    )
    columns = ["scenario", "changed", "scenario_equity", "change", "change_share", "within_horizon", "beyond"]
    columns += ["new_customers"] if found.params.new_customers is not None else []
    limited = [
        t["limited"].format(name=name, share=percent(share, 1))
        for name, share in zip(names, found.scenarios["limited"].iloc[1:], strict=True)
        if share > 0
    ]
    return Chapter(
        "scenarios",
        t["scenarios"],
        [note] if (found.scenarios["draws"] > 0).any() else [],
        notices=limited,
        pictures=[shown],
        tables=[
            ShownTable(t["scenarios"], table, {name: t[name] for name in columns}, shares=("change_share",))
        ],
    )


def _plans(found: Analysis, t: dict[str, str]) -> list[Chapter]:
    if found.plans.empty:
        return []
    table = found.plans.assign(scenario=[t["today"], *_names(found, t)])
    columns = ("scenario", "plan_profit", "plan_change", "kept_profit", "treated", "moved")
    shown = ShownTable(t["plans"], table, {name: t[name] for name in columns})
    return [Chapter("plan", t["plans"], [t["plans_note"]], tables=[shown])]


def _names(found: Analysis, t: dict[str, str]) -> list[str]:
    """Name of each row but today: the scenario, with the point of its grid if it has one."""
    return [
        t["point"].format(name=row["scenario"], point=row["by"]) if row["by"] else str(row["scenario"])
        for row in found.scenarios.iloc[1:].to_dict("records")
    ]


def _changes(found: Analysis, t: dict[str, str]) -> list[str]:
    """Levers of each row but today, with their new levels."""
    said: dict[tuple[str, int], list[str]] = {}
    for row in found.levels.to_dict("records"):
        segment = "" if row["segment"] == segment_name({}) else t["of_segment"].format(segment=row["segment"])
        level = level_text(row["lever"], row["level"])
        if pd.notna(row["level_lower"]):
            ends = (level_text(row["lever"], row[end]) for end in ("level_lower", "level_upper"))
            level = f"{level} ({t['ends'].format(**dict(zip(('lower', 'upper'), ends, strict=True)))})"
        text = t["lever_change"].format(lever=t[row["lever"]], segment=segment, level=level)
        said.setdefault((row["scenario"], row["point"]), []).append(text)
    rows = found.scenarios.iloc[1:]
    keys = zip(rows["scenario"], rows["point"], strict=True)
    return [t["separator"].join(said.get(key, [])) for key in keys]


def _definitions(found: Analysis, t: dict[str, str]) -> Chapter:
    shown = [name for name in _LEVERS if name in set(found.tornado["lever"])]
    years = number(found.params.years)
    lines = [t[f"definition_{name}"].format(years=years) for name in shown]
    return Chapter("definitions", t["definitions"], [*lines, t["definition_relative"]])
