"""Small customer bases: guanxi against its value model and logistic regressions alone.

python benchmarks/small.py [FIRST [LAST]]

Ten bases of 500 to 3,000 customers, chosen at random with fixed seeds, are cut out of the larger logs of
``logs.py``, none with a day of the windows on which results are reported. For each the twin is fitted at two
cutoffs, and graded on the window after.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.evaluation._baselines import RFM_LOGISTIC
from guanxi.evaluation.holdout import GUANXI, evaluate_holdout
from guanxi.evaluation.metrics import auc, log_loss
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline.correction import ALONE, REGRESSED
from guanxi.pipeline.fit import fit_models
from logs import logs

RESULTS = Path(__file__).parent / "results" / "small.json"
# Log, horizon, customers; the place is the seed.
BASES = (
    ("CDNOW", 60, 500),
    ("CDNOW", 60, 1000),
    ("CDNOW", 90, 2000),
    ("Online Retail II", 90, 500),
    ("Online Retail II", 90, 1000),
    ("Online Retail II", 180, 2000),
    ("Complete Journey", 30, 500),
    ("Complete Journey", 60, 1000),
    ("Ta-Feng", 21, 1000),
    ("Ta-Feng", 21, 3000),
)


def base(name: str, customers: int, seed: int) -> TransactionLog:
    """Purchases of randomly chosen customers."""
    given = logs()[name]
    whole = read_transactions(given.lines(), load_params(flags={"data": given.rules}).data)
    events = whole.events.select("customer_id", "date", "amount").execute()
    whole.close()
    known = np.sort(events["customer_id"].unique())
    kept = np.random.default_rng(seed).choice(known, customers, replace=False)
    events = events[events["customer_id"].isin(kept)].rename(columns={"date": "timestamp"})
    return read_transactions(events.reset_index(drop=True))


def measure(log: TransactionLog, cutoff: date, horizon: int) -> dict[str, object]:
    """Grades of the twin, and AUC and log loss of churn by every way of forecasting it."""
    twin = fit_models(log, cutoff, load_params(flags={"horizon_days": horizon}))
    holdout = evaluate_holdout(log, twin, horizon)
    found: dict[str, object] = {"cutoff": cutoff, "customers": len(holdout.table)}
    found |= {target: grade.letter if grade else "-" for target, grade in holdout.grades.items()}
    correction = twin.corrections["churn"]
    found["chosen"] = correction.chosen
    for name, label in ((GUANXI, "guanxi"), (ALONE, "value model"), (RFM_LOGISTIC, "RFM logistic")):
        for metric in ("auc", "log_loss"):
            found[f"{label}: {metric}"] = holdout.value("churn", metric, name)
    regressed = twin.contender(REGRESSED).forecast(twin.features, horizon)["churn_probability"]
    churned = holdout.table["churned"].to_numpy(float)
    found["regression: auc"] = auc(churned, regressed)
    found["regression: log_loss"] = log_loss(churned, regressed)
    return found


def main() -> None:
    """Measure the bases from FIRST to LAST (all by default) at two cutoffs each."""
    first, last = (int(value) for value in [*sys.argv[1:], 1, len(BASES)][:2])
    rows = []
    for seed, (name, horizon, customers) in enumerate(BASES, start=1):
        if not first <= seed <= last:
            continue
        log = base(name, customers, seed)
        for back in (horizon, horizon + horizon // 2):
            found = measure(log, add_days(log.last_day, -back), horizon)
            rows.append({"base": f"{name}, {horizon} d, {customers}"} | found)
        log.close()
    table = pd.DataFrame(rows)
    print(table.round(4).to_string(index=False))
    lead = table["guanxi: auc"] - table["RFM logistic: auc"]
    print(f"\nAUC above that of the RFM logistic: mean {lead.mean():+.4f}, least {lead.min():+.4f}")
    lost = table["guanxi: log_loss"] / table["value model: log_loss"] - 1.0
    print(f"log loss above the value model's: mean {lost.mean():+.2%}, most {lost.max():+.2%}")
    print(f"grades C: {int((table[['churn', 'purchases', 'spend']] == 'C').sum().sum())} of {3 * len(table)}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(table.astype({"cutoff": str}).to_dict("records"), indent=1) + "\n")


if __name__ == "__main__":
    main()
