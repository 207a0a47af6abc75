"""Predictions measured against what happened, alike in training and when a model is monitored."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation import metrics
from guanxi.evaluation.bootstrap import bootstrap
from guanxi.features.snapshots import outcome_expression

_NUMBERS = ("value", "lower", "upper")
_MEASURED = {
    "churn": (
        "churned",
        "churn_probability",
        {name: metrics.PROBABILITIES[name] for name in ("auc", "log_loss", "ece")}
        | {"bias": metrics.AMOUNTS["bias"]},
    ),
    "purchases": (
        "purchases",
        "expected_purchases",
        {"bias": metrics.COUNTS["bias"], "mae": metrics.COUNTS["mae"]},
    ),
    "spend": ("spend", "expected_spend_total", {"bias": metrics.AMOUNTS["bias"]}),
}


def outcomes(log: TransactionLog, cutoff: date, days: int) -> pd.DataFrame:
    """Give ``customer_id, purchases, spend`` of those who bought in the ``days`` after the cutoff day."""
    found: pd.DataFrame = outcome_expression(log.events, cutoff, days, log.params.event_grain).execute()
    return found


def with_outcomes(predicted: pd.DataFrame, happened: pd.DataFrame) -> pd.DataFrame:
    """Add what happened to predictions, in their order.

    Parameters
    ----------
    predicted : pandas.DataFrame
        ``customer_id`` and the columns of the prediction table.
    happened : pandas.DataFrame
        From :func:`outcomes`.

    Returns
    -------
    pandas.DataFrame
        Also ``expected_spend_total`` and the outcomes ``purchases, spend, churned`` (1.0: no purchase).
    """
    table = predicted.assign(
        expected_spend_total=predicted["expected_purchases"] * predicted["expected_spend"]
    ).merge(happened, on="customer_id", how="left")
    table = table.fillna({"purchases": 0.0, "spend": 0.0})
    return table.assign(churned=(table["purchases"] == 0).astype(float))


def measure(table: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Measure what a table predicts of churn, purchases and spend, as far as it has them.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per customer: ``churned`` with ``churn_probability``, ``purchases`` with ``expected_purchases``,
        ``spend`` with ``expected_spend_total``.
    seed : int
        Of the bootstrap.

    Returns
    -------
    list of dict
        ``target, metric, value, lower, upper``: 90 % bootstrap intervals over customers; None where nothing
        could be measured.
    """
    rows: list[dict[str, Any]] = []
    for target, (happened, predicted, functions) in _MEASURED.items():
        if happened not in table or predicted not in table:
            continue
        found = bootstrap(table[happened], {target: table[predicted]}, functions, seed=seed).intervals()
        for metric, *numbers in found[["metric", *_NUMBERS]].itertuples(index=False):
            known = [None if math.isnan(number) else float(number) for number in numbers]
            rows.append({"target": target, "metric": metric} | dict(zip(_NUMBERS, known, strict=True)))
    return rows
