"""The page of a scorecard: its section, and the tables behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report import scorecard_section
from guanxi.report.formats import MISSING, decimals_for, number, percent
from guanxi.report.page import environment
from guanxi.report.words import Language, words

if TYPE_CHECKING:
    from guanxi.report.scorecard_content import ScorecardReport

_SHARES = (
    "share", "clv_share", "churn_mean", "attainment", "reaching", "tier_high", "tier_middle", "tier_low",
    "weight_before", "weight_after", "weight_change", "current", "proposed",
)  # fmt: skip
_MOST_ROWS = 60


@dataclass(frozen=True)
class Listing:
    """A table of the page.

    Attributes
    ----------
    title : str
        A word of :mod:`.scorecard_words`, or text as it is.
    table : pandas.DataFrame
    note : str
        A word, or text as it is.
    named : sequence of str
        Columns that hold names of indicators, dimensions or segments.
    """

    title: str
    table: pd.DataFrame = field(repr=False)
    note: str = ""
    named: Sequence[str] = ()


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
    t = words(page.language)
    shown = {
        "t": t,
        "page": page,
        "scorecard": scorecard_section.section(page.content, page.language),
        "listings": [_shown(each, page) for each in page.listings if len(each.table)],
    }
    return environment().get_template("scorecard_page.html").render(shown)


def _shown(listing: Listing, page: ScorecardPage) -> dict[str, Any]:
    t, table = words(page.language), listing.table.head(_MOST_ROWS)
    columns = []
    for place, name in enumerate(map(str, table.columns)):
        values = table.iloc[:, place]
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        cells = _numbers(name, values) if numeric else _texts(values, name in listing.named, page)
        columns.append(
            {"heading": t.get(f"column_{name}") or name.replace("_", " "), "n": numeric, "cells": cells}
        )
    left = len(listing.table) - len(table)
    return {
        "title": t.get(listing.title, listing.title),
        "note": t.get(listing.note, listing.note),
        "columns": columns,
        "rows": list(zip(*(column["cells"] for column in columns), strict=True)),
        "more": t["more_rows"].format(count=number(left)) if left else "",
    }


def _numbers(name: str, values: pd.Series[Any]) -> list[str]:
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if name in _SHARES or name.endswith("_share"):
        return [percent(value, 1) for value in floats]
    known = floats[np.isfinite(floats)]
    whole = bool((known == np.floor(known)).all())
    decimals = 0 if whole else decimals_for(float(np.abs(known).max(initial=0.0)))
    return [number(value, decimals) for value in floats]


def _texts(values: pd.Series[Any], named: bool, page: ScorecardPage) -> list[str]:
    t = words(page.language)

    def text(value: Any) -> str:
        if pd.isna(value):
            return MISSING
        if isinstance(value, bool | np.bool_):
            return t["yes"] if value else t["no"]
        return page.content.label(str(value), page.language) if named else str(value)

    return [text(value) for value in values]
