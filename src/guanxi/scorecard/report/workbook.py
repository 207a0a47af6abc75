"""A scorecard as the sheets of a workbook: one of customers, one of weights and notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.data.sinks.spreadsheet import Column, Sheet
from guanxi.scorecard.report.page_words import page_words
from guanxi.scorecard.report.section import stability
from guanxi.served.texts import Language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.data.sinks.spreadsheet import Kind
    from guanxi.scorecard.report.content import ScorecardReport

_FILLS = {"high": "#A9D6CF", "middle": "#ECEFF2", "low": "#F6D5C0"}
_KINDS: dict[str, Kind] = {
    "customer_id": "text",
    "score": "score",
    "rank": "count",
    "known_weight": "percent",
    "tier_kept": "percent",
    "churn_probability": "percent",
    "probability_alive": "percent",
    "retention_probability": "percent",
    "clv": "money",
    "clv_lower": "money",
    "clv_upper": "money",
}
_WHY, _DRIVER = re.compile(r"why_(\d+)"), re.compile(r"driver_(\d+)_text")


def scorecard_sheets(content: ScorecardReport, language: Language) -> list[Sheet]:
    """Lay a scorecard out for :func:`guanxi.data.sinks.spreadsheet.write_spreadsheet`.

    Every column of the table is written, in its order; the words are those of the language, tiers and grades
    stay as they are, so that they can be looked up in other tables.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    content.check()
    t = page_words(language)
    columns = {str(name): _column(str(name), content, language) for name in content.table}
    weights = content.ordered_weights()
    named = weights.assign(
        indicator=[content.label(str(name), language) for name in weights["indicator"]],
        dimension=[content.label(str(name), language) for name in weights["dimension"]],
    )
    headings = {"indicator": Column(t["indicator"]), "dimension": Column(t["dimension"])}
    headings |= {"weight": Column(t["weight"], "percent")}
    headings |= {method: Column(method, "percent") for method in content.methods}
    return [
        Sheet(t["sheet_scorecard"], content.table, columns),
        Sheet(t["sheet_weights"], named, headings, list(_notes(content, language))),
    ]


def _notes(content: ScorecardReport, language: Language) -> Iterator[str]:
    if content.method:
        yield page_words(language)["weights_note"].format(method=content.method)
    consistency = content.consistency_text(language)
    yield from filter(None, [consistency, stability(content.kept, content.draws, language)])
    yield from content.notes


def _column(name: str, content: ScorecardReport, language: Language) -> Column:
    return Column(
        _heading(name, content, language),
        _kind(name, content),
        scale=name == "score" or _of_dimension(name, content),
        fills=_FILLS if name == "tier" else {},
    )


def _of_dimension(name: str, content: ScorecardReport) -> bool:
    """Tell a dimension's score from others that are called so, such as the answer to the NPS question."""
    return name.endswith("_score") and name.removesuffix("_score") in set(content.weights["dimension"])


def _heading(name: str, content: ScorecardReport, language: Language) -> str:
    t = page_words(language)
    if f"column_{name}" in t:
        return t[f"column_{name}"]
    if name.endswith("_points"):
        return t["column_points"].format(name=content.label(name.removesuffix("_points"), language))
    if _of_dimension(name, content):
        dimension = content.label(name.removesuffix("_score"), language)
        return t["column_dimension_score"].format(name=dimension)
    for pattern, key in ((_WHY, "column_why"), (_DRIVER, "column_driver_text")):
        if found := pattern.fullmatch(name):
            return t[key].format(place=found[1])
    return content.label(name, language)


def _kind(name: str, content: ScorecardReport) -> Kind:
    values = content.table[name]
    if name in _KINDS:
        return _KINDS[name]
    if name.endswith("_points"):
        return "points"
    if _of_dimension(name, content):
        return "score"
    if name.endswith("_date") or pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return "number" if numeric else "text"
