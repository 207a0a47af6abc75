"""Simulated campaigns that reach the customers a business would choose: what intervals and checks say of them.

Treatment depends on frequency, recency and channel, which are covariates, and if asked on the customers' mean
amount, which is none: an unmeasured confounder that shows in their spend before the campaign.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from guanxi.decisions.campaign import observational_effects

COVARIATES = ["frequency", "recency", "channel"]
BEFORE = ["before_3", "before_2", "before_1"]
CUSTOMERS = 2_000
SPEND, BOUGHT = 4.0, 0.06  # effects; on spend it is twice as large on the web


class Shares(NamedTuple):
    """Shares of repetitions by outcome and method."""

    covered: pd.Series
    found: pd.Series  # interval without 0
    called: pd.Series  # "effect"
    wrong: pd.Series  # "effect" whose interval is without the truth
    warned: dict[str, float]


def campaign(seed, *, effect=1.0, unmeasured=0.0, n=CUSTOMERS):
    random = np.random.default_rng(seed)
    rate = random.gamma(1.2, 2.0, n)  # purchases a quarter
    amount = 20.0 * np.exp(0.5 * random.normal(size=n))
    counts = random.poisson(rate[:, None], (n, 4))
    recency = np.minimum(90.0 * random.exponential(1.0 / (rate + 0.1)), 360.0)
    channel = random.choice(["web", "store", "phone"], n, p=[0.4, 0.4, 0.2])
    score = 0.8 * np.log1p(counts[:, :3].sum(axis=1)) - 0.004 * recency + 0.7 * (channel == "web") - 1.5
    score += unmeasured * np.log(amount / 20.0)
    treated = random.random(n) < 1.0 / (1.0 + np.exp(-score))
    spends = amount[:, None] * counts * np.exp(random.normal(-0.02, 0.2, (n, 4)))
    chance = 0.9 - 0.7 * np.exp(-0.3 * rate)
    return pd.DataFrame(
        {
            "sent": treated,
            "frequency": counts[:, :3].sum(axis=1),
            "recency": recency,
            "channel": channel,
            **dict(zip(BEFORE, spends[:, :3].T, strict=True)),
            "spend": spends[:, 3] + effect * SPEND * treated * (1.0 + (channel == "web")),
            "bought": (random.random(n) < chance + effect * BOUGHT * treated).astype(float),
        }
    )


@functools.cache
def truth():
    many = campaign(0, n=1_000_000)
    web = {"ate": 0.4, "att": float((many.loc[many["sent"], "channel"] == "web").mean())}
    values = {("spend", f"doubly_robust_{name}"): SPEND * (1.0 + share) for name, share in web.items()}
    return values | {("bought", f"doubly_robust_{name}"): BOUGHT for name in web}


def repeat(seeds, **how):
    """Estimate many campaigns; rows of all their effects, and shares of campaigns with each warning."""
    tables, warned = [], []
    for seed in seeds:
        found = observational_effects(
            campaign(seed, **how),
            "sent",
            ["spend", "bought"],
            COVARIATES,
            before={"spend": BEFORE},
            seed=seed,
        )
        tables.append(found.effects)
        warned += [note.key for note in {each.key: each for each in found.warnings}.values()]
    effects = pd.concat(tables)
    true = how.get("effect", 1.0) * np.array(
        [truth().get(key, np.nan) for key in zip(effects["outcome"], effects["method"], strict=True)]
    )
    checked = effects.assign(
        covered=(effects["lower"] <= true) & (true <= effects["upper"]),
        found=(effects["lower"] > 0.0) | (effects["upper"] < 0.0),
        called=effects["kind"] == "effect",
    )
    checked["wrong"] = checked["called"] & ~checked["covered"]
    means = checked.groupby(["outcome", "method"])[["covered", "found", "called", "wrong"]].mean()
    return Shares(
        *(means[name] for name in means), pd.Series(warned).value_counts(normalize=False) / len(seeds)
    )


DOUBLY_ROBUST = sorted(truth())
