"""Customers under contract: telco customers against scikit-survival, simulated ones against the truth.

Usage: python benchmarks/contracts.py [telco | simulated | million]
``telco`` reads $GUANXI_SHARED_DATA or ../shared/data.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.contracts.log import read_contracts
from guanxi.evaluation import survival_metrics
from guanxi.evaluation.contract_folds import cross_validate
from guanxi.evaluation.contracts import cohort_errors, evaluate_later_window
from guanxi.features.contracts.snapshots import person_periods
from guanxi.params import Params
from guanxi.pipeline.contracts import FittedContracts, fit_contracts
from guanxi.pipeline.contracts.equity import total_value
from guanxi.simulation import SubscriptionEffects, Subscriptions, simulate_subscriptions

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
# Recorded after the outcome, or computed from it.
LEAKS = (
    *("Satisfaction Score", "Customer Status", "Churn Label", "Churn Score", "CLTV"),
    *("Churn Category", "Churn Reason"),
)
# They tell the tenure, and so in a survival model the future: they add up over it, or depend on it.
TELLS_TENURE = (
    *("Total Charges", "Total Refunds", "Total Extra Data Charges", "Total Long Distance Charges"),
    *("Total Revenue", "Offer", "Number of Referrals", "Referred a Friend"),
)
PLACES = ("Count", "Country", "State", "Quarter", "Lat Long", "Zip Code", "City")
COLUMNS = {
    "customer_id": "Customer ID",
    "tenure": "Tenure in Months",
    "churned": "Churn Value",
    "amount": "Monthly Charge",
    "plan": "Contract",
}
EFFECTS = SubscriptionEffects(
    attributes={"usage": -0.5, "tickets": 0.3},
    plans={"basic": 0.4, "premium": -0.4},
    channels={"advert": 0.3},
    months={1: 0.5, 7: 0.3, 8: 0.3, 9: -0.2},
    price=1.0,
    changes=0.04,
    change_mean=0.03,
    change_spread=0.1,
)
TRUTH = {"gamma": 0.7, "delta": 12.0, "c": 1.1}
MONTH = 365.0 / 12.0


def telco() -> pd.DataFrame:
    """Four joined tables of the same customers, without leaking columns."""
    folder, found = SHARED / "telco_satisfaction", pd.DataFrame()
    for name in ("demographics", "location", "services", "status"):
        table = pd.read_parquet(folder / f"telco_{name}.parquet").set_index("Customer ID")
        found = table if found.empty else found.join(table.drop(columns=found.columns, errors="ignore"))
    return found.drop(columns=[*LEAKS, *PLACES]).reset_index()


def telco_log(table: pd.DataFrame, folder: Path, observed: str) -> Any:
    """Read the customers as a file of contracts."""
    table.to_parquet(folder / "telco.parquet")
    params = Params.model_validate({"data": {"columns": COLUMNS}, "contracts": {"observed": observed}})
    return read_contracts(str(folder / "telco.parquet"), params), params


def compare_telco() -> None:
    """Churn, survival and calibration on the same five folds as scikit-survival."""
    with tempfile.TemporaryDirectory() as folder:
        log, params = telco_log(telco(), Path(folder), "last_period")
        found = cross_validate(log, params).metrics.set_index(["target", "metric"])["value"]
        print(
            "churn at the last opportunity:",
            {name: round(found["churn", name], 4) for name in ("auc", "log_loss")},
        )
        table = telco().drop(columns=list(TELLS_TENURE))
        log, params = telco_log(table, Path(folder), "history")
        evaluated = cross_validate(log, params)
        last = person_periods(log).groupby("customer_id", sort=True).tail(1)
        print("guanxi:", evaluated.fitted.choice.reason, "|", evaluated.fitted.correction.reason)
    curves = {"guanxi": evaluated.curves, **_rivals(table, evaluated.table)}
    print(_compared(evaluated.table, curves).round(5).to_string())
    gaps = evaluated.survival.assign(gap=lambda rows: (rows["predicted"] - rows["observed"]).abs())
    print("calibration by decile, largest and mean gap:")
    print(gaps.groupby("time")["gap"].agg(["max", "mean"]).round(4).to_string())
    assert len(last) == len(evaluated.table)


def _rivals(table: pd.DataFrame, evaluated: pd.DataFrame) -> dict[str, Any]:
    """Survival curves by scikit-survival, each customer's from a model fitted without its fold."""
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    table = table.set_index("Customer ID").loc[evaluated["customer_id"]]
    label = Surv.from_arrays(table["Churn Value"] == 1, table["Tenure in Months"])
    X = pd.get_dummies(table.drop(columns=["Churn Value", "Tenure in Months"]), drop_first=True).astype(float)
    times = np.arange(1, int(table["Tenure in Months"].max()) + 1)
    models = {
        "scikit-survival gradient boosting": GradientBoostingSurvivalAnalysis(subsample=0.5, random_state=0),
        "scikit-survival Cox": CoxPHSurvivalAnalysis(alpha=0.1),
    }
    found = {name: np.empty((len(table), len(times))) for name in models}
    folds = evaluated["fold"].to_numpy()
    for fold in np.unique(folds):
        for name, model in models.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = model.fit(X[folds != fold], label[folds != fold])
            functions = fitted.predict_survival_function(X[folds == fold])
            last = functions[0].domain[1]
            found[name][folds == fold] = [each(np.minimum(times, last)) for each in functions]
    return found


