"""Customers under contract: telco customers against scikit-survival, simulated ones against the truth.

Usage: python benchmarks/contracts.py [telco | simulated | million]
``telco`` reads $GUANXI_SHARED_DATA or ../shared/data. ``million`` runs ``guanxi predict``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from batch import measured
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
SCORED = np.arange(1, 70)  # renewals
CALIBRATED, WITHIN = (3, 6, 12, 24, 36), 0.03  # renewals, and the bar
AT_ONCE, TRAINED_ON, DRIVERS = 20_000, 6_000, 3


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
            {name: round(float(found["churn", name]), 4) for name in ("auc", "log_loss")},
        )
        table = telco().drop(columns=list(TELLS_TENURE))
        log, params = telco_log(table, Path(folder), "history")
        evaluated = cross_validate(log, params)
        last = person_periods(log).groupby("customer_id", sort=True).tail(1)
        print("guanxi:", evaluated.fitted.choice.reason, "|", evaluated.fitted.correction.reason)
    attributes = _attributes(table, evaluated.table)
    curves = {"guanxi": evaluated.curves, **_rivals(attributes, evaluated.table)}
    compared = _compared(evaluated.table, curves)
    print(compared.groupby("model").mean().drop(columns="fold").round(5).to_string())
    for measure in ("integrated_brier", "log_loss"):
        scores = compared.pivot_table(index="fold", columns="model", values=measure)
        less = scores.drop(columns="guanxi").sub(scores["guanxi"], axis=0)
        print(f"{measure} less that of guanxi, mean over the folds and its standard error:")
        print(pd.DataFrame({"mean": less.mean(), "error": less.sem()}).round(5).to_string())
    print("calibration of S(t) by tenth, largest gap:")
    print(pd.DataFrame({name: _gaps(evaluated.table, each) for name, each in curves.items()}).round(4))
    _compare_with_chance(evaluated.table, curves, attributes)
    assert len(last) == len(evaluated.table)


def _gaps(table: pd.DataFrame, curves: Any) -> pd.Series:
    """Largest difference of predicted and observed survival in a tenth of the customers, by time."""
    found = {}
    for time_ in CALIBRATED:
        tenths = survival_metrics.calibration_by_decile(
            table["opportunities"], table["churned"], curves[:, time_ - 1], time_
        )
        found[time_] = float((tenths["predicted"] - tenths["observed"]).abs().max())
    return pd.Series(found)


def _compare_with_chance(
    table: pd.DataFrame, curves: dict[str, Any], attributes: pd.DataFrame, replicates: int = 200
) -> None:
    """Print scores and gaps of a forecast that is right: outcomes drawn from the curves of guanxi.

    Customers are censored as they are: who stayed when he was, who left later, at a time drawn by what
    attributes tell of censoring. Since they tell something, the usual integrated Brier score is not proper:
    curves that are right may have a higher one than others.
    """
    generator, right = np.random.default_rng(0), curves["guanxi"]
    seen, left = table["opportunities"].to_numpy(), table["churned"].to_numpy() == 1
    ends = np.arange(1, seen.max() + 1)
    stays = _not_censored(attributes, seen, left, ends)
    rows, scores = [], []
    for _ in range(replicates):
        beyond = generator.random(len(table)) * stays[np.arange(len(table)), seen]
        drawn = ends[np.minimum((stays[:, 1:] > beyond[:, None]).sum(axis=1), len(ends) - 1)]
        censored = np.where(left, np.maximum(drawn, seen), seen)
        life = 1 + (right > generator.random(len(table))[:, None]).sum(axis=1)
        outcome = table.assign(
            opportunities=np.minimum(life, censored), churned=(life <= censored).astype(float)
        )
        rows.append(_gaps(outcome, right))
        scores.append({name: _brier_by_fold(outcome, each).mean() for name, each in curves.items()})
    less = pd.DataFrame(scores)
    less = less.drop(columns="guanxi").sub(less["guanxi"], axis=0)
    print(f"of {replicates} replicates in which the curves of guanxi are right,")
    print("integrated_brier less that of guanxi, and how often it is lower:")
    found = pd.DataFrame({"mean": less.mean(), "spread": less.std(), "lower": (less < 0).mean()})
    print(found.round(5).to_string())
    gaps, own = pd.DataFrame(rows), _gaps(table, right)
    print("largest gaps by time:")
    print(gaps.quantile([0.5, 0.9]).T.round(4).to_string())
    print(
        f"all within {WITHIN} at all times: {(gaps <= WITHIN).all(axis=1).mean():.1%}; a largest gap of "
        f"{own.max():.4f} or more: {(gaps.max(axis=1) >= own.max()).mean():.1%}"
    )


def _not_censored(attributes: pd.DataFrame, seen: Any, left: Any, ends: Any) -> Any:
    """Probability of not being censored up to 0 and each of the ends by Cox's model, shape (n, 1 + ends)."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    # Who leaves at a time is not at risk of being censored at it.
    label = Surv.from_arrays(~left, seen + 0.5 * ~left)
    fitted = CoxPHSurvivalAnalysis(alpha=0.1).fit(attributes, label)
    functions = fitted.predict_survival_function(attributes)
    times = np.minimum(ends + 0.5, functions[0].domain[1])
    found = np.array([each(times) for each in functions])
    return np.column_stack([np.ones(len(found)), found])


