"""A straightforward script with the same fitted models, in pandas, lifetimes, LightGBM and shap.

python benchmarks/straightforward.py TRANSACTIONS.parquet MODEL_FOLDER OUTPUT.parquet DRIVERS

MODEL_FOLDER holds a served model's ``model.json`` and ``trees/``. The script is vectorised throughout.
lifetimes computes the value, ``Booster.predict`` the tree scores, ``shap.TreeExplainer`` the drivers. With
drivers it also simulates the interval of each hundredth customer, and prints how long all would take. There
are no input checks, dates of the next purchase or texts.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")

DRAWS, SAMPLE = 1000, 100


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
    correct(table, rows, model, boosters, cutoff)
    if top:
        if "churn-0" in boosters:
            explain(table, rows, model, boosters["churn-0"], top)
        simulate(table, model, cutoff)
    table.reset_index().to_parquet(output)


def value(transactions: pd.DataFrame, model: dict, cutoff: pd.Timestamp) -> pd.DataFrame:
    """RFM, probability of being alive, purchases, spend and lifetime value by lifetimes."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

    table = summary_data_from_transaction_data(
        transactions, "customer_id", "timestamp", "amount", observation_period_end=cutoff
    )
    purchases, spend = BetaGeoFitter(), GammaGammaFitter()
    purchases.params_ = pd.Series(model["purchases"]["fitted"]["bg_nbd"]["params"])
    spend.params_ = pd.Series(model["spend"]["params"])
    expected = purchases.conditional_expected_number_of_purchases_up_to_time
    days = model["horizon_days"]
    x, t_x, T, mean = (table[name] for name in ("frequency", "recency", "T", "monetary_value"))
    table["probability_alive"] = purchases.conditional_probability_alive(x, t_x, T)
    busy, amounts = busy_days(model, cutoff)
    table["expected_spend"] = spend.conditional_expected_average_profit(x, mean) * np.average(
        amounts, weights=busy
    )
    rate, before, worth = 1.0 + model["lifetime_value"]["annual_discount_rate"], 0.0, 0.0
    for end in range(30, days + 1, 30):
        until = expected(busy[:end].sum(), x, t_x, T)
        worth, before = worth + (until - before) * rate ** (-end / 365.0), until
    table["expected_purchases"] = before
    table["clv"] = worth * table["expected_spend"]
    return table


def busy_days(model: dict, cutoff: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """How busy each day of the horizon is, and its amounts: those of the same season before."""
    index, days = model["intensity"], model["horizon_days"]
    if index is None:
        return np.ones(days), np.ones(days)
    step = ((cutoff - pd.Timestamp(index["first_day"])).days + 1 + np.arange(days)) // index["step_days"]
    year, last = 364 // index["step_days"], len(index["purchases"]) - 1
    step = step - year * np.maximum(-((last - step) // year), 0)
    return np.array(index["purchases"])[step], np.array(index["amounts"])[step]


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


def correct(
    table: pd.DataFrame, rows: pd.DataFrame, model: dict, boosters: dict, cutoff: pd.Timestamp
) -> None:
    """Combine the lifetimes predictions with the trees and the regression."""
    p = model["purchases"]["fitted"]["bg_nbd"]["params"]
    quiet = (p["alpha"] + table["T"]) / (p["alpha"] + table["T"] + busy_days(model, cutoff)[0].sum())
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
            logs = np.minimum(logs, np.array(linear.get("highest") or np.inf))
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


def simulate(table: pd.DataFrame, model: dict, cutoff: pd.Timestamp) -> None:
    """Draw purchases and spend of some customers from the posterior, for 90 % intervals."""
    p, s = model["purchases"]["fitted"]["bg_nbd"]["params"], model["spend"]["params"]
    horizon, random = busy_days(model, cutoff)[0].sum(), np.random.default_rng(1)
    table["clv_lower"] = table["clv_upper"] = np.nan
    begin, some = time.perf_counter(), table.iloc[::SAMPLE]
    ends = []
    known = some[["frequency", "T", "monetary_value", "probability_alive"]]
    for x, T, mean, alive in known.itertuples(index=False):
        rate = random.gamma(p["r"] + x, 1.0 / (p["alpha"] + T), DRAWS)
        until_dropout = random.geometric(random.beta(p["a"], p["b"] + x, DRAWS).clip(1e-9))
        buying = random.random(DRAWS) < alive
        count = buying * np.minimum(random.poisson(rate * horizon), until_dropout)
        nu = random.gamma(s["q"] + s["p"] * x, 1.0 / (s["v"] + x * mean), DRAWS)
        total = random.gamma(np.maximum(s["p"] * count, 1e-9), 1.0 / nu) * (count > 0)
        ends.append(np.quantile(total, [0.05, 0.95]))
    table.loc[some.index, ["clv_lower", "clv_upper"]] = np.array(ends)
    taken = time.perf_counter() - begin
    print(f"the intervals of {len(some):,} customers took {taken:.1f} s")
    print(json.dumps({"extrapolated_seconds": taken * (SAMPLE - 1)}))


if __name__ == "__main__":
    main()
