"""Held-out quality on real data, beside published anchors: one recipe for every set, no setting of its own.

Usage: python benchmarks/quality.py
Online Retail II and completejourney are read from $GUANXI_SHARED_DATA or ../shared/data, and left out where
absent. Choices were made on earlier windows; those measured here are looked at.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.transactions import read_transactions
from guanxi.evaluation.holdout import COMPONENTS, Holdout, evaluate_holdout
from guanxi.evaluation.portfolio.totals import forecast_totals
from guanxi.params import load_params
from guanxi.pipeline.fit import fit_models

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
RETAIL_COLUMNS = {
    "customer_id": "CustomerID",
    "timestamp": "InvoiceDate",
    "amount": "Quantity*Price",
    "order_id": "Invoice",
}
JOURNEY_COLUMNS = {
    "customer_id": "household_id",
    "timestamp": "transaction_timestamp",
    "amount": "sales_value",
    "order_id": "basket_id",
    "quantity": "quantity",
}
SETS = {
    "Online Retail II, 2011-06-09, 182 d": {
        "source": str(SHARED / "online_retail_ii.parquet"),
        "cutoff": date(2011, 6, 9),
        "horizon_days": 182,
        "data": {"columns": RETAIL_COLUMNS, "duplicates": "drop", "duplicates_ignore": ["sheet"]},
        # lifetimes BG/NBD + Gamma-Gamma, measured under the same rules.
        "anchors": {
            ("purchases", "mae"): 1.039,
            ("spend", "mae"): 565,
            ("spend", "spearman"): 0.628,
            ("spend", "top_decile_capture"): 0.891,
            ("churn", "auc"): 0.8111,
            ("churn", "log_loss"): 0.5276,
        },
        "bars": {
            ("churn", "auc"): (0.813, None),
            ("churn", "log_loss"): (None, 0.524),
            ("churn", "ece"): (None, 0.03),
            ("purchases", "poisson_deviance"): (None, 0.99 * 1.4348),
            ("purchases", "bias"): (-0.1, 0.1),
            ("purchases", "mae"): (None, 1.03),
            ("spend", "mae"): (None, 550.0),
            ("spend", "bias"): (-0.2, 0.2),
            ("spend", "spearman"): (0.63, None),
            ("spend", "top_decile_capture"): (0.89, None),
        },
    },
    "CDNOW, 1997-09-30, 273 d": {
        "source": "cdnow",
        "cutoff": date(1997, 9, 30),
        "horizon_days": 273,
        "data": {},
        "anchors": {
            ("purchases", "mae"): 0.819,
            ("spend", "mae"): 32.7,
            ("spend", "spearman"): 0.421,
            ("spend", "top_decile_capture"): 0.676,
            ("churn", "auc"): 0.7466,
            ("churn", "log_loss"): 0.5123,
        },
        "bars": {
            ("churn", "auc"): (0.755, None),
            ("churn", "log_loss"): (None, 0.507),
            ("purchases", "mae"): (None, 0.805),
            ("purchases", "bias"): (-0.15, 0.15),
            ("spend", "mae"): (None, 32.5),
        },
    },
    "completejourney, 2017-09-30, 90 d": {
        "source": str(SHARED / "completejourney" / "transactions_sample.parquet"),
        "cutoff": date(2017, 9, 30),
        "horizon_days": 90,
        "data": {"columns": JOURNEY_COLUMNS},
        "anchors": {},
        "bars": {},
    },
}
# How far the blend may lie behind its best component: ranks by so much, losses by this share.
RANKS, LOSSES = {"auc": 0.004, "spearman": 0.004}, {"log_loss": 0.01, "poisson_deviance": 0.01, "mae": 0.01}


def measure(name: str) -> pd.DataFrame:
    """Fit at the cutoff, score the window after it, and put anchors and bars beside."""
    task = SETS[name]
    params = load_params(flags={"horizon_days": task["horizon_days"], "data": task["data"]})
    log = read_transactions(task["source"], params.data)
    fitted = fit_models(log, task["cutoff"], params)
    holdout = evaluate_holdout(log, fitted, task["horizon_days"], thorough=True)
    totals = forecast_totals(log, fitted, task["horizon_days"], 0.9, holdout.table)
    log.close()
    print(
        f"\n{name}: {len(holdout.table):,} customers, "
        f"{holdout.table['purchases'].sum():,.0f} purchases held out"
    )
    for target, correction in fitted.corrections.items():
        letter = holdout.grades[target].letter if holdout.grades[target] else "-"
        print(f"{target}: grade {letter}; {correction.reason}")
    table = holdout.metrics.pivot_table(
        index=["target", "metric"], columns="model", values="value", sort=False
    )
    table["lifetimes"] = pd.Series(task["anchors"])
    table["bar"] = pd.Series({key: _bar(*ends) for key, ends in task["bars"].items()}, dtype=object)
    print(table.round(4).to_string(na_rep=""))
    for (target, metric), (low, high) in task["bars"].items():
        value = holdout.value(target, metric)
        kept = (low is None or value >= low) and (high is None or value <= high)
        print(f"{'reached' if kept else 'MISSED '}  {target} {metric}: {value:.4f} ({_bar(low, high)})")
    for said in behind(holdout):
        print(f"behind a component  {said}")
    whole = totals[totals["segment"].isna()]
    for row in whole.to_dict("records"):
        print(
            f"total {row['target']}: {row['lower']:,.0f} to {row['upper']:,.0f}, "
            f"actual {row['actual']:,.0f}; {row['basis']}"
        )
    return holdout.metrics.assign(set=name)


def behind(holdout: Holdout) -> list[str]:
    """Metrics by which guanxi lies further behind its best component than it may."""
    said = []
    for target in ("churn", "purchases", "spend"):
        for metric in (*RANKS, *LOSSES):
            own = holdout.value(target, metric)
            others = [holdout.value(target, metric, name) for name in COMPONENTS]
            others = [value for value in others if value == value]
            if own != own or not others:
                continue
            lag = max(others) - own if metric in RANKS else own / min(others) - 1.0
            if lag > (RANKS | LOSSES)[metric]:
                said.append(f"{target} {metric}: {own:.4f}, components {others}")
    return said


def _bar(low: float | None, high: float | None) -> str:
    return " and ".join(
        [*([] if low is None else [f">= {low:.4g}"]), *([] if high is None else [f"<= {high:.4g}"])]
    )


def main() -> None:
    """Measure every set that is there."""
    sets = [name for name, task in SETS.items() if task["source"] == "cdnow" or Path(task["source"]).exists()]
    results = pd.concat([measure(name) for name in sets])
    path = ROOT / "benchmarks" / "results" / "quality.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results.to_dict("records"), indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
