"""The page of a scorecard: its section, and the tables behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report.page import environment
from guanxi.scorecard.report import section
from guanxi.scorecard.report.page_words import page_words
from guanxi.served.texts import MISSING, Language, decimals_for, number, percent

if TYPE_CHECKING:
    from guanxi.scorecard.report.content import ScorecardReport

_SHARES = (
    "share", "clv_share", "churn_mean", "attainment", "reaching", "tier_high", "tier_middle", "tier_low",
    "precision", "recall", "response_rate", "conversion_rate", "retention_rate", "churn_rate", "repeat_rate",
)  # fmt: skip
# Columns of our own words; what stands in others is the customers' or the user's.
_OWN_WORDS = ("verdict", "trend", "statistic", "outcome", "adjusted_for", "first", "second")
_MOST_ROWS = 60


@dataclass(frozen=True)
class Listing:
    """A table of the page.

    Attributes
    ----------
    title : str
        A word of :mod:`.scorecard_words` or :mod:`.scorecard_table_words`.
    table : pandas.DataFrame
        The ends of an interval, ``x_lower`` and ``x_upper``, are written below ``x``.
    note : str
        A word, or text as it is.
    of : str
        What the customers are divided by, for the title.
    named : sequence of str
        Columns that hold names of indicators, dimensions or segments.
    interval : str
        The column that the ends ``lower`` and ``upper`` belong to.
    shares : sequence of str
        Further columns that are shares of 1.
    """

    title: str
    table: pd.DataFrame = field(repr=False)
    note: str = ""
    of: str = ""
    named: Sequence[str] = ()
    interval: str = ""
    shares: Sequence[str] = ()


@dataclass(frozen=True)
class ScorecardPage:
    """What the page of a scorecard says."""

    source: str
    as_of: date
    model_version: str
    language: Language
    generated_by: str
    content: ScorecardReport
    listings: Sequence[Listing]


def render_scorecard(page: ScorecardPage) -> str:
    """Write the page: a whole HTML document without scripts, to be written as UTF-8.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    t = page_words(page.language)
    shown = {
        "t": t,
        "page": page,
        "scorecard": section.section(page.content, page.language),
        "listings": [_shown(each, page) for each in page.listings if len(each.table)],
    }
    return environment().get_template("scorecard_page.html").render(shown)


def _shown(listing: Listing, page: ScorecardPage) -> dict[str, Any]:
    t, table = page_words(page.language), listing.table.head(_MOST_ROWS)
    ends = {name: _ends(name, listing) for name in map(str, table.columns)}
    hidden = {end for pair in ends.values() for end in pair}
    shown = [name for name in ends if name not in hidden]
    columns = [_column(name, ends[name], listing, page) for name in shown]
    left = len(listing.table) - len(table)
    return {
        "title": t[listing.title].format(of=page.content.label(listing.of, page.language)),
        "note": t.get(listing.note, listing.note),
        "columns": columns,
        "rows": list(zip(*(column["cells"] for column in columns), strict=True)),
        "more": t["more_rows"].format(count=number(left)) if left else "",
    }


def _ends(name: str, listing: Listing) -> tuple[str, ...]:
    """Name the columns that hold the ends of a column's interval; none without."""
    pair = ("lower", "upper") if name == listing.interval else (f"{name}_lower", f"{name}_upper")
    return pair if set(pair) <= set(listing.table.columns) else ()


def _column(name: str, ends: tuple[str, ...], listing: Listing, page: ScorecardPage) -> dict[str, Any]:
    t, values = page_words(page.language), listing.table.head(_MOST_ROWS)[name]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    share = name in _SHARES or name in listing.shares or name.endswith("_share")
    texts = _numbers(values, share) if numeric else _texts(name, values, listing, page)
    below = [""] * len(texts)
    if ends:
        sides = (_numbers(listing.table.head(_MOST_ROWS)[end], share) for end in ends)
        below = [
            "" if MISSING in pair else t["ends"].format(lower=pair[0], upper=pair[1])
            for pair in zip(*sides, strict=True)
        ]
    heading = t.get(f"listing_{name}") or t.get(f"column_{name}") or page.content.label(name, page.language)
    return {
        "heading": heading,
        "kind": "n" if numeric else "day" if name == "period" else "",
        "cells": list(zip(texts, below, strict=True)),
    }


def _numbers(values: pd.Series[Any], share: bool) -> list[str]:
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if share:
        return [percent(value, 1) for value in floats]
    known = floats[np.isfinite(floats)]
    whole = bool((known == np.floor(known)).all())
    decimals = 0 if whole else decimals_for(float(np.abs(known).max(initial=0.0)))
    return [number(value, decimals) for value in floats]


def _texts(name: str, values: pd.Series[Any], listing: Listing, page: ScorecardPage) -> list[str]:
    t = page_words(page.language)

    def text(value: Any) -> str:
        if pd.isna(value):
            return MISSING
        if isinstance(value, bool | np.bool_):
            return t["yes"] if value else t["no"]
        told = str(value)
        if name == "drivers":
            return ", ".join(t.get(f"driver_{each}", each.replace("_", " ")) for each in told.split(", "))
        if name in _OWN_WORDS:
            return t.get(f"said_{told}", told)
        return page.content.label(told, page.language) if name in listing.named else told

    return [text(value) for value in values]
