"""What one would write without guanxi: pandas, lifetimes, LightGBM and shap, with the same fitted models.

python benchmarks/straightforward.py TRANSACTIONS.parquet MODEL_FOLDER OUTPUT.parquet DRIVERS

MODEL_FOLDER holds a served model's ``model.json`` and ``trees/``. Vectorised throughout; lifetimes gives the
value, ``Booster.predict`` what the trees say of churn, ``shap.TreeExplainer`` the drivers. It has no intervals, no
dates, no texts, and corrects neither purchases nor spend by trees.
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
    table = table.join(churn(rows, table, model, folder, top))
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
    purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time  # fit would set it
    spend.params_ = pd.Series(model["spend"]["params"])
    days = model["horizon_days"]
    x, t_x, T, mean = (table[name] for name in ("frequency", "recency", "T", "monetary_value"))
    table["probability_alive"] = purchases.conditional_probability_alive(x, t_x, T)
    table["expected_purchases"] = purchases.conditional_expected_number_of_purchases_up_to_time(
        days, x, t_x, T
    )
    table["expected_spend"] = spend.conditional_expected_average_profit(x, mean)
    monthly = (1.0 + model["lifetime_value"]["annual_discount_rate"]) ** (30.0 / 365.0) - 1.0
    table["clv"] = spend.customer_lifetime_value(
        purchases, x, t_x, T, mean, time=round(days / 30), discount_rate=monthly, freq="D"
    )
    return table


def features(
    transactions: pd.DataFrame, table: pd.DataFrame, model: dict, cutoff: pd.Timestamp
) -> pd.DataFrame:
    """Behaviour of each customer, by pandas."""
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
    return rows[model["corrections"]["churn"]["features"]]


def churn(rows: pd.DataFrame, table: pd.DataFrame, model: dict, folder: Path, top: int) -> pd.DataFrame:
    """Probability of no purchase: log odds of BG/NBD, corrected by the trees; and what moves it."""
    p = model["transactions"]["fitted"]["bg_nbd"]["params"]
    alive = table["probability_alive"]
    quiet = (p["alpha"] + table["T"]) / (p["alpha"] + table["T"] + model["horizon_days"])
    silent = 1.0 - alive * (1.0 - quiet ** (p["r"] + table["frequency"]))
    correction = model["corrections"]["churn"]
    booster = lightgbm.Booster(model_file=str(folder / "trees" / "churn-0.txt"))
    odds = np.log(silent / (1.0 - silent)) + booster.predict(rows, raw_score=True)
    result = pd.DataFrame(
        {"churn_probability": 1.0 / (1.0 + np.exp(-(correction["slope"] * odds + correction["level"])))},
        index=rows.index,
    )
    if top == 0:
        return result
    import shap

    effects = shap.TreeExplainer(booster).shap_values(rows)
    order = np.argsort(-np.abs(effects), axis=1)[:, :top]
    names = np.asarray(rows.columns)
    for rank in range(top):
        result[f"driver_{rank + 1}"] = names[order[:, rank]]
        result[f"driver_{rank + 1}_effect"] = effects[np.arange(len(rows)), order[:, rank]]
    return result


if __name__ == "__main__":
    main()
