"""Uplift: Qini coefficients on Hillstrom's campaign, and the test of heterogeneity on simulated ones.

python benchmarks/uplift.py hillstrom        20 stratified 70/30 splits (skipped without the data)
python benchmarks/uplift.py test [200]       rejection rates on simulated campaigns
python benchmarks/uplift.py learners [200]   errors of the four learners, for their settings
python benchmarks/uplift.py intervals [200]  coverage of the intervals of single customers

Hillstrom's data are read from $GUANXI_SHARED_DATA or ../shared/data.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from guanxi.decisions.uplift import learn_uplift, qini_auc_score
from guanxi.decisions.uplift._coded_features import learn_coding
from guanxi.decisions.uplift._held_out_uplift import FOLDS, earlier_folds
from guanxi.decisions.uplift._heterogeneity import test_statistic
from guanxi.decisions.uplift._learner_choice import fold_numbers, learn
from guanxi.decisions.uplift._meta_learners import LEARNERS, Campaign, fit_all

SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
HILLSTROM = SHARED / "hillstrom.parquet"
FEATURES = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
WOMENS, MENS, NONE = "Womens E-Mail", "Mens E-Mail", "No E-Mail"
CAMPAIGNS = {"any e-mail": [WOMENS, MENS], "women's": [WOMENS], "men's": [MENS]}
SPLITS, TEST_SHARE = 20, 0.3


def hillstrom(arms: list[str]) -> pd.DataFrame:
    """Customers of these arms and of the control, with ``treated`` and ``visit``."""
    table = pd.read_parquet(HILLSTROM)
    table = table[table["segment"].isin([*arms, NONE])].reset_index(drop=True)
    return table.assign(treated=table["segment"] != NONE)


def split_scores(table: pd.DataFrame, seed: int) -> dict[str, float]:
    """Qini coefficients on 30 % of the customers, of all learners and of the response."""
    coding = learn_coding(table, FEATURES)
    treated, visit = (table[name].to_numpy(dtype=np.float64) for name in ("treated", "visit"))
    campaign = Campaign(coding.code(table), treated, visit, np.full(len(table), treated.mean()))
    random = np.random.default_rng(seed)
    order = np.lexsort([random.random(len(table)), visit, treated])
    held_out = np.zeros(len(table), dtype=bool)
    held_out[order] = np.floor((np.arange(len(table)) + 1) * TEST_SHARE) > np.floor(
        np.arange(len(table)) * TEST_SHARE
    )
    part, test = campaign.part(np.flatnonzero(~held_out)), campaign.part(np.flatnonzero(held_out))
    learned, fitted = learn(part, seed), fit_all(part, seed)
    scores = {
        "chosen": learned.fitted.uplift(test.features),
        **{name: fitted[name].uplift(test.features) for name in LEARNERS},
        "likeliest buyers": learned.response(test.features),
    }
    found = {name: qini_auc_score(test.outcome, score, test.treated) for name, score in scores.items()}
    return found | {f"chose {learned.learner}": 1.0}


def simulate(customers: int, uplift: str, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulate a randomised campaign: features, ``treated`` and ``bought``; and the true uplift.

    About a fifth buy untreated, by features of which some act together; the uplift is in probability.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(customers, 5))
    channel, member = random.choice(list("abc"), customers), random.integers(0, 2, customers)
    odds = -1.8 + 0.6 * x[:, 0] + 0.4 * np.abs(x[:, 1]) + 0.3 * member + 0.5 * (channel == "a") * x[:, 2]
    base = 0.02 + 0.78 / (1.0 + np.exp(-odds))
    effect = {
        "none": np.zeros(customers),
        "same for all": np.full(customers, 0.04),
        "weak": 0.04 + 0.012 * x[:, 3],
        "linear": 0.04 + 0.03 * x[:, 0] + 0.03 * (member - 0.5),
        "strong": 0.04 + 0.06 * x[:, 0] + 0.06 * (member - 0.5),
        "step": 0.12 * ((x[:, 1] > 0.3) & (channel != "a")) - 0.02,
        "parabola": 0.03 * np.minimum(x[:, 2] ** 2, 4.0) - 0.01,
    }[uplift]
    with_treatment = np.clip(base + effect, 0.0, 1.0)
    treated = random.random(customers) < 0.5
    bought = random.random(customers) < np.where(treated, with_treatment, base)
    table = pd.DataFrame(x, columns=[f"x{i}" for i in range(5)])
    table = table.assign(channel=channel, member=member, treated=treated, bought=bought.astype(int))
    return table, with_treatment - base


def p_value(customers: int, uplift: str, seed: int) -> float:
    """P value of the test on one simulated campaign."""
    table, _ = simulate(customers, uplift, seed)
    features = [name for name in table if name not in ("treated", "bought")]
    treated, bought = (table[name].to_numpy(dtype=np.float64) for name in ("treated", "bought"))
    coded = learn_coding(table, features).code(table)
    campaign = Campaign(coded, treated, bought, np.full(customers, treated.mean()))
    with threadpool_limits(1):
        fold = fold_numbers(campaign, FOLDS, seed)
        return float(norm.sf(test_statistic(earlier_folds(campaign, fold, seed))))


def coverage(customers: int, uplift: str, seed: int) -> dict[str, float]:
    """Share of customers whose true uplift is in their interval, where the test finds heterogeneity."""
    table, truth = simulate(customers, uplift, seed)
    features = [name for name in table if name not in ("treated", "bought")]
    found = learn_uplift(table, "treated", "bought", features, randomised=True, seed=seed)
    fresh, truth = simulate(5000, uplift, seed + 1_000_000)
    predicted = found.predict(fresh)
    inside = (predicted["uplift_lower"] <= truth) & (truth <= predicted["uplift_upper"])
    error = float(np.sqrt(np.mean((predicted["uplift"] - truth) ** 2)))
    return {"found": float(found.worth_targeting), "inside": float(inside.mean()), "error": error}


def _hillstrom() -> None:
    if not HILLSTROM.exists():
        print(f"skipped: no {HILLSTROM}")
        return
    for name, arms in CAMPAIGNS.items():
        table = hillstrom(arms)
        with threadpool_limits(1):
            found = pd.DataFrame([split_scores(table, seed) for seed in range(SPLITS)])
        chosen = found.filter(like="chose ").fillna(0).sum().astype(int)
        print(f"\n{name}: {', '.join(f'{key} {count}x' for key, count in chosen.items())}")
        scores = found.drop(columns=chosen.index)
        print(scores.agg(["mean", "std"]).T.round(4).to_string(), flush=True)


def _test(repetitions: int) -> None:
    print("share of simulated campaigns with p < .05")
    for customers, uplifts, count in (
        (2000, ("none", "same for all"), repetitions),
        (2000, ("weak", "linear", "strong", "step", "parabola"), repetitions // 4),
        (8000, ("weak", "linear", "strong", "step", "parabola"), repetitions // 10),
    ):
        for uplift in uplifts:
            rejected = np.mean([p_value(customers, uplift, seed) < 0.05 for seed in range(count)])
            print(f"  {customers:>6,} customers, uplift {uplift:<13} {rejected:6.1%} of {count}", flush=True)


def learner_errors(customers: int, uplift: str, seed: int) -> dict[str, float]:
    """Root mean squared error of each learner's uplift for fresh customers, and of the true mean."""
    table, _ = simulate(customers, uplift, seed)
    fresh, truth = simulate(20_000, uplift, seed + 1_000_000)
    features = [name for name in table if name not in ("treated", "bought")]
    treated, bought = (table[name].to_numpy(dtype=np.float64) for name in ("treated", "bought"))
    coding = learn_coding(table, features)
    campaign = Campaign(coding.code(table), treated, bought, np.full(customers, treated.mean()))
    with threadpool_limits(1):
        fitted, coded = fit_all(campaign, seed), coding.code(fresh)
        errors = {name: fitted[name].uplift(coded) - truth for name in LEARNERS}
    errors["mean of all"] = truth - truth.mean()
    return {name: float(np.sqrt(np.mean(error**2))) for name, error in errors.items()}


def _learners(repetitions: int) -> None:
    for customers in (4000, 20_000):
        for uplift in ("linear", "step", "parabola", "same for all"):
            found = pd.DataFrame([learner_errors(customers, uplift, seed) for seed in range(repetitions)])
            print(f"{customers:>6,} {uplift:<13}", found.mean().round(4).to_dict(), flush=True)


def _intervals(repetitions: int) -> None:
    for uplift in ("strong", "step"):
        found = pd.DataFrame([coverage(8000, uplift, seed) for seed in range(repetitions)])
        print(uplift, found.mean().round(3).to_dict(), flush=True)


if __name__ == "__main__":
    what, repetitions = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    if what == "hillstrom":
        _hillstrom()
    else:
        {"test": _test, "intervals": _intervals, "learners": _learners}[what](repetitions)
