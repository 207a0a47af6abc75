"""Coverage of confidence intervals in simulations: 200 sets of 3,000 customers per model.

If all parameters are well identified, Wald intervals on the log scale are used. If
not, likelihood ratios are: the profile likelihood of each parameter (weakly identified
BG/NBD), or the joint likelihood ratio (GGom/NBD).
"""

from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy.stats import binom, chi2

from guanxi import simulation
from guanxi.models._customer_table import histories_of
from guanxi.models._fitting import at_params, fit_process
from guanxi.models._maximum_likelihood import log_covariance, maximize
from guanxi.models.likelihoods._purchases import BetaGeometricLikelihood
from guanxi.served.purchases.registry import PROCESSES

SETS = 200
SETS_OF_GGOM = 60
CUSTOMERS = 3000
NORMAL = 1.959964  # of a 95 % interval
TRUTHS = {
    "nbd": {"r": 0.5, "alpha": 10.0},
    "bg_nbd": {"r": 0.8, "alpha": 5.0, "a": 0.8, "b": 2.5},
    "mbg_nbd": {"r": 0.8, "alpha": 5.0, "a": 0.8, "b": 2.5},
    "bg_cnbd": {"k": 2, "r": 0.8, "alpha": 2.5, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.8, "alpha": 5.0, "s": 0.9, "beta": 20.0},
}
logger = logging.getLogger(__name__)

pytestmark = pytest.mark.slow


def simulated(name, truth, seed):
    """Half a year to two years, cutoffs in whole weeks."""
    T = np.random.default_rng(seed).integers(26, 105, CUSTOMERS).astype(float)
    rfm = getattr(simulation, f"simulate_{name}")(truth, n=CUSTOMERS, T=T, seed=seed)
    return histories_of(rfm, None, log_gaps="k" in truth)


def log_truth(truth):
    return np.log([value for name, value in truth.items() if name != "k"])


@pytest.mark.parametrize("name", TRUTHS)
def test_wald_intervals_cover_the_truth(name):
    truth, covered = TRUTHS[name], []
    for seed in range(SETS):
        fit = fit_process(PROCESSES[name], simulated(name, truth, seed), k=truth.get("k", 1))
        assert fit.converged
        found = np.log([value for symbol, value in fit.params.items() if symbol != "k"])
        reach = NORMAL * np.sqrt(np.diag(log_covariance(fit.hessian)))
        covered.append(np.abs(found - log_truth(truth)) <= reach)
    shares = np.mean(covered, axis=0)
    logger.info("%s: covered %s, pooled %.4f", name, shares.round(3), shares.mean())
    assert ((shares >= 0.90) & (shares <= 0.99)).all()
    assert 0.92 <= shares.mean() <= 0.98


def profile(likelihood, at, value):
    """Log-likelihood of the other parameters, with one fixed."""
    free = np.arange(4) != at

    def held(others):
        total, gradient, hessian = likelihood(np.insert(others, at, value))
        return total, gradient[free], hessian[np.ix_(free, free)]

    return held


def test_profile_likelihoods_cover_a_weakly_identified_truth():
    """Only 5 of 1,000 purchases are the last: the information is singular in one set of eight."""
    truth = {"r": 0.8, "alpha": 5.0, "a": 0.05, "b": 10.0}
    point, covered = log_truth(truth), []
    for seed in range(SETS):
        rows = simulated("bg_nbd", truth, seed)
        likelihood = BetaGeometricLikelihood(*rows.columns, first=False)
        best = fit_process(PROCESSES["bg_nbd"], rows).log_likelihood
        held = [maximize(profile(likelihood, at, point[at]), np.delete(point, at)) for at in range(4)]
        ratios = 2.0 * (best - np.array([optimum.value for optimum in held]))
        covered.append(ratios <= chi2.ppf(0.95, 1))
    shares = np.mean(covered, axis=0)
    logger.info("weakly identified bg_nbd: covered %s, pooled %.4f", shares.round(3), shares.mean())
    assert ((shares >= 0.90) & (shares <= 0.99)).all()
    assert 0.92 <= shares.mean() <= 0.98


def test_joint_likelihood_ratio_of_ggom_nbd_covers_the_truth():
    """Fewer sets, since a fit takes seconds; the number covered must be plausible for a coverage of 95 %."""
    truth = {"r": 0.8, "alpha": 5.0, "b": 0.05, "s": 0.8, "beta": 3.0}
    point, inside = log_truth(truth), 0
    for seed in range(SETS_OF_GGOM):
        rows = simulated("ggom_nbd", truth, seed)
        fit = fit_process(PROCESSES["ggom_nbd"], rows, start=point)
        at_truth = at_params(PROCESSES["ggom_nbd"], rows, truth).log_likelihood
        ratio = 2.0 * (fit.log_likelihood - at_truth)
        assert ratio >= -1e-6
        inside += ratio <= chi2.ppf(0.95, 5)
    logger.info("ggom_nbd: %d of %d covered jointly", inside, SETS_OF_GGOM)
    least, most = binom.interval(0.99, SETS_OF_GGOM, 0.95)
    assert least <= inside <= most
