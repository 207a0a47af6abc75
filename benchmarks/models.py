"""Purchase models on earlier windows of many logs: each, their means, and the choice of ``clv.model: auto``.

python benchmarks/models.py [NAME ...]

Each log of ``logs.py`` (or each whose name contains NAME) is cut into windows of a quarter and an eighth of
its history. Each model is fitted at a window's start to at most 3,000 customers; the choice is made on the
windows before. Printed: Poisson deviance and log loss at the window's level, in percent above BG/NBD's, the
bias of the total, and processor seconds of a fit and a forecast.
"""

from __future__ import annotations

import sys
from datetime import date
from time import process_time

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError, FitError
from guanxi.features.rfm import rfm_expression, with_log_gaps
from guanxi.features.snapshots import SnapshotPlan, outcome_expression
from guanxi.models.purchase_models import transaction_model
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline._base_learners import CHURN, PURCHASES
from guanxi.pipeline.selection import CANDIDATES, _choose_models, _levelled, fit_quietly
from logs import Log, logs

MODELS = (*CANDIDATES, "pareto_nbd", "nbd")
ROWS, MOST_WINDOWS, SEED = 3000, 4, 1
PARTS = (4, 8)


def rows_at(log: TransactionLog, day: date, days: int) -> pd.DataFrame:
    """Histories and outcomes of a sample of the customers known on a day."""
    table = rfm_expression(log.events, day).order_by("customer_id").execute()
    outcomes = outcome_expression(log.events, day, days).execute()
    table = (
        with_log_gaps(table, log, day).merge(outcomes, on="customer_id", how="left").fillna({"purchases": 0})
    )
    table = table.assign(churned=(table["purchases"] == 0).astype(float))
    chosen = np.random.default_rng(SEED).permutation(len(table))[:ROWS]
    return table.iloc[np.sort(chosen)]


def windows(log: TransactionLog, part: int) -> tuple[int, list[date]]:
    """Length and cutoffs of the last windows, latest first, each after at least as much history."""
    history = (log.last_day - log.first_day).days
    days = history // part
    return days, [add_days(log.last_day, -days * (i + 1)) for i in range(min(MOST_WINDOWS, part - 1))]


def forecasts(rows: pd.DataFrame, days: int, name: str) -> tuple[dict[str, np.ndarray], float]:
    """Expected purchases and probability of none by one model, and the processor time."""
    started = process_time()
    model = fit_quietly(transaction_model(name), rows)
    found = {
        "counts": model.expected_purchases(rows, days),
        "churn": model.probability_no_purchase(rows, days),
    }
    return found, process_time() - started


def measured(rows: pd.DataFrame, count: np.ndarray, none: np.ndarray) -> dict[str, float]:
    """Losses at the window's level, and the bias of the total."""
    none = np.clip(none, 1e-12, 1.0 - 1e-12)
    total = rows["purchases"].sum()
    return {
        "counts": float(_levelled(PURCHASES, rows, np.log(np.maximum(count, 1e-12))).mean()),
        "churn": float(_levelled(CHURN, rows, np.log(none / (1.0 - none))).mean()),
        "bias": float(np.log(max(count.sum(), 1e-12) / max(total, 1.0))),
    }


def compare(name: str, given: Log) -> list[dict[str, object]]:
    """Measure every model and the choice on the windows of one log."""
    log = read_transactions(given.lines(), load_params(flags={"data": given.rules}).data)
    found: list[dict[str, object]] = []
    for part in PARTS:
        days, cutoffs = windows(log, part)
        known = {day: rows_at(log, day, days) for day in cutoffs}
        for day, earlier in zip(cutoffs, (cutoffs[i + 1 :] for i in range(len(cutoffs))), strict=True):
            rows, made = known[day], {}
            for model in MODELS:
                try:
                    made[model], seconds = forecasts(rows, days, model)
                except (FitError, DataError):
                    continue
                each = measured(rows, made[model]["counts"], made[model]["churn"])
                found.append(
                    {"log": name, "days": days, "cutoff": day, "model": model, "seconds": seconds} | each
                )
            if earlier:
                plan = SnapshotPlan(tuple(earlier[1:][::-1]), earlier[0], days)
                choice = _choose_models(plan, log.first_day, known.__getitem__, SEED)
                count, none = (
                    np.mean([made[member][target] for member in members], axis=0)
                    for target, members in (("counts", choice.counts), ("churn", choice.churn))
                )
                found.append(
                    {"log": name, "days": days, "cutoff": day, "model": "auto"} | measured(rows, count, none)
                )
                print(f"{name}, {days} days after {day}: {choice.reason}", flush=True)
    log.close()
    return found


def main() -> None:
    """Compare on every log, and summarise."""
    wanted = sys.argv[1:]
    chosen = {name: log for name, log in logs().items() if not wanted or any(part in name for part in wanted)}
    table = pd.DataFrame([row for name, log in chosen.items() for row in compare(name, log)])
    keys = ["log", "days", "cutoff"]
    reference = table[table["model"] == "bg_nbd"].set_index(keys)
    for target in ("counts", "churn"):
        share = table.set_index(keys)[target] / reference[target].reindex(table.set_index(keys).index) - 1.0
        shown = pd.DataFrame(
            {"log": table["log"], "model": table["model"], "share": 100.0 * share.to_numpy()}
        )
        by_log = shown.pivot_table(index="log", columns="model", values="share", sort=False)
        by_log.loc["mean of logs"] = by_log.mean()
        print(f"\n{target}: loss in % above BG/NBD's\n{by_log.round(2).to_string()}")
    print(f"\n{table.groupby('model', sort=False)[['seconds', 'bias']].mean().round(3).to_string()}")


if __name__ == "__main__":
    main()
