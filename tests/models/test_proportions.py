"""Wilson's interval: printed digits, SciPy's, exact limits, and no share of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guanxi.models.proportions import wilson_interval


@pytest.mark.parametrize(("hits", "count"), [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)])
def test_it_is_that_of_scipy(hits, count):
    expected = stats.binomtest(hits, count).proportion_ci(0.9, method="wilson")
    lower, upper = wilson_interval(hits, count, 0.9)
    assert (float(lower), float(upper)) == pytest.approx((expected.low, expected.high))


def test_newcombes_printed_digits():
    """Newcombe (1998), Two-sided confidence intervals, Statistics in Medicine 17, table I, method 3."""
    lower, upper = wilson_interval([81, 15, 0, 1], [263, 148, 20, 29])
    assert np.round(lower, 4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert np.round(upper, 4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_limits_hold_the_share_and_are_exact_where_it_is_0_or_1(confidence):
    trials = np.repeat(np.arange(1.0, 200.0), 200)
    successes = np.minimum(np.tile(np.arange(200.0), 199), trials)
    lower, upper = wilson_interval(successes, trials, confidence)
    assert ((lower <= successes / trials) & (successes / trials <= upper)).all()
    assert (lower[successes == 0] == 0.0).all()
    assert (lower[successes > 0] > 0.0).all()
    assert (upper[successes == trials] == 1.0).all()
    assert (upper[successes < trials] < 1.0).all()


def test_nothing_has_no_share():
    assert np.isnan(wilson_interval([0, 0], [0, 0])).all()
