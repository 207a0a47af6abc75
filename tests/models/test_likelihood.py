"""Values, gradients and Hessians of the likelihoods, against finite differences and against lifetimes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from guanxi.models.likelihoods._purchases import BetaGeometricLikelihood, RowwiseLikelihood
from guanxi.served.purchases.registry import PROCESSES

STEP = 1e-5
ROWS = 40
COVARIATES = {
    "bg_nbd": ("alpha", "a", "b"),
    "mbg_nbd": ("alpha", "a", "b"),
    "pareto_nbd": ("alpha", "beta"),
}
EVERY = [
    (name, k)
    for name, process in PROCESSES.items()
    if name != "bg_bb"  # test_bg_bb.py: it has its own
    for k in ((1, 2, 3) if "k" in process.parameters else (1,))
]
every_process = pytest.mark.parametrize(("name", "k"), EVERY)
seeds = pytest.mark.parametrize("seed", range(3))


@pytest.fixture
def weight():
    return np.random.default_rng(6).uniform(0.5, 3.0, ROWS)


@pytest.fixture
def log_gap_sum(random_histories):
    x, t_x, _ = random_histories
    shares = np.random.default_rng(7).uniform(0.3, 1.0, ROWS)
    return np.where(x > 0, x * np.log(np.where(x > 0, t_x / np.maximum(x, 1) * shares, 1.0)), 0.0)


def point(name, seed, coefficients=0):
    names = [each for each in PROCESSES[name].parameters if each != "k"]
    # Times are of order 10, so rates are of order 1/10.
    centre = {"alpha": np.log(8.0), "beta": np.log(8.0), "b": np.log(2.0), "s": -0.5}
    if name == "ggom_nbd":
        centre |= {"b": np.log(0.05), "beta": 0.0}
    middle = [centre.get(each, 0.0) for each in names] + [0.0] * coefficients
    spread = np.array([1.2] * len(names) + [0.4] * coefficients)
    return np.array(middle) + spread * np.random.default_rng(seed).uniform(-1.0, 1.0, len(middle))


def params_at(name, k, log_params):
    names = [each for each in PROCESSES[name].parameters if each != "k"]
    own = {"k": k} if "k" in PROCESSES[name].parameters else {}
    return own | dict(zip(names, np.exp(log_params), strict=True))


def assert_derivatives(likelihood, theta):
    _, gradient, hessian = likelihood(theta)
    units = STEP * np.eye(len(theta))
    pairs = [(likelihood(theta + unit), likelihood(theta - unit)) for unit in units]
    slopes = [(up[0] - down[0]) / (2 * STEP) for up, down in pairs]
    curves = [(up[1] - down[1]) / (2 * STEP) for up, down in pairs]
    scale = max(1.0, np.abs(hessian).max())
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_allclose(hessian, curves, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-12 * scale)


@every_process
@seeds
def test_row_by_row_likelihood_and_its_derivatives(name, k, seed, random_histories, weight):
    likelihood = RowwiseLikelihood(PROCESSES[name], *random_histories, weight, k=k)
    theta = point(name, seed)
    by_rows = PROCESSES[name].log_likelihood(params_at(name, k, theta), *random_histories)
    assert likelihood(theta)[0] == pytest.approx(weight @ by_rows, rel=1e-10)
    assert_derivatives(likelihood, theta)


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd"])
@seeds
def test_likelihood_by_frequency_and_its_derivatives(name, seed, random_histories, weight):
    process = PROCESSES[name]
    likelihood = BetaGeometricLikelihood(*random_histories, weight, first=process.first)
    theta = point(name, seed)
    by_rows = process.log_likelihood(params_at(name, 1, theta), *random_histories)
    assert likelihood(theta)[0] == pytest.approx(weight @ by_rows, rel=1e-12)
    assert_derivatives(likelihood, theta)
    for fast, slow in zip(
        likelihood(theta), RowwiseLikelihood(process, *random_histories, weight)(theta), strict=True
    ):
        np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", COVARIATES)
@seeds
def test_likelihood_with_covariates_and_its_derivatives(name, seed, random_histories, weight):
    z = np.random.default_rng(8).normal(size=(ROWS, 2))
    with_z = dict.fromkeys(COVARIATES[name], z)
    likelihood = RowwiseLikelihood(PROCESSES[name], *random_histories, weight, covariates=with_z, penalty=0.7)
    plain = len(PROCESSES[name].parameters)
    theta = point(name, seed, coefficients=2 * len(with_z))
    params = params_at(name, 1, theta[:plain])
    for i, parameter in enumerate(COVARIATES[name]):
        coefficients = theta[plain + 2 * i : plain + 2 * i + 2]
        params[parameter] = params[parameter] * np.exp(z @ coefficients)
    by_rows = PROCESSES[name].log_likelihood(params, *random_histories)
    penalty = 0.35 * theta[plain:] @ theta[plain:]
    assert likelihood(theta)[0] == pytest.approx(weight @ by_rows - penalty, rel=1e-10)
    assert_derivatives(likelihood, theta)


@pytest.mark.parametrize("name", COVARIATES)
def test_covariates_with_coefficients_of_zero_change_nothing(name, random_histories, weight):
    z = np.random.default_rng(8).normal(size=(ROWS, 2))
    with_z = RowwiseLikelihood(
        PROCESSES[name], *random_histories, weight, covariates=dict.fromkeys(COVARIATES[name], z), penalty=0.7
    )
    theta = point(name, 0)
    plain = RowwiseLikelihood(PROCESSES[name], *random_histories, weight)(theta)
    value, gradient, hessian = with_z(np.append(theta, np.zeros(2 * len(COVARIATES[name]))))
    assert value == pytest.approx(plain[0], rel=1e-13)
    np.testing.assert_allclose(gradient[: len(theta)], plain[1], rtol=1e-12)
    np.testing.assert_allclose(hessian[: len(theta), : len(theta)], plain[2], rtol=1e-12)


@pytest.mark.parametrize("name", ["bg_cnbd", "mbg_cnbd"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_likelihood_with_gap_sums_and_its_derivatives(name, k, random_histories, weight, log_gap_sum):
    process = PROCESSES[name]
    likelihood = RowwiseLikelihood(process, *random_histories, weight, k=k, log_gap_sum=log_gap_sum)
    theta = point(name, 1)
    by_rows = process.log_likelihood(params_at(name, k, theta), *random_histories, log_gap_sum)
    assert likelihood(theta)[0] == pytest.approx(weight @ by_rows, rel=1e-12)
    assert_derivatives(likelihood, theta)
    if k == 1:
        without = process.log_likelihood(params_at(name, k, theta), *random_histories)
        np.testing.assert_array_equal(by_rows, without)


def test_known_gaps_and_their_sum_agree_for_a_single_gap(random_histories):
    """A single gap is the recency."""
    process, (_, _, T) = PROCESSES["bg_cnbd"], random_histories
    recency = T / 3.0
    params = params_at("bg_cnbd", 3, point("bg_cnbd", 0))
    np.testing.assert_allclose(
        process.log_likelihood(params, 1.0, recency, T, np.log(recency)),
        process.log_likelihood(params, 1.0, recency, T),
        rtol=1e-12,
    )


def test_several_chunks_are_added_up(random_histories, weight):
    repeats = 30  # 1,200 rows
    many = [np.tile(column, repeats) for column in (*random_histories, weight)]
    theta = point("pareto_nbd", 2)
    once = RowwiseLikelihood(PROCESSES["pareto_nbd"], *random_histories, weight)(theta)
    for total, single in zip(RowwiseLikelihood(PROCESSES["pareto_nbd"], *many)(theta), once, strict=True):
        np.testing.assert_allclose(total, repeats * single, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "fitter"),
    [
        ("bg_nbd", "BetaGeoFitter"),
        ("mbg_nbd", "ModifiedBetaGeoFitter"),
        ("pareto_nbd", "ParetoNBDFitter"),
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_log_likelihood_is_that_of_lifetimes(name, fitter, seed, lifetimes, random_histories, weight):
    theta = point(name, seed)
    pareto = name == "pareto_nbd"  # lifetimes takes untransformed parameters and returns a sum
    given = np.exp(theta) if pareto else theta
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # intermediate results overflow in lifetimes
        theirs = getattr(lifetimes, fitter)._negative_log_likelihood(given, *random_histories, weight, 0.0)
    value, _, _ = RowwiseLikelihood(PROCESSES[name], *random_histories, weight)(theta)
    assert value / (weight.mean() if pareto else weight.sum()) == pytest.approx(-theirs, rel=1e-9)
