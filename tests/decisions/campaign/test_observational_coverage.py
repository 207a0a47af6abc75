"""Simulated campaigns that reach the customers a business would choose: what intervals and checks say.

Treatment depends on frequency, recency and channel, which are covariates, and if asked on the customers' mean
amount, which is none: an unmeasured confounder that shows in their spend before the campaign.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.campaign import observational_effects
from guanxi.decisions.campaign._doubly_robust import assignment, doubly_robust
from guanxi.decisions.campaign._overlap import covariate_columns

COVARIATES = ["frequency", "recency", "channel"]
BEFORE = ["before_3", "before_2", "before_1"]
CUSTOMERS = 1_000
SPEND, BOUGHT = 4.0, 0.06  # effects; on spend it is twice as large on the web


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
    """Effects on all customers and on the treated; twice as large on the web."""
    many = campaign(0, n=1_000_000)
    web = {"ate": 0.4, "att": float((many.loc[many["sent"], "channel"] == "web").mean())}
    return {name: {"spend": SPEND * (1.0 + share), "bought": BOUGHT} for name, share in web.items()}


def missed(seeds, outcome, effects=(1.0, 0.0)):
    """Whether each campaign's 95 % interval misses the truth, by effect and estimand."""
    rows = []
    for seed in seeds:
        tables = {effect: campaign(seed, effect=effect) for effect in effects}  # of the same customers
        first = next(iter(tables.values()))
        x, treated = covariate_columns(first, COVARIATES).x, first["sent"].to_numpy()
        assigned = assignment(x, treated, seed)
        rows.append(
            {
                (effect, name): abs(each.value - effect * truth()[name][outcome]) > 1.96 * each.standard_error
                for effect, table in tables.items()
                for name, each in doubly_robust(x, table[outcome].to_numpy(), assigned).items()
            }
        )
    return pd.DataFrame(rows)


def checked(seeds, covariates=COVARIATES, **how):
    """Effects and warnings of many campaigns."""
    found = [
        observational_effects(
            campaign(seed, **how), "sent", ["spend"], covariates, before={"spend": BEFORE}, seed=seed
        )
        for seed in seeds
    ]
    effects = pd.concat([each.effects for each in found], keys=seeds, names=["seed"]).reset_index()
    return effects, [{note.key for note in each.warnings} for each in found]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_intervals_cover_in_500_campaigns_with_and_without_an_effect():
    covered = 1.0 - missed(range(500), "spend").mean()
    print(
        f"\nspend, by effect: {covered.round(3).to_dict()}, standard error {np.sqrt(0.05 * 0.95 / 500):.3f}"
    )
    assert covered.between(0.93, 0.97).all()


@pytest.mark.parametrize("outcome", [pytest.param("spend", marks=pytest.mark.slow), "bought"])
@pytest.mark.slow
def test_few_of_20_intervals_miss(outcome):
    """With 20 intervals at 95 % more than 4 miss in 1 of 400 series."""
    assert (missed(range(20), outcome, effects=(1.0,)).sum() <= 4).all()


def test_plain_changes_of_customers_chosen_for_their_purchases_are_no_null():
    """Chosen for the purchases of all periods before, they fall back to their mean only after them."""
    effects, _ = checked(range(60), covariates=[], effect=0.0)
    changes = effects[effects["method"] == "difference_in_differences"]
    assert (changes["kind"] == "effect").mean() > 0.85
    assert (changes["upper"] < 0.0).mean() > 0.15


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_what_is_called_an_effect_in_null_campaigns():
    """All that is called an effect and found counts: the level is 5 % for each estimate."""
    effects, _ = checked(range(100), effect=0.0)
    found = (effects["kind"] == "effect") & ((effects["lower"] > 0.0) | (effects["upper"] < 0.0))
    rates = found.groupby(effects["method"]).mean()
    print(f"\nnull campaigns with an effect: {rates.to_dict()}")
    # 11 of 100 or more have a probability of .011 at 5 %.
    assert (rates <= 0.10).all()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_an_unmeasured_confounder_is_warned_of_before_the_campaign():
    effects, warned = checked(range(100), effect=0.0, unmeasured=0.8, n=2_000)
    seen = np.mean(["observational_negative_control" in keys for keys in warned])
    called = (effects["kind"] == "effect")[effects["method"].str.startswith("doubly_robust")].mean()
    print(f"\nunmeasured confounder: {seen:.0%} warned, {called:.0%} called effect")
    assert seen >= 0.95
    assert called <= 0.05
