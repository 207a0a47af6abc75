"""The customer base in one chapter, for the page of a run: who earns the profit, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from guanxi.decisions.profit import _audit_pictures, _profit_pictures, _profit_tables
from guanxi.decisions.profit._profit_notices import notices
from guanxi.decisions.profit._profit_page import losers
from guanxi.decisions.profit._profit_ranking import GROUPS
from guanxi.decisions.profit._profit_result import CustomerProfit, ProfitInputs, customer_profit
from guanxi.decisions.profit._profit_words import profit_words, spend_words
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.served.texts import number, percent

Words = Mapping[str, str]


def customer_base_chapter(inputs: ProfitInputs) -> Chapter:
    """Sum up the profit and the audit of the customers; without margins and costs, what they spent.

    Raises
    ------
    HistoryError
        If no customer ordered or cost anything in the last period.
    """
    found, language = customer_profit(inputs), inputs.params.language
    known = _profit_is_known(inputs)
    texts = profit_words if known else spend_words
    t = texts(language)
    told = notices(found, inputs, t)
    whale = partial(_profit_pictures.whale, found.curve, language, texts)
    bridge = partial(_audit_pictures.bridge, found.audit.changes, language, texts)
    compared = not found.audit.changes.empty
    return Chapter(
        "customer-base",
        t["base_heading"],
        _paragraphs(found, t),
        [*(told.general if known else [t["base_unknown"]]), *told.two_periods],
        [
            picture(whale, "whale", t["whale_text"], t),
            *([picture(bridge, "bridge", t["bridge_text"], t)] if compared else []),
        ],
        _tables(found, t),
    )


def _profit_is_known(inputs: ProfitInputs) -> bool:
    """Whether anything but amounts is known of the purchases."""
    rates = inputs.params.profit.cost_per_order + inputs.params.profit.cost_per_return
    return bool(inputs.has_margins or inputs.params.clv.margin < 1 or rates or inputs.flows.has)


def _paragraphs(found: CustomerProfit, t: Words) -> list[str]:
    total = t["base_total"].format(
        first=found.first_day,
        last=found.last_day,
        customers=number(found.active),
        profit=number(found.curve.total),
    )
    sentences = [total]
    if found.curve.total > 0 and len(found.deciles) == GROUPS:
        sentences.append(t["base_top"].format(share=percent(found.deciles["share_of_profit"].iloc[0], 1)))
    sentences.append(losers(found, t))
    joined = (" " if t["lang"].startswith("en") else "").join(filter(None, sentences))
    return [joined, *_change(found, t), t["base_more"]]


def _change(found: CustomerProfit, t: Words) -> list[str]:
    if found.audit.changes.empty:
        return []
    groups = found.audit.changes.set_index("group")
    counts = {name: number(groups["customers"][name]) for name in ("new", "returned", "lost", "up", "down")}
    before, after = (number(groups[f"profit_{when}"].sum()) for when in ("before", "after"))
    return [t["base_change"].format(months=found.months, before=before, after=after, **counts)]


def _tables(found: CustomerProfit, t: Words) -> list[ShownTable]:
    tables = [_profit_tables.deciles(found, t)]
    if len(found.audit.changes):
        tables.append(_profit_tables.changes(found, ["profit_before", "profit_after"], t))
    return tables
