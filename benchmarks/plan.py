"""Seconds, peak memory and gap of a plan for many customers, in a separate process.

Usage: python benchmarks/plan.py [customers]

Three actions with a budget, a limit of a channel and a minimum count; the choice alone, and the whole plan
with holdout, frontier, robustness and reasons.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "plan.json"
MOST_SECONDS, LARGEST_GAP = 60.0, 0.001


def simulate(customers: int) -> pd.DataFrame:
    """Predictions with skewed values, no two customers alike."""
    random = np.random.default_rng(1)
    clv, churn = random.lognormal(3.0, 1.2, customers), random.beta(2, 2, customers)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:07d}" for number in range(customers)],
            "clv": clv,
            "clv_lower": 0.2 * clv,
            "clv_upper": 3.0 * clv,
            "value_at_risk": clv * churn / (1.0 - churn) * 0.7,
            "churn_probability": churn,
            "past_value": random.lognormal(3.0, 1.2, customers) * (random.random(customers) < 0.5),
        }
    )


def measure(customers: int) -> None:
    """Plan and print time, memory and gap."""
    from guanxi.decisions.budget import build_plan, choose_actions, customer_keys, expected_gains, plan_limits
    from guanxi.params import PlanParams

    table = simulate(customers)
    params = PlanParams(
        actions=[
            {
                "action": "call",
                "channel": "phone",
                "cost": 5,
                "save_rate": 0.2,
                "save_rate_interval": [0.1, 0.3],
            },
            {"action": "letter", "cost": 1, "save_rate": 0.06, "minimum": customers // 20},
            {"action": "mail", "cost": 0.1, "save_rate": 0.01},
        ],
        budget=0.3 * customers,
        channels={"phone": {"customers": customers // 40}},
    )
    limits = plan_limits(params)
    profits = expected_gains(table, params.actions).profits("expected", limits.costs)
    keys = customer_keys(table["customer_id"], 0)
    begin, work = time.perf_counter(), time.process_time()
    choice = choose_actions(profits, limits, keys)
    chosen, chosen_work = time.perf_counter() - begin, time.process_time() - work
    begin, work = time.perf_counter(), time.process_time()
    plan = build_plan(table, params, day=date(2026, 1, 31), horizon_days=90)
    found = {
        "choice_seconds": round(chosen, 1),
        "choice_processor_seconds": round(chosen_work, 1),
        "choice_gap": choice.gap,
        "plan_seconds": round(time.perf_counter() - begin, 1),
        "plan_processor_seconds": round(time.process_time() - work, 1),
        "plan_gap": plan.gap,
        "spend_of_budget": plan.totals.spend / (0.3 * customers),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    print(json.dumps(found))


def main() -> None:
    """Measure in a separate process and compare with the bars."""
    if sys.argv[1:2] == ["--here"]:
        measure(int(sys.argv[2]))
        return
    customers = int((sys.argv[1:] or ["1000000"])[0])
    done = subprocess.run(
        [sys.executable, __file__, "--here", str(customers)], check=True, capture_output=True, text=True
    )
    found = {"customers": customers, **json.loads(done.stdout)}
    bars = {
        "seconds": found["choice_seconds"] < MOST_SECONDS and found["plan_seconds"] < MOST_SECONDS,
        "gap": max(found["choice_gap"], found["plan_gap"]) < LARGEST_GAP,
        "never_over_budget": found["spend_of_budget"] <= 1.0 + 1e-9,
    }
    for name, value in found.items():
        print(f"{name:<26} {value:,.10g}")
    for name, reached in bars.items():
        print(f"{name:<26} {'reached' if reached else 'missed'}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**found, "reached": bars}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
