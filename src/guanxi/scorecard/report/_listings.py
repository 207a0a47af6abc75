"""Tables of a scorecard as displayed on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from guanxi.report.chapters import shown_numbers
from guanxi.scorecard._history import History
from guanxi.scorecard._result import ScorecardResult
from guanxi.scorecard.report._content import ScorecardReport
from guanxi.served.texts import MISSING, number

_SHARES = (
    "share", "clv_share", "churn_mean", "attainment", "reaching", "tier_high", "tier_middle", "tier_low",
    "precision", "recall", "response_rate", "conversion_rate", "conversion_by_chance", "csat",
    "retention_rate", "churn_rate", "repeat_rate",
)  # fmt: skip
# Columns with our own terms, which are translated; other columns hold the user's texts.
_OWN_WORDS = ("upper", "lower", "verdict", "trend", "statistic", "outcome", "adjusted_for", "first", "second")
_MOST_ROWS = 60
_ANSWERS = ("nps_answers", "csat_customers")
# What the score is made of, and whether it would be another.
_OF_METHOD = ("importance", "redundant", "own_weights", "agreement", "drift", "proposal")
_PARTS, _PAIR = ("nominal", "effective", "weight"), ("first", "second")


@dataclass(frozen=True)
class Listing:
    """A table on the page.

    Attributes
    ----------
    title : str
        Key of a text of the page.
    table : pandas.DataFrame
        Interval limits ``x_lower`` and ``x_upper`` are shown below ``x``.
    note : str
        Also a key, or literal text.
    of : str
        The grouping attribute, for the title.
    named : sequence of str
        Columns with names of indicators, dimensions or segments.
    interval : str
        The column whose interval limits are ``lower`` and ``upper``.
    shares : sequence of str
        Further columns that are proportions.
    """

    title: str
    table: pd.DataFrame = field(repr=False)
    note: str = ""
    of: str = ""
    named: Sequence[str] = ()
    interval: str = ""
    shares: Sequence[str] = ()

    @property
    def of_method(self) -> bool:
        """Whether it is about the score and not about the customers."""
        return self.title in _OF_METHOD


def listings(found: ScorecardResult, content: ScorecardReport) -> list[Listing]:
    """Return the tables for the page, as far as available; complete tables are in the files."""
    indicator = ("indicator",)
    targets = _without(found.targets, "known", "gap")
    benchmarks = _without(found.benchmarks, "known", "lower", "upper")
    whole = content.words["whole_branch"]
    importance = found.relationship.importance.fillna({"indicator": whole})
    moves = _without(found.elasticities, "unit", "reliability", "note")
    shown = [
        Listing("importance", importance, "importance_note", named=("dimension", *indicator), shares=_PARTS),
        Listing("redundant", found.relationship.redundant, "redundant_note", named=_PAIR, shares=_PARTS),
        Listing("targets", targets, "targets_note", named=indicator, interval="value"),
        Listing("benchmarks", benchmarks, "benchmarks_note", named=indicator),
        *(
            Listing(f"by_{name}", _without(table, "tier_low"), named=(name,))
            for name, table in found.segments.items()
        ),
        Listing("group_rules", found.group_rules, found.segmentation.reason if found.segmentation else ""),
        *(
            Listing("roll_up", _scores(each.means), "roll_up_note", name, _named(name, found), "mean")
            for name, each in found.roll_ups.items()
        ),
        *(
            Listing("own_weights", table, "own_weights_note", name, _named(name, found), "difference")
            for name, table in found.own_weights.items()
        ),
        Listing("elasticities", moves, "elasticities_note", "", ("driver",), "estimate", ("estimate",)),
        Listing("programme", _periods(found.programme), "programme_note"),
        Listing("agreement", found.agreement, "agreement_note"),
        *_of_chance(found.history),
        *_of_drift(found.history, content),
    ]
    return [each for each in shown if len(each.table)]


def _of_chance(history: History | None) -> list[Listing]:
    """Tier moves beside those by regression to the mean."""
    if history is None:
        return []
    return [Listing("moves_by_chance", history.latest.against_chance(), "moves_by_chance_note")]


def _of_drift(history: History | None, content: ScorecardReport) -> list[Listing]:
    if history is None or history.drift is None or history.proposal is None:
        return []
    proposal, weights = history.proposal, ("before", "after", "current", "proposed", "change")
    effect = content.words["proposal_note"].format(
        moved=f"{proposal.migration.moved:,}",
        customers=f"{proposal.customers:,}",
        spearman=f"{proposal.spearman:.3f}",
    )
    return [
        Listing("drift", history.drift, "drift_note", "", ("indicator",), "change", weights),
        Listing("proposal", proposal.table, effect, named=("indicator",), shares=weights),
    ]


def _without(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Drop the named columns and all empty ones."""
    return table.drop(columns=list(names), errors="ignore").dropna(axis="columns", how="all")


