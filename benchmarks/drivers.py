"""Exact SHAP values of every customer: guanxi's tables against shap.TreeExplainer.

python benchmarks/drivers.py [customers]

Each runs in a separate process, one after the other, on the same trees and rows. Loading the model and
building the tables are timed; imports are not.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

from guanxi.served.trees._ensemble import Trees

FEATURES, CATEGORICAL = 30, [0, 1, 2]
TRAINING_ROWS = 50_000
RESULTS = Path(__file__).parent / "results" / "drivers.json"
BAR = {"times_faster": 6.0, "largest_difference": 1e-4, "peak_gib": 2.0}
TOP = 5


def customers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three categorical and 27 numeric features with interactions, 5 % missing, and a churn label."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, FEATURES))
    X[:, CATEGORICAL] = random.integers(0, [4, 12, 40], (n, 3))
    log_odds = np.sin(2 * X[:, 3]) + X[:, 4] * X[:, 5] + (X[:, 1] % 3) + (X[:, 2] % 7 == 1) - 1.2
    log_odds += X[:, 6:] @ np.linspace(0.5, 0.0, FEATURES - 6)
    X[random.random(X.shape) < 0.05] = np.nan
    return X, random.logistic(size=n) < log_odds


def grow(leaves: int, trees: int, seed: int = 0) -> str:
    X, left = customers(TRAINING_ROWS, seed=1)
    settings = {"objective": "binary", "num_leaves": leaves, "feature_fraction": 0.5, "seed": seed}
    data = lightgbm.Dataset(X, left, categorical_feature=CATEGORICAL)
    return lightgbm.train(settings | {"deterministic": True, "verbose": -1}, data, trees).model_to_string()


def explain(engine: str, folder: Path) -> None:
    """Explain all rows in this process, and print time and memory."""
    text, X = (folder / "trees.txt").read_text(), np.load(folder / "rows.npy")
    if engine == "shap.TreeExplainer":
        from shap import TreeExplainer

        start, cpu = time.perf_counter(), time.process_time()
        explainer = TreeExplainer(
            lightgbm.Booster(model_str=text), feature_perturbation="tree_path_dependent"
        )
        values = explainer.shap_values(X)
    else:
        start, cpu = time.perf_counter(), time.process_time()
        values = Trees([text]).contributions(X)[:, :-1]
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    np.save(folder / f"{engine}.npy", values)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_gib": peak}))


def compare(n: int, text: str) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    measured, values = {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trees.txt").write_text(text)
        np.save(folder / "rows.npy", customers(n, seed=2)[0])
        for engine in ("guanxi", "shap.TreeExplainer"):
            command = [sys.executable, __file__, "explain", engine, name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            measured[engine] = json.loads(done.stdout.splitlines()[-1])
            values[engine] = np.load(folder / f"{engine}.npy")
    ours, theirs = values.values()
    strongest = [np.argsort(-np.abs(each), axis=1, kind="stable")[:, :TOP] for each in (ours, theirs)]
    overall = [np.argsort(-np.abs(each).mean(axis=0)) for each in (ours, theirs)]
    agreement = {
        "times_faster": measured["shap.TreeExplainer"]["seconds"] / measured["guanxi"]["seconds"],
        "largest_difference": float(np.abs(ours - theirs).max()),
        f"customers_with_the_same_top_{TOP}": float((strongest[0] == strongest[1]).all(axis=1).mean()),
        "same_order_over_all_customers": bool((overall[0] == overall[1]).all()),
    }
    return measured, agreement


def crossing(texts: list[str]) -> dict[str, float]:
    """Number of rows above which building and using the tables is faster than LightGBM's TreeSHAP."""
    X, _ = customers(20_000, seed=2)
    boosters = [lightgbm.Booster(model_str=text) for text in texts]
    start = time.perf_counter()
    for booster in boosters:
        booster.predict(X[:1000], pred_contrib=True)
    each = (time.perf_counter() - start) / 1000
    trees, seconds = Trees(texts), []
    for _ in range(2):
        start = time.perf_counter()
        trees.contributions(X)
        seconds.append(time.perf_counter() - start)
    tables, each_ours = seconds[0] - seconds[1], seconds[1] / len(X)
    return {
        "lightgbm_microseconds_a_row": each * 1e6,
        "tables_microseconds_a_row": each_ours * 1e6,
        "making_the_tables_seconds": tables,
        "rows_where_equal": tables / (each - each_ours),
    }


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    text = grow(leaves=31, trees=300)
    measured, agreement = compare(n, text)
    small = [grow(leaves=5, trees=200, seed=seed) for seed in range(3)]
    crossings = {"300 trees x 31 leaves": crossing([text]), "3 x 200 trees x 5 leaves": crossing(small)}
    print(f"SHAP values of {n:,} customers x {FEATURES} features, 300 trees of 31 leaves")
    print(pd.DataFrame(measured).T.to_string(float_format="{:,.2f}".format))
    for name, value in agreement.items():
        print(f"{name}: {value:.6g}")
    print(pd.DataFrame(crossings).T.to_string(float_format="{:,.1f}".format))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    result = {"customers": n, "bar": BAR, "machine": machine, "measured": measured, **agreement}
    RESULTS.write_text(json.dumps(result | {"crossing": crossings}, indent=2) + "\n")
    assert agreement["times_faster"] >= BAR["times_faster"]
    assert agreement["largest_difference"] <= BAR["largest_difference"]
    assert measured["guanxi"]["peak_gib"] < BAR["peak_gib"]
    assert agreement["same_order_over_all_customers"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["explain"]:
        explain(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
