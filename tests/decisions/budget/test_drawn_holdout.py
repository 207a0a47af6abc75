"""The holdout: random, balanced, the same in any order, and large enough or told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from guanxi.decisions.budget import customer_keys, draw_holdout, holdout_power
from guanxi.decisions.budget._drawn_holdout import strata


def chosen(n: int, seed: int = 0):
    random = np.random.default_rng(seed)
    action = random.choice([-1, 0, 1, 2], n, p=[0.4, 0.3, 0.2, 0.1])
    value, churn = random.lognormal(3.0, 1.2, n), random.beta(2, 2, n)
    return action, value, churn, strata(value, churn, action)


def test_keys_depend_on_seed_and_identifier_only():
    ids = [f"C{number}" for number in range(50_000)]
    one, other = customer_keys(ids, 1), customer_keys(ids, 2)
    assert len(set(one.tolist())) == len(ids)
    assert np.array_equal(customer_keys(ids[::-1], 1)[::-1], one)
    uniform = one / 2.0**64
    assert abs(uniform.mean() - 0.5) < 4 / np.sqrt(12 * len(ids))
    assert abs(np.corrcoef(uniform, other / 2.0**64)[0, 1]) < 4 / np.sqrt(len(ids))
    assert np.array_equal(customer_keys([1, 2], 0), customer_keys(["1", "2"], 0))


def test_each_stratum_of_each_action_gives_its_share():
    action, _, _, stratum = chosen(20_000)
    held = draw_holdout(action, stratum, customer_keys(np.arange(20_000), 3), 0.1)
    assert not held[action < 0].any()
    for each in (0, 1, 2):
        rows = action == each
        assert held[rows].sum() == np.ceil(0.1 * rows.sum())
        for cell in range(36):
            there = rows & (stratum == cell)
            assert abs(held[there].sum() - 0.1 * there.sum()) < 2.0


def test_value_and_churn_are_balanced_far_beyond_chance():
    apart = []
    for seed in range(100):
        action, value, churn, stratum = chosen(3_000, seed)
        held = draw_holdout(action, stratum, customer_keys(np.arange(3_000), seed), 0.2)
        for values in (np.log(value), churn):
            rows = action == 0
            spread = values[rows].std()
            apart.append((values[rows & held].mean() - values[rows & ~held].mean()) / spread)
    by_chance = np.sqrt(1 / 180 + 1 / 720)
    assert np.abs(apart).max() < 0.1
    assert np.std(apart) < 0.5 * by_chance


def test_everyone_is_held_out_with_the_same_probability():
    action, _, _, stratum = chosen(200)
    rows, draws = np.flatnonzero(action == 1), 4_000
    times = np.zeros(200)
    for seed in range(draws):
        times += draw_holdout(action, stratum, customer_keys(np.arange(200), seed), 0.25)
    share = np.ceil(0.25 * len(rows)) / len(rows)
    z = (times[rows] / draws - share) / np.sqrt(share * (1 - share) / draws)
    assert np.abs(z).max() < 4.5
    assert 0.7 < z.std() < 1.3


def test_the_order_of_rows_changes_nothing():
    action, _, _, stratum = chosen(5_000)
    keys = customer_keys(np.arange(5_000), 1)
    shuffled = np.random.default_rng(2).permutation(5_000)
    held = draw_holdout(action, stratum, keys, 0.1)
    again = draw_holdout(action[shuffled], stratum[shuffled], keys[shuffled], 0.1)
    assert np.array_equal(held[shuffled], again)


def test_power_is_that_of_simulated_campaigns():
    expected = holdout_power(900, 100, effect=5.0, standard_deviation=20.0)
    random = np.random.default_rng(0)
    found = np.mean(
        [
            ttest_ind(random.normal(5.0, 20.0, 900), random.normal(0.0, 20.0, 100)).pvalue < 0.05
            for _ in range(2_000)
        ]
    )
    assert found == pytest.approx(expected.power, abs=0.04)
    assert not expected.enough


def test_the_detectable_effect_and_the_needed_share_have_a_power_of_80_per_cent():
    first = holdout_power(900, 100, effect=5.0, standard_deviation=20.0)
    assert holdout_power(900, 100, first.detectable, 20.0).power == pytest.approx(0.8, abs=1e-6)
    held = round(first.share_needed * 100_000)
    same = holdout_power(100_000 - held, held, 5.0, 20.0 * np.sqrt(100.0))
    assert same.power == pytest.approx(0.8, abs=1e-3)
    assert np.isnan(holdout_power(9, 1, effect=0.1, standard_deviation=20.0).share_needed)


def test_power_without_a_holdout_or_a_deviation_is_unknown():
    assert np.isnan(holdout_power(10, 0, 1.0, 2.0).power)
    assert np.isnan(holdout_power(10, 5, 1.0, np.nan).power)
    assert holdout_power(10, 5, 1.0, np.nan).enough
