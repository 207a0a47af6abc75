"""Churn from labels on real attribute tables, by 5-fold cross-validation with the same settings for each.

Usage: python benchmarks/labels.py
Tables are read from $GUANXI_SHARED_DATA or ../shared/data; missing ones are skipped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from guanxi.data.attributes import read_labelled
from guanxi.jobs.train_labels import _cross_validated_metrics
from guanxi.params import Params
from guanxi.pipeline.labelled import fit_labels

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
METRICS = ["auc", "log_loss", "brier", "ece"]
BAR = 0.90  # AUC on the telco customers
# Recorded after the outcome, or computed from it.
LEAKS = [
    *("Satisfaction Score", "Customer Status", "Churn Label", "Churn Score", "CLTV"),
    *("Churn Category", "Churn Reason"),
]


def telco() -> pd.DataFrame:
    """Four joined tables of the same customers, without leaking columns."""
    folder, found = SHARED / "telco_satisfaction", pd.DataFrame()
    for name in ("demographics", "location", "services", "status"):
        table = pd.read_parquet(folder / f"telco_{name}.parquet").set_index("Customer ID")
        found = table if found.empty else found.join(table.drop(columns=found.columns, errors="ignore"))
    return found.drop(columns=LEAKS).reset_index()


def hillstrom() -> pd.DataFrame:
    """Visits after a campaign, without the purchases made in them."""
    table = pd.read_parquet(SHARED / "hillstrom.parquet").drop(columns=["conversion", "spend"])
    return table.reset_index(names="customer")


def business(name: str, *after: str) -> Callable[[], pd.DataFrame]:
    """Return a reader of 500 business customers, without the columns known only afterwards."""

    def read() -> pd.DataFrame:
        return pd.read_parquet(SHARED / "smcrm" / f"{name}.parquet").drop(columns=list(after))

    return read


TABLES: dict[str, tuple[Callable[[], pd.DataFrame], str, str]] = {
    "telco": (telco, "Customer ID", "Churn Value"),
    "hillstrom (visit)": (hillstrom, "customer", "visit"),
    "customerChurn (censor)": (business("customerChurn", "duration"), "customer", "censor"),
    "customerWinBack (reacquire)": (
        business("customerWinBack", "duration_2", "sclv"),
        "customer",
        "reacquire",
    ),
}


def measure(name: str) -> dict[str, float]:
    """Cross-validate one table with the default parameters."""
    read, id_column, label = TABLES[name]
    begin = time.perf_counter()
    customers = read_labelled(read(), id_column, label)
    fitted = fit_labels(customers, Params(), id_column=id_column)
    found = _cross_validated_metrics(fitted.held_out).query("model == 'guanxi'").set_index("metric")
    numbers = {metric: float(found["value"][metric]) for metric in METRICS}
    spread = float(found["standard_deviation"]["auc"])
    return {
        "customers": len(customers.ids),
        "attributes": fitted.features.shape[1],
        "churned": float(fitted.held_out["churned"].mean()),
        **numbers,
        "auc_standard_deviation": spread,
        "seconds": time.perf_counter() - begin,
    }


def main() -> None:
    """Evaluate every available table."""
    found = {}
    for name in TABLES:
        try:
            found[name] = measure(name)
        except FileNotFoundError as error:
            print(f"{name}: left out, {error.filename} is not there")
    print(pd.DataFrame(found).T.round(4).to_string())
    if "telco" in found:
        verdict = "reached" if found["telco"]["auc"] >= BAR else "MISSED"
        print(f"\ntelco: AUC {found['telco']['auc']:.4f}, the bar of {BAR:.2f} is {verdict}")
    path = ROOT / "benchmarks" / "results" / "labels.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
