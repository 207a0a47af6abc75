"""The training profile: a summary of a model's training data, stored with the model in under 100 kB.

It holds counts, deciles and metrics of all customers together, no data on individual customers. Values of
category and channel, which are free text, are stored as hashes. The change from the twin's cutoff to the
served model's, a horizon later, is stored as ``usual``: an ageing customer base or a growing shop changes
without any fault of the model, which is no reason for an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation import realised_performance
from guanxi.evaluation.monitoring._bins import (
    by_chance,
    count_number,
    describe_category,
    describe_number,
    log_ratio,
    moments,
    population_stability_index,
)
from guanxi.evaluation.monitoring._hashed_values import _hashed, _other_values, _value_counts
from guanxi.features.snapshots import features_at

if TYPE_CHECKING:  # drift is examined without anything that fits
    from guanxi.evaluation.holdout import Holdout
    from guanxi.pipeline.contracts import FittedContracts
    from guanxi.pipeline.fit import FittedModels
    from guanxi.pipeline.labelled import FittedLabels

SCORES = ("churn_probability", "expected_purchases", "clv", "value_at_risk")
CONTRACT_SCORES = ("churn_probability", "expected_remaining_months", "clv")
_CATEGORY_COLUMNS = ("category", "channel")
_MOST_VALUES = 2_000


def transaction_profile(
    log: TransactionLog,
    served: FittedModels,
    twin: FittedModels,
    holdout: Holdout,
    totals: pd.DataFrame,
    seed: int,
) -> dict[str, Any]:
    """Profile the training of a model on transactions.

    Parameters
    ----------
    log : TransactionLog
    served, twin : FittedModels
    holdout : Holdout
        The twin's: the reference for later evaluations.
    totals : pandas.DataFrame
        Forecast totals with intervals, from :func:`guanxi.evaluation.portfolio.totals.forecast_totals`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        ``task, customers``; ``lines`` (``read, rejected``); ``features`` and ``scores`` (each column's bins
        as in :func:`._bins.describe_number`, its ``usual`` index, and ``usual_ratio``, the absolute log ratio
        of its means); ``categories`` (each column's hashed ``values``, and the ``usual`` share of the
        ``lines`` of a horizon with other values); ``held_out`` (:func:`.realised_performance.measure`);
        ``totals`` (relative ends of the interval of the total purchases).
    """
    scorer = served.scorer
    earlier = twin.features
    if twin.window_days != served.window_days:  # same definition of the features at both cutoffs
        earlier = features_at(log, twin.as_of, served.window_days)
    # Both in the season of the served model's cutoff: a seasonal change common to all is not drift.
    now, before = (scorer.score(each, drivers=0) for each in (served.features, earlier))
    return {
        "task": served.model.task,
        "customers": served.model.limits.customers,
        "lines": {"read": log.lines_read, "rejected": log.lines_read - log.lines_accepted},
        "features": _describe(served.features, earlier, scorer.features),
        "scores": _describe(now, before, SCORES),
        "categories": _categories(log, served.as_of, twin.as_of),
        "held_out": realised_performance.measure(holdout.table, seed),
        "totals": _relative(totals),
    }


def contract_profile(
    served: FittedContracts, twin: FittedContracts | None, held_out: pd.DataFrame, seed: int
) -> dict[str, Any]:
    """Profile a training on contracts: as :func:`transaction_profile`, without ``lines, categories, totals``.

    ``twin`` is the model fitted one horizon earlier, whose customers tell the usual change; None for a file
    of customers, which knows one day only. ``held_out`` has predictions with their outcomes.
    """
    scorer, text = served.scorer, served.model.text_features
    earlier = served.features if twin is None else twin.features
    numbers = [
        name for name in scorer.features
        if name not in text and served.features[name].notna().any() and name in earlier
    ]  # fmt: skip
    categories = {
        name: describe_category(served.features[name]) | {"usual": 0.0, "usual_ratio": 0.0} for name in text
    }
    now, before = (scorer.score(each, drivers=0) for each in (served.features, earlier))
    scores = [name for name in CONTRACT_SCORES if now[name].notna().all()]
    return {
        "task": served.model.task,
        "customers": len(served.features),
        "features": _describe(served.features, earlier, numbers) | categories,
        "scores": _describe(now, before, scores),
        "held_out": realised_performance.measure(held_out, seed),
        "totals": None,
    }


def label_profile(fitted: FittedLabels, seed: int) -> dict[str, Any]:
    """Profile a training on labels: as :func:`transaction_profile`, without ``lines, categories, totals``.

    Attributes are undated, so ``usual`` is 0.
    """
    text = fitted.model.text_features
    features = {
        str(name): describe_category(values) if name in text else describe_number(values)
        for name, values in fitted.features.items()
    }
    # Few trees give few distinct scores, so the bins come from the served model. The mean comes from held-out
    # customers, since trees are overconfident on their training data.
    own = fitted.scorer.score(fitted.features, drivers=0)["churn_probability"]
    scores = {"churn_probability": describe_number(own) | moments(fitted.held_out["churn_probability"])}
    described = {"features": features, "scores": scores}
    return {
        "task": fitted.model.task,
        "customers": len(fitted.features),
        **{
            kind: {name: column | {"usual": 0.0, "usual_ratio": 0.0} for name, column in columns.items()}
            for kind, columns in described.items()
        },
        "held_out": realised_performance.measure(fitted.held_out, seed),
    }


def _describe(now: pd.DataFrame, before: pd.DataFrame, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Describe the current columns, with their change since ``before`` beyond sampling variation."""
    columns = {}
    for name in names:
        column = describe_number(now[name])
        counts = count_number(before[name], column["edges"])
        index = population_stability_index(counts, column["counts"])
        chance, _ = by_chance(counts, column["counts"], 0.5)
        ratio = log_ratio(column["mean"], moments(before[name])["mean"])
        columns[name] = column | {"usual": max(0.0, index - chance), "usual_ratio": abs(ratio)}
    return columns


def _categories(log: TransactionLog, as_of: date, twin_day: date) -> dict[str, dict[str, Any]]:
    columns = {}
    for column in _CATEGORY_COLUMNS:
        if column not in log.lines.columns:
            continue
        earlier, values = (_most_common(log, column, day) for day in (twin_day, as_of))
        other, lines, _ = _other_values(log, column, earlier, twin_day, as_of)
        columns[column] = {"values": values, "usual": other / lines if lines else 0.0, "lines": lines}
    return columns


def _most_common(log: TransactionLog, column: str, day: date) -> list[str]:
    return _hashed(_value_counts(log, column, log.lines.date <= ibis.literal(day)).index[:_MOST_VALUES])


def _relative(totals: pd.DataFrame) -> Mapping[str, float] | None:
    """Relate the interval of all customers' purchases to the forecast."""
    row = totals[(totals["target"] == "purchases") & totals["segment"].isna()].iloc[0]
    if not row["expected"] > 0:
        return None
    return {end: float(row[end] / row["expected"] - 1.0) for end in ("lower", "upper")}
