"""Entropy and CRITIC weights against pymcdm, where it has an answer: all values known and above 0."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pymcdm import weights

from guanxi.scorecard.weights._objective import critic_weights, entropy_weights


@pytest.fixture(params=range(5))
def matrix(request):
    generator = np.random.default_rng(request.param)
    values = generator.random((generator.integers(4, 40), generator.integers(2, 8)))
    values[:, 1] = 0.6 * values[:, 0] + 0.4 * values[:, 1]
    return values


def test_entropy_agrees(matrix):
    found = entropy_weights(pd.DataFrame(matrix).rename(columns=str)).weights
    np.testing.assert_allclose(list(found.values()), weights.entropy_weights(matrix), atol=1e-12)


def test_critic_agrees(matrix):
    scaled = (matrix - matrix.min(axis=0)) / np.ptp(matrix, axis=0)
    found = critic_weights(pd.DataFrame(scaled).rename(columns=str)).weights
    np.testing.assert_allclose(list(found.values()), weights.critic_weights(matrix), atol=1e-12)
