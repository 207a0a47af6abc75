"""Totals at many cutoffs and horizons of many logs: the value model alone, and with the level of refits.

Usage: python benchmarks/level.py [NAME ...]

Public logs (from $GUANXI_SHARED_DATA or ../shared/data, skipped if missing) and simulated ones: with and
without season, shocks, decline, growth, price changes; a charity over eleven years, a grocer's panel, food
delivery, business customers. The priors were chosen on simulated logs and on windows of the public ones that
end before the windows on which the other benchmarks report, the windows of "development".
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import FitError
from guanxi.features.histories import sample_histories
from guanxi.models.purchase_models import transaction_model
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline.level.forecast import fit_level
from guanxi.pipeline.level.refits import refit_models
from guanxi.pipeline.selection import fit_quietly
from guanxi.simulation import simulate_transactions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "level.json"
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
HORIZONS = (28, 56, 84, 168, 252, 364, 728)
STEP_DAYS, LEAST_HISTORY_DAYS, CUTOFFS, LEVEL = 28, 84, 12, 0.9
BG = {"r": 0.6, "alpha": 25.0, "a": 0.8, "b": 4.0}
PARETO = {"r": 0.5, "alpha": 30.0, "s": 0.6, "beta": 120.0}
CHARITY = {"r": 1.2, "alpha": 600.0, "s": 0.5, "beta": 900.0}
GROCER = {"k": 3, "r": 4.0, "alpha": 9.0, "a": 0.5, "b": 60.0}
FOOD = {"r": 0.8, "alpha": 12.0, "a": 0.7, "b": 6.0}
BUSINESS = {"r": 1.2, "alpha": 40.0, "a": 0.4, "b": 6.0}
SPEND = {"p": 4.0, "q": 4.0, "v": 20.0}
#: Public logs: source, columns and rules, the last day, the last day of development.
PUBLIC: dict[str, tuple[str, dict[str, Any], date, date]] = {
    "CDNOW": ("cdnow", {}, date(1998, 6, 30), date(1997, 9, 29)),
    "Online Retail II": (
        str(SHARED / "online_retail_ii.parquet"),
        {
            "columns": {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"},
            "duplicates": "drop",
            "duplicates_ignore": ["sheet"],
        },
        date(2011, 12, 9),
        date(2011, 5, 31),
    ),
    "completejourney": (
        str(SHARED / "completejourney" / "transactions_sample.parquet"),
        {
            "columns": {
                "customer_id": "household_id",
                "timestamp": "transaction_timestamp",
                "amount": "sales_value",
            }
        },
        date(2017, 12, 31),
        date(2017, 9, 30),
    ),
    "Ta-Feng": (
        str(SHARED / "tafeng.parquet"),
        {"columns": {"customer_id": "customer_id", "timestamp": "day", "amount": "sales_price"}},
        date(2001, 2, 27),
        date(2001, 1, 23),
    ),
}


def _season(days: int, size: float, peak: float = 0.0, phase: float = 0.0) -> np.ndarray:
    day = pd.date_range(end="2024-12-31", periods=days).dayofyear.to_numpy()
    return np.exp(
        size * np.sin(2 * np.pi * day / 365.25 + phase) + peak * np.exp(-0.5 * ((day - 340) / 14) ** 2)
    )


def _walk(days: int, monthly: float, seed: int) -> np.ndarray:
    walked = np.cumsum(np.random.default_rng(seed).normal(0.0, monthly, days // 30 + 2))
    return np.exp(np.interp(np.arange(days) / 30.0, np.arange(len(walked)), walked))


def _shocks(days: int, size: float, seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0.0, size, days // 30 + 1))[np.arange(days) // 30]


def _trend(days: int, yearly: float) -> np.ndarray:
    return np.exp(yearly * np.arange(days) / 365.0)


SIMULATED: dict[str, tuple[str, dict[str, float], int, int, Callable[[int], np.ndarray], dict[str, Any]]] = {
    "plain": ("bg_nbd", BG, 2500, 731, np.ones, {}),
    "shocks": ("pareto_nbd", PARETO, 2500, 731, lambda n: _shocks(n, 0.15, 3), {}),
    "season": ("bg_nbd", BG, 2500, 1096, lambda n: _season(n, 0.35, 0.6) * _shocks(n, 0.07, 12), {}),
    "season, 18 months": (
        "pareto_nbd",
        PARETO,
        2500,
        548,
        lambda n: _season(n, 0.3) * _shocks(n, 0.07, 13),
        {},
    ),
    "decline": ("bg_nbd", BG, 2500, 1096, lambda n: _trend(n, -0.35) * _season(n, 0.1), {}),
    "growth and price": (
        "pareto_nbd",
        PARETO,
        3000,
        913,
        lambda n: _walk(n, 0.04, 5),
        {"growth": 2.0, "price": 0.15},
    ),
    "charity": (
        "pareto_nbd",
        CHARITY,
        3000,
        4018,
        lambda n: _season(n, 0.7, 0.8, -1.5) * _walk(n, 0.02, 8) * _trend(n, -0.06),
        {},
    ),
    "grocer": (
        "bg_cnbd",
        GROCER,
        1200,
        731,
        lambda n: _season(n, 0.06) * _walk(n, 0.02, 9),
        {"from_start": 0.7},
    ),
    "food delivery": (
        "bg_nbd",
        FOOD,
        2500,
        427,
        lambda n: _walk(n, 0.05, 10) * _trend(n, 0.3),
        {"growth": 1.5},
    ),
    "business customers": (
        "bg_nbd",
        BUSINESS,
        900,
        694,
        lambda n: _season(n, 0.2) * _shocks(n, 0.08, 11),
        {"from_start": 0.3},
    ),
}


def simulated(name: str) -> pd.DataFrame:
    """Customers whose time runs faster on busier days."""
    model, params, n, days, busy_of, changes = SIMULATED[name]
    busy, generator = busy_of(days), np.random.default_rng(len(name))
    growth, position = changes.get("growth", 0.0), generator.uniform(0.0, 1.0, n)
    if growth:
        position = np.log1p(position * np.expm1(growth)) / growth
    position = np.where(generator.uniform(0.0, 1.0, n) < changes.get("from_start", 0.0), 0.0, position)
    worked = np.concatenate([[0.0], np.cumsum(busy)]) * days / busy.sum()
    calendar = np.arange(days + 1.0)
    age = np.maximum(days - np.interp(position * (days - 1.0), calendar, worked), 0.1)
    table = simulate_transactions(model, params, SPEND, n, age, len(name))
    end = pd.Timestamp("2025-01-01")
    elapsed = days - (end - table["timestamp"]).dt.total_seconds() / 86400.0
    day = np.minimum(np.floor(np.interp(elapsed, worked, calendar)), days - 1)
    return table.assign(
        timestamp=end + pd.to_timedelta(day - days, unit="D"),
        amount=table["amount"] * np.exp(changes.get("price", 0.0) * day / 365.0),
    )


def logs(names: list[str]) -> Iterator[tuple[str, TransactionLog, date, date]]:
    """Each log with its last day and the last day of development."""
    for name, (source, rules, last, development) in PUBLIC.items():
        if (not names or name in names) and (source == "cdnow" or Path(source).exists()):
            log = read_transactions(source, load_params(flags={"data": rules}).data)
            yield name, log, last, development
            log.close()
    for name in SIMULATED:
        if not names or name in names:
            log = read_transactions(simulated(name), load_params().data)
            yield name, log, log.last_day, log.last_day
            log.close()


def totals_at(log: TransactionLog, as_of: date, last: date) -> pd.DataFrame:
    """Forecasts of all horizons with known outcomes at one cutoff: BG/NBD alone and with the level."""
    history = (as_of - log.first_day).days
    horizons = [days for days in HORIZONS if days <= min((last - as_of).days, history)]
    if not horizons:
        return pd.DataFrame()
    model = partial(transaction_model, "bg_nbd", "guanxi", 1.0)
    level = fit_level(refit_models(log, as_of, [model], with_spend=False), max(horizons))
    histories = sample_histories(log, last, 20_000)
    day = (as_of - log.first_day).days
    rfm = histories.rfm(day)
    fitted, later = fit_quietly(model(), rfm), histories.day[np.isin(histories.customer, rfm.index)]
    rows = []
    for days in horizons:
        expected = float(fitted.expected_purchases(rfm, float(days)).sum())
        actual = float(((later > day) & (later <= day + days)).sum())
        error, noise = level.error(days), 1.5 / expected
        spread = np.sqrt(error.variance + noise)
        row = {"as_of": as_of, "horizon_days": days, "model": np.log(expected / (actual + 0.5))}
        low, high = error.mean - 1.645 * spread, error.mean + 1.645 * spread
        rows.append(row | {"level": row["model"] + error.mean, "inside": low <= -row["model"] <= high})
    return pd.DataFrame(rows)


def rolling(log: TransactionLog, last: date) -> pd.DataFrame:
    """Totals at up to twelve cutoffs, evenly spaced."""
    most = ((last - log.first_day).days - LEAST_HISTORY_DAYS) // STEP_DAYS
    steps = np.unique(np.linspace(1, max(most, 1), min(CUTOFFS, max(most, 1))).round().astype(int))
    tables = []
    for step in steps:
        try:
            tables.append(totals_at(log, add_days(last, -STEP_DAYS * int(step)), last))
        except FitError:
            continue
    return pd.concat(tables, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.Series:
    """Root mean square and median of the log errors, and coverage of the 90 % interval."""
    yearly = table[table["horizon_days"] % 364 == 0]
    measures = {"windows": len(table), "inside": table["inside"].mean()}
    for name in ("model", "level"):
        measures[f"rms {name}"] = np.sqrt((table[name] ** 2).mean())
        measures[f"median {name}"] = table[name].abs().median()
        measures[f"years {name}"] = np.sqrt((yearly[name] ** 2).mean()) if len(yearly) else np.nan
    return pd.Series(measures)


def main() -> None:
    """Print the errors of every log, and of all logs weighed alike."""
    names, found = sys.argv[1:], []
    for name, log, last, development in logs(names):
        table = rolling(log, last)
        ends = [add_days(row.as_of, row.horizon_days) for row in table.itertuples()]
        table["set"], table["development"] = name, [end <= development for end in ends]
        found.append(table)
        print(name, summary(table[table["development"]]).round(3).to_dict(), flush=True)
    table = pd.concat(found, ignore_index=True)
    for which, rows in (("development", table[table["development"]]), ("all", table)):
        by_set = rows.groupby("set", sort=False).apply(summary, include_groups=False)
        print(f"\n{which} windows\n{by_set.round(3).to_string()}")
        squares = np.sqrt((by_set.filter(regex="rms|years") ** 2).mean())
        rest = by_set.filter(regex="median|inside").mean()
        print(f"logs weighed alike: {pd.concat([squares, rest]).round(3).to_dict()}")
        for kind in ("rms", "years"):
            print(f"  {kind}: {squares[f'{kind} level'] / squares[f'{kind} model']:.3f} of the value model's")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(table.astype({"as_of": str}).to_json(orient="records", indent=1) + "\n")
    print(json.dumps({"written": str(RESULTS.relative_to(ROOT))}))


if __name__ == "__main__":
    main()
