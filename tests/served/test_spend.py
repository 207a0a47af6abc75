"""Properties of Gamma-Gamma, its derivatives, and the log-normal spend model used as fallback."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from guanxi.models.likelihoods._spend import GammaGammaLikelihood, fit_log_normal
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL, SPEND_PROCESSES, UNKNOWN

NAMES = ("p", "q", "v")
params = st.fixed_dictionaries({"p": st.floats(0.1, 50), "q": st.floats(1.01, 50), "v": st.floats(0.1, 500)})


@pytest.mark.parametrize("seed", range(6))
def test_likelihood_and_its_derivatives_against_finite_differences(seed):
    generator = np.random.default_rng(seed)
    x, m = generator.integers(1, 9, 30).astype(float), generator.gamma(3.0, 10.0, 30)
    weight, point = generator.uniform(0.5, 3.0, 30), generator.uniform(-1.0, 2.0, 3)
    likelihood = GammaGammaLikelihood(x, m, weight)
    value, gradient, hessian = likelihood(point)
    by_rows = GAMMA_GAMMA.log_likelihood(dict(zip(NAMES, np.exp(point), strict=True)), x, m)
    assert value == pytest.approx(weight @ by_rows, rel=1e-12)
    step = 1e-5
    ups, downs = ([likelihood(point + sign * step * unit) for unit in np.eye(3)] for sign in (1, -1))
    slopes = [(up[0] - down[0]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    curves = [(up[1] - down[1]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(hessian, curves, rtol=1e-6, atol=1e-5)


def test_density_of_the_mean_amount_integrates_to_one():
    shape = {"p": 3.0, "q": 4.0, "v": 15.0}
    total, _ = quad(lambda m: float(np.exp(GAMMA_GAMMA.log_likelihood(shape, 2, m)[0])), 0, np.inf)
    assert total == pytest.approx(1.0, abs=1e-7)


@given(params=params, x=st.integers(0, 500), m=st.floats(0.01, 1e5))
def test_expected_spend_lies_between_population_and_own_mean(params, x, m):
    population = params["p"] * params["v"] / (params["q"] - 1.0)
    value = GAMMA_GAMMA.expected_spend(params, x, m)[0]
    assert min(population, m) * (1 - 1e-9) <= value <= max(population, m) * (1 + 1e-9)
    assert GAMMA_GAMMA.expected_spend(params, 0, 0.0)[0] == pytest.approx(population)


@pytest.mark.parametrize("q", [0.01, 0.5, 1.0])
def test_population_mean_that_does_not_exist_is_replaced(q):
    values = GAMMA_GAMMA.expected_spend({"p": 0.4, "q": q, "v": 10.0}, [0, 1, 5], [0.0, 20.0, 20.0])
    assert np.isfinite(values).all()
    assert (values > 0).all()


LOG_NORMAL_PARAMS = {"mean": 30.0, "level": 36.0, "between_variance": 0.4, "within_variance": 0.6}
EXAMPLES = [(GAMMA_GAMMA, {"p": 6.25, "q": 3.74, "v": 15.44}), (LOG_NORMAL, LOG_NORMAL_PARAMS)]


def test_processes_are_known_by_name():
    assert SPEND_PROCESSES == {"gamma_gamma": GAMMA_GAMMA, "log_normal": LOG_NORMAL, "unknown": UNKNOWN}


@pytest.mark.parametrize(("process", "params"), EXAMPLES)
@pytest.mark.parametrize("x", [0, 1, 8])
@pytest.mark.parametrize("n", [1, 5])
def test_total_of_purchases_is_a_density_with_the_expected_mean(process, params, x, n):
    def density(y):
        return process.log_total_density(params, np.array([float(n)]), float(x), np.array([y]))[0].item()

    lower, upper, _ = (
        float(end[0]) for end in process.log_total_range(params, np.array([float(n)]), float(x))
    )
    assert quad(density, lower, upper, limit=300)[0] == pytest.approx(1.0, abs=1e-7)
    mean = quad(lambda y: np.exp(y) * density(y), lower, upper, limit=300)[0]
    m = 22.0 * (x > 0)
    expected = n * process.expected_spend(params, x, m)[0]
    assert mean * process.scale(params, x, m)[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("process", "params"), EXAMPLES)
def test_slope_of_the_density_against_finite_differences(process, params):
    y, step = np.linspace(-3.0, 4.0, 50), 1e-5
    purchases = np.array([1.0, 4.0])
    slope = process.log_total_density(params, purchases, 2.0, y)[1]
    up, down = (process.log_total_density(params, purchases, 2.0, y + s)[0] for s in (step, -step))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), atol=1e-8)


def log_normal_customers(n, between, within, seed=3):
    """Customers whose amounts average exp(theta), theta ~ N(3, between), each amount log-normal."""
    generator = np.random.default_rng(seed)
    x = generator.geometric(0.4, n).astype(float)
    theta = generator.normal(3.0, np.sqrt(between), n)
    amounts = np.exp(
        generator.normal(np.repeat(theta, x.astype(int)) - within / 2, np.sqrt(within), int(x.sum()))
    )
    starts = np.r_[0, np.cumsum(x[:-1])].astype(int)
    return x, np.add.reduceat(amounts, starts) / x, np.exp(theta)


class TestFitOfLogNormalSpend:
    def test_truth_is_recovered(self):
        x, m, truth = log_normal_customers(20_000, 0.5, 0.4)
        params = fit_log_normal(x, m, np.ones(len(x)))
        # The variance of a mean of log-normal amounts is slightly below within / x, hence the tolerance of a
        # tenth.
        assert params["between_variance"] == pytest.approx(0.5, rel=0.1)
        assert params["within_variance"] == pytest.approx(0.4, rel=0.1)
        assert params["mean"] == pytest.approx(np.exp(3.25), rel=0.03)
        assert params["level"] == pytest.approx(np.exp(3.5), rel=0.06)
        expected = LOG_NORMAL.expected_spend(params, x, m)
        assert x @ expected == pytest.approx(x @ truth, rel=0.01)
        assert np.abs(expected - truth).mean() < 0.85 * np.abs(m - truth).mean()

    def test_homogeneous_customers(self):
        x, m, truth = log_normal_customers(5000, 0.0, 0.5)
        expected = LOG_NORMAL.expected_spend(fit_log_normal(x, m, np.ones(len(x))), x, m)
        assert np.abs(expected - truth).mean() < 0.15 * np.abs(m - truth).mean()

    def test_constant_amounts_per_customer(self):
        x, m, _ = log_normal_customers(5000, 0.5, 0.0)
        expected = LOG_NORMAL.expected_spend(fit_log_normal(x, m, np.ones(len(x))), x, m)
        assert np.abs(np.log(expected / m)).mean() < 0.02

    def test_one_purchase_each_is_shared_equally(self):
        params = fit_log_normal(np.ones(4), np.array([5.0, 9.0, 20.0, 40.0]), np.ones(4))
        assert params["between_variance"] == pytest.approx(params["within_variance"])

    @given(
        rows=st.lists(
            st.tuples(st.integers(1, 300), st.floats(1e-3, 1e6), st.integers(1, 5)), min_size=1, max_size=12
        )
    )
    def test_no_amounts_make_repeaters_spend_more_than_they_did(self, rows):
        x, m, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        params = fit_log_normal(x, m, weight)
        expected = LOG_NORMAL.expected_spend(params, x, m)
        kept = m > 1e-3 * params["mean"] * (1 + 1e-9)  # smaller amounts count as a thousandth of the mean
        if kept.all():
            assert (weight * x) @ expected <= (weight * x) @ m * (1 + 1e-6)
        assert min(m) * (1 - 1e-9) <= params["level"] <= max(m) * (1 + 1e-9)
        assert min(m) * (1 - 1e-9) <= params["mean"] <= max(m) * (1 + 1e-9)

    def test_weights_equal_repetition(self):
        x, m, _ = log_normal_customers(40, 0.5, 0.4)
        weighted = fit_log_normal(x, m, np.full(40, 2.0))
        assert weighted == pytest.approx(fit_log_normal(np.tile(x, 2), np.tile(m, 2), np.ones(80)), rel=1e-9)
