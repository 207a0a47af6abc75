"""Evaluation of models of customers under contract: on a later window, or by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.contracts.log import ContractLog
from guanxi.errors import HistoryError
from guanxi.evaluation import survival_metrics
from guanxi.evaluation.contract_folds import cross_validate
from guanxi.evaluation.contract_measures import SHARE, ContractEvaluation, measure_churn, measure_value
from guanxi.features.contracts.snapshots import contract_features, person_periods
from guanxi.params import Params
from guanxi.periods import add_days
from guanxi.pipeline.contracts import FittedContracts, fit_contracts

Floats = NDArray[np.float64]

GUANXI, CONSTANT, CONSTANT_BY_COHORT = "guanxi", "constant churn", "constant churn by cohort"
_DAYS_PER_YEAR = 365.0
_DAYS_PER_MONTH = _DAYS_PER_YEAR / 12.0


def evaluate_contracts(
    log: ContractLog,
    as_of: date | None,
    params: Params,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> ContractEvaluation:
    """Evaluate on the ``horizon_days`` up to ``as_of``, or a file of customers by cross-validation."""
    if log.form == "customers":
        return cross_validate(log, params, on_step=on_step)
    return evaluate_later_window(log, as_of, params, on_step=on_step)


def evaluate_later_window(
    log: ContractLog,
    as_of: date | None,
    params: Params,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> ContractEvaluation:
    """Fit to what was known ``horizon_days`` before ``as_of``, and compare with what happened since.

    Raises
    ------
    HistoryError
        If the history does not reach back that far.
    """
    end, days = as_of or log.last_day, params.horizon_days
    cutoff = add_days(end, -days)
    if cutoff <= log.first_day:
        raise HistoryError(
            f"the contracts begin on {log.first_day}: for a window of {days} days up to {end} there is "
            "nothing to learn from; choose a shorter --horizon"
        )
    fitted = fit_contracts(log, cutoff, params, on_step=on_step)
    scored = fitted.scorer.score(fitted.features, drivers=0).assign(
        customer_id=fitted.features["customer_id"].to_numpy()
    )
    happened = contract_outcomes(log, cutoff, days, params)
    table = scored.merge(happened, on="customer_id", validate="1:1")
    months = sorted({round(share * days) for share in (0.25, 0.5, 1.0)})
    curves = fitted.scorer.survival(fitted.features, [float(each) for each in months])
    survival = _calibration_in_days(fitted, table, curves, months)
    naive = {SHARE: np.full(len(table), table["churned"].mean())}
    churn, others, grade = measure_churn(table, naive, params)
    return ContractEvaluation(
        kind="later window",
        cutoff=cutoff,
        days=days,
        table=table,
        rows=table,
        metrics=pd.concat([churn, measure_value(table, params)], ignore_index=True),
        baselines=others,
        grade=grade,
        survival=survival,
        cohorts=forecast_cohorts(fitted, table, log, days),
        fitted=fitted,
        curves=curves,
    )


def contract_outcomes(log: ContractLog, cutoff: date, days: int, params: Params) -> pd.DataFrame:
    """Tell what became of the customers under contract on a day, within a number of days.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, opportunities`` (that came up), ``renewals_made``, ``churned`` (1.0: left at one of
        them), ``days_kept`` (until the day of leaving, or all) and ``paid``: margin of the payments at the
        renewals, discounted.
    """
    end = add_days(cutoff, days)
    known = contract_features(log, cutoff)[["customer_id", "start"]]
    rows = person_periods(log, end, window=days).merge(known, on=["customer_id", "start"])
    rows = rows[pd.to_datetime(rows["opportunity"]) > pd.Timestamp(cutoff)]
    later = contract_features(log, end)[["customer_id", "start", "amount"]]
    rows = rows.merge(later, on=["customer_id", "start"], how="left", suffixes=("", "_later"))
    rows = rows.sort_values(["customer_id", "renewals"], ignore_index=True)
    # The amount of the period that begins at a renewal is known before the next opportunity.
    following = rows.groupby("customer_id")["amount"].shift(-1).fillna(rows["amount_later"])
    elapsed = (pd.to_datetime(rows["opportunity"]) - pd.Timestamp(cutoff)).dt.days
    factor = params.clv.margin * (1.0 + params.clv.annual_discount_rate) ** (-elapsed / _DAYS_PER_YEAR)
    rows = rows.assign(
        paid=np.where(rows["churned"] == 1, 0.0, following.fillna(rows["amount"]) * factor),
        kept=np.where(rows["churned"] == 1, elapsed, days),
    )
    found = rows.groupby("customer_id").agg(
        opportunities=("churned", "size"),
        churned=("churned", "max"),
        paid=("paid", "sum"),
        days_kept=("kept", "min"),
    )
    table = known[["customer_id"]].merge(found, on="customer_id", how="left")
    table = table.fillna({"opportunities": 0, "churned": 0, "paid": 0.0, "days_kept": days})
    table["renewals_made"] = table["opportunities"] - table["churned"]
    return table.astype({"churned": "float64"})


def forecast_cohorts(
    fitted: FittedContracts, table: pd.DataFrame, log: ContractLog, days: int
) -> pd.DataFrame:
    """Forecast how many customers of each cohort are left in the later window, and compare.

    Constant churn is the share of customers lost per opportunity in the year up to the cutoff, of all
    customers or of the cohort, extrapolated.

    Returns
    -------
    pandas.DataFrame
        ``cohort`` (quarter of the start), ``days`` (after the cutoff), ``customers``, ``actual`` (left over),
        and the forecasts ``guanxi, constant churn, constant churn by cohort``.
    """
    features, model = fitted.features, fitted.model
    cutoff = pd.Timestamp(model.as_of).date()
    months = np.arange(1, math.ceil(days / _DAYS_PER_MONTH - 0.01) + 1) * _DAYS_PER_MONTH
    months = np.minimum(months, days)
    curves = fitted.scorer.survival(features, months.tolist())
    kept = features[["customer_id"]].merge(table[["customer_id", "churned", "days_kept"]], on="customer_id")
    there = (kept["churned"].to_numpy() == 0)[:, None] | (kept["days_kept"].to_numpy()[:, None] > months)
    cohort = pd.to_datetime(features["start"]).dt.to_period("Q").astype(str).to_numpy()
    past = person_periods(log, cutoff, window=round(_DAYS_PER_YEAR))
    rate = float(past["churned"].mean())
    by_cohort = past.groupby(pd.to_datetime(past["start"]).dt.to_period("Q").astype(str))["churned"].mean()
    own = pd.Series(cohort).map(by_cohort).fillna(rate).to_numpy()
    passed = fitted.scorer.curves(features, days=float(days)).times
    counts = np.column_stack([passed.passed(month / model.period_days) for month in months])
    forecasts = {
        "actual": there.astype(np.float64),
        GUANXI: curves,
        CONSTANT: (1.0 - rate) ** counts,
        CONSTANT_BY_COHORT: (1.0 - own)[:, None] ** counts,
    }
    found = []
    for place, month in enumerate(months):
        sums = (
            pd.DataFrame({name: values[:, place] for name, values in forecasts.items()}).groupby(cohort).sum()
        )
        found.append(sums.assign(days=round(float(month)), customers=pd.Series(cohort).value_counts()))
    result = pd.concat(found).rename_axis("cohort").reset_index()
    return result[["cohort", "days", "customers", "actual", GUANXI, CONSTANT, CONSTANT_BY_COHORT]]


def cohort_errors(cohorts: pd.DataFrame) -> dict[str, float]:
    """Sum of the absolute errors of each forecast of :func:`forecast_cohorts`, over that of the customers."""
    total = float(cohorts["actual"].sum())
    return {
        name: float((cohorts[name] - cohorts["actual"]).abs().sum() / total)
        for name in (GUANXI, CONSTANT, CONSTANT_BY_COHORT)
    }


def _calibration_in_days(
    fitted: FittedContracts, table: pd.DataFrame, curves: Floats, days: list[int]
) -> pd.DataFrame:
    order = fitted.features[["customer_id"]].merge(table, on="customer_id")
    kept = order["days_kept"].to_numpy() - 0.5 * order["churned"].to_numpy()
    found = [
        survival_metrics.calibration_by_decile(kept, order["churned"], curves[:, place], day).assign(time=day)
        for place, day in enumerate(days)
    ]
    return pd.concat(found, ignore_index=True)
