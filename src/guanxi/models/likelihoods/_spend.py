"""The likelihood of Gamma-Gamma, and the fit of log-normal spend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, digamma, logsumexp, polygamma

from guanxi.models._maximum_likelihood import by_log_params
from guanxi.served.ordering import first_highest
from guanxi.served.spend import own_weight

Floats = NDArray[np.float64]

_SHARES = np.linspace(0.0, 1.0, 201)[1:-1]


class GammaGammaLikelihood:
    """Sum of the weighted log-likelihoods as a function of log(p, q, v).

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Histories with repeat purchases, and the number of customers with each.

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
        return by_log_params(params, value, gradient, hessian)


def fit_log_normal(frequency: Floats, monetary_value: Floats, weight: Floats) -> dict[str, float]:
    """Estimate log-normal spend (:data:`guanxi.served.spend.LOG_NORMAL`), for any number of customers.

    The logarithms of mean amounts have variance between + within / x. The share of between maximises the
    profile likelihood times share x (1 - share), a penalty that keeps it off 0 and 1, and at one half if the
    data are uninformative, as with one purchase each.

    For normal logarithms the level K has log K = log mean + between / 2, which a few tiny amounts would
    inflate. So K is capped at the level at which the expected amounts of the observed customers, weighted by
    their purchases, sum to their spend. (Raising K to that level where the formula is below it, as with a few
    huge accounts, would double the expectation of all other customers.)

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Histories with repeat purchases and amounts above 0, and the number of customers with each.

    Examples
    --------
    >>> fit_log_normal(np.array([1.0, 3.0]), np.array([20.0, 20.0]), np.ones(2))["between_variance"]
    0.0
    """
    log_amount = np.log(monetary_value)
    total, best = 0.0, 0.5
    if np.ptp(log_amount) > 1e-9:
        found = [_merit(share, frequency, log_amount, weight) for share in _SHARES]
        place = first_highest(merit for merit, _ in found)
        total, best = found[place][1], float(_SHARES[place])
    between, within = total * best, total * (1.0 - best)
    precision = weight / (best + (1.0 - best) / frequency)
    mean = float(np.average(monetary_value, weights=precision))
    own = own_weight(between, within, frequency)
    level = min(mean * np.exp(between / 2.0), _level(mean, log_amount, own, weight * frequency))
    return {"mean": mean, "level": float(level), "between_variance": between, "within_variance": within}


def _merit(share: float, frequency: Floats, log_amount: Floats, weight: Floats) -> tuple[float, float]:
    """Penalised profile log-likelihood of the share between customers, and the total variance."""
    variance = share + (1.0 - share) / frequency
    mean = np.average(log_amount, weights=weight / variance)
    customers = weight.sum()
    total = float((weight * (log_amount - mean) ** 2 / variance).sum() / customers)
    likelihood = -0.5 * (customers * np.log(total) + weight @ np.log(variance))
    return float(likelihood + np.log(share) + np.log1p(-share)), total


def _level(mean: float, log_amount: Floats, own: Floats, purchases: Floats) -> float:
    """Level at which expected and observed amounts have the same sum."""
    log_purchases = np.log(purchases)
    spent = logsumexp(log_amount + log_purchases)

    def excess(log_level: float) -> float:
        return float(logsumexp(own * log_amount + (1.0 - own) * log_level + log_purchases) - spent)

    reach = float(log_amount.min()), float(log_amount.max())
    if excess(reach[0]) >= 0.0 or excess(reach[1]) <= 0.0:  # amounts are equal up to rounding
        return mean
    return float(np.exp(brentq(excess, *reach, xtol=1e-12)))
