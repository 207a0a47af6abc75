"""A scorecard as a workbook: one sheet of customers, one of weights and notes."""

from __future__ import annotations

import re

import pandas as pd

from guanxi.data.sinks.spreadsheet import Column, Kind, Sheet
from guanxi.scorecard.report._content import ScorecardReport

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
    "value_at_risk": "money",
    "monetary_value": "money",
    "expected_spend": "money",
    "horizon_days": "count",
}
_WHY, _DRIVER = re.compile(r"why_(\d+)"), re.compile(r"driver_(\d+)_text")


def scorecard_sheets(content: ScorecardReport) -> list[Sheet]:
    """Prepare sheets for :func:`guanxi.data.sinks.spreadsheet.write_spreadsheet`.

    Every column of the table is written in its order, with headings in the language; tiers and grades are not
    translated, so that they match other tables. Raises DataError if a table lacks a column.
    """
    content.check()
    t = content.words
    columns = {str(name): _column(str(name), content) for name in content.table}
    weights = content.ordered_weights()
    named = weights.assign(
        indicator=[content.label(name) for name in weights["indicator"]],
        dimension=[content.label(name) for name in weights["dimension"]],
        unit=[content.unit(name) for name in weights["indicator"]],
        period=[content.period(name) for name in weights["indicator"]],
    )
    headings = {"indicator": Column(t["indicator"]), "dimension": Column(t["dimension"])}
    headings |= {"unit": Column(t["unit"]), "period": Column(t["when"])}
    headings |= {"weight": Column(t["weight"], "percent")}
    headings |= {method: Column(method, "percent") for method in content.methods}
    texts = (content.method_text(), content.consistency_text(), content.stability_text(), *content.notes)
    notes = list(filter(None, texts))
    return [
        Sheet(t["sheet_scorecard"], content.table, columns),
        Sheet(t["sheet_weights"], named, headings, notes),
    ]


def _column(name: str, content: ScorecardReport) -> Column:
    return Column(
        _heading(name, content),
        _kind(name, content),
        scale=name == "score" or _of_dimension(name, content),
        fills=_FILLS if name == "tier" else {},
    )


def _of_dimension(name: str, content: ScorecardReport) -> bool:
    """Whether a column is a dimension score, unlike for instance ``nps_score``."""
    return name.endswith("_score") and name.removesuffix("_score") in set(content.weights["dimension"])


def _heading(name: str, content: ScorecardReport) -> str:
    t = content.words
    if f"column_{name}" in t:
        return content.heading(name, t[f"column_{name}"])
    if name.endswith("_points"):
        return t["column_points"].format(name=content.label(name.removesuffix("_points")))
    if _of_dimension(name, content):
        dimension = content.label(name.removesuffix("_score"))
        return t["column_dimension_score"].format(name=dimension)
    for pattern, key in ((_WHY, "column_why"), (_DRIVER, "column_driver_text")):
        if found := pattern.fullmatch(name):
            return t[key].format(place=found[1])
    return content.heading(name, content.label(name))


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
