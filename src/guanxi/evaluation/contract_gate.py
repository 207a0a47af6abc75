"""Promotion gate of models of contracts: twins compared on a later window, as in :mod:`.gate`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.evaluation._predictive import coverage
from guanxi.evaluation.gate import Check, _relative, compare_with_constant
from guanxi.evaluation.metrics import log_loss, mean_absolute_error
from guanxi.params import PromotionParams

_ROUNDING = 1e-6  # of amounts


def judge_alone(
    window: pd.DataFrame, candidate: pd.DataFrame, level: float, params: PromotionParams
) -> list[Check]:
    """Compare a twin with a constant forecast, and the coverage of its intervals with their level.

    Parameters
    ----------
    window : pandas.DataFrame
        ``churned`` (0 or 1) and ``paid`` (discounted margin) of the held-out customers.
    candidate : pandas.DataFrame
        Predictions for the same rows.
    level : float
        Nominal coverage of the intervals of value.
    params : PromotionParams
    """
    return [
        *compare_with_constant(window, candidate, params),
        *_check_coverage(window, candidate, level, params),
    ]


def compare(
    window: pd.DataFrame,
    candidate: pd.DataFrame,
    champion: pd.DataFrame,
    level: float,
    params: PromotionParams,
    than: str,
) -> list[Check]:
    """Compare the errors of two twins on a window, the champion's being named ``than``."""
    tables = candidate, champion
    own, other = (log_loss(window["churned"], table["churn_probability"]) for table in tables)
    key = "log_loss_increase"
    checks = [
        Check("log loss of churn", own, other, than, _relative(own, other), params.log_loss_increase, key)
    ]
    known = window["paid"].notna() & candidate["clv"].notna() & champion["clv"].notna()
    if known.any():
        own, other = (mean_absolute_error(window["paid"][known], table["clv"][known]) for table in tables)
        change, name = _relative(own, other), "mean absolute error of value"
        checks.append(Check(name, own, other, than, change, params.mae_increase, "mae_increase"))
    return [*checks, *_check_coverage(window, candidate, level, params)]


def compare_means(
    candidate: pd.DataFrame, champion: pd.DataFrame, params: PromotionParams, than: str
) -> list[Check]:
    """Compare the mean predictions of two served models for the same customers."""
    if params.mean_change is None:
        return []
    checks = []
    for name in ("churn_probability", "clv"):
        own, other = candidate[name].mean(), champion[name].mean()
        if np.isfinite(own) and np.isfinite(other):
            change, limit = _relative(own, other), params.mean_change
            checks.append(
                Check(f"mean of {name}", own, other, than, change, limit, "mean_change", both_ways=True)
            )
    return checks


def _check_coverage(
    window: pd.DataFrame, candidate: pd.DataFrame, level: float, params: PromotionParams
) -> list[Check]:
    known = (window["paid"].notna() & candidate["clv"].notna()).to_numpy()
    if not known.any():
        return []
    lower, upper = (candidate[end][known] for end in ("clv_lower", "clv_upper"))
    held = coverage(window["paid"][known], lower - _ROUNDING, upper + _ROUNDING)
    name, limit = "coverage of the intervals of value", params.coverage_shortfall
    return [Check(name, held, level, "asked for", level - held, limit, "coverage_shortfall")]
