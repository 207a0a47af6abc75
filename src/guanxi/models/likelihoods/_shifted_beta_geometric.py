"""Shifted beta-geometric: Fader & Hardie (2007), How to Project Customer Retention.

Journal of Interactive Marketing 21(1). At every renewal opportunity a customer churns with a probability that
is beta distributed across customers. ``params`` maps ``alpha, beta`` to positive numbers. Periods, renewals
and horizons are whole numbers; given k renewals the probability is Beta(alpha, beta + k).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from guanxi.models._maximum_likelihood import by_log_params

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Params = Mapping[str, float]

_STEP = 0.02
_TAIL = 45.0  # exp(-45) of the mass lies beyond the nodes
_CHUNK = 256  # rows per pass of the quadrature


def log_survival_table(params: Params, last: int) -> Floats:
    """Log of S(t) for t = 0 ... last, shape (last + 1,): the product of the retention rates.

    Examples
    --------
    >>> np.exp(log_survival_table({"alpha": 1.0, "beta": 1.0}, 3)).round(6)
    array([1.      , 0.5     , 0.333333, 0.25    ])
    """
    # log of (beta + k) / (alpha + beta + k), exact at both ends.
    steps = -np.log1p(params["alpha"] / (params["beta"] + np.arange(last)))
    return np.concatenate([[0.0], np.cumsum(steps)])


def survival(params: Params, periods: ArrayLike) -> Floats:
    """S(t): share of a cohort that survives its first t renewal opportunities, equation (6) of the paper.

    Examples
    --------
    >>> survival({"alpha": 0.668, "beta": 3.806}, [0, 1, 7, 12]).round(3)
    array([1.   , 0.851, 0.489, 0.378])
    """
    t = _whole(periods)
    return np.asarray(np.exp(log_survival_table(params, int(t.max()))[t]))


def retention_rate(params: Params, periods: ArrayLike) -> Floats:
    """S(t) / S(t - 1) for t >= 1: equation (8) of the paper.

    Examples
    --------
    >>> retention_rate({"alpha": 0.668, "beta": 3.806}, [1, 2, 7]).round(3)
    array([0.851, 0.878, 0.936])
    """
    made = _whole(periods) - 1
    return (params["beta"] + made) / (params["alpha"] + params["beta"] + made)


def renewal_probability(params: Params, renewals: ArrayLike, horizon: int) -> Floats:
    """P(renews at each of the next ``horizon`` opportunities | k renewals) = S(k + h) / S(k).

    Examples
    --------
    >>> renewal_probability({"alpha": 0.668, "beta": 3.806}, [0, 6], 1).round(3)
    array([0.851, 0.936])
    """
    made = _whole(renewals)
    table = log_survival_table(params, int(made.max()) + horizon)
    return np.asarray(np.exp(table[made + horizon] - table[made]))


def discounted_renewals(
    params: Params, renewals: ArrayLike, discount_rate: float, horizon: int | None = None
) -> Floats:
    r"""Sum over j >= 1 of P(j more renewals | k renewals) / (1 + d)^j.

    Without a horizon it is :math:`E[(1 - \theta) / (d + \theta)]` over Beta(alpha, beta + k), which equals
    :math:`\frac{1}{1 + d} \frac{\beta + k}{\alpha + \beta + k}
    {}_2F_1(1, \beta + k + 1; \alpha + \beta + k + 1; \frac{1}{1 + d})`. The quadrature of the integral has no
    cancellation and converges for every discount rate.

    Parameters
    ----------
    params : mapping
    renewals : array of int, shape (n,)
        k, the renewals so far.
    discount_rate : float
        d, per period; above 0 without a horizon.
    horizon : int, optional
        Number of further opportunities; all by default.

    Examples
    --------
    >>> high_end = {"alpha": 0.668, "beta": 3.806}
    >>> discounted_renewals(high_end, [7], 0.1).round(3)
    array([6.845])
    >>> discounted_renewals(high_end, [7], 0.1, horizon=200).round(3)
    array([6.845])
    """
    made, inverse = np.unique(_whole(renewals), return_inverse=True)
    if horizon is None:
        b = np.asarray(params["beta"] + made, dtype=np.float64)
        rows = (b[start : start + _CHUNK] for start in range(0, len(b), _CHUNK))
        return np.concatenate([_quadrature(params["alpha"], row, discount_rate) for row in rows])[inverse]
    table = log_survival_table(params, int(made[-1]) + horizon)
    discount = np.exp(-np.log1p(discount_rate) * np.arange(1, horizon + 1))
    # Sums of positive terms, window by window: differences of cumulative sums would cancel.
    sums = [np.exp(table[k + 1 : k + horizon + 1] - table[k]) @ discount for k in made.tolist()]
    return np.array(sums)[inverse]


def _quadrature(a: float, b: Floats, discount_rate: float) -> Floats:
    """E[(1 - theta) / (d + theta)] by the trapezoidal rule in the log odds of theta, stretched by sinh."""
    spread = np.minimum(1.0, np.sqrt(1.0 / a + 1.0 / b))[:, None]
    reach = np.arcsinh(max(12.0, float(np.max(_TAIL / (np.minimum(a, b) * spread[:, 0])))))
    t = np.arange(-reach, reach + _STEP, _STEP)
    log_odds = (np.log(a) - np.log(b))[:, None] + spread * np.sinh(t)
    log_weight = a * log_expit(log_odds) + b[:, None] * log_expit(-log_odds) + np.log(np.cosh(t))
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    value = expit(-log_odds) / (discount_rate + expit(log_odds))
    return np.asarray((weight * value).sum(axis=1) / weight.sum(axis=1))


class ShiftedBetaGeometricLikelihood:
    """Log-likelihood of renewals and losses as a function of log(alpha, beta).

    The paper's likelihood by opportunity.

    Parameters
    ----------
    renewed, lost : array, shape (n,)
        Customers renewed and lost at the opportunity after k = 0 ... n - 1 renewals.

    Examples
    --------
    >>> likelihood = ShiftedBetaGeometricLikelihood(np.array([2.0, 1.0]), np.array([1.0, 1.0]))
    >>> value, gradient, hessian = likelihood(np.zeros(2))
    >>> gradient.shape, hessian.shape
    ((2,), (2, 2))
    """

    def __init__(self, renewed: Floats, lost: Floats) -> None:
        self._made = np.arange(len(renewed))
        self._renewed, self._all, self._lost = renewed, renewed + lost, float(lost.sum())

    def __call__(self, log_params: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to the log-parameters."""
        params = np.exp(log_params)
        alpha, beta = params
        either, again = 1.0 / (alpha + beta + self._made), 1.0 / (beta + self._made)
        value = self._lost * log_params[0] + self._all @ np.log(either) - self._renewed @ np.log(again)
        shared = self._all @ either
        gradient = np.array([self._lost / alpha - shared, self._renewed @ again - shared])
        hessian = np.full((2, 2), self._all @ either**2)
        hessian[0, 0] -= self._lost / alpha**2
        hessian[1, 1] -= self._renewed @ again**2
        return by_log_params(params, value, gradient, hessian)


def _whole(numbers: ArrayLike) -> Integers:
    return np.atleast_1d(np.asarray(numbers)).astype(np.int64)
