"""Seconds and peak memory of scoring simulated customers, each method in a separate process.

Usage: python benchmarks/scorecard.py [customers] [indicators] Each process reads the indicators from a
Parquet file and scores them, writing nothing. Memory includes imports and the tables; the time covers scoring
only. The last run has the default tree, an earlier day, and all that follows from it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "scorecard.json"
MOST_SECONDS, MOST_GIB = 60.0, 2.0
# Normalisation, method and tier rule of each run.
RUNS = [
    ("quantile", "weighted_sum", "percentile"),
    ("min_max", "weighted_sum", "natural_breaks"),
    ("vector", "topsis", "natural_breaks"),
    ("quantile", "fuzzy", "pareto"),
    ("default tree", "whole scorecard", "with an earlier day"),
]
OWN = {"trust": {"dimension": "value"}, "brand": {"dimension": "loyalty"}}  # beside the default tree
HORIZON = 91
DAYS = (date(2024, 10, 1), date(2024, 12, 31))
DIMENSIONS = ("value", "loyalty", "satisfaction", "interaction", "risk", "advocacy")


def simulate(path: Path, customers: int, indicators: int) -> None:
    """Write realistic indicators: skewed amounts, sparse survey answers, counts that are mostly 0."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"customer_id": np.arange(customers)})
    for place in range(indicators):
        values = (
            rng.lognormal(4.0, 1.0, customers),
            np.where(rng.random(customers) < 0.3, rng.integers(1, 6, customers), np.nan),
            rng.poisson(0.2, customers).astype(float),
        )[place % 3]
        table["future_value" if place == 0 else f"indicator_{place}"] = values
    table.to_parquet(path)


def simulate_days(path: Path) -> None:
    """Write the indicators of the default tree on two days, a third with other values on the earlier one."""
    from guanxi.params.scorecard import ScorecardParams
    from guanxi.scorecard.weights._weighting import scorecard_tree

    table, rng = pd.read_parquet(path), np.random.default_rng(2)
    tree = scorecard_tree(None, ScorecardParams.model_validate({"indicators": OWN}).indicators)
    named = dict(zip(table.columns[1:], tree.leaves, strict=False))
    now = table[["customer_id", *named]].rename(columns=named)
    now["retention_probability"] = now["probability_alive"] = rng.random(len(now))
    now["future_value"] = now["current_value"]
    now.to_parquet(path.with_name(f"{DAYS[1]}.parquet"))
    others = np.flatnonzero(rng.random(len(now)) < 1 / 3)
    for name in now.columns[1:]:
        now.loc[others, name] = now[name].to_numpy()[rng.permutation(others)]
    now.to_parquet(path.with_name(f"{DAYS[0]}.parquet"))
    buyers = rng.integers(len(now), size=len(now))
    days = pd.Timestamp(DAYS[0]) + pd.to_timedelta(rng.integers(1, HORIZON, len(now)), unit="D")
    bought = pd.DataFrame({"customer_id": buyers, "timestamp": days})
    bought.assign(amount=rng.lognormal(4.0, 1.0, len(now))).to_parquet(path.with_name("purchases.parquet"))


def score(path: Path, normalisation: str, method: str, tiers: str) -> None:
    """Score the file and print time and memory."""
    from guanxi.scorecard.scoring._scores import score_table
    from guanxi.scorecard.scoring._tiers import TierRule

    table = pd.read_parquet(path)
    names = list(table.columns[1:])
    begin, work = time.perf_counter(), time.process_time()
    card = score_table(
        table,
        dict.fromkeys(names, 1.0 / len(names)),
        {name: DIMENSIONS[place % len(DIMENSIONS)] for place, name in enumerate(names)},
        dict.fromkeys(names, True),
        normalisation=normalisation,  # type: ignore[arg-type]
        method=method,  # type: ignore[arg-type]
        tiers=TierRule(tiers),  # type: ignore[arg-type]
    )
    _print_found(begin, work, card.table)


def score_all(path: Path) -> None:
    """Score and follow the customers as the command does with an earlier day; print time and memory.

    That is: weights, scores, importance, stability, agreement of the methods, the earlier day on the same
    scale, the chain of tiers, risk and return, the watch list, and all notes in Chinese.
    """
    from guanxi.data.transactions import read_transactions
    from guanxi.params import load_params
    from guanxi.params.scorecard import ScorecardParams
    from guanxi.scorecard import ScorecardInputs
    from guanxi.scorecard._history import compare_days
    from guanxi.scorecard._notes import said
    from guanxi.scorecard.scoring._relationship import methods_agreement, relationship
    from guanxi.scorecard.watch._movements import follow_customers

    params = load_params()
    options = ScorecardParams.model_validate({"indicators": OWN})
    earlier, now = (pd.read_parquet(path.with_name(f"{day}.parquet")) for day in DAYS)
    log = read_transactions(path.with_name("purchases.parquet"), params.data)
    inputs = ScorecardInputs(log, None, None, HORIZON, HORIZON, 1.0, params)  # type: ignore[arg-type]
    begin, work = time.perf_counter(), time.process_time()
    found = relationship(now, options)
    methods_agreement(found)
    history = compare_days({DAYS[0]: earlier}, found, DAYS[1], params)
    card = found.card.table
    customers = card.assign(
        clv=now["future_value"], churn_probability=1.0 - now["retention_probability"], lifecycle_stage="lost",
        value_at_risk=now["future_value"] * (1.0 - now["retention_probability"]),
    )  # fmt: skip
    moved = follow_customers(inputs, found, customers, history, ["tier"], [])
    told = [said(note, "zh", str.upper) for note in found.notes]
    _print_found(begin, work, card)
    print(f"{len(moved.watch):,} customers to watch, {len(told)} notes", file=sys.stderr)


def _print_found(begin: float, work: float, table: pd.DataFrame) -> None:
    seconds, work = time.perf_counter() - begin, time.process_time() - work
    points = table.filter(like="_points").sum(axis=1)
    found = {
        "seconds": round(seconds, 2),
        "processor_seconds": round(work, 2),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "columns": len(table.columns),
        "points_miss_score_by": float((points - table["score"]).abs().max()),
    }
    print(json.dumps(found))


def main() -> None:
    """Measure every run."""
    customers, indicators = (int(given) for given in (*sys.argv[1:], *("1000000", "25")[len(sys.argv) - 1 :]))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "indicators.parquet"
        simulate(path, customers, indicators)
        simulate_days(path)
        for run in RUNS:
            command = [sys.executable, __file__, "--score", str(path), *run]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            rows.append(
                dict(zip(("normalisation", "method", "tiers"), run, strict=True)) | json.loads(done.stdout)
            )
    print(pd.DataFrame(rows).to_string(index=False))
    result = {"customers": customers, "indicators": indicators, "cores": os.cpu_count(), "rows": rows}
    print(json.dumps(result))
    seconds, memory = (max(row[key] for row in rows) for key in ("seconds", "peak_memory_gib"))
    verdict = "reached" if seconds < MOST_SECONDS and memory < MOST_GIB else "MISSED"
    print(
        f"{customers:,} customers x {indicators} indicators: at most {seconds:.1f} s and {memory:.2f} GiB; "
        f"the bar of {MOST_SECONDS:.0f} s and {MOST_GIB:.0f} GiB is {verdict}"
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--score"]:
        given = sys.argv[3:]
        score_all(Path(sys.argv[2])) if given == list(RUNS[-1]) else score(Path(sys.argv[2]), *given)
    else:
        main()
