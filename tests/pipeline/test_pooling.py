"""Partial pooling of ratios: limits, laws, and simulated groups with known ratios."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guanxi.pipeline._pooling import Estimate, follow_ratios, pool_ratios

amounts = st.floats(0.0, 1e6)


def simulated(seed: int, groups: int, spread: float, step: float = 0.0) -> tuple[np.ndarray, ...]:
    """True ratios, and actual and expected totals of groups of very different size, gamma-Poisson."""
    generator = np.random.default_rng(seed)
    level = 0.8 + np.concatenate([[0.0], np.cumsum(generator.normal(0.0, step * 0.8, groups - 1))])
    ratio = np.maximum(level, 0.1) * generator.gamma(1.0 / spread**2, spread**2, groups)
    expected = np.exp(generator.uniform(np.log(5.0), np.log(500.0), groups))
    return ratio, generator.poisson(ratio * expected).astype(float), expected


class TestLimits:
    def test_much_evidence_is_believed(self):
        found = pool_ratios(np.array([5e6, 1.5e7]), np.array([1e7, 1e7]), np.ones(2))
        np.testing.assert_allclose(found.mean, [0.5, 1.5], rtol=1e-3)

    def test_little_evidence_is_not(self):
        actual, expected = np.array([900.0, 1100.0, 1000.0, 3.0]), np.array([1000.0, 1000.0, 1000.0, 1.0])
        found = pool_ratios(actual, expected, np.ones(4))
        assert abs(found.mean[3] - 1.0) < 0.1
        assert found.variance[3] > found.variance[:3].max()

    def test_a_group_of_which_nothing_is_expected_gets_the_mean_of_the_others(self):
        actual, expected = np.array([50.0, 70.0, 0.0]), np.array([100.0, 100.0, 0.0])
        found = pool_ratios(actual, expected, np.ones(3))
        assert found.mean[2] == pytest.approx(0.6, abs=0.01)

    def test_nothing_expected_of_anyone_leaves_the_model(self):
        found = pool_ratios(np.zeros(2), np.zeros(2), np.ones(2))
        np.testing.assert_allclose(found.mean, 1.0)
        assert (found.variance > 10.0).all()

    def test_the_next_group_follows_the_latest_not_the_mean(self):
        actual = np.array([2000.0, 1000.0, 1000.0, 1000.0, 1000.0])
        own, following = follow_ratios(actual, np.full(5, 1000.0), np.ones(5), np.arange(6.0))
        assert 1.0 < following.mean[0] < 1.1
        np.testing.assert_allclose(own.mean, actual / 1000.0, rtol=0.05)

    def test_farther_ahead_is_less_certain(self):
        actual, expected, ones = np.array([90.0, 110.0, 100.0]), np.full(3, 100.0), np.ones(3)
        (_, near), (_, far) = (
            follow_ratios(actual, expected, ones, np.array([0.0, 1.0, 2.0, then])) for then in (3.0, 9.0)
        )
        assert near.mean == pytest.approx(far.mean)
        assert far.variance[0] > near.variance[0]


class TestLaws:
    @settings(deadline=None, max_examples=50)
    @given(arrays(float, 4, elements=amounts), arrays(float, 4, elements=amounts))
    def test_a_mean_lies_within_what_was_observed(self, actual, expected):
        seen = expected > 1e-3
        if not seen.any():
            return
        expected = np.where(seen, expected, 0.0)
        ratio = actual[seen] / expected[seen]
        actual = np.where(seen, actual, 0.0)
        own, following = follow_ratios(actual, expected, np.ones(4), np.arange(5.0))
        for mean in (pool_ratios(actual, expected, np.ones(4)).mean, own.mean, following.mean):
            assert (mean >= ratio.min() - 1e-6 * ratio.max() - 1e-9).all()
            assert (mean <= ratio.max() * (1 + 1e-6) + 1e-9).all()

    @given(st.floats(0.01, 100.0))
    def test_the_unit_of_an_amount_changes_nothing(self, unit):
        actual, expected, dispersion = np.array([50.0, 90.0]), np.array([80.0, 70.0]), np.array([3.0, 4.0])
        found = pool_ratios(actual * unit, expected * unit, dispersion * unit)
        np.testing.assert_allclose(found, pool_ratios(actual, expected, dispersion), rtol=1e-9)

    def test_order_of_groups_changes_nothing(self):
        _, actual, expected = simulated(1, 6, 0.3)
        found = pool_ratios(actual, expected, np.ones(6))
        backwards = pool_ratios(actual[::-1], expected[::-1], np.ones(6))
        np.testing.assert_allclose(found.mean, backwards.mean[::-1], rtol=1e-9)

    def test_product_of_independent_quantities(self):
        generator = np.random.default_rng(3)
        one, two = generator.gamma(4.0, 0.5, 400_000), generator.gamma(9.0, 0.2, 400_000)
        found = Estimate(np.array([2.0]), np.array([1.0])).times(Estimate(np.array([1.8]), np.array([0.36])))
        assert found.mean[0] == pytest.approx((one * two).mean(), rel=0.01)
        assert found.variance[0] == pytest.approx((one * two).var(), rel=0.02)


class TestSimulatedGroups:
    """Gamma-Poisson groups: 200 sets of 12."""

    def test_better_than_unpooled_and_than_fully_pooled(self):
        errors = []
        for seed in range(200):
            ratio, actual, expected = simulated(seed, 12, 0.25)
            pooled = pool_ratios(actual, expected, np.ones(12)).mean
            overall = actual.sum() / expected.sum()
            errors.append([((each - ratio) ** 2).mean() for each in (pooled, actual / expected, overall)])
        pooled, unpooled, fully = np.mean(errors, axis=0)
        assert pooled < 0.8 * unpooled
        assert pooled < 0.8 * fully

    def test_intervals_of_groups_cover(self):
        inside = []
        for seed in range(200):
            ratio, actual, expected = simulated(seed, 12, 0.25)
            mean, variance = pool_ratios(actual, expected, np.ones(12))
            inside += list(np.abs(ratio - mean) <= 1.645 * np.sqrt(variance))
        assert 0.87 <= np.mean(inside) <= 0.95

    @pytest.mark.parametrize("step", [0.0, 0.1])
    @pytest.mark.slow
    def test_the_interval_of_the_next_group_covers(self, step):
        inside = []
        for seed in range(200):
            ratio, actual, expected = simulated(seed, 13, 0.25, step)
            _, (mean, variance) = follow_ratios(actual[:-1], expected[:-1], np.ones(12), np.arange(13.0))
            inside.append(abs(ratio[-1] - mean[0]) <= 1.645 * np.sqrt(variance[0]))
        assert 0.85 <= np.mean(inside) <= 0.97

    @pytest.mark.slow
    def test_a_moving_level_is_followed(self):
        errors = []
        for seed in range(200):
            ratio, actual, expected = simulated(seed, 13, 0.1, 0.15)
            _, (mean, _) = follow_ratios(actual[:-1], expected[:-1], np.ones(12), np.arange(13.0))
            errors.append(
                [(mean[0] - ratio[-1]) ** 2, (actual[:-1].sum() / expected[:-1].sum() - ratio[-1]) ** 2]
            )
        followed, overall = np.mean(errors, axis=0)
        assert followed < 0.7 * overall