def _attributes(table: pd.DataFrame, evaluated: pd.DataFrame) -> pd.DataFrame:
    """Attributes as numbers, in the order of the customers evaluated."""
    table = table.set_index("Customer ID").loc[evaluated["customer_id"]]
    known = table.drop(columns=["Churn Value", "Tenure in Months"])
    return pd.get_dummies(known, drop_first=True).astype(float)


def _rivals(X: pd.DataFrame, evaluated: pd.DataFrame) -> dict[str, Any]:
    """Survival curves by scikit-survival, each customer's from a model fitted without its fold."""
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    label = Surv.from_arrays(evaluated["churned"] == 1, evaluated["opportunities"])
    times = np.arange(1, int(evaluated["opportunities"].max()) + 1)
    models = {
        "scikit-survival gradient boosting": GradientBoostingSurvivalAnalysis(subsample=0.5, random_state=0),
        "scikit-survival Cox": CoxPHSurvivalAnalysis(alpha=0.1),
    }
    found = {name: np.empty((len(X), len(times))) for name in models}
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
    """Measures by model and fold.

    The integrated Brier score weighs by the probability of not being censored, as usual that of everybody. It
    is a proper score only if censoring does not depend on the attributes. The log loss of a renewal
    opportunity is proper.
    """
    rows = []
    for name, predicted in curves.items():
        scores = _brier_by_fold(table, predicted)
        for fold, score in scores.items():
            own, S = table[table["fold"] == fold], predicted[table["fold"] == fold]
            duration, churned = own["opportunities"].to_numpy(), own["churned"].to_numpy()
            lifetime = S[:, : len(SCORED)].sum(axis=1)
            rows.append(
                {
                    "model": name,
                    "fold": fold,
                    "integrated_brier": score,
                    "log_loss": _log_loss(duration, churned, S),
                    "concordance": survival_metrics.concordance(duration, churned, -lifetime),
                }
            )
    return pd.DataFrame(rows)


def _brier_by_fold(table: pd.DataFrame, curves: Any) -> pd.Series:
    found = {}
    for fold, own in table.reset_index(drop=True).groupby("fold"):
        S = curves[own.index][:, : len(SCORED)]
        found[fold] = survival_metrics.integrated_brier(own["opportunities"], own["churned"], S, SCORED)
    return pd.Series(found)


def _log_loss(duration: Any, churned: Any, S: Any) -> float:
    """Mean log loss of a renewal opportunity."""
    renewed = np.clip(S / np.column_stack([np.ones(len(S)), S[:, :-1]]), 1e-6, 1.0 - 1e-6)
    passed = np.arange(1, S.shape[1] + 1) <= (duration - churned)[:, None]
    # Nobody leaves after the last time of the curves, which may be one before the longest duration.
    last = np.minimum(duration, S.shape[1]) - 1
    lost = np.log1p(-renewed[np.arange(len(S)), last]) * churned
    return -float((np.log(renewed) * passed).sum() + lost.sum()) / float(duration.sum())


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


def score_million(counts: tuple[int, ...] = (100_000, 1_000_000)) -> None:
    """Score files of customers under contract with the registered model, and print time and memory.

    Memory is that of all processes of ``guanxi predict``, shared pages counted once.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for customers in (TRAINED_ON, *counts):
            _write_base(folder / f"{customers}.parquet", customers)
        guanxi = [sys.executable, "-m", "guanxi"]
        train = [*guanxi, "train", f"{TRAINED_ON}.parquet", "--task", "contracts", "--horizon", "365"]
        subprocess.run(train, cwd=folder, check=True)
        rows = []
        for customers in counts:
            predict = [
                *guanxi,
                "predict",
                f"{customers}.parquet",
                "--task",
                "contracts",
                "-o",
                "scores.parquet",
            ]
            rows.append(measured("guanxi predict", 5, customers, [*predict, "--drivers", 5], folder))
            scored = pq.read_metadata(folder / "scores.parquet").num_rows
            assert scored == customers, f"{scored:,} of {customers:,} customers scored"
            print(json.dumps(rows[-1]), flush=True)


def _write_base(path: Path, customers: int) -> None:
    """Write contracts of so many customers under contract, and of those who left: copies of one base."""
    told = simulate_subscriptions(TRUTH, AT_ONCE, 48, 1, cohorts=48, effects=EFFECTS)
    running = told.contracts.groupby("customer_id")["end"].transform(lambda ends: ends.isna().any())
    there = told.contracts.loc[running, "customer_id"].unique()
    writer = None
    for first in range(0, customers, len(there)):
        kept = told.contracts
        if customers - first < len(there):
            kept = kept[~kept["customer_id"].isin(there[customers - first :])]
        kept = kept.assign(customer_id=kept["customer_id"] + first * AT_ONCE)
        batch = pa.Table.from_pandas(kept, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, batch.schema)
        writer.write_table(batch)
    if writer:
        writer.close()


if __name__ == "__main__":
    jobs = {"telco": compare_telco, "simulated": check_simulated, "million": score_million}
    for name in sys.argv[1:] or jobs:
        jobs[name]()
