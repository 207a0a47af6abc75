"""Transaction logs on which choices are made: real ones up to their named cutoffs, and simulated ones.

Real logs are read from $GUANXI_SHARED_DATA or ../shared/data and skipped if missing; none has a day of the
windows on which results are reported (``quality.py``). The simulated customers follow one of the models in
operational time, which runs faster in busy days: by season, trend, shocks and random walks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data import datasets
from guanxi.simulation import simulate_transactions

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", ROOT.parent / "shared" / "data"))
END = "2024-12-31"
SPEND = {"p": 4.0, "q": 4.0, "v": 20.0}
BG = {"r": 0.6, "alpha": 25.0, "a": 0.8, "b": 4.0}
PARETO = {"r": 0.5, "alpha": 30.0, "s": 0.6, "beta": 120.0}
CHARITY = {"r": 1.2, "alpha": 600.0, "s": 0.5, "beta": 900.0}
GROCER = {"k": 3, "r": 4.0, "alpha": 9.0, "a": 0.5, "b": 60.0}
FOOD = {"r": 0.8, "alpha": 12.0, "a": 0.7, "b": 6.0}
B2B = {"r": 1.2, "alpha": 40.0, "a": 0.4, "b": 6.0}
YEAR = 365.25


@dataclass(frozen=True)
class Log:
    """A log: how to read it, its rules, and the last day that may be used."""

    read: Callable[[], pd.DataFrame]
    rules: dict[str, Any] = field(default_factory=dict)
    last_day: date | None = None

    def lines(self) -> pd.DataFrame:
        """Lines up to the last day."""
        table = self.read()
        if self.last_day is None:
            return table
        day = pd.to_datetime(table[self.rules.get("columns", {}).get("timestamp", "timestamp")])
        return table[day < pd.Timestamp(self.last_day) + pd.Timedelta(days=1)].reset_index(drop=True)


def simulated(
    model: str,
    params: dict[str, float],
    n: int,
    years: float,
    seed: int,
    busy: Callable[[int], np.ndarray] = np.ones,
    growth: float = 0.0,
    founders: float = 0.0,
    inflation: float = 0.0,
) -> pd.DataFrame:
    """Customers of one model up to the end of 2024.

    ``busy(days)`` is the relative intensity of each day; acquisitions grow by ``growth`` log units over the
    whole time, a share ``founders`` is known from the first day, prices rise by ``inflation`` a year.
    """
    days, generator = int(YEAR * years), np.random.default_rng(seed)
    place = generator.uniform(0.0, 1.0, n)
    place = np.log1p(place * np.expm1(growth)) / growth if growth else place
    place = np.where(generator.uniform(0.0, 1.0, n) < founders, 0.0, place)
    intensity = busy(days)
    worked = np.concatenate([[0.0], np.cumsum(intensity)]) * days / intensity.sum()
    first = np.minimum(place * (days - 1), days - 0.5)
    age = days - np.interp(first, np.arange(days + 1.0), worked)
    table = simulate_transactions(model, params, SPEND, n, np.maximum(age, 0.1), seed, cutoff=END)
    end = pd.Timestamp(END) + pd.Timedelta(days=1)
    elapsed = days - (end - table["timestamp"]).dt.total_seconds() / 86400.0
    day = np.minimum(np.floor(np.interp(elapsed, worked, np.arange(days + 1.0))), days - 1)
    start = end - pd.Timedelta(days=days)
    return table.assign(
        timestamp=start + pd.to_timedelta(day, unit="D"),
        amount=table["amount"] * np.exp(inflation * day / YEAR),
    )


def season(amplitude: float, peak: float = 0.0) -> Callable[[int], np.ndarray]:
    """A yearly wave, and a peak in December."""

    def busy(days: int) -> np.ndarray:
        day = pd.date_range(end=END, periods=days).day_of_year.to_numpy()
        wave = amplitude * np.sin(2.0 * np.pi * day / YEAR)
        return np.exp(wave + peak * np.exp(-0.5 * ((day - 340.0) / 15.0) ** 2))

    return busy


def shocks(seed: int, deviation: float, *, walk: bool = False) -> Callable[[int], np.ndarray]:
    """Independent months, or a random walk over months."""

    def busy(days: int) -> np.ndarray:
        steps = np.random.default_rng(seed).normal(0.0, deviation, days // 30 + 1)
        return np.exp((np.cumsum(steps) if walk else steps)[np.arange(days) // 30])

    return busy


def trend(rate: float) -> Callable[[int], np.ndarray]:
    """A change of intensity by ``rate`` log units a year."""
    return lambda days: np.exp(rate * np.arange(days) / YEAR)


def closed_weeks(seed: int, share: float, low: float, high: float) -> Callable[[int], np.ndarray]:
    """A share of the weeks nearly without purchases, and another of campaigns, in log units of intensity."""

    def busy(days: int) -> np.ndarray:
        chance = np.random.default_rng(seed).uniform(size=days // 7 + 2)
        weeks = np.where(chance < share, low, np.where(chance > 1.0 - share, high, 0.0))
        return np.exp(weeks[(np.arange(days) + 3) // 7])

    return busy


def times(*parts: Callable[[int], np.ndarray]) -> Callable[[int], np.ndarray]:
    """Product of intensities."""
    return lambda days: np.prod([part(days) for part in parts], axis=0)


def _parquet(name: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.read_parquet(SHARED / name)


RETAIL = {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"}
JOURNEY = {"customer_id": "household_id", "timestamp": "transaction_timestamp", "amount": "sales_value"}
TAFENG = {"customer_id": "customer_id", "timestamp": "day", "amount": "sales_price"}
_REAL = {
    "online_retail_ii.parquet": Log(
        _parquet("online_retail_ii.parquet"),
        {"columns": RETAIL, "duplicates": "drop", "duplicates_ignore": ["sheet"]},
        date(2011, 5, 31),
    ),
    "completejourney/transactions_sample.parquet": Log(
        _parquet("completejourney/transactions_sample.parquet"), {"columns": JOURNEY}, date(2017, 9, 30)
    ),
    "tafeng.parquet": Log(_parquet("tafeng.parquet"), {"columns": TAFENG}, date(2001, 1, 23)),
}
_NAMES = {
    "online_retail_ii.parquet": "Online Retail II",
    "completejourney/transactions_sample.parquet": "Complete Journey",
    "tafeng.parquet": "Ta-Feng",
}
_SIMULATED: dict[str, Callable[[], pd.DataFrame]] = {
    "BG/NBD": lambda: simulated("bg_nbd", BG, 2500, 2.0, 1),
    "Pareto/NBD, shocks": lambda: simulated("pareto_nbd", PARETO, 2500, 2.0, 3, shocks(3, 0.15)),
    "BG/NBD, season": lambda: simulated(
        "bg_nbd", BG, 2500, 3.0, 2, times(season(0.35, 0.6), shocks(12, 0.07))
    ),
    "Pareto/NBD, growth and prices": lambda: simulated(
        "pareto_nbd", PARETO, 3000, 2.5, 5, shocks(5, 0.04, walk=True), growth=2.0, inflation=0.15
    ),
    "BG/NBD, decline": lambda: simulated("bg_nbd", BG, 2500, 3.0, 4, times(trend(-0.35), season(0.1))),
    "charity, eleven years": lambda: simulated(
        "pareto_nbd",
        CHARITY,
        3000,
        11.0,
        8,
        times(season(-0.7, 0.8), shocks(8, 0.02, walk=True), trend(-0.06)),
    ),
    "grocer, weekly": lambda: simulated(
        "bg_cnbd", GROCER, 1200, 2.0, 9, times(season(0.06), shocks(9, 0.02, walk=True)), founders=0.7
    ),
    "food delivery, 14 months": lambda: simulated(
        "bg_nbd", FOOD, 2500, 1.17, 10, times(shocks(10, 0.05, walk=True), trend(0.3)), growth=1.5
    ),
    "B2B, 23 months": lambda: simulated(
        "bg_nbd", B2B, 900, 1.9, 11, times(season(0.2), shocks(11, 0.08)), founders=0.3
    ),
}
#: Changing acquisition, and weeks without data: for histories below a year.
_SHORT: dict[str, Callable[[], pd.DataFrame]] = {
    "growing": lambda: simulated("bg_nbd", BG, 2500, 1.25, 21, shocks(21, 0.05), growth=3.0),
    "shrinking": lambda: simulated("pareto_nbd", PARETO, 2500, 1.25, 22, shocks(22, 0.05), growth=-3.0),
    "ramp": lambda: simulated("bg_nbd", FOOD, 2000, 1.25, 23, times(trend(0.6), season(-0.25)), growth=1.0),
    "season, shrinking": lambda: simulated(
        "bg_nbd", B2B, 2500, 1.5, 24, season(0.3, 0.5), growth=-1.5, founders=0.3
    ),
    "closed weeks": lambda: simulated(
        "bg_nbd", FOOD, 1500, 1.4, 31, times(closed_weeks(31, 0.08, -2.0, 0.7), shocks(31, 0.05))
    ),
    "grocer, closed weeks": lambda: simulated(
        "bg_cnbd", GROCER, 1000, 1.4, 32, times(closed_weeks(32, 0.05, -2.0, 0.4), season(0.15)), founders=0.5
    ),
}


def logs() -> dict[str, Log]:
    """Every available log by name."""
    found = {"CDNOW": Log(lambda: datasets.load("cdnow"), {}, date(1997, 9, 30))}
    found |= {_NAMES[file]: log for file, log in _REAL.items() if (SHARED / file).exists()}
    return found | {f"simulated {name}": Log(read) for name, read in _SIMULATED.items()}


def short_logs() -> dict[str, Log]:
    """Every available log by name, and those of companies that change within a year."""
    return logs() | {f"simulated {name}": Log(read) for name, read in _SHORT.items()}
