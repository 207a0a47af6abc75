"""The sections of the page for the template: plain text and numbers, not yet escaped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.data.rules import rule_descriptions
from guanxi.report import _summaries
from guanxi.report.words import _measure, _model_in_words, words
from guanxi.served.ordering import falling, first_highest
from guanxi.served.texts import MISSING, Language, decimals_for, number, percent

if TYPE_CHECKING:
    from datetime import date

_DRIVERS = 3
_DECIDING = ("auc", "top_decile_capture")  # the metrics behind the grades
_LEAST_EFFECT = 0.05  # log odds; smaller effects are not shown
_TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Tile:
    """One headline figure."""

    label: str
    figure: str
    note: str


def tiles(predictions: pd.DataFrame, as_of: date, days: int, language: Language) -> list[Tile]:
    """Headline figures: customers, expected value, likely leavers, value at risk."""
    t = words(language)
    totals = _summaries.headline(predictions)
    leavers_note = t["leavers_note"].format(share=percent(totals.leaver_share), days=days)
    at_risk_note = t["value_at_risk_note"].format(share=percent(totals.value_at_risk_share), days=days)
    return [
        Tile(t["customers"], number(totals.customers), t["customers_note"].format(as_of=as_of)),
        Tile(t["total_value"], number(totals.value), t["total_value_note"].format(days=days)),
        Tile(t["leavers"], number(totals.leavers), leavers_note),
        Tile(t["value_at_risk"], number(totals.value_at_risk), at_risk_note),
    ]


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


def customers(predictions: pd.DataFrame, by: str, count: int, language: Language) -> list[dict[str, Any]]:
    """List the `count` customers with the highest `clv` or `value_at_risk`, each with drivers in words.

    Customers of unknown value are not listed.
    """
    table = predictions.dropna(subset=by)
    top = table.iloc[falling(table[by])[:count]]
    decimals = decimals_for(float(top["clv_upper"].max())) if len(top) else 0
    return [_customer(row, min(decimals, 2), language) for row in top.to_dict("records")]


def _customer(row: dict[Any, Any], decimals: int, language: Language) -> dict[str, Any]:
    probability = float(row["churn_probability"])
    next_purchase = row["next_purchase_date"]
    return {
        "customer_id": str(row["customer_id"]),
        "value": number(row["clv"], decimals),
        "lower": number(row["clv_lower"], decimals),
        "upper": number(row["clv_upper"], decimals),
        "churn": percent(probability),
        "churn_bar": 0 if np.isnan(probability) else round(probability * 100),
        "at_risk": number(row["value_at_risk"], decimals),
        "purchases": number(row["expected_purchases"], 1),
        "since_last": number(row["T"] - row["recency"]),
        "next_purchase": MISSING if pd.isna(next_purchase) else str(next_purchase)[:10],
        "drivers": _drivers(row, language),
    }


def _drivers(row: dict[Any, Any], language: Language) -> list[dict[str, str]]:
    t = words(language)
    drivers = []
    for place in range(1, _DRIVERS + 1):
        text = row.get(f"driver_{place}_text")
        effect = row.get(f"driver_{place}_effect", np.nan)
        if isinstance(text, str) and text and abs(effect) >= _LEAST_EFFECT:
            raises = effect > 0
            drivers.append(
                {
                    "text": text,
                    "sign": "▲" if raises else "▼",
                    "side": "raises" if raises else "lowers",
                    "meaning": t["raises" if raises else "lowers"],
                }
            )
    return drivers


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
