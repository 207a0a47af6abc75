"""Expected purchases with regular gaps: the sum over purchases against the integral over the dropout."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from guanxi.served.purchases import _beta_geometric as formulas
from guanxi.served.purchases.beta_geometric_process import BG_CNBD


@pytest.mark.parametrize("k", [2, 3, 12])
@pytest.mark.parametrize("hidden", [0, 1])
def test_sum_and_integral_agree(k, hidden):
    rng = np.random.default_rng(k)
    shape, ratio = rng.choice([0.3, 5.0, 900.0], 60), rng.choice([1e-4, 0.3, 8.0, 40.0], 60)
    a, b = rng.choice([0.01, 0.8, 3.0], 60), rng.choice([0.02, 2.5, 60.0], 60)
    found = formulas.expected_purchases_alive(shape, a, b, ratio, k, hidden)
    integral = formulas._quadrature(partial(formulas._given_dropout_erlang, k, hidden), shape, a, b, ratio)
    np.testing.assert_allclose(found, integral, rtol=1e-8, atol=1e-11)
    assert np.isfinite(found).all()


def test_purchases_that_come_like_a_clock():
    """All customers buy every 30 days, and none leaves: one purchase a month."""
    params = {"k": 12, "r": 5e4, "alpha": 5e4 * 30.0 / 12.0, "a": 1e-6, "b": 10.0}
    months = np.arange(1.0, 25.0)
    reached = BG_CNBD.expected_purchases(params, 40, 1200.0, 1200.0, 30.0 * months)
    assert np.abs(np.diff(reached) - 1.0)[3:].max() < 0.01
