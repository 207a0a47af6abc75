"""Gamma-Gamma spend model: Fader & Hardie (2013), brucehardie.com/notes/025.

``params`` maps ``p, q, v`` to positive numbers. ``frequency`` (x) counts the repeat purchases whose mean
amount is ``monetary_value`` (m). Spend has the unit of the amounts, as has v.

Given the history the rate of a customer's amounts is nu ~ Gamma(q + p x, v + x m), and n amounts total
Gamma(p n, nu): total / (v + x m) is a beta prime variable with shapes p n and q + p x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, expit, log_expit, polygamma

from ..purchases.process import floats
from .process import Floats, Params, SpendProcess

# How far the logarithm of a gamma variable strays: so many deviations, and what its long left tail adds.
_DEVIATIONS, _LEFT_TAIL, _RIGHT_TAIL = 6.0, 10.0, 20.0
_LARGEST_LOG = 600.0  # exp of more comes near the overflow


class _GammaGamma(SpendProcess):
    name = "gamma_gamma"
    parameters = ("p", "q", "v")

    def log_likelihood(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """Log-likelihood of each mean amount: equation (1a) of the note; both columns are > 0.

        Written as the beta prime density of x m / v, which neither overflows nor cancels.

        Examples
        --------
        >>> GAMMA_GAMMA.log_likelihood({"p": 6.25, "q": 3.74, "v": 15.44}, [2], [22.35]).round(4)
        array([-3.5513])
        """
        x, m = floats(frequency, monetary_value)
        p, q, v = params["p"], params["q"], params["v"]
        total = x * m
        left, right = q * np.log1p(total / v), p * x * np.log1p(v / total)
        return np.asarray(-betaln(p * x, q) - np.log(m) - left - right)

    def expected_spend(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history]: equation (5) of the note.

        Without repeat purchases it is the population mean p v / (q - 1). That mean does not exist for q <= 1;
        there the amount at the mean rate, p / E[nu | history] = p (v + x m) / (p x + q), stands in.

        Examples
        --------
        >>> params = {"p": 6.25, "q": 3.74, "v": 15.44}
        >>> GAMMA_GAMMA.expected_spend(params, [2, 1, 0], [22.35, 11.77, 0.0]).round(2)
        array([24.66, 18.92, 35.22])
        """
        x, m = floats(frequency, monetary_value)
        p, q, v = params["p"], params["q"], params["v"]
        return p * (v + x * m) / (p * x + (q - 1.0 if q > 1.0 else q))

    def scale(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """Sum v + x m."""
        x, m = floats(frequency, monetary_value)
        return np.asarray(params["v"] + x * m)

    def log_total_range(
        self, params: Params, purchases: Floats, frequency: float
    ) -> tuple[Floats, Floats, Floats]:
        """Range of the logarithm of a beta prime variable: of one gamma variable over another."""
        a, b = params["p"] * purchases, np.asarray(params["q"] + params["p"] * frequency)
        (low_a, high_a), (low_b, high_b) = _log_gamma_range(a), _log_gamma_range(b)
        spread = np.minimum(np.sqrt(polygamma(1, a) + polygamma(1, b)), 1.0)
        lower, upper = np.clip([low_a - high_b, high_a - low_b], -_LARGEST_LOG, _LARGEST_LOG)
        return lower, upper, spread

    def log_total_density(
        self, params: Params, purchases: Floats, frequency: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Density of the logarithm of a beta prime variable."""
        a, b = params["p"] * purchases[:, None], params["q"] + params["p"] * frequency
        density = np.exp(a * log_expit(y) + b * log_expit(-y) - betaln(a, b))
        return density, density * (a * expit(-y) - b * expit(y))


GAMMA_GAMMA = _GammaGamma()


def _log_gamma_range(shape: Floats) -> tuple[Floats, Floats]:
    lower = digamma(shape) - _DEVIATIONS * np.sqrt(polygamma(1, shape)) - _LEFT_TAIL / shape
    return lower, np.log(shape + _DEVIATIONS * np.sqrt(shape) + _RIGHT_TAIL)


class GammaGammaLikelihood:
    """Sum of the weighted log-likelihoods as a function of log(p, q, v), for the fit.

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Histories with repeat purchases, and how many customers each stands for.

    Examples
    --------
    >>> value, gradient, hessian = GammaGammaLikelihood(np.ones(1), np.ones(1), np.ones(1))(np.zeros(3))
    >>> gradient.shape, hessian.shape
    ((3,), (3, 3))
    """

    def __init__(self, frequency: Floats, monetary_value: Floats, weight: Floats) -> None:
        self._x, self._which = np.unique(frequency, return_inverse=True)
        self._frequency, self._total = frequency, frequency * monetary_value
        self._weight = weight
        self._x_weight = np.bincount(self._which, weights=weight)
        self._constant = float(weight @ np.log(monetary_value))

    def __call__(self, log_params: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to the log-parameters."""
        params = np.exp(log_params)
        p, q, v = params
        x, x_weight, weight, total = self._x, self._x_weight, self._weight, self._total
        y, all_y = p * x, p * self._frequency
        share, rest = np.log1p(v / total), np.log1p(total / v)
        value = -self._constant - x_weight @ betaln(y, q) - weight @ (q * rest + all_y * share)

        both = digamma(y + q)
        by_v = (q * total / v - all_y) / (total + v)
        gradient = np.array(
            [
                x_weight @ (x * (both - digamma(y))) - weight @ (self._frequency * share),
                x_weight @ (both - digamma(q)) - weight @ rest,
                weight @ by_v,
            ]
        )
        both = polygamma(1, y + q)
        hessian = np.empty((3, 3))
        hessian[0, 0] = x_weight @ (x**2 * (both - polygamma(1, y)))
        hessian[1, 1] = x_weight @ (both - polygamma(1, q))
        hessian[2, 2] = weight @ (q * ((total + v) ** -2.0 - v**-2.0) + all_y * (total + v) ** -2.0)
        hessian[0, 1] = hessian[1, 0] = x_weight @ (x * both)
        hessian[0, 2] = hessian[2, 0] = -(weight @ (self._frequency / (total + v)))
        hessian[1, 2] = hessian[2, 1] = weight @ (total / (v * (total + v)))
        return (
            float(value),
            params * gradient,
            np.outer(params, params) * hessian + np.diag(params * gradient),
        )
