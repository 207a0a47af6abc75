"""Scenarios of a million customers: time and memory of `guanxi scenario` after the customers are valued.

python benchmarks/scenarios.py [customers] [model]

The model is bg_nbd, pareto_nbd or mbg_cnbd. Ten scenarios: a value for a segment, two distributions at once,
and a grid of eight values with a distribution; 10,000 draws each.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.decisions.scenarios import ScenarioInputs, answer_scenarios
from guanxi.params import Params
from guanxi.served.purchases.registry import PROCESSES, PurchaseMixture

RESULTS = Path(__file__).parent / "results" / "scenarios.json"
MODELS = {
    "bg_nbd": {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.55, "alpha": 70.0, "s": 0.6, "beta": 80.0},
    "mbg_cnbd": {"k": 2, "r": 0.5, "alpha": 20.0, "a": 0.8, "b": 2.5},
}
NORMAL = {"distribution": "normal", "mean": 0.0}
CASES = [
    {"name": "value", "changes": [{"lever": "purchase_rate", "by": 0.1, "segment": {"recency": "> 300"}}]},
    {
        "name": "draws",
        "changes": [
            {"lever": "retention", **NORMAL, "sd": 0.02, "segment": {"frequency": ">= 3"}},
            {"lever": "margin", **NORMAL, "sd": 0.05},
        ],
    },
    {
        "name": "grid",
        "changes": [
            {"lever": "order_value", "by": [share / 100 for share in range(8)]},
            {"lever": "retention", "distribution": "uniform", "low": -0.05, "high": 0.05},
        ],
    },
]


def main() -> None:
    given = sys.argv[1:]
    customers, model = int(given[0]) if given else 1_000_000, given[1] if len(given) > 1 else "bg_nbd"
    predictions = simulated(customers)
    purchases = PurchaseMixture([(PROCESSES[model], MODELS[model])])
    inputs = ScenarioInputs(predictions, purchases, float, 0.4, 0.1, date(2026, 1, 31))
    before, begin = peak(), time.perf_counter()
    answer = answer_scenarios(inputs, Params(scenario={"cases": CASES}))
    seconds = time.perf_counter() - begin
    result = {
        "customers": customers,
        "histories": len(predictions[["frequency", "recency", "T"]].drop_duplicates()),
        "model": model,
        "scenarios": len(answer.tables["scenarios"]) - 1,
        "seconds": round(seconds, 1),
        "gigabytes_before": round(before, 2),
        "gigabytes_peak": round(peak(), 2),
    }
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def simulated(customers: int) -> pd.DataFrame:
    """Predictions of customers with a constant rate of buying and a lifetime."""
    random = np.random.default_rng(0)
    T = random.integers(1, 1000, customers).astype(float)
    lifetime = np.minimum(random.exponential(300.0, customers), T)
    x = random.poisson(random.gamma(0.8, 1 / 40.0, customers) * lifetime).astype(float)
    last = np.round(lifetime * random.random(customers) ** (1.0 / np.maximum(x, 1.0)))
    t_x = np.where(x > 0, np.maximum(last, 1.0), 0.0)
    expected, spend = random.gamma(0.5, 1.0, customers), random.lognormal(3.0, 0.6, customers)
    return pd.DataFrame(
        {
            "customer_id": np.arange(customers),
            "horizon_days": 90,
            "frequency": np.minimum(x, t_x),
            "recency": t_x,
            "T": T,
            "expected_purchases": expected,
            "expected_spend": spend,
            "clv": 0.396 * expected * spend,
        }
    )


def peak() -> float:
    """Largest memory so far, in gigabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
