"""Tables of the chapter on who moved and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from guanxi.report.chapters import ShownTable
from guanxi.scorecard.watch._movements import Movements
from guanxi.scorecard.watch._score_changes import REASONS
from guanxi.scorecard.watch._watch_list import MOVEMENTS
from guanxi.served.texts import MISSING, Language, signed, texts

_SHARES = (
    "share_as_far", "fall_probability", "rise_probability", "churn_probability", "probability",
    "default_probability", "share", "efficient_share", "least_risk_share", "break_even", "moved",
    "listed_moved",
)  # fmt: skip
_PERSON = ("customer_id", "tier")
_MOVED = ("customer_id", "tier_before", "tier", "since", "change", "share_as_far", "why")
_LISTS: dict[str, tuple[str, ...]] = {
    "fell": (*_MOVED, "last_purchase", "value_at_risk"),
    "will_fall": (*_PERSON, "fall_probability", "since", "why", "last_purchase", "value_at_risk"),
    "leaving": (*_PERSON, "churn_probability", "since", "why", "last_purchase", "value_at_risk"),
    "rose": (*_MOVED, "clv"),
    "will_rise": (*_PERSON, "rise_probability", "since", "why", "clv"),
}
_LISTED = 20  # of each movement; all are in the file
_SEGMENTS = ("lifecycle_stages", "rfm_segments", "contract_segments", "matrix_cells")


def chapter_words(language: Language) -> dict[str, Any]:
    """All texts of the chapter: sentences by key, headings and words."""
    return texts("guanxi.scorecard.watch", language)


def in_words(name: object, language: Language) -> str:
    """Name a tier, option or segment in a language; attribute values and others keep their names."""
    word = str(name)
    named: list[dict[str, str]] = [chapter_words(language)["words"], *_segment_words(language)]
    return next((str(each[word]) for each in named if word in each), word.replace("_", " "))


def _segment_words(language: Language) -> list[dict[str, str]]:
    segments = texts("guanxi.segments", language)
    return [segments[each] for each in _SEGMENTS]


def shown_tables(found: Movements, language: Language) -> list[ShownTable]:
    """All tables that have rows: customers first, method last."""
    return [
        *_watch_lists(found, language),
        *_of_chain(found, language),
        *_of_risk(found, language),
        *_of_check(found, language),
    ]


def _watch_lists(found: Movements, language: Language) -> list[ShownTable]:
    shown = []
    for movement in MOVEMENTS:
        rows = found.watch[found.watch["movement"] == movement]
        reasons = rows[[f"why_{place + 1}" for place in range(REASONS)]]
        why = [
            chapter_words(language)["between"].join(str(each) for each in row if each is not None)
            for row in reasons.to_numpy(dtype=object)
        ]
        change = [MISSING if pd.isna(each) else signed(each, 1) for each in rows["change"]]
        rows = rows.assign(why=why, change=change)
        shown.append(_table(movement, rows, _LISTS[movement], language, most=_LISTED))
    return [table for table in shown if len(table.table)]


def _of_chain(found: Movements, language: Language) -> list[ShownTable]:
    chain = found.chain
    if chain is None:
        return []
    counts = ["customers", "lower", "upper"]
    ahead = chain.forecast.assign(**{name: chain.forecast[name].round() for name in counts})
    equity = ("tier", "customers", "margin", "year", "equity", "equity_sum")
    moves = ("tier_before", "tier", "customers", "probability")
    trees = found.trees.rename(columns={"expected_value": "expected"})
    # An option is told once; its outcomes follow.
    first = ~trees.duplicated(["tier", "option"])
    trees[["expected", "break_even"]] = trees[["expected", "break_even"]].where(first)
    trees["best"] = np.where(trees["best"] & first, "yes", "")
    trees["option"] = [
        f"{in_words(option, language)}: {action}" if isinstance(action, str) else option
        for option, action in zip(trees["option"], trees["action"], strict=True)
    ]
    options = ("tier", "option", "outcome", "probability", "value", "expected", "best", "break_even")
    return [
        _table("equity", chain.equity, equity, language),
        _table("forecast", ahead, ("day", "tier", "customers"), language, interval="customers"),
        _table("tree", trees, options, language),
        _table("transitions", chain.transitions, moves, language, interval="probability"),
    ]


def _of_risk(found: Movements, language: Language) -> list[ShownTable]:
    t = chapter_words(language)
    columns = (
        "segmentation", "segment", "customers", "expected_value", "semi_deviation", "return_per_risk",
        "churn_probability", "default_probability",
    )  # fmt: skip
    note = t["risk_note_measured"] if found.measured else t["risk_note_derived"]
    shown = [_table("risk", found.segments, columns, language, note=note)]
    mix = ("segment", "margin", "semi_deviation", "share", "efficient_share", "least_risk_share")
    for name, shares in found.shares.items():
        title = t["shares_title"].format(segmentation=_segmentation(name, language))
        note = t["shares_note"].format(intervals=shares.intervals)
        shown.append(_table("shares", shares.segments, mix, language, title=title, note=note))
    return shown


def _segmentation(name: str, language: Language) -> str:
    t = chapter_words(language)
    return str(t["headings"]["tier"]) if name == "tier" else in_words(name, language)


def _of_check(found: Movements, language: Language) -> list[ShownTable]:
    if found.probabilities is None:
        return []
    columns = ("direction", "customers", "moved", "auc", "brier_skill", "listed", "listed_moved")
    return [_table("check", found.probabilities.check, columns, language)]


def _table(
    name: str,
    table: pd.DataFrame,
    columns: Sequence[str],
    language: Language,
    *,
    title: str = "",
    note: str = "",
    interval: str = "",
    most: int = 60,
) -> ShownTable:
    """Choose the columns with values; tiers, options and segments in words."""
    t = chapter_words(language)
    table = table.copy()
    for column in (
        "tier",
        "tier_before",
        "segment",
        "segmentation",
        "option",
        "outcome",
        "direction",
        "best",
    ):
        if column in table:
            table[column] = [
                None if pd.isna(each) else _named(column, each, language)
                for each in table[column].astype(object)
            ]
    known = [column for column in columns if column in table and table[column].notna().any()]
    return ShownTable(
        title or t[f"{name}_title"],
        table,
        {column: t["headings"][column] for column in known},
        [column for column in known if column in _SHARES],
        interval,
        note or t[f"{name}_note"],
        most,
    )


def _named(column: str, word: object, language: Language) -> str:
    if column == "segmentation":
        return _segmentation(str(word), language)
    if column == "segment":  # a stage may have the name of a tier
        named = (each[str(word)] for each in _segment_words(language) if word in each)
        return next(named, in_words(word, language))
    return in_words(word, language)
