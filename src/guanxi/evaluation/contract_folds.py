"""Cross-validation of a file of customers under contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.contracts.log import ContractLog
from guanxi.evaluation import survival_metrics
from guanxi.evaluation.contract_measures import (
    KAPLAN_MEIER,
    SHARE,
    ContractEvaluation,
    measure_churn,
    single,
)
from guanxi.features.contracts.snapshots import person_periods
from guanxi.params import Params
from guanxi.periods import days_per_unit
from guanxi.pipeline.contracts import FittedContracts, customers_to_score
from guanxi.pipeline.contracts.fit import fit_opportunities
from guanxi.served.corrections import probability

Floats = NDArray[np.float64]

FOLDS = 5
_TIMES = (3, 6, 12, 24, 36)  # renewal opportunities
_MOST_CUSTOMERS = 100_000
_CHUNK = 200_000


def cross_validate(
    log: ContractLog, params: Params, *, on_step: Callable[[str], None] = lambda _: None
) -> ContractEvaluation:
    """Evaluate a file of customers by five folds of customers.

    Churn is measured at every renewal opportunity at which the customers of a fold are known to have been at
    risk. If ``contracts.observed`` is ``history`` these are all of a tenure: the last one alone would not do,
    because a customer who left did so at it by definition, which no forecast of the hazard can know. If it is
    ``last_period`` it is the last one. The survival curves are those of a new customer with the same
    attributes; they are measured for ``history`` only.
    """
    periods = person_periods(log, customers=_MOST_CUSTOMERS).drop(columns="opportunity")
    now = customers_to_score(log)
    by_customer = periods.groupby("customer_id", sort=True)
    first, last = (each.reset_index(drop=True) for each in (by_customer.head(1), by_customer.tail(1)))
    first, last = (each.sort_values("customer_id", ignore_index=True) for each in (first, last))
    folds = _folds(last["churned"].to_numpy(dtype=np.float64), params.seed)
    fold_of_row = periods["customer_id"].map(pd.Series(folds, last["customer_id"])).to_numpy()
    times = list(range(1, int(last["renewals"].max()) + 1)) or [1]
    days = [time * days_per_unit(log.params.period) for time in times]
    forecasts = {name: np.empty(len(periods)) for name in ("churn_probability", SHARE, KAPLAN_MEIER)}
    curves, naive = np.empty((len(last), len(times))), np.empty((len(last), len(times)))
    for fold in range(FOLDS):
        on_step(f"fold {fold + 1} of {FOLDS}")
        training, rows = periods[fold_of_row != fold], periods[fold_of_row == fold]
        kept = now[~now["customer_id"].isin(last.loc[folds == fold, "customer_id"])]
        fitted = fit_opportunities(training, kept, log.last_day, params, period=log.params.period)
        hazard = _hazard_by_tenure(training)
        here = fold_of_row == fold
        forecasts["churn_probability"][here] = _next_churn(fitted, rows)
        forecasts[SHARE][here] = training["churned"].mean()
        forecasts[KAPLAN_MEIER][here] = hazard.reindex(rows["renewals"], fill_value=hazard.mean())
        new = first[folds == fold].assign(periods_to_renewal=np.nan, renewals=0)
        curves[folds == fold] = fitted.scorer.survival(new, days)
        naive[folds == fold] = np.cumprod(1.0 - hazard.reindex(range(len(times)), fill_value=hazard.mean()))
    table = last[["customer_id", "churned"]].assign(fold=folds, opportunities=last["renewals"] + 1)
    table = table.astype({"churned": "float64"})
    rows = periods[["customer_id", "renewals", "churned"]].astype({"churned": "float64"})
    rows = rows.assign(churn_probability=forecasts.pop("churn_probability")).reset_index(drop=True)
    measured, others, grade = measure_churn(rows, forecasts, params)
    survival = pd.DataFrame()
    if log.params.observed == "history":
        own, survival = _survival(table, curves, times), _calibration(table, curves, times)
        measured = pd.concat([measured, own], ignore_index=True)
        naively = _survival(table, naive, times)[["target", "metric", "value"]].assign(model=KAPLAN_MEIER)
        others = pd.concat([others, naively[naively["metric"] == "integrated_brier"]], ignore_index=True)
    return ContractEvaluation(
        kind="cross-validation",
        cutoff=None,
        days=round(days_per_unit(log.params.period)),
        table=table,
        rows=rows,
        metrics=measured,
        baselines=others,
        grade=grade,
        survival=survival,
        cohorts=pd.DataFrame(),
        fitted=fitted,
        curves=curves,
    )


def _next_churn(fitted: FittedContracts, rows: pd.DataFrame) -> Floats:
    """Probability of leaving at the opportunity of each row, shape (n,)."""
    hazard = fitted.scorer.hazard
    starts = range(0, len(rows), _CHUNK)
    return probability(np.concatenate([hazard.next(rows.iloc[at : at + _CHUNK]) for at in starts]))


def _hazard_by_tenure(rows: pd.DataFrame) -> pd.Series:
    """Share who left at each number of renewals, as if one more opportunity had been like all others."""
    found = rows.groupby("renewals")["churned"].agg(["sum", "size"])
    return (found["sum"] + rows["churned"].mean()) / (found["size"] + 1.0)


def _survival(table: pd.DataFrame, curves: Floats, times: Sequence[int]) -> pd.DataFrame:
    duration, churned = table["opportunities"].to_numpy(), table["churned"].to_numpy()
    brier = survival_metrics.integrated_brier(duration, churned, curves, times)
    concordance = survival_metrics.concordance(duration, churned, -curves.sum(axis=1))
    rows = [single("survival", "integrated_brier", brier), single("survival", "concordance", concordance)]
    return pd.concat(rows, ignore_index=True)


def _calibration(table: pd.DataFrame, curves: Floats, times: Sequence[int]) -> pd.DataFrame:
    duration, churned = table["opportunities"].to_numpy(), table["churned"].to_numpy()
    found = [
        survival_metrics.calibration_by_decile(duration, churned, curves[:, times.index(time)], time).assign(
            time=time
        )
        for time in _TIMES
        if time in times
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _folds(label: Floats, seed: int) -> NDArray[np.intp]:
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(label), dtype=np.intp)
    for fold, (_, held_out) in enumerate(
        StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(label, label)
    ):
        folds[held_out] = fold
    return folds
