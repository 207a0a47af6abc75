"""The profit of the customers as an answer: page, files, and figures for tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from guanxi.decisions.profit import _audit_pictures, _profit_pictures, _profit_tables
from guanxi.decisions.profit._acquisition_tables import ALL
from guanxi.decisions.profit._profit_notices import notices
from guanxi.decisions.profit._profit_result import CustomerProfit, ProfitInputs
from guanxi.decisions.profit._profit_words import profit_words
from guanxi.report.chapters import Chapter
from guanxi.report.pictures import Picture, picture
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Words = Mapping[str, str]
# Figures by what they show.
_SPREADS = {"orders": "spread_orders", "spend": "spread_spend", "profit": "spread_profit"}
_COHORT_LINES = {
    "customers": "cohort_customers",
    "orders_per_customer": "cohort_orders_per_customer",
    "spend_per_order": "cohort_spend_per_order",
}


def chapters(found: CustomerProfit, inputs: ProfitInputs) -> list[Chapter]:
    """Write the page; the first chapter answers the question."""
    language = inputs.params.language
    t = profit_words(language)
    told = notices(found, inputs, t)
    return [
        Chapter(
            "answer",
            t["chapter_answer"],
            _answer(found, t),
            told.general,
            [_shown("whale", partial(_profit_pictures.whale, found.curve, language), t)],
            [_profit_tables.statement(found, t)],
        ),
        _ranking(found, language, t),
        _one_period(found, language, t),
        _two_periods(found, told.two_periods, language, t),
        _cohorts(found, told.cohorts, language, t),
        _acquisition(found, inputs, told.acquisition, t),
        Chapter("value", t["chapter_value"], _value(found, inputs, t), told.value),
    ]


def drawings(found: CustomerProfit, language: Language) -> dict[str, Callable[[], Figure]]:
    """Figures by file name."""
    return {
        "whale": partial(_profit_pictures.whale, found.curve, language),
        "bridge": partial(_audit_pictures.bridge, found.audit.changes, language),
        "cohort_profit": partial(_audit_pictures.cohort_profit, found.audit.cohorts, language),
    }


def _shown(name: str, draw: Callable[[], Figure], t: Words, caption: str = "") -> Picture:
    return picture(draw, name, caption or t[f"{name}_text"], dict(t))


def _answer(found: CustomerProfit, t: Words) -> list[str]:
    totals = found.statement.set_index("item")["amount"]
    sentences = [
        t["answer_profit"].format(
            first=found.first_day,
            last=found.last_day,
            customers=number(found.active),
            revenue=number(totals["revenue"]),
            profit=number(totals["profit"]),
        ),
        losers(found, t) or t["answer_no_losers"],
    ]
    if found.curve.total > 0 and len(found.deciles) == 10:
        sentences.append(t["answer_top"].format(share=percent(found.deciles["share_of_profit"].iloc[0], 1)))
    if len(found.audit.changes):
        before, after = (number(found.audit.changes[f"profit_{when}"].sum()) for when in ("before", "after"))
        sentences.append(t["answer_growth"].format(months=found.months, before=before, after=after))
    return [" ".join(sentences) if t["lang"].startswith("en") else "".join(sentences)]


def losers(found: CustomerProfit, t: Words) -> str:
    """Say what the customers at a loss take from the profit; empty without any."""
    count = int((found.customers["profit"] < 0).sum())
    told = t["answer_peak"].format(
        peak=number(found.curve.peak),
        winners=number(found.curve.customers_at_peak),
        losers=number(count),
        lost=number(found.curve.lost),
    )
    return told if count else ""


def _ranking(found: CustomerProfit, language: Language, t: Words) -> Chapter:
    sentences, pictures = [], []
    if len(found.losses):
        most = found.losses.sort_values("customers", ascending=False)["reason"].iloc[0]
        sentences = [
            t["ranking_losses"].format(
                losers=number(found.losses["customers"].sum()),
                lost=number(found.losses["loss"].sum()),
                reason=t[f"reason_{most}"],
            )
        ]
        pictures = [_shown("losses", partial(_profit_pictures.losses, found.losses, language), t)]
    told = [] if len(found.groups) else [t["no_groups"]]
    return Chapter(
        "ranking", t["chapter_ranking"], sentences, told, pictures, _profit_tables.ranking(found, t)
    )


def _one_period(found: CustomerProfit, language: Language, t: Words) -> Chapter:
    buyers = found.customers[found.customers["orders"] > 0]
    if buyers.empty:
        return Chapter("one-period", t["chapter_one_period"], notices=[t["all_lapsed"]])
    values = {"orders": buyers["orders"], "spend": buyers["revenue"], "profit": buyers["profit"]}
    pictures = []
    for name, plot in _SPREADS.items():
        caption = t[f"{plot}_text"].format(
            mean=number(values[name].mean(), 2),
            median=number(values[name].median(), 2),
            share=percent((values[name] == 1).mean(), 1),
        )
        draw = partial(_audit_pictures.spread, found.audit.distributions, name, language)
        pictures.append(_shown(plot, draw, t, caption))
    return Chapter("one-period", t["chapter_one_period"], pictures=pictures)


def _two_periods(found: CustomerProfit, told: list[str], language: Language, t: Words) -> Chapter:
    if found.audit.changes.empty:
        return Chapter("two-periods", t["chapter_two_periods"], notices=told)
    groups = found.audit.changes.set_index("group")["customers"]
    text = t["two_text"].format(
        kept=number(groups[["up", "same", "down"]].sum()),
        share=percent(found.retention, 1),
        **{name: number(groups[name]) for name in ("lost", "new", "returned")},
    )
    idle = found.customers[(found.customers["orders"] == 0) & (found.customers["profit"] < 0)]
    cost = t["idle_text"].format(customers=number(len(idle)), cost=number(-idle["profit"].sum()))
    draw = partial(_audit_pictures.bridge, found.audit.changes, language)
    return Chapter(
        "two-periods",
        t["chapter_two_periods"],
        [text, cost] if len(idle) else [text],
        told,
        [_shown("bridge", draw, t)],
        _profit_tables.two_periods(found, t),
    )


def _cohorts(found: CustomerProfit, told: list[str], language: Language, t: Words) -> Chapter:
    table = found.audit.cohorts
    pictures = [_shown("cohort_profit", partial(_audit_pictures.cohort_profit, table, language), t)]
    for name, plot in _COHORT_LINES.items():
        draw = partial(_audit_pictures.cohort_lines, table, name, language)
        pictures.append(_shown(plot, draw, t))
    return Chapter("cohorts", t["chapter_cohorts"], (), told, pictures, _profit_tables.cohorts(found, t))


def _acquisition(found: CustomerProfit, inputs: ProfitInputs, told: list[str], t: Words) -> Chapter:
    language, everyone = inputs.params.language, found.returns[found.returns["by"] == ALL].iloc[0]
    cost, sentences, pictures = float(everyone["acquisition_cost"]), [], []
    if cost > 0:
        ratio, paid = everyone["value_to_cost"], everyone["payback_months"]
        sentences = [
            t["acquisition_text"].format(cost=number(cost, 2), earned=number(everyone["earned_to_cost"], 2)),
            t["acquisition_value"].format(ratio=number(ratio, 2)) if np.isfinite(ratio) else "",
            t["payback_text"].format(months=number(paid)) if np.isfinite(paid) else t["payback_not_yet"],
        ]
        draw = partial(_profit_pictures.payback, found.earned, cost, language)
        pictures = [_shown("payback", draw, t, t["payback_figure_text"])]
    if len(found.acquisition):
        costs = found.acquisition[found.acquisition["channel"] == ALL]
        draw = partial(_profit_pictures.acquisition, costs, language)
        pictures.insert(0, _shown("acquisition", draw, t, t["acquisition_figure_text"]))
    tables = _profit_tables.acquisition(found, horizon(inputs), t)
    return Chapter(
        "acquisition", t["chapter_acquisition"], [each for each in sentences if each], told, pictures, tables
    )


def _value(found: CustomerProfit, inputs: ProfitInputs, t: Words) -> list[str]:
    sentences = []
    days = horizon(inputs)
    if days is not None:
        value = found.customers[["clv", "expected_cost", "clv_less_cost"]].sum()
        below = int((found.customers["clv_less_cost"] < 0).sum())
        sentences = [
            t["value_text"].format(
                days=number(days),
                clv=number(value["clv"]),
                cost=number(value["expected_cost"]),
                net=number(value["clv_less_cost"]),
                below=number(below),
            ),
            t["value_assumption"],
        ]
    if np.isfinite(found.steady):
        sentences.append(
            t["value_steady"].format(
                months=found.months, retention=percent(found.retention, 1), steady=number(found.steady, 2)
            )
        )
    return sentences


def horizon(inputs: ProfitInputs) -> int | None:
    """Days over which the value is predicted; None without predictions."""
    return None if inputs.predictions is None else int(inputs.predictions["horizon_days"].iloc[0])