def _named(by: str, found: ScorecardResult) -> tuple[str, ...]:
    """Columns to translate: segments have names in both languages, attribute values do not."""
    return ("group",) if by in found.segments else ()


def _periods(programme: pd.DataFrame) -> pd.DataFrame:
    """Select the columns for the page, most recent period first."""
    counts = (
        "retained",
        "reactivated",
        "purchases",
        "acquired",
        "contacts",
        "observed",
        "nps_answers",
        "csat_customers",
    )
    return _without(programme, "end", "churn_rate", *counts).iloc[::-1]


def _scores(means: pd.DataFrame) -> pd.DataFrame:
    """Scores of a roll-up, one row per group."""
    scores = means[means["measure"] == "score"]
    return scores.drop(columns=["measure", "known"]).reset_index(drop=True)


def shown_table(listing: Listing, content: ScorecardReport) -> dict[str, Any]:
    """Format the cells of a listing for the template."""
    t, table = content.words, listing.table.head(_MOST_ROWS)
    ends = {name: _ends(name, listing) for name in map(str, table.columns)}
    hidden = {end for pair in ends.values() for end in pair}
    shown = [name for name in ends if name not in hidden]
    columns = [_column(name, ends[name], listing, content) for name in shown]
    left = len(listing.table) - len(table)
    return {
        "title": t[listing.title].format(of=content.label(listing.of)),
        "note": t.get(listing.note, listing.note),
        "columns": columns,
        "rows": list(zip(*(column["cells"] for column in columns), strict=True)),
        "more": t["more_rows"].format(count=number(left)) if left else "",
    }


def _ends(name: str, listing: Listing) -> tuple[str, ...]:
    """Columns with the interval limits of a column; empty without an interval."""
    pair = ("lower", "upper") if name == listing.interval else (f"{name}_lower", f"{name}_upper")
    return pair if set(pair) <= set(listing.table.columns) else ()


def _column(name: str, ends: tuple[str, ...], listing: Listing, content: ScorecardReport) -> dict[str, Any]:
    t, values = content.words, listing.table.head(_MOST_ROWS)[name]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    share = name in _SHARES or name in listing.shares or name.endswith("_share")
    texts = shown_numbers(values, share=share) if numeric else _texts(name, values, listing, content)
    below = [""] * len(texts)
    if ends:
        sides = (shown_numbers(listing.table.head(_MOST_ROWS)[end], share=share) for end in ends)
        below = [
            "" if MISSING in pair else t["ends"].format(lower=pair[0], upper=pair[1])
            for pair in zip(*sides, strict=True)
        ]
    heading = t.get(f"listing_{name}") or t.get(f"column_{name}") or content.label(name)
    return {
        "heading": content.heading(name, heading),
        "kind": "n" if numeric else "day" if name == "period" else "",
        "cells": list(zip(texts, below, strict=True)),
    }


def _texts(name: str, values: pd.Series[Any], listing: Listing, content: ScorecardReport) -> list[str]:
    t = content.words

    def text(value: Any) -> str:
        if pd.isna(value):
            return MISSING
        if isinstance(value, bool | np.bool_):
            return t["yes"] if value else t["no"]
        word = str(value)
        if name == "drivers":
            return ", ".join(t.get(f"driver_{each}", each.replace("_", " ")) for each in word.split(", "))
        if name in _OWN_WORDS and name not in listing.named:
            return t.get(f"said_{word}", word)
        return content.label(word) if name in listing.named else word

    return [text(value) for value in values]
