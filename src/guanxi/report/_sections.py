"""The sections of the page for the template: plain text and numbers, not yet escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.data.rules import rule_descriptions
from guanxi.report import _summaries
from guanxi.report.answer import Answer, Ranged, money
from guanxi.report.words import _measure, _model_in_words, words
from guanxi.served.ordering import first_highest
from guanxi.served.texts import Language, decimals_for, number, percent

if TYPE_CHECKING:
    from datetime import date

_DECIDING = ("auc", "top_decile_capture")  # the metrics behind the grades
_TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Tile:
    """One headline figure, with its range if it has one."""

    label: str
    figure: str
    note: str
    range: str = ""


def tiles(table: pd.DataFrame, answer: Answer, as_of: date, language: Language, currency: str) -> list[Tile]:
    """Headline figures, with their ranges: past, expected and total value, value at risk, likely leavers."""
    t, days = words(language), answer.days
    totals = _summaries.headline(table)
    past = float(table["past_value"].sum(min_count=1))
    both = Ranged(*(past + each for each in answer.value))
    value_note = t["total_value_note"].format(days=days)
    leaving = answer.leavers.value / max(answer.customers, 1)
    leavers_note = t["leavers_note"].format(share=percent(leaving), days=days)
    at_risk_note = t["value_at_risk_note"].format(share=percent(totals.value_at_risk_share), days=days)

    def amount(value: float) -> str:
        return money(value, currency).replace("\u00a0", " ")  # a narrow tile breaks before the currency

    return [
        Tile(t["customers"], number(totals.customers), t["customers_note"].format(as_of=as_of)),
        Tile(t["past_total"], amount(past), t["past_total_note"].format(as_of=as_of)),
        Tile(t["total_value"], amount(totals.value), value_note, _ends(answer.value, t)),
        Tile(t["both_values"], amount(both.value), t["both_values_note"], _ends(both, t)),
        Tile(t["value_at_risk"], amount(totals.value_at_risk), at_risk_note, _ends(answer.at_risk, t)),
        Tile(t["leavers"], number(answer.leavers.value), leavers_note, _ends(answer.leavers, t)),
    ]


def _ends(ranged: Ranged, t: Mapping[str, str]) -> str:
    if np.isnan(ranged.lower):
        return ""
    return t["ends"].format(lower=number(ranged.lower), upper=number(ranged.upper))


def value_shares(predictions: pd.DataFrame) -> list[dict[str, str]]:
    """Share and amount of the expected value held by the top 1 to 50 per cent of customers."""
    curve = _summaries.concentration(predictions)
    if curve is None:
        return []
    total = float(predictions["clv"].sum())
    return [
        {"top": percent(top), "share": percent(held), "value": number(held * total)}
        for top, held in ((top, curve.held_by(top)) for top in _TOPS)
    ]


def reliability(holdout: pd.DataFrame) -> list[dict[str, str]]:
    """Predicted and observed share of leavers and number of customers, by group of predicted probability."""
    return [
        {
            "predicted": percent(row["predicted"], 1),
            "observed": percent(row["observed"], 1),
            "customers": number(row["customers"]),
        }
        for row in _summaries.reliability(holdout).to_dict("records")
    ]


def metric_tables(metrics: pd.DataFrame, language: Language) -> list[dict[str, Any]]:
    """One table per target: a row per metric, a column per model, the best of each row marked.

    Of several naive forecasts, only the best by the target's deciding metric has a column.
    """
    t = words(language)
    tables = []
    for target, rows in metrics.groupby("target", sort=False):
        # pivot_table would silently average duplicates; this fails.
        wide = rows.set_index(["metric", "model"])["value"].unstack(sort=False)  # noqa: PD010
        others = _without_weaker_naive(wide)
        models = sorted(others, key=lambda model: model != "guanxi")
        tables.append(
            {
                "title": t.get(str(target), str(target)),
                "models": [_model_in_words(str(model), language) for model in models],
                "rows": [_metric_row(str(name), row, language) for name, row in wide[models].iterrows()],
            }
        )
    return tables


def _without_weaker_naive(wide: pd.DataFrame) -> list[Any]:
    """Models in their order, but only the best naive one by the metric that decides the grade."""
    naive = [model for model in wide.columns if str(model).startswith("naive")]
    if len(naive) < 2:
        return list(wide.columns)
    decides = next((name for name in _DECIDING if name in wide.index), wide.index[0])
    described = _measure(str(decides), "en")
    sign = 1.0 if described is not None and described.direction == "higher" else -1.0
    leads = sign * wide.loc[decides, naive].abs()
    best = naive[first_highest(leads.fillna(-np.inf).to_numpy())]
    return [model for model in wide.columns if model not in naive or model == best]


def _metric_row(metric: str, values: pd.Series, language: Language) -> dict[str, Any]:
    t = words(language)
    described = _measure(metric, language)
    decimals = decimals_for(float(values.abs().max()))
    shown = values.round(decimals)
    best = pd.Series(data=False, index=values.index)
    if described is not None and shown.count() > 1:
        scores = {"lower": -shown, "higher": shown, "zero": -shown.abs(), "level": shown}
        score = scores.get(described.direction)
        best = best if score is None else score == score.max()
    return {
        "label": described.label if described else metric.replace("_", " "),
        "meaning": described.meaning if described else "",
        "direction": t[described.direction] if described else "",
        "cells": [
            {"text": number(value, decimals), "best": bool(mark)}
            for value, mark in zip(values, best, strict=True)
        ],
    }


def rejected(table: pd.DataFrame, language: Language) -> list[dict[str, str]]:
    """Lines not used, by rule, most frequent first; an unknown rule keeps its name."""
    described = rule_descriptions(language)
    return [
        {
            "rule": str(row["rule"]),
            "description": described.get(str(row["rule"]), str(row["rule"]).replace("_", " ")),
            "lines": number(row["lines"]),
            "share": percent(row["share"], 2),
        }
        for row in table.sort_values("lines", ascending=False).to_dict("records")
    ]
