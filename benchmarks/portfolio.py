"""Intervals of total purchases and spend at every rolling cutoff, against a constant +-30 %.

python benchmarks/portfolio.py

Data sets: Online Retail II and completejourney (from $GUANXI_SHARED_DATA or ../shared/data, skipped if
missing), CDNOW, and simulated customers with and without seasons.

The prior of the base's error was chosen on windows that end before the two named cutoffs below, and on the
other sets. The persistence of segment-specific errors was observed on all windows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import FitError
from guanxi.evaluation._predictive import interval_score
from guanxi.evaluation.portfolio._forecasts import (
    btyd_forecasts,
    customer_outcomes,
    rolling_errors,
    usual_segments,
)
from guanxi.evaluation.portfolio.totals import _portfolio_intervals
from guanxi.features.rfm import rfm_expression
from guanxi.models import BetaGeoNBD, GammaGamma, ParetoNBD
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline.selection import fit_quietly
from guanxi.simulation import simulate_transactions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "portfolio.json"
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
RETAIL = SHARED / "online_retail_ii.parquet"
JOURNEY = SHARED / "completejourney" / "transactions_sample.parquet"
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
}
NAMED = {"Online Retail II": (date(2011, 6, 9), 182), "CDNOW": (date(1997, 9, 30), 273)}

HORIZONS = (30, 60, 90, 180)
STEP_DAYS, LEAST_HISTORY_DAYS = 30, 60
LEVEL, CONSTANT = 0.9, 0.3
SIMULATED_DAYS = 731
BG = {"r": 0.6, "alpha": 25.0, "a": 0.8, "b": 4.0}
PARETO = {"r": 0.5, "alpha": 30.0, "s": 0.6, "beta": 120.0}


def sets() -> Iterator[tuple[str, TransactionLog]]:
    """Every available data set."""
    given: dict[str, tuple[Any, dict[str, Any]]] = {"CDNOW": ("cdnow", {})}
    if RETAIL.exists():
        rules = {"columns": RETAIL_COLUMNS, "duplicates": "drop", "duplicates_ignore": ["sheet"]}
        given["Online Retail II"] = (str(RETAIL), rules)
    if JOURNEY.exists():
        given["completejourney"] = (str(JOURNEY), {"columns": JOURNEY_COLUMNS})
    day = np.arange(SIMULATED_DAYS)
    shocks = np.exp(np.random.default_rng(3).normal(0.0, 0.15, SIMULATED_DAYS // 30 + 1))[day // 30]
    for name, table in {
        "simulated Pareto/NBD": simulated("pareto_nbd", PARETO, 2000, 1, np.ones(SIMULATED_DAYS)),
        "simulated BG/NBD": simulated("bg_nbd", BG, 2000, 5, np.ones(SIMULATED_DAYS)),
        "simulated BG/NBD, season": simulated(
            "bg_nbd", BG, 2000, 2, 1.0 + 0.4 * np.sin(day * 2 * np.pi / 365)
        ),
        "simulated Pareto/NBD, shocks": simulated("pareto_nbd", PARETO, 2000, 3, shocks),
        "simulated BG/NBD, 400 customers": simulated("bg_nbd", BG, 400, 4, np.ones(SIMULATED_DAYS)),
    }.items():
        given[name] = (table, {})
    for name, (source, rules) in given.items():
        log = read_transactions(source, load_params(flags={"data": rules}).data)
        yield name, log
        log.close()


def simulated(model: str, params: dict[str, float], n: int, seed: int, busy: np.ndarray) -> pd.DataFrame:
    """Two years of customers, with operational time that runs faster on busier days."""
    age = np.random.default_rng(seed).uniform(0.0, SIMULATED_DAYS - 1.0, n)
    table = simulate_transactions(model, params, {"p": 4.0, "q": 4.0, "v": 20.0}, n, age, seed)
    end = pd.Timestamp("2025-01-01")
    elapsed = SIMULATED_DAYS - (end - table["timestamp"]).dt.total_seconds() / 86400.0
    worked = np.concatenate([[0.0], np.cumsum(busy)]) * SIMULATED_DAYS / busy.sum()
    day = np.interp(elapsed, worked, np.arange(SIMULATED_DAYS + 1.0))
    first = end - pd.Timedelta(days=SIMULATED_DAYS)
    return table.assign(
        timestamp=first + pd.to_timedelta(np.minimum(np.floor(day), SIMULATED_DAYS - 1), unit="D")
    )


def forecaster(log: TransactionLog) -> Any:
    """Forecaster like the package's, with the fits of each cutoff cached."""

    @cache
    def fitted(cutoff: date) -> tuple[pd.DataFrame, Any, Any, Any]:
        rfm = rfm_expression(log.events, cutoff).order_by("customer_id").execute()
        return (rfm, *(fit_quietly(model(), rfm) for model in (BetaGeoNBD, ParetoNBD, GammaGamma)))

    @cache
    def forecast(cutoff: date, days: int) -> tuple[pd.DataFrame, Any]:
        rfm, model, other, spend = fitted(cutoff)
        return rfm, btyd_forecasts(rfm, [model], spend, days, [other])

    return forecast


