"""Difference in differences: a published table, the regression it equals, and its test of earlier trends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guanxi.decisions.campaign._difference_in_differences import difference_in_differences

# Card & Krueger (1994), Minimum wages and employment, American Economic Review 84, table 3: mean full-time
# equivalents before and after the increase, New Jersey (treated) and Pennsylvania; the difference in
# differences is 2.76 (means of 20.44, 21.03, 23.33, 21.17).
NEW_JERSEY, PENNSYLVANIA = (20.44, 21.03), (23.33, 21.17)


def panel(seed, *, periods=3, trend=0.0, effect=0.0, n=400):
    random = np.random.default_rng(seed)
    treated = random.random(n) < 0.4
    level = random.gamma(2.0, 10.0, n) + 5.0 * treated
    steps = np.arange(periods + 1)
    values = level[:, None] + 2.0 * steps + trend * treated[:, None] * steps
    values = values + random.normal(size=values.shape) * 4.0
    values[:, -1] += effect * treated
    return values[:, :-1], values[:, -1], treated


def test_the_value_of_card_and_krueger():
    treated = np.array([True] * 4 + [False] * 4)
    noise = np.tile([-1.0, 1.0], 4)  # means stay
    before = np.where(treated, NEW_JERSEY[0], PENNSYLVANIA[0]) + noise
    after = np.where(treated, NEW_JERSEY[1], PENNSYLVANIA[1]) - noise
    found = difference_in_differences(before[:, None], after, treated)
    assert found.value == pytest.approx(2.75, abs=0.0051)
    assert found.baseline == pytest.approx(NEW_JERSEY[1] - found.value)
    assert np.isnan(found.trend_p_value)
    assert len(found.trend_differences) == 0


def test_the_error_of_the_ratio_is_that_of_resampled_customers():
    before, after, treated = panel(6, effect=5.0, n=800)
    found = difference_in_differences(before, after, treated)
    random, logs = np.random.default_rng(1), []
    for _ in range(500):
        rows = random.integers(0, 800, 800)
        again = difference_in_differences(before[rows], after[rows], treated[rows])
        logs.append(np.log((again.baseline + again.value) / again.baseline))
    assert found.ratio_error == pytest.approx(np.std(logs), rel=0.1)


def test_it_is_the_regression_with_effects_of_customers_and_periods():
    before, after, treated = panel(4, effect=3.0, n=60)
    values = np.column_stack([before, after])
    n, periods = values.shape
    exposed = np.zeros_like(values)
    exposed[treated, -1] = 1.0
    customers = np.kron(np.eye(n), np.ones((periods, 1)))
    dates = np.kron(np.ones((n, 1)), np.eye(periods)[:, 1:])
    design = np.column_stack([exposed.ravel(), customers, dates])
    coefficients = np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
    assert difference_in_differences(before, after, treated).value == pytest.approx(coefficients[0])


def test_the_error_is_that_of_the_changes_of_customers():
    before, after, treated = panel(5)
    change = after - before.mean(axis=1)
    welch = stats.ttest_ind(change[treated], change[~treated], equal_var=False)
    found = difference_in_differences(before, after, treated)
    assert found.value / found.standard_error == pytest.approx(welch.statistic)


def test_levels_of_customers_do_not_matter():
    before, after, treated = panel(6)
    level = np.random.default_rng(1).normal(size=len(after)) * 1000.0
    moved = difference_in_differences(before + level[:, None], after + level, treated)
    found = difference_in_differences(before, after, treated)
    assert moved.value == pytest.approx(found.value)
    assert moved.standard_error == pytest.approx(found.standard_error)
    assert moved.trend_p_value == pytest.approx(found.trend_p_value)


def test_intervals_cover_and_equal_trends_are_rejected_at_the_level():
    found = [difference_in_differences(*panel(seed, effect=2.0)) for seed in range(1000)]
    covered = np.mean([abs(each.value - 2.0) < 1.96 * each.standard_error for each in found])
    rejected = np.mean([each.trend_p_value < 0.05 for each in found])
    assert 0.93 < covered < 0.97
    assert 0.03 < rejected < 0.07


def test_other_trends_are_rejected():
    rejected = [
        difference_in_differences(*panel(seed, trend=2.0)).trend_p_value < 0.05 for seed in range(200)
    ]
    assert np.mean(rejected) > 0.9


def test_an_outcome_that_never_moved_before_has_equal_trends():
    before, after, treated = panel(7)
    found = difference_in_differences(np.zeros_like(before), after, treated)
    assert found.trend_p_value == 1.0
    shifted = np.zeros_like(before)
    shifted[treated, 0] = 1.0
    assert difference_in_differences(shifted, after, treated).trend_p_value == 0.0
