"""Evaluation of predictions against outcomes, shared by training and monitoring."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation import metrics
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.features.snapshots import outcome_expression

_NUMBERS = ("value", "lower", "upper")
_OUTCOMES = ("purchases", "spend", "churned")
_ID, _DIGITS, _MOST_CUSTOMERS = "customer_hash", 16, 100_000
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
    "value": ("paid", "clv", {"bias": metrics.AMOUNTS["bias"], "mae": metrics.AMOUNTS["mae"]}),
}


def outcomes(log: TransactionLog, cutoff: date, days: int) -> pd.DataFrame:
    """Return ``customer_id, purchases, spend`` of customers who bought in the ``days`` after the cutoff."""
    found: pd.DataFrame = outcome_expression(log.events, cutoff, days, log.params.event_grain).execute()
    return found


def with_outcomes(predicted: pd.DataFrame, happened: pd.DataFrame) -> pd.DataFrame:
    """Add outcomes (from :func:`outcomes`) to a table of predictions, keeping its order.

    Adds ``expected_spend_total`` and the outcomes ``purchases, spend, churned`` (1.0: no purchase).
    """
    table = predicted.assign(
        expected_spend_total=predicted["expected_purchases"] * predicted["expected_spend"]
    ).merge(happened, on="customer_id", how="left")
    absent = table["purchases"].isna()
    table = table.assign(purchases=table["purchases"].fillna(0.0), spend=table["spend"].mask(absent, 0.0))
    return table.assign(churned=(table["purchases"] == 0).astype(float))


def held_out_customers(
    features: pd.DataFrame, outcomes: pd.DataFrame, key: str, names: Sequence[str] = _OUTCOMES
) -> pd.DataFrame:
    """Pseudonymise a holdout window, so that later models can be evaluated on it.

    Joins the twin's features and the outcomes of these ``names`` by ``customer_id`` and replaces the id by a
    ``customer_hash``. At most 100,000 customers are kept, the first in order of the hashes, which is a random
    sample. The hashes include the ``key``, so those of two logs differ. They are pseudonyms: anyone with the
    log can identify the customers again.

    Examples
    --------
    >>> one = pd.DataFrame({"customer_id": ["a"], "frequency": [2.0]})
    >>> after = pd.DataFrame({"customer_id": ["a"], "purchases": [1], "spend": [9.5], "churned": [0]})
    >>> list(held_out_customers(one, after, "key"))
    ['customer_hash', 'frequency', 'purchases', 'spend', 'churned']
    """
    rows = features.merge(outcomes[["customer_id", *names]], on="customer_id", validate="1:1")
    hashes = [hashlib.sha256(f"{key}:{each}".encode()).hexdigest()[:_DIGITS] for each in rows["customer_id"]]
    kept = rows.drop(columns="customer_id")
    kept.insert(0, _ID, hashes)
    return kept.sort_values(_ID, ignore_index=True).head(_MOST_CUSTOMERS)


def measure(table: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Evaluate the predictions of churn, purchases and spend that a table holds.

    The table has one row per customer: ``churned`` with ``churn_probability``, ``purchases`` with
    ``expected_purchases``, ``spend`` with ``expected_spend_total``. Each result has ``target, metric, value,
    lower, upper`` with a 90 % bootstrap interval over customers; None if undefined.
    """
    rows: list[dict[str, Any]] = []
    for target, (actual, predicted, functions) in _MEASURED.items():
        if actual not in table or predicted not in table:
            continue
        if table[actual].isna().any() or table[predicted].isna().all():  # spend without amounts
            continue
        found = bootstrap(table[actual], {target: table[predicted]}, functions, seed=seed).intervals()
        for metric, *numbers in found[["metric", *_NUMBERS]].itertuples(index=False):
            known = [None if math.isnan(number) else float(number) for number in numbers]
            rows.append({"target": target, "metric": metric} | dict(zip(_NUMBERS, known, strict=True)))
    return rows