def _compared(table: pd.DataFrame, curves: dict[str, Any]) -> pd.DataFrame:
    """Integrated Brier score and concordance: means over the folds."""
    rows = []
    for name, predicted in curves.items():
        for fold in np.unique(table["fold"]):
            here = (table["fold"] == fold).to_numpy()
            duration, churned = table.loc[here, "opportunities"], table.loc[here, "churned"]
            times = np.arange(1, 70)
            S = predicted[here][:, : len(times)]
            rows.append(
                {
                    "model": name,
                    "integrated_brier": survival_metrics.integrated_brier(duration, churned, S, times),
                    "concordance": survival_metrics.concordance(duration, churned, -S.sum(axis=1)),
                }
            )
    return pd.DataFrame(rows).groupby("model").mean()


def simulated(seed: int, n: int = 6000) -> tuple[Subscriptions, Any, Params]:
    """Subscribers of 48 monthly cohorts with known truth."""
    told = simulate_subscriptions(TRUTH, n, 48, seed, cohorts=48, effects=EFFECTS, future=60)
    with tempfile.TemporaryDirectory() as folder:
        told.contracts.to_parquet(Path(folder, "contracts.parquet"))
        told.customers.drop(columns="theta").to_parquet(Path(folder, "customers.parquet"))
        params = Params.model_validate(
            {
                "horizon_days": 365,
                "relations": {"customers": {"source": str(Path(folder, "customers.parquet"))}},
            }
        )
        return told, read_contracts(str(Path(folder, "contracts.parquet")), params), params


def truth(told: Subscriptions, days: float, rate: float) -> pd.DataFrame:
    """Discounted payments within a number of days, and days under contract, by customer."""
    elapsed = (pd.to_datetime(told.future["opportunity"]) - pd.Timestamp(told.as_of)).dt.days
    rows = told.future.assign(
        paid=told.future["amount"] * (1.0 + rate) ** (-elapsed / 365.0) * (elapsed <= days),
        kept=np.where((told.future["churned"] == 1) & (elapsed <= days), elapsed, days),
    )
    return rows.groupby("customer_id").agg(paid=("paid", "sum"), kept=("kept", "min"))


def check_seed(seed: int) -> dict[str, Any]:
    """Compare one simulated base with its future."""
    told, log, params = simulated(seed)
    begin = time.perf_counter()
    fitted = fit_contracts(log, told.as_of, params)
    seconds = time.perf_counter() - begin
    scored = fitted.scorer.score(fitted.features, drivers=0)
    happened = truth(told, 365.0, 0.1).reindex(fitted.features["customer_id"].astype(int))
    paid = happened["paid"].to_numpy()
    whole = total_value(fitted)
    inside = (paid >= scored["clv_lower"].to_numpy() - 1e-6) & (paid <= scored["clv_upper"].to_numpy() + 1e-6)
    errors = cohort_errors(evaluate_later_window(log, told.as_of, params).cohorts)
    return {
        "seed": seed,
        "total": scored["clv"].sum() / paid.sum() - 1.0,
        "total_inside": bool(whole["lower"] <= paid.sum() <= whole["upper"]),
        "coverage": float(inside.mean()),
        "lifetime": _lifetime(fitted) / float(truth(told, 58 * MONTH, 0.0)["kept"].mean() / MONTH) - 1.0,
        **{f"cohorts, {name}": value for name, value in errors.items()},
        "seconds": seconds,
    }


def _lifetime(fitted: FittedContracts) -> float:
    """Mean expected lifetime within 58 months."""
    days = 58 * MONTH
    found = [
        fitted.scorer.curves(rows, days=days + 2 * MONTH).lifetime(fitted.scorer.periods(days))
        for rows in (fitted.features.iloc[start::4] for start in range(4))
    ]
    return float(np.concatenate(found).mean())


def check_simulated(seeds: int = 20) -> None:
    """Print every seed, then the means."""
    rows = []
    for seed in range(seeds):
        rows.append(check_seed(seed))
        print(json.dumps(rows[-1], default=lambda value: value.item()), flush=True)
    table = pd.DataFrame(rows)
    print(table.mean(numeric_only=True).round(4).to_string())
    print("totals inside their 90 % interval:", float(table["total_inside"].mean()))


def score_million() -> None:
    """Score a million customers in blocks, and print the time and the memory that it took."""
    _, log, params = simulated(0)
    fitted = fit_contracts(log, None, params)
    block = fitted.features.sample(50_000, replace=True, random_state=0).reset_index(drop=True)
    fitted.scorer.score(block)
    before, begin = _peak(), time.perf_counter()
    for _ in range(20):
        fitted.scorer.score(block)
    seconds = time.perf_counter() - begin
    print(
        f"1,000,000 customers in {seconds:.0f} s; peak memory {before:.0f} MB before, {_peak():.0f} MB after"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    jobs = {"telco": compare_telco, "simulated": check_simulated, "million": score_million}
    for name in sys.argv[1:] or jobs:
        jobs[name]()
