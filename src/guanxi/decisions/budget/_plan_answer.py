"""The answer of ``guanxi plan``: page, tables and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from guanxi.decisions.answer import Answer
from guanxi.decisions.budget._built_plan import Plan
from guanxi.decisions.budget._frontier_pictures import draw_frontier, plan_words
from guanxi.params import PlanParams
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.served.ordering import falling
from guanxi.served.texts import Language, number, percent

TABLES = ("plan", "actions", "limits", "frontier", "robustness", "balance")
_BALANCED = 0.1
_TOP = 10
_SHARES = ("save_rate", "save_rate_lower", "save_rate_upper", "break_even_rate")


def plan_answer(plan: Plan, params: PlanParams, language: Language = "en") -> Answer:
    """Put a plan into words, tables and a picture."""
    t = plan_words(language)
    chapters = [
        _first_chapter(plan, language, t),
        Chapter("limits", t["limits"], tables=[_limits_shown(plan, t)]),
        Chapter("robustness", t["robustness"], [t["robustness_text"]], tables=[_robust_shown(plan, t)]),
        Chapter("holdout", t["holdout_heading"], _power_text(plan, t), tables=_balance_shown(plan, t)),
    ]
    return Answer(
        title=t["title"],
        chapters=chapters,
        tables={
            "plan": plan.customers,
            "actions": plan.actions,
            "limits": plan.limits,
            "frontier": plan.frontier,
            "robustness": plan.robustness,
            "balance": plan.balance,
        },
        metrics=_metrics(plan),
        settings={"horizon_days": plan.horizon_days, **_settings(params)},
        figures={"frontier": lambda: draw_frontier(plan, language)},
        summary=plan_summary(plan),
    )


def plan_chapter(plan: Plan | None, unplanned: Sequence[str], language: Language = "en") -> Chapter:
    """Sum up a plan in one chapter, for the page of a run.

    Parameters
    ----------
    plan : Plan or None
        None if no action can be planned.
    unplanned : sequence of str
        Actions that nothing tells the effect of.
    language : {"en", "zh"}
    """
    t = plan_words(language)
    missing = [t["not_learnt"].format(actions=", ".join(unplanned))] if unplanned else []
    if plan is None:
        return Chapter("plan", t["run_heading"], [t["nothing_known"]], missing)
    first = _first_chapter(plan, language, t)
    return replace(
        first,
        anchor="plan",
        heading=t["run_heading"],
        paragraphs=[*first.paragraphs, t["run_more"]],
        notices=[*missing, *first.notices],
        tables=[*first.tables, *_top_shown(plan, t)],
    )


def _first_chapter(plan: Plan, language: Language, t: dict[str, str]) -> Chapter:
    drawn = picture(lambda: draw_frontier(plan, language), "frontier", _frontier_text(plan, t), t)
    return Chapter(
        "answer", t["answer"], _summary(plan, t), _notices(plan, t), [drawn], [_action_shown(plan, t)]
    )


def _top_shown(plan: Plan, t: Mapping[str, str]) -> list[ShownTable]:
    treated = plan.customers[plan.customers["arm"] == "treated"]
    if treated.empty:
        return []
    table = treated.iloc[falling(treated["expected_gain"])[:_TOP]]
    table = table.rename(columns={"expected_gain": "gain", "cost": "spend"})
    table = table.assign(customer_id=table["customer_id"].astype(str))
    return [ShownTable(t["top"], table, _headings(["customer_id", "action", "spend", "gain"], t))]


def _metrics(plan: Plan) -> dict[str, float | None]:
    totals = plan.totals
    return {
        "treated": totals.treated,
        "holdout": totals.holdout,
        "spend": totals.spend,
        "expected_gain": totals.gain,
        "expected_gain_lower": totals.gain_lower,
        "expected_gain_upper": totals.gain_upper,
        "expected_profit": totals.profit,
        "break_even_share": totals.break_even,
        "shadow_price": totals.shadow_price,
        "gap": plan.gap,
        "power": plan.power.power,
        "detectable_effect": plan.power.detectable,
    }


def _settings(params: PlanParams) -> dict[str, Any]:
    settings: dict[str, Any] = {"budget": params.budget, "holdout": params.holdout}
    for action in params.actions:
        settings[f"{action.action}.cost"] = action.cost
        settings[f"{action.action}.save_rate"] = action.save_rate
    return settings


def _summary(plan: Plan, t: Mapping[str, str]) -> list[str]:
    totals = plan.totals
    if not totals.treated:
        return [t["nobody"]]
    sentences = [
        t["treats"].format(
            treated=number(totals.treated),
            customers=number(totals.customers),
            spend=number(totals.spend, 2),
            days=plan.horizon_days,
        ),
        t["earns"].format(
            gain=number(totals.gain, 2),
            lower=number(totals.gain_lower, 2),
            upper=number(totals.gain_upper, 2),
            profit=number(totals.profit, 2),
        ),
    ]
    if math.isfinite(totals.break_even):
        sentences.append(t["break_even"].format(share=percent(totals.break_even)))
    proof = t["optimal"] if plan.gap == 0 else t["gap"].format(gap=percent(plan.gap, 4))
    return [*sentences, proof]


def _notices(plan: Plan, t: Mapping[str, str]) -> list[str]:
    """Say what a reader must know before acting on the plan."""
    assumed = plan.actions[plan.actions["effect"] == "save_rate"]
    notices = []
    if len(assumed):
        rates = ", ".join(
            t["rate"].format(action=name, rate=percent(rate, 1))
            for name, rate in zip(assumed["action"], assumed["save_rate"], strict=True)
        )
        notices.append(t["assumed"].format(rates=rates))
    learnt = plan.actions.loc[plan.actions["effect"] == "campaign", "action"]
    if len(learnt):
        notices.append(t["learnt"].format(actions=", ".join(learnt)))
    losing = plan.actions[(plan.actions["treated"] > 0) & (plan.actions["profit"] < 0)]
    notices += [t["loses"].format(action=name) for name in losing["action"]]
    return notices + _holdout_notices(plan, t)


def _holdout_notices(plan: Plan, t: Mapping[str, str]) -> list[str]:
    power = plan.power
    if not power.holdout:
        return [t["no_holdout"]] if plan.totals.treated else []
    notices = []
    if not power.enough:
        advice = (
            t["share_needed"].format(share=percent(power.share_needed, 1))
            if math.isfinite(power.share_needed)
            else t["no_share"]
        )
        notices.append(
            t["too_small"].format(
                power=percent(power.power),
                effect=number(power.effect, 2),
                detectable=number(power.detectable, 2),
                advice=advice,
            )
        )
    if (plan.balance["difference"].abs() > _BALANCED).any():
        notices.append(t["unbalanced"])
    return notices


def _frontier_text(plan: Plan, t: Mapping[str, str]) -> str:
    useful = plan.frontier.loc[plan.frontier["shadow_price"] > 1e-6, "budget"]
    most = float(useful.max()) if len(useful) else 0.0
    price = plan.totals.shadow_price
    key = "frontier_text" if price > 0 else "frontier_free"
    return t[key].format(price=number(price, 2), most=number(most))


def _power_text(plan: Plan, t: Mapping[str, str]) -> list[str]:
    power = plan.power
    if not power.holdout:
        return [t["no_holdout"]]
    drawn = t["drawn"].format(holdout=number(power.holdout), treated=number(power.treated))
    if not math.isfinite(power.power):
        return [drawn, t["power_unknown"]]
    found = t["power"].format(
        effect=number(power.effect, 2),
        power=percent(power.power),
        detectable=number(power.detectable, 2),
        deviation=number(power.standard_deviation, 2),
    )
    return [drawn, found]


def _action_shown(plan: Plan, t: Mapping[str, str]) -> ShownTable:
    columns = ["action", "channel", "save_rate", "break_even_rate", "pays_from", "treated", "holdout"]
    columns += ["spend", "gain", "profit"]
    table = plan.actions.assign(channel=plan.actions["channel"].astype(object))
    return ShownTable(t["actions"], table, _headings(columns, t), _SHARES, note=t["actions_note"])


def _limits_shown(plan: Plan, t: Mapping[str, str]) -> ShownTable:
    names = plan.limits["limit"].map(lambda name: _limit_name(str(name), t))
    table = plan.limits.assign(limit=names)
    return ShownTable(
        t["limits_title"],
        table,
        _headings(["limit", "allowed", "used", "price"], t),
        note=t["limits_note"],
    )


def _limit_name(name: str, t: Mapping[str, str]) -> str:
    """Limit in the language of the page, as in "budget of phone"."""
    kind, _, of = name.partition(" of ")
    label = t[f"limit_{kind}"]
    return t["limit_of"].format(limit=label, name=of) if of else label


def _robust_shown(plan: Plan, t: Mapping[str, str]) -> ShownTable:
    table = plan.robustness.assign(plan=[t[f"case_{case}"] for case in plan.robustness["plan"]])
    headings = _headings(["plan", "customers", "spend"], t)
    headings |= {case: t[f"profit_{case}"] for case in plan.robustness["plan"]}
    return ShownTable(t["robustness_title"], table, headings)


def _balance_shown(plan: Plan, t: Mapping[str, str]) -> list[ShownTable]:
    if plan.balance.empty:
        return []
    table = plan.balance.assign(variable=[t[f"variable_{name}"] for name in plan.balance["variable"]]).rename(
        columns={"treated": "mean_treated", "holdout": "mean_holdout"}
    )
    columns = ["variable", "mean_treated", "mean_holdout", "difference"]
    return [ShownTable(t["balance"], table, _headings(columns, t), note=t["balance_note"])]


def _headings(columns: list[str], t: Mapping[str, str]) -> dict[str, str]:
    return {name: t[f"head_{name}"] for name in columns}


def plan_summary(plan: Plan) -> str:
    """Lines for the terminal."""
    t, totals = plan_words("en"), plan.totals
    lines = [*_summary(plan, t), ""]
    heads = f"{'treated':>9} {'held out':>9} {'spend':>12} {'gain':>12} {'break-even':>11}"
    lines.append(f"  {'action':<16} {heads}")
    for row in plan.actions.to_dict("records"):
        rate = row["break_even_rate"]
        even = f"{rate:.1%}" if rate == rate else "-"
        lines.append(
            f"  {row['action']:<16} {row['treated']:>9,} {row['holdout']:>9,} {row['spend']:>12,.2f} "
            f"{row['gain']:>12,.2f} {even:>11}"
        )
    lines += ["", f"One more unit of budget would earn {totals.shadow_price:,.2f}"]
    return "\n".join([*lines, *(f"Note: {notice}" for notice in _notices(plan, t))])
