"""Measures of churn, value and survival of contracts, beside those of naive forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.evaluation import metrics
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.evaluation.grade import Grade, _grade_forecast
from guanxi.params import Params
from guanxi.pipeline.contracts import FittedContracts

Floats = NDArray[np.float64]

SHARE, KAPLAN_MEIER = "share of churners", "Kaplan-Meier"
_CHURN = {name: metrics.PROBABILITIES[name] for name in ("auc", "log_loss", "brier", "ece", "lift_at_10")}
_CHURN |= {"bias": metrics.AMOUNTS["bias"]}
_VALUE = {name: metrics.AMOUNTS[name] for name in ("bias", "mae", "spearman", "normalised_gini")}


@dataclass(frozen=True)
class ContractEvaluation:
    """Predictions for customers whose future is known, and how good they are.

    Attributes
    ----------
    kind : str
        ``later window`` or ``cross-validation``.
    cutoff : date or None
        The day before the later window.
    days : int
        Length of the window; for cross-validation one contract period.
    table : pandas.DataFrame
        A row per customer: ``customer_id, churned`` and ``opportunities``; with a later window also
        ``churn_probability``, ``paid`` (discounted margin), ``clv, clv_lower, clv_upper`` and
        ``renewals_made``.
    rows : pandas.DataFrame
        ``churned, churn_probability`` of what churn is measured on: the table of a later window, and the
        renewal opportunities (``customer_id, renewals``) of a file of customers.
    metrics : pandas.DataFrame
        ``target, metric, value, lower, upper``: 90 % bootstrap intervals over rows.
    baselines : pandas.DataFrame
        ``target, model, metric, value`` of the same churn probability for everyone and, for a file of
        customers, of that observed at each tenure (Kaplan & Meier).
    grade : Grade or None
        Of churn, compared with these; None if too few customers left or stayed.
    survival : pandas.DataFrame
        ``time`` (renewal opportunities), ``decile, customers, predicted, observed``: calibration of S(t).
    cohorts : pandas.DataFrame
        :func:`forecast_cohorts`; empty for cross-validation.
    fitted : FittedContracts
        The model evaluated; for cross-validation that of the last fold.
    curves : array, shape (customers, times)
        S(t) of the customers of ``table``: at the times of ``survival``; for cross-validation at 1, 2, ...
        opportunities of a new customer with the same attributes.
    """

    kind: str
    cutoff: date | None
    days: int
    table: pd.DataFrame
    rows: pd.DataFrame
    metrics: pd.DataFrame
    baselines: pd.DataFrame
    grade: Grade | None
    survival: pd.DataFrame
    cohorts: pd.DataFrame
    fitted: FittedContracts
    curves: Floats

    @property
    def by_opportunity(self) -> bool:
        """Whether churn is measured at all renewal opportunities of a tenure, not once for each customer."""
        return len(self.rows) > len(self.table)

    @property
    def largest_gap(self) -> float:
        """Largest difference of predicted and observed survival in a tenth of the customers; NaN if none."""
        if not len(self.survival):
            return float("nan")
        return float((self.survival["predicted"] - self.survival["observed"]).abs().max())


def measure_churn(
    rows: pd.DataFrame, naive: Mapping[str, Any], params: Params
) -> tuple[pd.DataFrame, pd.DataFrame, Grade | None]:
    """Measure ``churn_probability`` against ``churned``: metrics, those of naive forecasts, and the grade.

    A customer's opportunities are resampled as if they were independent: given that a customer is still
    there, whether he leaves is not correlated with what he did before beyond what the forecast knows.

    Parameters
    ----------
    rows : pandas.DataFrame, n rows
    naive : mapping of str to array, shape (n,)
        Probabilities by naive forecasts.
    params : Params
    """
    churned, own = rows["churned"], rows["churn_probability"]
    measured = _intervals(churned, own, "churn", _CHURN, params.seed)
    others = pd.DataFrame(
        [
            {"target": "churn", "model": model, "metric": name, "value": _CHURN[name](churned, forecast)}
            for model, forecast in naive.items()
            for name in ("log_loss", "brier")
        ]
    )
    grade = _grade_forecast("churn", churned, own, naive, params.seed, language=params.language)
    return measured, others, grade


def measure_value(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Measure ``clv`` and its interval against ``paid``; empty without amounts."""
    if not table["clv"].notna().all():
        return pd.DataFrame()
    inside = (table["paid"] >= table["clv_lower"] - 1e-6) & (table["paid"] <= table["clv_upper"] + 1e-6)
    measured = _intervals(table["paid"], table["clv"], "value", _VALUE, params.seed)
    return pd.concat([measured, single("value", "coverage", float(inside.mean()))], ignore_index=True)


def _intervals(
    actual: Any, predicted: Any, target: str, functions: dict[str, metrics.Metric], seed: int
) -> pd.DataFrame:
    found = bootstrap(actual, {target: predicted}, functions, seed=seed).intervals()
    return found[["metric", "value", "lower", "upper"]].assign(target=target)[
        ["target", "metric", "value", "lower", "upper"]
    ]


def single(target: str, metric: str, value: float) -> pd.DataFrame:
    """One metric without an interval."""
    return pd.DataFrame(
        [{"target": target, "metric": metric, "value": value, "lower": np.nan, "upper": np.nan}]
    )
