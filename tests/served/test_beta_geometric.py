"""The expectation given as a hypergeometric function in the papers, against independent evaluations."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, gammaln, hyp2f1

from guanxi.served.purchases._beta_geometric import (
    _given_dropout,
    _quadrature,
    _series,
    expected_purchases_alive,
)


def _one(shape, a, b, ratio, evaluate=expected_purchases_alive, **regularity):
    columns = (np.array([float(value)]) for value in (shape, a, b, ratio))
    return float(evaluate(*columns, **regularity)[0])


def _by_counting(shape, a, b, ratio, k=1, hidden=0):
    """Sum over j of P(more than j purchases without dropout) P(alive after j); every term is positive."""
    mean = shape * ratio
    j = np.arange(int(60 + mean + 60 * np.sqrt(mean * (1 + ratio)) + 60 * ratio))
    survival = np.exp(gammaln(b + j) - gammaln(b) - gammaln(a + b + j) + gammaln(a + b))
    return float((betainc((j + 1.0) * k - hidden, shape, ratio / (1.0 + ratio)) * survival).sum())


@settings(deadline=None, max_examples=150)
@given(
    shape=st.floats(0.01, 200),
    a=st.floats(0.01, 50),
    b=st.floats(0.05, 200),
    ratio=st.floats(1e-4, 30),
)
@example(shape=52.0, a=1.0, b=0.0625, ratio=15.0)
@example(shape=135.0, a=0.74, b=0.0527, ratio=29.3)
def test_equals_the_sum_over_counts(shape, a, b, ratio):
    assert _one(shape, a, b, ratio) == pytest.approx(_by_counting(shape, a, b, ratio), rel=1e-9)


@settings(deadline=None, max_examples=150)
@given(
    r=st.floats(0.02, 4),
    x=st.integers(0, 300),
    a=st.floats(0.05, 4),
    b=st.floats(0.3, 4),
    ratio=st.floats(1e-3, 9),
)
def test_series_equals_quadrature(r, x, a, b, ratio):
    assert _one(r + x, a, b + x, ratio, _series) == pytest.approx(
        _one(r + x, a, b + x, ratio, partial(_quadrature, _given_dropout)), rel=1e-9
    )


@settings(deadline=None, max_examples=100)
@given(
    shape=st.floats(0.01, 200),
    a=st.floats(0.01, 50),
    b=st.floats(0.05, 200),
    ratio=st.floats(1e-2, 30),
    k=st.integers(2, 12),
    data=st.data(),
)
def test_regular_gaps_equal_the_sum_over_counts(shape, a, b, ratio, k, data):
    hidden = data.draw(st.integers(0, k - 1))
    value = _one(shape, a, b, ratio, regularity=k, hidden=hidden)
    # Cancellation in the sum over the roots of unity limits small values to an accuracy of 1e-12 purchases.
    assert value == pytest.approx(_by_counting(shape, a, b, ratio, k, hidden), rel=1e-8, abs=1e-12)


def test_no_horizon_has_no_purchases():
    assert _one(3.0, 0.8, 2.5, 0.0) == 0.0
    assert _one(3.0, 0.8, 2.5, 0.0, regularity=3, hidden=1) == 0.0


@pytest.mark.parametrize(("x", "ratio"), [(0, 0.5), (3, 1.0), (12, 0.2)])
def test_equals_equation_10_with_scipy_hypergeometric_function(x, ratio):
    r, a, b = 0.2425945, 0.7929199, 2.4258881
    z = ratio / (1 + ratio)
    hypergeometric = hyp2f1(r + x, b + x, a + b + x - 1, z)
    expected = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (r + x) * hypergeometric)
    assert _one(r + x, a, b + x, ratio) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("a", [1.0, 1.0 - 1e-13, 1.0 + 1e-9, 0.999, 1.001])
def test_a_equal_to_one_is_no_singularity(a):
    expected, _ = quad(lambda p: (1 - (1 + p * 2.0) ** -3.0) / p * 2.0 * (1 - p), 0, 1, epsrel=1e-12)
    tolerance = max(2.0 * abs(a - 1.0), 1e-11)
    assert _one(3.0, a, 2.0, 2.0) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(
    ("shape", "a", "b", "ratio"),
    [
        (5000.2, 0.8, 5002.5, 10.0),
        (0.2, 0.8, 2.5, 20000.0),
        (3000.0, 1e-3, 3000.0, 5.0),
        (2.0, 1e6, 1e9, 10.0),
        (1e7, 0.8, 20.0, 1e-6),
        (0.2, 0.01, 0.01, 3.0),
        (1.0, 1e5, 1e-2, 3.0),
    ],
)
def test_extremes_are_finite_and_between_their_bounds(shape, a, b, ratio):
    value = _one(shape, a, b, ratio)
    first = 1 - (1 + ratio) ** -shape  # P(at least one purchase without dropout)
    assert first * 0.999999 <= value <= shape * ratio * 1.000001


def test_no_dropout_gives_the_negative_binomial_mean():
    assert _one(3.0, 1e-9, 1e3, 0.7) == pytest.approx(2.1, rel=1e-6)


def test_rows_are_independent_of_their_neighbours(random_histories):
    x, _, T = random_histories
    shape, b, ratio = 0.25 + x, 2.4 + x, 300.0 / (4.4 + T)
    together = expected_purchases_alive(shape, np.full(len(x), 0.8), b, ratio)
    alone = [_one(s, 0.8, y, w) for s, y, w in zip(shape, b, ratio, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-13)
