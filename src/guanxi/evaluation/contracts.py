"""Evaluation of models of customers under contract: on a later window, or by cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.contracts.log import ContractLog
from guanxi.errors import HistoryError
from guanxi.evaluation import metrics, survival_metrics
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.features.contracts.snapshots import contract_features, person_periods
from guanxi.params import Params
from guanxi.periods import add_days, days_per_unit
from guanxi.pipeline.contracts import FittedContracts, customers_to_score, fit_contracts
from guanxi.pipeline.contracts.fit import fit_opportunities

Floats = NDArray[np.float64]

GUANXI, CONSTANT, CONSTANT_BY_COHORT = "guanxi", "constant churn", "constant churn by cohort"
FOLDS = 5
_DAYS_PER_YEAR = 365.0
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
        A row per customer: ``customer_id, churned, churn_probability``; with a later window also ``paid``
        (discounted margin), ``clv, clv_lower, clv_upper``, ``renewals_made`` and ``opportunities`` in it.
    metrics : pandas.DataFrame
        ``target, metric, value, lower, upper``: 90 % bootstrap intervals over customers.
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
    metrics: pd.DataFrame
    survival: pd.DataFrame
    cohorts: pd.DataFrame
    fitted: FittedContracts
    curves: Floats


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
    measured = _measure(table, params)
    cohorts = forecast_cohorts(fitted, table, log, days)
    return ContractEvaluation(
        "later window", cutoff, days, table, measured, survival, cohorts, fitted, curves
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


def cross_validate(
    log: ContractLog, params: Params, *, on_step: Callable[[str], None] = lambda _: None
) -> ContractEvaluation:
    """Evaluate a file of customers by five folds of customers.

    Churn is whether a customer left at the last opportunity, given the tenure; the survival curves are those
    of a new customer with the same attributes.
    """
    periods = person_periods(log).drop(columns="opportunity")
    now = customers_to_score(log)
    by_customer = periods.groupby("customer_id", sort=True)
    first, last = (each.reset_index(drop=True) for each in (by_customer.head(1), by_customer.tail(1)))
    folds = _folds(last["churned"].to_numpy(dtype=np.float64), params.seed)
    times = list(range(1, int(last["renewals"].max()) + 1))
    probability, curves = np.empty(len(last)), np.empty((len(last), len(times)))
    for fold in range(FOLDS):
        on_step(f"fold {fold + 1} of {FOLDS}")
        held_out = folds == fold
        ids = last.loc[held_out, "customer_id"]
        training = periods[~periods["customer_id"].isin(ids)]
        fitted = fit_opportunities(
            training, now[~now["customer_id"].isin(ids)], log.last_day, params, period=log.params.period
        )
        rows, new = (each[held_out].assign(periods_to_renewal=np.nan) for each in (last, first))
        probability[held_out] = 1.0 - fitted.scorer.score(rows, drivers=0)["renewal_probability"]
        days = [time * days_per_unit(log.params.period) for time in times]
        curves[held_out] = fitted.scorer.survival(new.assign(renewals=0), days)
    table = last[["customer_id", "churned"]].assign(
        churn_probability=probability, fold=folds, opportunities=last["renewals"] + 1
    )
    table = table.astype({"churned": "float64"})
    measured = _measure(table, params)
    survival = pd.DataFrame()
    if log.params.observed != "last_period":
        extra, survival = _survival_of_file(table, curves, times)
        measured = pd.concat([measured, extra], ignore_index=True)
    days_kept = round(days_per_unit(log.params.period))
    return ContractEvaluation(
        "cross-validation", None, days_kept, table, measured, survival, pd.DataFrame(), fitted, curves
    )


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
    months = np.arange(1, max(1, int(days / (_DAYS_PER_YEAR / 12.0))) + 1) * (_DAYS_PER_YEAR / 12.0)
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


def _measure(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    rows = [_intervals(table["churned"], table["churn_probability"], "churn", _CHURN, params.seed)]
    if "paid" in table and "clv" in table and table["clv"].notna().all():
        rows.append(_intervals(table["paid"], table["clv"], "value", _VALUE, params.seed))
        inside = (table["paid"] >= table["clv_lower"] - 1e-6) & (table["paid"] <= table["clv_upper"] + 1e-6)
        rows.append(_single("value", "coverage", float(inside.mean())))
    return pd.concat(rows, ignore_index=True)


def _intervals(
    actual: Any, predicted: Any, target: str, functions: dict[str, metrics.Metric], seed: int
) -> pd.DataFrame:
    found = bootstrap(actual, {target: predicted}, functions, seed=seed).intervals()
    return found[["metric", "value", "lower", "upper"]].assign(target=target)[
        ["target", "metric", "value", "lower", "upper"]
    ]


def _single(target: str, metric: str, value: float) -> pd.DataFrame:
    return pd.DataFrame(
        [{"target": target, "metric": metric, "value": value, "lower": np.nan, "upper": np.nan}]
    )


def _survival_of_file(
    table: pd.DataFrame, curves: Floats, times: list[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    duration, churned = table["opportunities"].to_numpy(), table["churned"].to_numpy()
    rows = [
        _single(
            "survival",
            "integrated_brier",
            survival_metrics.integrated_brier(duration, churned, curves, times),
        ),
        _single(
            "survival", "concordance", survival_metrics.concordance(duration, churned, -curves.sum(axis=1))
        ),
    ]
    found = [
        survival_metrics.calibration_by_decile(duration, churned, curves[:, times.index(time)], time).assign(
            time=time
        )
        for time in (3, 6, 12, 24, 36)
        if time in times
    ]
    return pd.concat(rows, ignore_index=True), pd.concat(found, ignore_index=True)


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


def _folds(label: Floats, seed: int) -> NDArray[np.intp]:
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(label), dtype=np.intp)
    for fold, (_, held_out) in enumerate(
        StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(label, label)
    ):
        folds[held_out] = fold
    return folds
