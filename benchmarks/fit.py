"""BG/NBD fits and predictions of a simulated customer base: guanxi against lifetimes, in one process.

python benchmarks/fit.py [customers]

guanxi also fits ten times as many customers. clvkit is included if installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.models import BetaGeoNBD, GammaGamma, customer_lifetime_value
from guanxi.served.numerics import count_rows
from guanxi.served.purchases.beta_geometric_process import BG_NBD
from guanxi.simulation import simulate_bg_nbd

TRUTH = {"r": 0.25, "alpha": 31.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
RESULTS = Path(__file__).parent / "results" / "fit.json"
HISTORY = ["frequency", "recency", "T"]
REPEATS = 5
MONTHS, DAYS = 12, 30


def customer_base(n: int) -> pd.DataFrame:
    """Histories in whole days, ages up to two years."""
    age = np.ceil(np.random.default_rng(0).uniform(0.0, 730.0, n))
    rfm = simulate_bg_nbd(TRUTH, n=n, T=age, seed=1, spend_params=SPEND)
    return rfm.assign(recency=np.ceil(rfm["recency"]))[[*HISTORY, "monetary_value"]]


def seconds(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Median time of a function, and its result."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)), result


def row(taken: float, params: dict[str, float], rfm: pd.DataFrame) -> dict[str, float]:
    """Time, log-likelihood (by guanxi, for all libraries) and parameters."""
    value = BG_NBD.log_likelihood(params, *(rfm[name] for name in HISTORY)).sum()
    return {"seconds": taken, "log_likelihood": float(value), **params}


def fits(rfm: pd.DataFrame) -> tuple[dict[str, dict[str, float]], BetaGeoNBD, Any]:
    import lifetimes

    taken, model = seconds(lambda: BetaGeoNBD().fit(rfm), REPEATS)
    rows = {"guanxi": row(taken, model.params_, rfm)}
    columns = [rfm[name] for name in HISTORY]
    taken, fitter = seconds(lambda: lifetimes.BetaGeoFitter().fit(*columns))
    rows["lifetimes"] = row(taken, fitter.params_.to_dict(), rfm)
    if importlib.util.find_spec("clvkit"):
        rows["clvkit"] = clvkit_fit(rfm)
    return rows, model, fitter


def clvkit_fit(rfm: pd.DataFrame) -> dict[str, float]:
    from clvkit.clv import bgnbd
    from scipy.optimize import minimize

    columns = bgnbd._rfm_arrays(rfm)

    def negative(log_params: np.ndarray) -> float:
        return -bgnbd._log_likelihood(*np.exp(log_params), **columns).mean()

    taken, found = seconds(lambda: minimize(negative, np.zeros(4), method="Nelder-Mead"))
    return row(taken, dict(zip(TRUTH, np.exp(found.x), strict=True)), rfm)


def ten_times(n: int, one: float) -> dict[str, float]:
    """Fit ten times as many customers, and split the time into compression and the rest."""
    rfm = customer_base(10 * n)
    columns = tuple(rfm[name].to_numpy() for name in HISTORY)
    compression, _ = seconds(lambda: count_rows(columns), 3)
    taken, _ = seconds(lambda: BetaGeoNBD().fit(rfm), 3)
    return {
        "customers": 10 * n,
        "seconds": taken,
        "compression": compression,
        "rest_over_one": (taken - compression) / one,
    }


def predictions(rfm: pd.DataFrame, model: BetaGeoNBD, fitter: Any) -> pd.DataFrame:
    columns = [rfm[name] for name in HISTORY]
    spend = GammaGamma().fit(rfm)
    theirs = spend.to_lifetimes()
    table = {
        "P(alive)": (
            seconds(lambda: model.probability_alive(rfm), 3)[0],
            seconds(lambda: fitter.conditional_probability_alive(*columns))[0],
        ),
        "purchases, a year": (
            seconds(lambda: model.expected_purchases(rfm, 365.0), 3)[0],
            seconds(lambda: fitter.conditional_expected_number_of_purchases_up_to_time(365.0, *columns))[0],
        ),
        "CLV, 12 months": (
            seconds(lambda: customer_lifetime_value(model, spend, rfm, MONTHS * DAYS, 0.1), 3)[0],
            seconds(
                lambda: theirs.customer_lifetime_value(
                    fitter, *columns, rfm["monetary_value"], time=MONTHS, discount_rate=0.008, freq="D"
                )
            )[0],
        ),
    }
    frame = pd.DataFrame(table, index=["guanxi", "lifetimes"]).T
    frame.loc["all three"] = frame.sum()
    return frame.assign(ratio=frame["lifetimes"] / frame["guanxi"])


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rfm = customer_base(n)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # lifetimes is archived: its search overflows, and its import sets a deprecated pandas option.
        warnings.simplefilter("ignore")
        rows, model, fitter = fits(rfm)
        predicted = predictions(rfm, model, fitter)
    speedup = rows["lifetimes"]["seconds"] / rows["guanxi"]["seconds"]
    tenfold = ten_times(n, rows["guanxi"]["seconds"])
    print(f"BG/NBD fit of {n:,} customers, compression included; guanxi: median of {REPEATS}")
    print(pd.DataFrame(rows).T.to_string(float_format="{:,.5f}".format))
    print(f"guanxi is {speedup:.1f} times faster than lifetimes")
    print(
        f"{tenfold['customers']:,} customers: {tenfold['seconds']:.2f} s, of which compression "
        f"{tenfold['compression']:.2f} s; the rest is {tenfold['rest_over_one']:.2f} times the fit above"
    )
    print(f"\nPredictions for {n:,} customers, seconds")
    print(predicted.to_string(float_format="{:,.2f}".format))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    figures = {
        "customers": n,
        "machine": machine,
        "fits": rows,
        "speedup": speedup,
        "ten_times": tenfold,
        "predictions": predicted.to_dict("index"),
    }
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
