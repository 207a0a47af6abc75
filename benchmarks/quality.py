"""Held-out quality on real data, beside published anchors: one recipe for every set, no setting of its own.

Usage: python benchmarks/quality.py
Online Retail II is read from $GUANXI_SHARED_DATA or ../shared/data, and left out where absent.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.transactions import read_transactions
from guanxi.evaluation.holdout import evaluate_holdout
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
    },
}


def measure(name: str) -> pd.DataFrame:
    """Fit at the cutoff, score the window after it, and put the anchors beside."""
    task = SETS[name]
    params = load_params(flags={"horizon_days": task["horizon_days"], "data": task["data"]})
    log = read_transactions(task["source"], params.data)
    fitted = fit_models(log, task["cutoff"], params)
    holdout = evaluate_holdout(log, fitted, task["horizon_days"])
    log.close()
    print(
        f"\n{name}: {len(holdout.table):,} customers, "
        f"{holdout.table['purchases'].sum():,.0f} purchases held out"
    )
    print(f"churn: {fitted.churn_reason}")
    table = holdout.metrics.pivot_table(
        index=["target", "metric"], columns="model", values="value", sort=False
    )
    table["lifetimes"] = pd.Series(task["anchors"])
    print(table.round(4).to_string(na_rep=""))
    return holdout.metrics.assign(set=name)


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