def intervals_at(log: TransactionLog, forecast: Any, as_of: date, horizon: int) -> pd.DataFrame:
    """Intervals of all customers and of segments, with actual totals."""
    customers, forecasts = forecast(as_of, horizon)
    windows = rolling_errors(log, as_of, horizon, forecast)
    actual = customer_outcomes(log, as_of, horizon, customers)
    silent = customers["T"] - customers["recency"]
    schemes = usual_segments(customers, forecasts)
    # Segments that are not in the earlier windows.
    schemes["silent for"] = np.ceil(silent.rank(pct=True) * 3).astype(int).astype(str)
    tables = []
    for scheme, names in schemes.items():
        ends = _portfolio_intervals(forecasts, windows, horizon, LEVEL, names)
        sums = actual.groupby(names.to_numpy()).sum()
        whole = ends["segment"].isna()
        ends["actual"] = [
            actual[row.target].sum() if pd.isna(row.segment) else sums.loc[row.segment, row.target]
            for row in ends.itertuples()
        ]
        tables.append(ends.assign(scheme=np.where(whole, "all", scheme)))
    table = pd.concat(tables).drop_duplicates(["target", "scheme", "segment"])
    return table.assign(as_of=as_of, horizon_days=horizon)


def rolling(name: str, log: TransactionLog) -> pd.DataFrame:
    """Intervals at every cutoff and horizon with known outcomes."""
    forecast, tables = forecaster(log), []
    last = date(2017, 12, 31) if name == "completejourney" else log.last_day
    for step in range(1, (last - log.first_day).days // STEP_DAYS):
        as_of = add_days(last, -STEP_DAYS * step)
        for horizon in HORIZONS:
            if horizon > STEP_DAYS * step or (as_of - log.first_day).days < LEAST_HISTORY_DAYS:
                continue
            try:
                tables.append(intervals_at(log, forecast, as_of, horizon))
            except FitError:
                continue
    return pd.concat(tables, ignore_index=True).assign(set=name)


def scored(table: pd.DataFrame) -> pd.DataFrame:
    """Coverage and interval score relative to the forecast, also for the constant interval."""
    table = table[table["expected"] > 0].copy()
    unit = table["expected"]
    ends = {
        "": (table["lower"], table["upper"]),
        "constant_": (unit * (1.0 - CONSTANT), unit * (1.0 + CONSTANT)),
    }
    for prefix, (lower, upper) in ends.items():
        inside = (lower <= table["actual"]) & (table["actual"] <= upper)
        table[f"{prefix}coverage"] = inside.astype(float)
        parts = zip(table["actual"] / unit, lower / unit, upper / unit, strict=True)
        table[f"{prefix}score"] = [interval_score([a], [low], [high], LEVEL) for a, low, high in parts]
    return table


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean scores by group."""
    names = ["coverage", "constant_coverage", "score", "constant_score"]
    grouped = table.groupby(by, sort=False)
    return grouped[names].mean().assign(intervals=grouped.size()).round(3)


def main() -> None:
    tables, named = [], []
    for name, log in sets():
        tables.append(rolling(name, log))
        print(f"{name}: {len(tables[-1]):,} intervals", flush=True)
        if name in NAMED:
            named.append(intervals_at(log, forecaster(log), *NAMED[name]).assign(set=name))
    table, at_named = scored(pd.concat(tables, ignore_index=True)), pd.concat(named)
    table["kind"] = np.where(table["scheme"] == "all", "portfolio", "segment")
    results: dict[str, Any] = {}
    for by in (["kind"], ["kind", "target"], ["kind", "set"], ["kind", "horizon_days"], ["scheme"]):
        found = summary(table, by)
        print(f"\n{LEVEL:.0%} intervals by {', '.join(by)}\n{found.to_string()}")
        results[" x ".join(by)] = found.reset_index().to_dict("records")
    totals = at_named[at_named["scheme"] == "all"]
    columns = ["set", "as_of", "horizon_days", "target", "expected", "lower", "upper", "actual", "basis"]
    print("\nNamed cutoffs\n" + totals[columns].round(0).to_string(index=False))
    inside = (at_named["lower"] <= at_named["actual"]) & (at_named["actual"] <= at_named["upper"])
    print(f"of {len(at_named)} totals and segments there, {inside.sum()} are inside")
    results["named"] = totals[columns].astype({"as_of": str}).to_dict("records")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
