"""A straightforward script with the same fitted models, in pandas, lifetimes, LightGBM and shap.

python benchmarks/straightforward.py TRANSACTIONS.parquet MODEL_FOLDER OUTPUT.parquet DRIVERS

MODEL_FOLDER holds a served model's ``model.json`` and ``trees/``. The script is vectorised throughout.
lifetimes computes the value, ``Booster.predict`` the tree scores, ``shap.TreeExplainer`` the drivers. There
are no input checks, intervals, dates of the next purchase or texts.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def main() -> None:
    source, folder, output, top = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    transactions = pd.read_parquet(source)
    cutoff = pd.Timestamp(model["as_of"])
    table = value(transactions, model, cutoff)
    rows = features(transactions, table, model, cutoff)
    boosters = {
        path.stem: lightgbm.Booster(model_file=str(path)) for path in sorted((folder / "trees").glob("*.txt"))
    }
    correct(table, rows, model, boosters)
    if top:
        explain(table, rows, model, boosters["churn-0"], top)
    table.reset_index().to_parquet(output)


def value(transactions: pd.DataFrame, model: dict, cutoff: pd.Timestamp) -> pd.DataFrame:
    """RFM, probability of being alive, purchases, spend and lifetime value by lifetimes."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

    table = summary_data_from_transaction_data(
        transactions, "customer_id", "timestamp", "amount", observation_period_end=cutoff
    )
    purchases, spend = BetaGeoFitter(), GammaGammaFitter()
    purchases.params_ = pd.Series(model["transactions"]["fitted"]["bg_nbd"]["params"])
    spend.params_ = pd.Series(model["spend"]["params"])
    purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time  # fit would set it
    days = model["horizon_days"]
    x, t_x, T, mean = (table[name] for name in ("frequency", "recency", "T", "monetary_value"))
    table["probability_alive"] = purchases.conditional_probability_alive(x, t_x, T)
    table["expected_purchases"] = purchases.predict(days, x, t_x, T)
    table["expected_spend"] = spend.conditional_expected_average_profit(x, mean)
    monthly = (1.0 + model["lifetime_value"]["annual_discount_rate"]) ** (30.0 / 365.0) - 1.0
    table["clv"] = spend.customer_lifetime_value(
        purchases, x, t_x, T, mean, time=round(days / 30), discount_rate=monthly, freq="D"
    )
    return table


def features(
    transactions: pd.DataFrame, table: pd.DataFrame, model: dict, cutoff: pd.Timestamp
) -> pd.DataFrame:
    """Behavioural features of each customer, in pandas."""
    dated = transactions.assign(date=transactions["timestamp"].dt.normalize())
    events = dated.groupby(["customer_id", "date"]).agg(amount=("amount", "sum"), lines=("amount", "size"))
    events = events.reset_index()
    age = (cutoff - events["date"]).dt.days
    events["gap"] = events.groupby("customer_id")["date"].diff().dt.days
    events["weekend"] = events["date"].dt.dayofweek >= 5
    for half_life in (30, 90):
        events[f"purchases_decayed_{half_life}"] = np.exp(-np.log(2) * age / half_life)
    for days in (30, 90, 180, 365):
        recent, before = age < days, (age >= days) & (age < 2 * days)
        events[f"purchases_{days}"], events[f"purchases_before_{days}"] = recent, before
        events[f"spend_{days}"] = events["amount"].where(recent, 0.0)
        events[f"spend_before_{days}"] = events["amount"].where(before, 0.0)
    events["purchases_last_season"] = (age < 365) & (age >= 365 - model["horizon_days"])
    summed = [name for name in events if name.startswith(("purchases_", "spend_"))]
    customers = events.groupby("customer_id")
    rows = customers[summed].sum().astype(float)
    rows = rows.join(
        customers.agg(
            gap_mean=("gap", "mean"),
            gap_median=("gap", "median"),
            gap_longest=("gap", "max"),
            gap_last=("gap", "last"),
            weekend_share=("weekend", "mean"),
            amount_mean=("amount", "mean"),
            amount_largest=("amount", "max"),
            amount_last=("amount", "last"),
            lines_mean=("lines", "mean"),
            lines_last=("lines", "last"),
        )
    )
    rows["gap_spread"] = customers["gap"].std(ddof=0)
    rows["amount_spread"] = customers["amount"].std(ddof=0)
    rows = rows.join(table[["frequency", "recency", "T", "monetary_value"]])
    rows.loc[rows["T"] < 364, "purchases_last_season"] = np.nan
    rows["days_since_last"] = rows["T"] - rows["recency"]
    usual = rows["gap_median"].replace(0, np.nan)
    rows["silence_ratio"] = rows["days_since_last"] / usual
    rows["gap_trend"] = rows["gap_last"] / usual
    rows["gap_variation"] = rows["gap_spread"] / rows["gap_mean"].replace(0, np.nan)
    rows["amount_trend"] = rows["amount_last"] / rows["amount_mean"].replace(0, np.nan)
    rows["purchases_trend_90"] = rows["purchases_90"] - rows["purchases_before_90"]
    rows["spend_trend_90"] = rows["spend_90"] - rows["spend_before_90"]
    return rows


