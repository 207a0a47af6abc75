"""Purchases and value of the customers acquired in the month after each cutoff, forecast at the cutoff.

python benchmarks/new_customers.py [NAME ...]

Data sets: Online Retail II, completejourney and Ta-Feng (from $GUANXI_SHARED_DATA or ../shared/data, skipped
if missing) and CDNOW, at cutoffs 30 days apart (CDNOW and Ta-Feng: 7). Value: first order and spend within
the horizon, per customer. The priors of the spreads were chosen on the purchases of these windows.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.features.acquisition import acquisitions
from guanxi.features.rfm import rfm_expression
from guanxi.models import BetaGeoNBD, GammaGamma
from guanxi.params import load_params
from guanxi.pipeline.fit import _value_models
from guanxi.pipeline.new_customers import new_customer_values
from guanxi.pipeline.selection import _only, fit_quietly
from guanxi.served.model import ServedModel
from guanxi.served.scorer import Scorer

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "new_customers.json"
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
# Source, columns, horizons and days between cutoffs.
LOGS: dict[str, tuple[Any, dict[str, str], tuple[int, ...], int]] = {
    "Online Retail II": (
        SHARED / "online_retail_ii.parquet",
        {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"},
        (91, 182),
        30,
    ),
    "completejourney": (
        SHARED / "completejourney" / "transactions_sample.parquet",
        {"customer_id": "household_id", "timestamp": "transaction_timestamp", "amount": "sales_value"},
        (91, 182),
        30,
    ),
    "Ta-Feng": (
        SHARED / "tafeng.parquet",
        {"customer_id": "customer_id", "timestamp": "day", "amount": "sales_price"},
        (14, 28),
        7,
    ),
    "CDNOW": ("cdnow", {}, (91, 182), 7),
}
FEWEST = 20


def fitted(log: TransactionLog, as_of: date) -> ServedModel:
    """BG/NBD and Gamma-Gamma as of a day."""
    rfm = rfm_expression(log.events, as_of).order_by("customer_id").execute()
    purchases, spend = fit_quietly(BetaGeoNBD(), rfm), fit_quietly(GammaGamma(), rfm)
    name = purchases.process_.name  # of the fallback, if there is one
    return _value_models(as_of, load_params(), rfm, 30, {name: purchases}, _only(name, "benchmark"), spend)


def outcomes(days: pd.DataFrame, as_of: date, acquired: int, horizon: int) -> pd.DataFrame:
    """Repeat purchases and value of the customers acquired in the days after ``as_of``."""
    day = pd.Timestamp(as_of)
    known = days[(days["first"] > day) & (days["first"] <= day + pd.Timedelta(days=acquired))]
    inside = known[known["date"] <= known["first"] + pd.Timedelta(days=horizon)]
    found = inside.groupby("customer_id").agg(purchases=("date", "size"), value=("amount", "sum"))
    return found.assign(purchases=found["purchases"] - 1)


def windows(log: TransactionLog, horizons: tuple[int, ...], spacing: int) -> Iterator[dict[str, Any]]:
    """Forecast and outcome at every cutoff and horizon."""
    days = log.events.select("customer_id", "date", "amount").execute()
    days["date"] = pd.to_datetime(days["date"])
    days["first"] = days.groupby("customer_id")["date"].transform("min")
    as_of = log.first_day + timedelta(days=max(40, 2 * spacing))
    while as_of + timedelta(days=spacing + min(horizons)) <= log.last_day:
        model, customers = fitted(log, as_of), acquisitions(log, as_of)
        for horizon in horizons:
            if as_of + timedelta(days=spacing + horizon) > log.last_day:
                continue
            found = outcomes(days, as_of, spacing, horizon)
            if len(found) >= FEWEST and found["purchases"].sum() > 0:
                yield compare(model, customers, as_of, horizon, found)
        as_of += timedelta(days=spacing)


def compare(
    model: ServedModel, customers: pd.DataFrame, as_of: date, horizon: int, found: pd.DataFrame
) -> dict[str, Any]:
    """Compare the row of all customers with the outcome, and with simpler forecasts."""
    row = new_customer_values(model, customers, as_of, horizon).iloc[0]
    alone = float(Scorer(model, {}).purchases.expected_purchases_new(horizon)[0])
    spend = customers["repeat_amount"].sum() / max(customers["frequency"].sum(), 1.0)
    error = found["value"].std() / np.sqrt(len(found))
    return {
        "horizon": horizon,
        "customers": len(found),
        "purchases": np.log(row["expected_purchases"] / found["purchases"].mean()),
        "purchases_alone": np.log(alone / found["purchases"].mean()),
        "value": np.log(row["clv"] / found["value"].mean()),
        "value_alone": np.log((customers["first_amount"].mean() + alone * spend) / found["value"].mean()),
        "inside": row["clv_lower"] - error <= found["value"].mean() <= row["clv_upper"] + error,
        "width": np.log(row["clv_upper"] / row["clv_lower"]),
    }


def main() -> None:
    """Print and save root mean square log errors, and the share of outcomes inside their intervals."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in sys.argv[1:] or LOGS:
        source, columns, horizons, spacing = LOGS[name]
        if isinstance(source, Path) and not source.exists():
            print(f"{name}: skipped, no {source.name}")
            continue
        params = load_params(None, [], {"data.columns": columns} if columns else {})
        log = read_transactions(source if isinstance(source, str) else str(source), params.data)
        table = pd.DataFrame(windows(log, horizons, spacing))
        log.close()
        for horizon, rows in table.groupby("horizon"):
            errors = rows[["purchases", "purchases_alone", "value", "value_alone"]]
            found = np.sqrt((errors**2).mean()).round(3).to_dict()
            found |= {"inside": round(float(rows["inside"].mean()), 2), "windows": len(rows)}
            found["width"] = round(float(rows["width"].mean()), 2)
            results[f"{name}, {horizon} days"] = found
            print(f"{name}, {horizon} days: {found}", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
