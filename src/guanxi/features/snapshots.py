"""Snapshots: features as of a cutoff, with what happened in the window after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.features.behaviour import feature_expression
from guanxi.features.rfm import purchases_until
from guanxi.periods import add_days

OUTCOMES = ("purchases", "spend", "churned")
_MINIMUM_WINDOW_DAYS = 7
_USUAL_CUTOFFS = 8


@dataclass(frozen=True)
class SnapshotPlan:
    """Cutoffs at which a model trained at one day may look back, and the length of their label windows.

    The label window of every training cutoff ends before the validation cutoff's begins, and that of the
    validation cutoff on the training day, so that nothing after the training day is used.
    """

    training: tuple[date, ...]
    validation: date
    window_days: int


def plan_snapshots(
    first_day: date, training_day: date, horizon_days: int, spacing_days: int | None = None
) -> SnapshotPlan | None:
    """Choose snapshot cutoffs for a model trained with the data up to ``training_day``.

    One window each is kept for validation labels, training labels and history (the earliest training
    cutoff has half a window of it); where the history is shorter than three horizons, the windows shrink
    to a third of it.

    Parameters
    ----------
    first_day, training_day : date
        The span of what may be used.
    horizon_days : int
        Length of the window that will be predicted, in days.
    spacing_days : int, optional
        Days between training cutoffs; default: half a window, or more where that would give over nine.

    Returns
    -------
    SnapshotPlan or None
        None where not even windows of a week, or of a shorter horizon, fit.

    Examples
    --------
    >>> plan = plan_snapshots(date(1997, 1, 1), date(1997, 9, 30), 273)
    >>> plan.window_days, plan.validation.isoformat()
    (90, '1997-07-02')
    """
    history = (training_day - first_day).days
    window = min(horizon_days, history // 3)
    if window < min(horizon_days, _MINIMUM_WINDOW_DAYS):
        return None
    validation = add_days(training_day, -window)
    latest = add_days(validation, -window)
    earliest = add_days(first_day, window // 2)
    spacing = spacing_days or max(1, window // 2, (latest - earliest).days // _USUAL_CUTOFFS)
    count = (latest - earliest).days // spacing + 1
    training = tuple(add_days(latest, -spacing * i) for i in range(count))
    return SnapshotPlan(training=training[::-1], validation=validation, window_days=window)


def features_at(log: TransactionLog, cutoff: date, horizon_days: int) -> pd.DataFrame:
    """Features of every customer known at the cutoff, in the order of ``customer_id``."""
    grain = log.params.event_grain
    expression = feature_expression(log.events, log.lines, cutoff, horizon_days, grain)
    return execute_in_order(log.connection, expression.order_by("customer_id"))


def snapshot(log: TransactionLog, cutoff: date, window_days: int) -> pd.DataFrame:
    """Features at the cutoff with the outcomes of the following window.

    Returns
    -------
    pandas.DataFrame
        The feature table and ``purchases`` (count), ``spend`` (amount) and ``churned`` (1.0: no purchase)
        in the ``window_days`` after the cutoff day.
    """
    grain = log.params.event_grain
    features = feature_expression(log.events, log.lines, cutoff, window_days, grain)
    labels = outcome_expression(log.events, cutoff, window_days, grain)
    joined = features.left_join(labels, "customer_id").drop("customer_id_right")
    purchases = joined.purchases.fill_null(0).cast("float64")
    labelled = joined.mutate(
        purchases=purchases,
        spend=joined.spend.fill_null(0.0),
        churned=(purchases == 0).cast("float64"),
    )
    return execute_in_order(log.connection, labelled.order_by("customer_id"))


def outcome_expression(events: Any, cutoff: date, window_days: int, event_grain: str = "D") -> Any:
    """Count and sum the purchases of each customer in the ``window_days`` after the cutoff day.

    Returns
    -------
    ibis.Table
        ``customer_id, purchases, spend`` of those who bought; purchases of one period count once.
    """
    window = purchases_until(
        events.filter(events.date > ibis.literal(cutoff)), add_days(cutoff, window_days), event_grain
    )
    return window.group_by("customer_id").agg(purchases=window.count(), spend=window.amount.sum())
