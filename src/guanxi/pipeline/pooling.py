"""Partial pooling of groups' ratios of actual to expected totals, by linear credibility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PRIOR_DEVIATION, _PRIOR_GROUPS = 0.15, 4.0
_DEVIATIONS = np.exp(np.linspace(np.log(0.005), np.log(3.0), 64))
_TINY = 1e-12


@dataclass(frozen=True)
class PooledRatios:
    """Posterior of the groups' ratios and of a group not seen yet.

    Attributes
    ----------
    mean, variance : array, shape (groups,)
        Of each group's own ratio.
    new_mean, new_variance : float
        Of the ratio of a group not seen yet: the mean of the groups, with the spread between them.
    between : float
        Variance between groups, relative to the square of their mean.
    """

    mean: Floats
    variance: Floats
    new_mean: float
    new_variance: float
    between: float


def pool_ratios(actual: Floats, expected: Floats, dispersion: Floats) -> PooledRatios:
    """Shrink each group's ratio of actual to expected towards the mean of the groups.

    A group's actual total has the mean ``ratio x expected`` and the variance ``dispersion x ratio x
    expected``; its ratio varies between groups around their mean. The credibility of its own ratio is
    ``between / (between + noise)``: exact for gamma-Poisson, the best linear rule otherwise (Bühlmann &
    Straub 1970, Glaubwürdigkeit für Schadensätze, Mitteilungen der Vereinigung schweizerischer
    Versicherungsmathematiker 70). The unknown spread between groups is integrated over its posterior, with a
    scaled inverse chi-squared prior worth four groups with a relative spread of 15 %.

    Parameters
    ----------
    actual, expected, dispersion : array, shape (groups,)
        Not negative; a group of which nothing is expected yet has the ratio of a new group.

    Examples
    --------
    >>> pooled = pool_ratios(np.array([50.0, 120.0]), np.array([100.0, 100.0]), np.array([1.0, 1.0]))
    >>> pooled.mean.round(2), round(pooled.new_mean, 2)
    (array([0.52, 1.17]), 0.85)
    """
    everyone = expected.sum()
    overall = float(actual.sum() / everyone) if everyone > 0 else 1.0
    ratio = np.divide(actual, expected, out=np.full(len(actual), overall), where=expected > 0)
    precision = expected / (np.maximum(dispersion, _TINY) * max(overall, _TINY))
    spread = (max(overall, _TINY) * _DEVIATIONS[:, None]) ** 2  # rows: deviations between groups
    weight = precision / (1.0 + precision * spread)
    total = weight.sum(axis=1, keepdims=True)
    mean = np.divide(weight @ ratio[:, None], total, out=np.full(total.shape, overall), where=total > 0)
    mean_variance = np.divide(1.0, total, out=spread.copy(), where=total > 0)
    posterior = _posterior(ratio - mean, precision, spread, mean_variance)
    own = weight * spread  # credibility
    averages = own * ratio + (1.0 - own) * mean
    variances = (1.0 - own) * spread + (1.0 - own) ** 2 * mean_variance
    group_mean, group_variance = _mixture(posterior, averages, variances)
    new_mean, new_variance = _mixture(posterior, mean, spread + mean_variance)
    return PooledRatios(
        mean=group_mean,
        variance=group_variance,
        new_mean=float(new_mean[0]),
        new_variance=float(new_variance[0]),
        between=float(posterior @ _DEVIATIONS**2),
    )


def _posterior(distance: Floats, precision: Floats, spread: Floats, mean_variance: Floats) -> Floats:
    """Posterior weights of the deviations: restricted likelihood of the ratios, times the prior."""
    weight = precision / (1.0 + precision * spread)
    log_weight = -0.5 * (np.log1p(precision * spread) + weight * distance**2).sum(axis=1)
    log_weight += 0.5 * np.log(mean_variance[:, 0])
    log_weight -= _PRIOR_GROUPS * (np.log(_DEVIATIONS) + 0.5 * (_PRIOR_DEVIATION / _DEVIATIONS) ** 2)
    posterior = np.exp(log_weight - log_weight.max())
    return np.asarray(posterior / posterior.sum())


def _mixture(weights: Floats, means: Floats, variances: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of a mixture of the rows."""
    mean = weights @ means
    return mean, weights @ (variances + (means - mean) ** 2)
