"""Laws of Gamma-Gamma and of its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from guanxi.models.formulas import gamma_gamma

NAMES = ("p", "q", "v")
params = st.fixed_dictionaries({"p": st.floats(0.1, 50), "q": st.floats(1.01, 50), "v": st.floats(0.1, 500)})


@pytest.mark.parametrize("seed", range(6))
def test_likelihood_and_its_derivatives_against_finite_differences(seed):
    generator = np.random.default_rng(seed)
    x, m = generator.integers(1, 9, 30).astype(float), generator.gamma(3.0, 10.0, 30)
    weight, point = generator.uniform(0.5, 3.0, 30), generator.uniform(-1.0, 2.0, 3)
    likelihood = gamma_gamma.GammaGammaLikelihood(x, m, weight)
    value, gradient, hessian = likelihood(point)
    by_rows = gamma_gamma.log_likelihood(dict(zip(NAMES, np.exp(point), strict=True)), x, m)
    assert value == pytest.approx(weight @ by_rows, rel=1e-12)
    step = 1e-5
    ups, downs = ([likelihood(point + sign * step * unit) for unit in np.eye(3)] for sign in (1, -1))
    slopes = [(up[0] - down[0]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    curves = [(up[1] - down[1]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(hessian, curves, rtol=1e-6, atol=1e-5)


def test_density_of_the_mean_amount_integrates_to_one():
    shape = {"p": 3.0, "q": 4.0, "v": 15.0}
    total, _ = quad(lambda m: float(np.exp(gamma_gamma.log_likelihood(shape, 2, m)[0])), 0, np.inf)
    assert total == pytest.approx(1.0, abs=1e-7)


@given(params=params, x=st.integers(0, 500), m=st.floats(0.01, 1e5))
def test_expected_spend_lies_between_population_and_own_mean(params, x, m):
    population = params["p"] * params["v"] / (params["q"] - 1.0)
    value = gamma_gamma.expected_spend(params, x, m)[0]
    assert min(population, m) * (1 - 1e-9) <= value <= max(population, m) * (1 + 1e-9)
    assert gamma_gamma.expected_spend(params, 0, 0.0)[0] == pytest.approx(population)


@pytest.mark.parametrize("q", [0.01, 0.5, 1.0])
def test_population_mean_that_does_not_exist_is_replaced(q):
    values = gamma_gamma.expected_spend({"p": 0.4, "q": q, "v": 10.0}, [0, 1, 5], [0.0, 20.0, 20.0])
    assert np.isfinite(values).all()
    assert (values > 0).all()