def correct(table: pd.DataFrame, rows: pd.DataFrame, model: dict, boosters: dict) -> None:
    """Combine the lifetimes predictions with the trees and the regression."""
    p = model["transactions"]["fitted"]["bg_nbd"]["params"]
    quiet = (p["alpha"] + table["T"]) / (p["alpha"] + table["T"] + model["horizon_days"])
    silent = 1.0 - table["probability_alive"] * (1.0 - quiet ** (p["r"] + table["frequency"]))
    bases = {
        "churn": np.log(silent / (1.0 - silent)),
        "purchases": np.log(table["expected_purchases"]),
        "spend": np.log(table["expected_spend"]),
    }
    uncorrected = table["expected_purchases"] * table["expected_spend"]
    for target, base in bases.items():
        correction = model["corrections"][target]
        own = [booster for name, booster in boosters.items() if name.startswith(target)]
        scores = [booster.predict(rows[correction["features"]], raw_score=True) for booster in own]
        if correction["regression"]:
            linear = correction["regression"]
            logs = np.log1p(rows[linear["features"]].fillna(0.0).clip(lower=0.0))
            standard = (logs - np.array(linear["mean"])) / np.array(linear["scale"])
            scores.append(standard @ np.array(linear["coefficients"]) + linear["intercept"])
        step = sum(weight * each for weight, each in zip(correction["weights"], scores, strict=True))
        corrected = correction["slope"] * (base * (1.0 - correction["replaced"]) + step) + correction["level"]
        if target == "churn":
            table["churn_probability"] = 1.0 / (1.0 + np.exp(-corrected))
        else:
            table[f"expected_{target}"] = np.exp(corrected)
    least = 1.0 - table["churn_probability"]
    table["expected_purchases"] = table["expected_purchases"].clip(lower=least)
    table["clv"] *= table["expected_purchases"] * table["expected_spend"] / uncorrected


def explain(
    table: pd.DataFrame, rows: pd.DataFrame, model: dict, booster: lightgbm.Booster, top: int
) -> None:
    """Add the features with the largest effects on churn."""
    import shap

    used = rows[model["corrections"]["churn"]["features"]]
    effects = shap.TreeExplainer(booster).shap_values(used)
    order = np.argsort(-np.abs(effects), axis=1)[:, :top]
    names = np.asarray(used.columns)
    for rank in range(top):
        table[f"driver_{rank + 1}"] = names[order[:, rank]]
        table[f"driver_{rank + 1}_effect"] = effects[np.arange(len(used)), order[:, rank]]


if __name__ == "__main__":
    main()
