"""Partial pooling of groups' ratios of actual to expected totals: linear Bayes rules with an unknown spread.

A group's actual total has the mean ``ratio x expected`` and the variance ``dispersion x ratio x expected``.
For gamma-Poisson the rule is exact, otherwise the best linear one (Bühlmann & Straub 1970, Glaubwürdigkeit
für Schadensätze, Mitteilungen der Vereinigung schweizerischer Versicherungsmathematiker 70). Unknown spreads
are integrated over their posterior on a grid, with scaled inverse chi-squared priors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Relative spread assumed beforehand, and what this is worth: groups, and steps from one time to the next.
_PRIOR_SPREAD, _PRIOR_GROUPS, _PRIOR_STEPS = 0.15, 4.0, 2.0
_SPREADS = np.exp(np.linspace(np.log(0.01), np.log(0.7), 14))
_MINIMUM_LEVELS, _CLEAR_LEVEL = 3, 2.0  # windows; standard errors
_UNKNOWN, _TINY = 1e2, 1e-12  # relative variance without evidence; in place of 0


class Estimate(NamedTuple):
    """Mean and variance of a quantity of each group, shape (groups,)."""

    mean: Floats
    variance: Floats

    def times(self, other: Estimate) -> Estimate:
        """Multiply by an independent quantity."""
        mean = self.mean * other.mean
        squares = (self.mean**2 + self.variance) * (other.mean**2 + other.variance)
        return Estimate(mean, squares - mean**2)

    def scaled(self, factor: float) -> Estimate:
        """Multiply by a number."""
        return Estimate(self.mean * factor, self.variance * factor**2)


def pool_ratios(actual: Floats, expected: Floats, dispersion: Floats) -> Estimate:
    """Shrink each group's ratio towards the mean of the groups.

    Parameters
    ----------
    actual, expected, dispersion : array, shape (groups,)
        Not negative. A group of which nothing is expected gets the mean of the others.

    Examples
    --------
    >>> pool_ratios(np.array([50.0, 120.0]), np.array([100.0, 100.0]), np.array([1.0, 1.0])).mean.round(2)
    array([0.55, 1.15])
    """
    same = np.eye(len(actual))
    candidates = ((_log_prior(spread, _PRIOR_GROUPS), spread**2 * same) for spread in _SPREADS)
    return _posterior(actual, expected, dispersion, candidates)


def _level_shift(levels: Sequence[float]) -> float:
    """Systematic error of the value model's churn: the mean over windows, shrunk towards 0.

    Positive-part shrinkage (James & Stein 1961) beyond two standard errors; 0 with fewer than three windows.
    """
    if len(levels) < _MINIMUM_LEVELS:
        return 0.0
    mean, spread = float(np.mean(levels)), float(np.std(levels, ddof=1))
    noise = (_CLEAR_LEVEL * spread) ** 2 / len(levels)
    return mean * (1.0 - noise / mean**2) if mean**2 > noise else 0.0


def follow_ratios(
    actual: Floats, expected: Floats, dispersion: Floats, time: Floats
) -> tuple[Estimate, Estimate]:
    """Estimate each group's ratio, and that of the next group, where groups follow one another in time.

    A group's ratio varies around a level, which moves from one time to the next as a random walk.

    Parameters
    ----------
    actual, expected, dispersion : array, shape (groups,)
        As in :func:`pool_ratios`.
    time : array, shape (groups + 1,)
        Of the groups in ascending order, and of the next one.

    Returns
    -------
    own : Estimate, shape (groups,)
    following : Estimate, shape (1,)

    Examples
    --------
    >>> actual, expected = np.array([900.0, 600.0, 610.0, 590.0]), np.full(4, 1000.0)
    >>> own, following = follow_ratios(actual, expected, np.ones(4), np.arange(5.0))
    >>> own.mean.round(2), following.mean.round(2)
    (array([0.89, 0.6 , 0.61, 0.59]), array([0.61]))
    """
    since = np.asarray(time - time[0], dtype=np.float64)
    same, walk = np.eye(len(since)), np.minimum.outer(since, since)
    candidates = (
        (
            _log_prior(spread, _PRIOR_GROUPS) + _log_prior(step, _PRIOR_STEPS),
            spread**2 * same + step**2 * walk,
        )
        for spread in _SPREADS
        for step in _SPREADS
    )
    mean, variance = _posterior(actual, expected, dispersion, candidates)
    return Estimate(mean[:-1], variance[:-1]), Estimate(mean[-1:], variance[-1:])


def _log_prior(spread: float, worth: float) -> float:
    """Log density of the logarithm of a spread."""
    return -worth * float(np.log(spread) + 0.5 * (_PRIOR_SPREAD / spread) ** 2)


def _posterior(
    actual: Floats, expected: Floats, dispersion: Floats, candidates: Iterable[tuple[float, Floats]]
) -> Estimate:
    """Average the candidates, each the logarithm of a prior and a covariance of the relative ratios.

    A covariance may have more groups than are observed, at its end.
    """
    everyone = float(expected.sum())
    overall = max(float(actual.sum()) / everyone, _TINY) if everyone > 0 else 1.0
    known = expected > 0
    ratio = np.divide(actual, expected * overall, out=np.ones(len(actual)), where=known)
    least = np.maximum(dispersion, _TINY)
    noise = np.divide(least, expected * overall, out=np.full(len(actual), _UNKNOWN), where=known)
    found = [(prior, *_given(ratio, noise, covariance)) for prior, covariance in candidates]
    log_weight = np.array([prior + likelihood for prior, likelihood, _, _ in found])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    means, variances = (np.array([each[place] for each in found]) for place in (2, 3))
    mean = weight @ means
    return Estimate(mean, weight @ (variances + (means - mean) ** 2)).scaled(overall)


def _given(ratio: Floats, noise: Floats, covariance: Floats) -> tuple[float, Floats, Floats]:
    """Log likelihood, means and variances of the groups, where the covariance is known but not the mean."""
    observed = len(ratio)
    precision = np.linalg.inv(covariance[:observed, :observed] + np.diag(noise))
    row_sums = precision.sum(axis=1)
    total = row_sums.sum()
    mean = row_sums @ ratio / total
    distance = ratio - mean
    _, log_determinant = np.linalg.slogdet(precision)
    likelihood = 0.5 * float(log_determinant - np.log(total) - distance @ precision @ distance)
    gain = covariance[:, :observed] @ precision
    estimate = np.maximum(mean + gain @ distance, 0.0)
    variance = np.diag(covariance) - (gain * covariance[:, :observed]).sum(axis=1)
    # As for gamma-Poisson, the variance is proportional to the estimate.
    variance = np.maximum(variance, 0.0) * (estimate / mean if mean > 0 else 1.0)
    return likelihood, estimate, variance + (1.0 - gain.sum(axis=1)) ** 2 / total
