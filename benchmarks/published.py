"""Published tables: guanxi on the exact splits of the papers, printed beside their best cells.

Usage: python benchmarks/published.py [--until-cutoff] [SET ...]

``--until-cutoff`` is for development: the same tables on earlier windows, with nothing read after the
published cutoff. The cutoff moves back by the length of the held-out window or, where the history is
shorter than twice that, to its middle, and the window ends at the published cutoff at the latest. The
published windows are looked at once, after all choices are made. Sums of the actual outcomes are checked in
both modes.

Sets (a transaction is the unit that the paper counts; customers are those with one by the cutoff):

- ``cdnow``: CDNOW master, cutoff 1997-09-29, held out 1997-09-30 to 1998-06-30. A transaction is a line.
- ``retail``: Online Retail II, 78 weeks from 2009-12-01 07:45 and the 26 weeks after them. Lines without
  customer, cancellations (invoices with C) and quantities or prices of 0 or less are left out. A
  transaction is an invoice at one time. Days are counted from 07:45, so that the windows are exact; the
  days that stand in both sheets count once, which changes only spend before the cutoff.
- ``tafeng``: Ta-Feng, ``sales_price`` above 0, cutoff 2001-01-23, held out to 2001-02-27. A transaction is
  a customer's day.
- ``active``: the CDNOW sample, cutoff 1997-09-30, the 26 weeks after it: share of customers classified
  right as active (a purchase) or not; active if the churn probability is below one half.
- ``donations``: BG/BB on the 1995 cohort of donors, 1996 to 2001, held out 2002 to 2006: error of the
  cumulative repeat donations by 2006 (as tracked from 1996, unconditionally), and of the total of the
  held-out years given each donor's history. Actual donations a year: R package BTYD,
  ``donationsSummary$annual.trans``. There is no earlier window: the data are one table of histories at the
  cutoff.

Measures: RMSE, MAE, mean Poisson deviance and bias (forecast over actual total, minus 1) of the
transactions; MAE, RMSE, Spearman's rank correlation and lift of the best tenth (mean actual spend of the
tenth of customers with the highest forecast, over that of all) of the spend in the window. guanxi forecasts
purchase days: the row ``guanxi`` multiplies them by the transactions per purchase day up to the cutoff, the
row ``guanxi, days`` does not. CRPS of purchases is that of purchase days. The papers give customers with
one transaction no spend, which lifts their Spearman: ``Spearman 0`` does the same, ``Spearman`` takes the
forecast as it is. ``nothing`` forecasts 0 for everyone. ``best published`` is the best cell of each column,
not one method.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.datasets import load_cdnow, load_cdnow_sample
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.evaluation import metrics
from guanxi.evaluation._crps import _customer_crps
from guanxi.evaluation.realised_performance import outcomes
from guanxi.models import BetaGeoBetaBinomial
from guanxi.params import load_params
from guanxi.pipeline.correction import ALONE
from guanxi.pipeline.fit import FittedModels, fit_models
from guanxi.served.scorer import Scorer

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results" / "published.json"
BEST, EARLIER = "best published", "guanxi 0.1, November 2026"
DONATIONS = (5652, 4674, 4019, 3552, 3555, 3163, 3110, 2938, 2703, 2573, 1936)  # 1996 to 2006
CALIBRATION_YEARS = 6


@dataclass(frozen=True)
class Split:
    """A published split.

    ``read`` returns the transactions: ``customer_id, timestamp, amount``. ``sums``: customers, held-out
    transactions and spend as published. ``cells``: row to column to published value.
    """

    read: Callable[[], pd.DataFrame]
    cutoff: date
    horizon_days: int
    sums: tuple[int, int, int]
    cells: dict[str, dict[str, float]]


def read_cdnow() -> pd.DataFrame:
    return load_cdnow()[["customer_id", "timestamp", "amount"]]


def read_retail() -> pd.DataFrame:
    lines = pd.read_parquet(SHARED / "online_retail_ii.parquet").dropna(subset="CustomerID")
    kept = (lines["Quantity"] > 0) & (lines["Price"] > 0) & ~lines["Invoice"].str.startswith("C")
    twice = (lines["sheet"] == "Year 2010-2011") & (lines["InvoiceDate"] < "2010-12-10")
    lines = lines[kept & ~twice]
    keys = ["CustomerID", "Invoice", "InvoiceDate"]
    amount = (lines["Quantity"] * lines["Price"]).groupby([lines[key] for key in keys]).sum()
    invoices = amount.rename("amount").reset_index()
    return pd.DataFrame(
        {
            "customer_id": invoices["CustomerID"].astype(int).astype(str),
            "timestamp": invoices["InvoiceDate"] - pd.Timedelta(hours=7, minutes=45),
            "amount": invoices["amount"],
        }
    )


def read_tafeng() -> pd.DataFrame:
    lines = pd.read_parquet(SHARED / "tafeng.parquet", columns=["customer_id", "day", "sales_price"])
    lines = lines[lines["sales_price"] > 0]
    trips = lines.groupby(["customer_id", "day"], as_index=False)["sales_price"].sum()
    table = trips.set_axis(["customer_id", "timestamp", "amount"], axis=1)
    return table.assign(customer_id=table["customer_id"].astype(str))


def cells(*values: float) -> dict[str, float]:
    names = ("RMSE", "MAE", "bias", "spend MAE", "Spearman 0", "lift")
    return dict(zip(names, values, strict=True))


SPLITS = {
    "cdnow": Split(
        read_cdnow,
        date(1997, 9, 29),
        274,
        (23_570, 20_644, 779_225),
        {
            BEST: cells(1.99, 0.84, -0.025, 31.27, 0.490, 5.139),
            EARLIER: cells(1.956, 0.856, -0.178, 33.21, 0.444, 5.254),
        },
    ),
    "retail": Split(
        read_retail,
        date(2011, 5, 30),
        182,
        (4_930, 8_413, 4_266_930),
        {
            BEST: cells(2.124, 1.15, 0.012, 542.8, 0.609, 6.335),
            EARLIER: cells(2.204, 1.125, -0.098, 537.3, 0.631, 6.354),
        },
    ),
    "tafeng": Split(
        read_tafeng,
        date(2001, 1, 23),
        35,
        (27_809, 30_127, 23_513_494),
        {
            BEST: cells(1.26, 0.87, -0.021, 945, 0.416, 3.15),
            EARLIER: cells(1.229, 0.873, 0.077, 930, 0.397, 3.497),
        },
    ),
}
ACTIVE = {"best published (SPP)": 0.805, "maximum likelihood": 0.783, EARLIER: 0.806}
ACTIVE_CUTOFF, ACTIVE_DAYS = date(1997, 9, 30), 182


def window(first: date, cutoff: date, horizon_days: int, earlier: bool) -> tuple[date, int]:
    """Cutoff and length of the window: as published, or one that ends at the published cutoff."""
    if not earlier:
        return cutoff, horizon_days
    days = min(horizon_days, ((cutoff - first).days + 1) // 2)
    return cutoff - timedelta(days=days), days


def until(table: pd.DataFrame, last: date) -> pd.DataFrame:
    """Return the transactions up to a day, included."""
    return table[table["timestamp"] < pd.Timestamp(last) + pd.Timedelta(days=1)]


def fitted_at(table: pd.DataFrame, cutoff: date, days: int) -> tuple[TransactionLog, FittedModels]:
    """Read the transactions, which end with the window, and fit guanxi as of the cutoff."""
    params = load_params(flags={"horizon_days": days})
    log = read_transactions(until(table, cutoff + timedelta(days=days)), params.data)
    return log, fit_models(log, cutoff, params)


def check_sums(name: str, split: Split, table: pd.DataFrame) -> None:
    """Compare the customers and the held-out outcomes with the published sums."""
    known = until(table, split.cutoff)
    later = until(table, split.cutoff + timedelta(days=split.horizon_days)).drop(index=known.index)
    held = later[later["customer_id"].isin(known["customer_id"])]
    found = known["customer_id"].nunique(), len(held), round(held["amount"].sum())
    alike = "as published" if found == split.sums else f"published {split.sums}"
    print(f"{name}: {found[0]:,} customers, {found[1]:,} transactions, spend {found[2]:,} ({alike})")


def measure(name: str, split: Split, earlier: bool) -> pd.DataFrame:
    """Table of measures of one split: guanxi, its value model, no forecast, and the published cells."""
    table = split.read()
    check_sums(name, split, table)
    cutoff, days = window(table["timestamp"].min().date(), split.cutoff, split.horizon_days, earlier)
    log, fitted = fitted_at(table, cutoff, days)
    known, ids = until(table, cutoff), fitted.features["customer_id"]
    later = until(table, cutoff + timedelta(days=days)).drop(index=known.index)
    sums = later.groupby("customer_id")["amount"].agg(["size", "sum"]).reindex(ids).fillna(0.0)
    actual = {"purchases": sums["size"].to_numpy(float), "spend": sums["sum"].to_numpy()}
    held_days = outcomes(log, cutoff, days).set_index("customer_id").reindex(ids).fillna(0.0)
    log.close()
    one_time = (known.groupby("customer_id").size().reindex(ids) == 1).to_numpy()
    per_day = len(known) / len(
        known.assign(day=known["timestamp"].dt.date)[["customer_id", "day"]].drop_duplicates()
    )
    nothing = {"purchases": np.zeros(len(ids)), "spend": np.zeros(len(ids))}
    rows = {"guanxi": row(fitted.scorer, fitted, days, actual, held_days, one_time, per_day)}
    if per_day > 1.0:
        rows["guanxi, days"] = row(fitted.scorer, fitted, days, actual, held_days, one_time, 1.0)
    alone = fitted.contender(ALONE)
    rows[ALONE] = row(alone, fitted, days, actual, held_days, one_time, per_day)
    rows["nothing"] = measures(nothing, actual, one_time) | {"CRPS": float(held_days["purchases"].mean())}
    print(f"fitted up to {cutoff}, held out {days} days; {per_day:.4f} transactions per purchase day")
    return pd.DataFrame(rows if earlier else rows | split.cells).T


def row(
    scorer: Scorer,
    fitted: FittedModels,
    days: int,
    actual: dict[str, np.ndarray],
    held_days: pd.DataFrame,
    one_time: np.ndarray,
    per_day: float,
) -> dict[str, float]:
    """Measures of a model, with the CRPS of its distributions."""
    found = scorer.forecast(fitted.features, days)
    spend = found["expected_purchases"] * found["expected_spend"]
    forecast = {"purchases": per_day * found["expected_purchases"], "spend": spend}
    crps = _customer_crps(scorer, fitted.features, days, held_days.reset_index())
    scores = {"CRPS": float(crps["purchases"].mean()), "spend CRPS": float(crps["spend"].mean())}
    return measures(forecast, actual, one_time) | scores


def measures(
    forecast: dict[str, np.ndarray], actual: dict[str, np.ndarray], one_time: np.ndarray
) -> dict[str, float]:
    """Measures of purchases and spend, as the module docstring defines them."""
    purchases, spend = actual["purchases"], actual["spend"]
    without = np.where(one_time, 0.0, forecast["spend"])
    lift = metrics._lift_at_k(spend, forecast["spend"]) if forecast["spend"].any() else np.nan
    return {
        "RMSE": metrics._root_mean_squared_error(purchases, forecast["purchases"]),
        "MAE": metrics.mean_absolute_error(purchases, forecast["purchases"]),
        "bias": metrics.bias(purchases, forecast["purchases"]),
        "deviance": metrics.poisson_deviance(purchases, forecast["purchases"]),
        "CRPS": metrics.mean_absolute_error(purchases, forecast["purchases"]),
        "spend MAE": metrics.mean_absolute_error(spend, forecast["spend"]),
        "spend RMSE": metrics._root_mean_squared_error(spend, forecast["spend"]),
        "spend CRPS": metrics.mean_absolute_error(spend, forecast["spend"]),
        "Spearman": metrics.spearman(spend, forecast["spend"]),
        "Spearman 0": metrics.spearman(spend, without),
        "lift": lift,
    }


def active(earlier: bool) -> dict[str, float]:
    """Share of the CDNOW sample classified right as active."""
    table = load_cdnow_sample()
    cutoff, days = window(table["timestamp"].min().date(), ACTIVE_CUTOFF, ACTIVE_DAYS, earlier)
    log, fitted = fitted_at(table, cutoff, days)
    bought = fitted.features["customer_id"].isin(outcomes(log, cutoff, days)["customer_id"])
    log.close()
    found = {
        name: float(((scorer.forecast(fitted.features, days)["churn_probability"] < 0.5) == bought).mean())
        for name, scorer in {"guanxi": fitted.scorer, ALONE: fitted.contender(ALONE)}.items()
    }
    print(f"active: {len(bought):,} customers, fitted up to {cutoff}, held out {days} days")
    return found if earlier else found | ACTIVE


def donations() -> dict[str, float]:
    """Errors of BG/BB's repeat donations by the end of 2006."""
    table = pd.read_parquet(SHARED / "donations_rf_summary.parquet").rename(columns={"periods": "T"})
    weights, held = table["weights"].to_numpy(), DONATIONS[CALIBRATION_YEARS:]
    model = BetaGeoBetaBinomial().fit(table, sample_weight=weights)
    tracked = float(model.expected_purchases_new(len(DONATIONS))) * weights.sum()
    conditional = float(model.expected_purchases(table, len(held)) @ weights)
    return {
        "cumulative by 2006": tracked / sum(DONATIONS) - 1.0,
        "held-out years given histories": conditional / sum(held) - 1.0,
        "published, cumulative": -0.0065,
    }


def main() -> None:
    """Measure the sets named, by default all that are available."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--until-cutoff", action="store_true", help="on earlier windows only")
    parser.add_argument("sets", nargs="*", help="of cdnow, retail, tafeng, active, donations")
    given = parser.parse_args()
    results: dict[str, Any] = {}
    for name in given.sets or [*SPLITS, "active", "donations"]:
        try:
            results[name] = _measured(name, given.until_cutoff)
        except FileNotFoundError as error:
            print(f"{name}: skipped, {error.filename} is missing")
    if not given.until_cutoff:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _measured(name: str, earlier: bool) -> Any:
    if name in SPLITS:
        table = measure(name, SPLITS[name], earlier)
        print(table.round(4).to_string(na_rep="") + "\n", flush=True)
        return json.loads(table.to_json(orient="index"))
    if name == "donations" and earlier:
        print("donations: no earlier window")
        return {}
    found = active(earlier) if name == "active" else donations()
    for what, value in found.items():
        print(f"  {what}: {value:.1%}" if name == "active" else f"  {what}: {value:+.2%}")
    return found


if __name__ == "__main__":
    main()
