"""Intervals of purchases and spend for a simulated customer base, compression included.

python benchmarks/intervals.py [customers]
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.served.intervals.posterior_predictive import interval
from guanxi.served.numerics import count_rows
from guanxi.served.purchases.beta_geometric_process import BG_NBD
from guanxi.served.purchases.lifetime_process import PARETO_NBD
from guanxi.served.spend import GAMMA_GAMMA
from guanxi.simulation import simulate_bg_nbd

TRUTH = {"r": 0.25, "alpha": 31.5, "a": 0.8, "b": 2.5}
PARETO = {"r": 0.55, "alpha": 74.0, "s": 0.61, "beta": 82.0}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
UNCERTAIN = np.diag(np.full(4, 0.05**2))  # standard errors of 5 %
HORIZON = 365.0
RESULTS = Path(__file__).parent / "results" / "intervals.json"
COLUMNS = ("frequency", "recency", "T", "monetary_value")


def customer_base(n: int) -> pd.DataFrame:
    """Histories in whole days, ages up to two years, with a different mean amount per customer."""
    age = np.ceil(np.random.default_rng(0).uniform(0.0, 730.0, n))
    rfm = simulate_bg_nbd(TRUTH, n=n, T=age, seed=1, spend_params=SPEND)
    return rfm.assign(recency=np.ceil(rfm["recency"]))[list(COLUMNS)]


def measure(rfm: pd.DataFrame, transactions: list, log_covariance: np.ndarray | None) -> dict[str, float]:
    columns = [rfm[name].to_numpy() for name in COLUMNS]
    start = time.perf_counter()
    ends = interval(transactions, (GAMMA_GAMMA, SPEND, log_covariance), *columns, HORIZON)
    seconds = time.perf_counter() - start
    assert all(np.isfinite(values).all() for values in ends.values())
    return {"seconds": seconds, **{name: float(values.mean()) for name, values in ends.items()}}


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rfm = customer_base(n)
    distinct = len(count_rows(tuple(rfm[name].to_numpy() for name in COLUMNS[:3]))[1])
    rows = {
        "BG/NBD": measure(rfm, [(BG_NBD, TRUTH, None)], None),
        "BG/NBD, uncertain parameters": measure(rfm, [(BG_NBD, TRUTH, UNCERTAIN)], UNCERTAIN[:3, :3]),
        "BG/NBD and Pareto/NBD": measure(rfm, [(BG_NBD, TRUTH, None), (PARETO_NBD, PARETO, None)], None),
    }
    print(f"90 % intervals of {n:,} customers ({distinct:,} distinct histories) over {HORIZON:.0f} days")
    print(pd.DataFrame(rows).T.to_string(float_format="{:,.3f}".format))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    result = {"customers": n, "distinct_histories": distinct, "machine": machine, "intervals": rows}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
