"""Losses of probabilities, counts and amounts by row, for fits and evaluation.

Probabilities and means are bounded away from 0, where the loss can be infinite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]
_LEAST_MEAN = 1e-12
_LEAST_PROBABILITY = 1e-15


def log_loss(label: Floats, probability: Floats) -> Floats:
    """Negative log-likelihood of labels; probabilities are kept within 1e-15 and 1 - 1e-15.

    Examples
    --------
    >>> log_loss(np.array([1.0, 0.0]), np.array([0.5, 0.75])).round(3)
    array([0.693, 1.386])
    """
    p = np.clip(probability, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
    return np.asarray(-(label * np.log(p) + (1.0 - label) * np.log1p(-p)))


def logistic_loss(label: Floats, log_odds: Floats) -> Floats:
    """:func:`log_loss` of log odds, exact for extreme ones."""
    return np.asarray(np.logaddexp(0.0, log_odds) - label * log_odds)


def poisson_deviance(count: Floats, mean: Floats) -> Floats:
    """Poisson deviance of counts; means below 1e-12 count as 1e-12.

    Examples
    --------
    >>> poisson_deviance(np.array([0.0, 2.0]), np.array([0.5, 2.0]))
    array([1., 0.])
    """
    mean = np.maximum(mean, _LEAST_MEAN)
    return np.asarray(2.0 * (xlogy(count, count / mean) - count + mean))


def gamma_deviance(amount: Floats, mean: Floats) -> Floats:
    """Gamma deviance of amounts above 0; means below 1e-12 count as 1e-12.

    Examples
    --------
    >>> gamma_deviance(np.array([3.0]), np.array([3.0]))
    array([0.])
    """
    mean = np.maximum(mean, _LEAST_MEAN)
    return np.asarray(2.0 * (np.log(mean / amount) + amount / mean - 1.0))


def tweedie_deviance(amount: Floats, mean: Floats) -> Floats:
    """Tweedie deviance of power 1.5, of amounts of 0 or more; means below 1e-12 count as 1e-12.

    The deviance of a random number of gamma-distributed amounts (Jorgensen 1987, Exponential Dispersion
    Models, Journal of the Royal Statistical Society B 49(2)), in the square root of the currency.

    Examples
    --------
    >>> tweedie_deviance(np.array([0.0, 4.0]), np.array([1.0, 4.0]))
    array([4., 0.])
    """
    root = np.sqrt(np.maximum(mean, _LEAST_MEAN))
    return np.asarray(4.0 * (np.sqrt(amount) - root) ** 2 / root)
