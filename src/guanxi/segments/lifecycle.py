"""Lifecycle stages, assigned by rules in order: every customer is in exactly one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from guanxi.segments._conditions import parse_condition


@dataclass(frozen=True)
class _Stage:
    """A stage and its alternative conditions.

    The conditions are on ``probability_alive``, ``churn_probability`` and the columns of
    :func:`_stage_measures`; docs/segments.md describes them in words.
    """

    name: str
    any_of: tuple[Mapping[str, str], ...]


STAGES: tuple[_Stage, ...] = (
    _Stage("prospect", ({"purchases": "== 0"},)),
    _Stage("new", ({"tenure_windows": "< 1"},)),
    _Stage(
        "lost",
        (
            {"probability_alive": "< 0.2"},
            {"churn_probability": ">= 0.9", "silence_gaps": ">= 3", "silence_windows": ">= 1"},
        ),
    ),
    _Stage(
        "won_back",
        ({"return_windows": "< 1", "break_gaps": ">= 3", "break_windows": ">= 1"},),
    ),
    _Stage(
        "declining",
        (
            {"probability_alive": "< 0.5"},
            {"purchases": "== 1"},
            {"silence_gaps": ">= 3", "silence_windows": ">= 0.5"},
            {"purchases_change": "<= -2", "purchases_ratio": "<= 0.67"},
        ),
    ),
    _Stage(
        "growing",
        (
            {"tenure_windows": "< 2", "purchases_recent": ">= 1"},
            {"purchases_change": ">= 2", "purchases_ratio": ">= 1.5"},
        ),
    ),
    _Stage("mature", ({},)),
)


def lifecycle_stages(customers: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Assign each customer the first of ``STAGES`` with a true condition.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id``; of the prediction table ``frequency, recency, T, probability_alive,
        churn_probability``; the other columns from :func:`guanxi.features.rhythm.rhythm_at`. A customer
        without ``frequency`` has not bought.
    window_days : int
        Length of the recent past in days, as in the rhythm.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, lifecycle_stage, lifecycle_reason`` (the condition that held), in the order given.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"customer_id": ["a", "b"],
    ...      "frequency": [4.0, None], "recency": [300.0, None], "T": [310.0, None],
    ...      "probability_alive": [0.95, None], "churn_probability": [0.2, None],
    ...      "purchases_recent": [1.0, None], "purchases_earlier": [1.0, None], "gap_usual": [70.0, None],
    ...      "gap_longest": [90.0, None], "days_since_return": [80.0, None]}
    ... )
    >>> lifecycle_stages(customers, 90)["lifecycle_stage"].tolist()
    ['mature', 'prospect']
    """
    measures = _stage_measures(customers, window_days)
    stage = np.full(len(customers), None, dtype=object)
    reason = np.full(len(customers), None, dtype=object)
    for each in STAGES:
        for number, when in enumerate(each.any_of, start=1):
            condition = parse_condition(when, f"stage {each.name}, condition {number}")
            rows = condition.holds(measures) & pd.isna(stage)
            stage[rows], reason[rows] = each.name, str(condition)
    table = pd.DataFrame({"lifecycle_stage": stage, "lifecycle_reason": reason}, index=customers.index)
    table.insert(0, "customer_id", customers["customer_id"])
    return table


def _stage_measures(customers: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Compute the variables in the conditions of the stages.

    The usual gap is the customer's own; with fewer than two gaps, the median over all customers (a single gap
    counts as usual there); the window if no customer bought twice. Parameters as in :func:`lifecycle_stages`.

    Returns
    -------
    pandas.DataFrame
        ``probability_alive, churn_probability, purchases_recent`` as given; ``purchases`` (to date);
        ``purchases_change, purchases_ratio`` (recent minus earlier, recent over earlier); ``tenure_windows,
        silence_windows, break_windows, return_windows`` (time since the first purchase, since the last,
        longest gap, and time since its end, in windows); ``silence_gaps, break_gaps`` (silence and longest
        gap in usual gaps).
    """
    silence = customers["T"] - customers["recency"]
    usual = customers["gap_usual"]
    everyone = usual.fillna(customers["gap_longest"]).median()
    usual = usual.fillna(everyone).fillna(float(window_days))
    recent, earlier = customers["purchases_recent"], customers["purchases_earlier"]
    return pd.DataFrame(
        {
            "probability_alive": customers["probability_alive"],
            "churn_probability": customers["churn_probability"],
            "purchases": (customers["frequency"] + 1.0).fillna(0.0),
            "purchases_recent": recent,
            "purchases_change": recent - earlier,
            "purchases_ratio": recent / earlier,
            "tenure_windows": customers["T"] / window_days,
            "silence_windows": silence / window_days,
            "silence_gaps": silence / usual,
            "break_windows": customers["gap_longest"] / window_days,
            "break_gaps": customers["gap_longest"] / usual,
            "return_windows": customers["days_since_return"] / window_days,
        }
    )
