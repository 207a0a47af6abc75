"""Tilting of count distributions to a given probability of zero and a given mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from scipy.stats import nbinom

from guanxi.served.intervals._exponential_tilting import tilted

COUNTS = np.arange(73.0)


def negative_binomial(shape: float, success: float, counts=COUNTS) -> np.ndarray:
    """Truncated and renormalised probabilities of the counts."""
    chances = nbinom.pmf(counts, shape, success)
    return chances / chances.sum()


def mean_of(chances, counts=COUNTS) -> np.ndarray:
    return np.asarray(chances) @ counts


@pytest.fixture(scope="module")
def rows():
    """Count distributions of many customers, and the target of each."""
    generator = np.random.default_rng(8)
    shapes, successes = generator.uniform(0.05, 5.0, 300), generator.uniform(0.3, 0.95, 300)
    chances = np.array([negative_binomial(*each) for each in zip(shapes, successes, strict=True)])
    none = np.clip(chances[:, 0] + generator.uniform(-0.3, 0.3, 300), 0.0, 1.0)
    return chances, none, (1.0 - none) * generator.uniform(1.0, 2.0, 300)


def test_two_numbers_by_hand():
    # Counts 1 and 2 have total probability .6 and mean contribution .87.
    chances = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    moved = tilted(np.arange(3.0), chances, np.array([0.4, 0.4]), np.array([0.87, 0.87]))
    np.testing.assert_allclose(moved, [[0.4, 0.33, 0.27]] * 2, rtol=1e-8)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.floats(0.05, 5.0),
    success=st.floats(0.3, 0.95),
    none=st.floats(0.0, 1.0),
    reach=st.floats(0.0, 1.0),
)
def test_probability_of_zero_and_mean_are_as_requested(shape, success, none, reach):
    chances = negative_binomial(shape, success)
    # From a single purchase to one and a half times the mean of the given distribution.
    own = mean_of(chances) / (1.0 - chances[0])
    mean = (1.0 - none) * (1.0 + reach * (1.5 * own - 1.0)) if own > 1.0 else 1.0 - none
    mean = min(mean, (1.0 - none) * (1.0 + 0.7 * success**-1))
    mean = max(mean, 1.0 - none)
    (moved,) = tilted(COUNTS, chances[None], np.array([none]), np.array([mean]))
    assert moved[0] == none
    assert moved.sum() == pytest.approx(1.0, abs=1e-12)
    assert (moved >= 0.0).all()
    assert mean_of(moved) == pytest.approx(mean, rel=1e-8, abs=1e-12)


def test_its_own_probability_and_mean_change_nothing(rows):
    chances, _, _ = rows
    moved = tilted(COUNTS, chances, chances[:, 0], mean_of(chances))
    np.testing.assert_allclose(moved, chances, rtol=1e-6, atol=1e-12)


def test_changing_only_the_probability_of_zero_keeps_the_distribution_of_buyers(rows):
    chances, none, _ = rows
    known = chances[:, 0] < 1.0
    chances, none = chances[known], none[known]
    buyers = chances[:, 1:] / (1.0 - chances[:, :1])
    moved = tilted(COUNTS, chances, none, (1.0 - none) * (buyers @ COUNTS[1:]))
    np.testing.assert_allclose(moved[:, 1:], (1.0 - none)[:, None] * buyers, rtol=1e-6, atol=1e-12)


def test_order_duplicates_and_neighbours_change_nothing(rows):
    chances, none, mean = rows
    whole = tilted(COUNTS, chances, none, mean)
    order = np.random.default_rng(1).integers(0, len(none), 200)
    np.testing.assert_array_equal(tilted(COUNTS, chances[order], none[order], mean[order]), whole[order])
    for row in range(0, 300, 30):
        alone = tilted(COUNTS, chances[[row]], none[[row]], mean[[row]])
        np.testing.assert_array_equal(alone, whole[[row]])


@settings(deadline=None, max_examples=40)
@given(
    chances=st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5),
    direction=st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
    success=st.floats(0.5, 0.9),
)
def test_no_distribution_with_the_same_constraints_is_closer(chances, direction, success):
    """Csiszar (1975): the tilted distribution is the I-projection."""
    counts = np.arange(5.0)
    # Decreasing tail probabilities, so that every mean between 1 and 2 is attainable.
    given_ = np.array(chances) * success ** (8.0 * counts)
    given_ /= given_.sum()
    (moved,) = tilted(counts, given_[None], np.array([0.3]), np.array([0.7 * 1.2]))
    if mean_of(moved, counts) != pytest.approx(0.84, rel=1e-6):
        return  # not attainable, as documented
    # Both perturbations keep the probability of zero, the sum and the mean.
    move = direction[0] * np.array([0, 1, -2, 1, 0]) + direction[1] * np.array([0, 0, 1, -2, 1])
    for step in (1e-3, 1e-2):
        other = moved + step * move * moved[1:].min()
        assert mean_of(other, counts) == pytest.approx(0.84, rel=1e-6)
        distances = [float(np.sum(xlogy(each, each / given_))) for each in (moved, other)]
        assert distances[0] <= distances[1] + 1e-12


def test_a_greater_mean_makes_many_purchases_likelier():
    chances = np.repeat(negative_binomial(0.8, 0.6)[None], 5, axis=0)
    moved = tilted(COUNTS, chances, np.full(5, 0.4), 0.6 * np.array([1.0, 1.3, 1.6, 2.0, 2.3]))
    beyond = moved[:, ::-1].cumsum(axis=1)[:, ::-1]
    assert (np.diff(beyond, axis=0) >= -1e-12).all()


class TestBoundaries:
    @pytest.mark.parametrize("none", [0.0, 0.3, 1.0])
    def test_a_mean_of_one_purchase_each_is_one_purchase(self, none):
        (moved,) = tilted(COUNTS, negative_binomial(0.5, 0.6)[None], np.array([none]), np.array([1.0 - none]))
        assert moved[0] == none
        assert moved[1] == pytest.approx(1.0 - none, abs=1e-8)

    def test_a_mean_below_the_probability_of_buying_is_raised_to_it(self):
        (moved,) = tilted(COUNTS, negative_binomial(0.5, 0.6)[None], np.array([0.3]), np.array([0.1]))
        assert mean_of(moved) == pytest.approx(0.7, rel=1e-8)

    @pytest.mark.parametrize("mean", [10.0, 1e3, 1e300, np.inf])
    def test_an_unattainable_mean_keeps_the_tail_decreasing(self, mean):
        (moved,) = tilted(COUNTS, negative_binomial(0.5, 0.6)[None], np.array([0.3]), np.array([mean]))
        assert moved.sum() == pytest.approx(1.0, abs=1e-12)
        assert moved[-1] < moved[-2] < moved[1]
        assert np.isfinite(moved).all()

    def test_a_distribution_concentrated_at_zero_still_reaches_the_mean(self):
        nothing = np.zeros((1, 9))
        nothing[0, 0] = 1.0
        (moved,) = tilted(np.arange(9.0), nothing, np.array([0.5]), np.array([0.5]))
        assert moved[0] == 0.5
        assert moved[1] == pytest.approx(0.5, abs=1e-6)

    def test_no_rows(self):
        moved = tilted(np.arange(3.0), np.empty((0, 3)), np.empty(0), np.empty(0))
        assert moved.shape == (0, 3)

    def test_probabilities_of_a_thousand_purchases_do_not_overflow(self):
        counts = np.arange(1025.0)
        chances = negative_binomial(5.0, 0.01, counts)
        for mean in (1.0, 300.0, 600.0):
            (moved,) = tilted(counts, chances[None], np.array([0.0]), np.array([mean]))
            assert mean_of(moved, counts) == pytest.approx(mean, rel=1e-6)
