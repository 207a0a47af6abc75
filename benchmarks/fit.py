"""BG/NBD fit of a simulated customer base: guanxi against lifetimes, in one process.

python benchmarks/fit.py [customers]
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.models import BetaGeoNBD
from guanxi.models.formulas import bg_nbd
from guanxi.simulation import simulate_bg_nbd

TRUTH = {"r": 0.25, "alpha": 31.0, "a": 0.8, "b": 2.5}
RESULTS = Path(__file__).parent / "results" / "fit.json"
REPEATS = 5


def customer_base(n: int) -> pd.DataFrame:
    """Histories in whole days, ages up to two years."""
    age = np.ceil(np.random.default_rng(0).uniform(0.0, 730.0, n))
    rfm = simulate_bg_nbd(TRUTH, n=n, T=age, seed=1)
    return rfm.assign(recency=np.ceil(rfm["recency"]))[["frequency", "recency", "T"]]


def lifetimes_fit(rfm: pd.DataFrame) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'mode.chained_assignment' option is deprecated")
        from lifetimes import BetaGeoFitter

        start = time.perf_counter()
        fitter = BetaGeoFitter().fit(rfm["frequency"], rfm["recency"], rfm["T"])
    seconds = time.perf_counter() - start
    params = fitter.params_.to_dict()
    # One likelihood judges both.
    value = bg_nbd.log_likelihood(params, *(rfm[name].to_numpy(dtype=float) for name in rfm)).sum()
    return {"seconds": seconds, "log_likelihood": float(value), **params}


def guanxi_fit(rfm: pd.DataFrame) -> dict[str, float]:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        model = BetaGeoNBD().fit(rfm)
        seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds)), "log_likelihood": model.log_likelihood_, **model.params_}


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rfm = customer_base(n)
    rows = {"guanxi": guanxi_fit(rfm), "lifetimes": lifetimes_fit(rfm)}
    speedup = rows["lifetimes"]["seconds"] / rows["guanxi"]["seconds"]
    print(f"BG/NBD fit of {n:,} customers, compression included; guanxi: median of {REPEATS}")
    print(pd.DataFrame(rows).T.to_string(float_format="{:,.5f}".format))
    print(f"guanxi is {speedup:.1f} times faster")
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    RESULTS.write_text(
        json.dumps({"customers": n, "machine": machine, "fits": rows, "speedup": speedup}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
