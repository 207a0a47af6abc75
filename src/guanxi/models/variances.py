"""How far one customer's purchases and total spend stray from their means: variances for sums over customers.

What a purchase amounts to has the posterior mean M; of N purchases the total S has, in Gamma-Gamma as in
log-normal spend, E[S^2] = M^2 c (E[N^2] + w E[N]): c - 1 is the squared coefficient of variation of what is
not known of the customer's mean amount, w that of one amount around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from guanxi.served.numerics import distinct_rows
from guanxi.served.purchases.process import Floats, Params, PurchaseProcess, broadcast_floats
from guanxi.served.spend import SpendProcess

_MOST = (8, 24, 72, 216, 1024)  # a row goes on to more purchases until next to none are left beyond
_LEFT_OUT = 1e-7
_ENTRIES = 2**18  # probabilities held at once
# Where Gamma-Gamma's posterior shape is 2 or less the mean amount has no variance: it counts as 2.5.
_LEAST_SHAPE = 2.5


def purchase_variance(
    members: Sequence[tuple[PurchaseProcess, Params]],
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    horizon: float,
) -> Floats:
    """Variance of each customer's purchases in (T, T + horizon] given the history, shape (n,).

    Parameters
    ----------
    members : sequence of (process, params)
        One or more purchase models of equal weight, their parameters taken as known.
    frequency, recency, T : array, shape (n,)
    horizon : float
        In the unit of T.

    Examples
    --------
    >>> from guanxi.served.purchases.lifetime_process import NBD
    >>> purchase_variance([(NBD, {"r": 2.0, "alpha": 4.0})], [0], [0], [0], 4.0).round(3)
    array([4.])
    """
    histories, inverse = distinct_rows(broadcast_floats(frequency, recency, T))
    variance = np.zeros(len(histories[0]))
    going_on = np.arange(len(variance))
    for most in _MOST:
        unsettled = []
        for first in range(0, len(going_on), _ENTRIES // (most + 1)):
            rows = going_on[first : first + _ENTRIES // (most + 1)]
            x, t_x, age = (column[rows] for column in histories)
            chances = sum(
                process.count_distribution(params, x, t_x, age, horizon, most) for process, params in members
            )
            total, mean, square = (np.asarray(chances) @ np.arange(most + 1.0) ** power for power in range(3))
            variance[rows] = square / total - (mean / total) ** 2
            unsettled.append(rows[total < len(members) * (1.0 - _LEFT_OUT)])
        going_on = np.concatenate(unsettled)
        if not len(going_on):
            break
    return variance[inverse]


def spend_variance(
    process: SpendProcess,
    params: Params,
    frequency: ArrayLike,
    monetary_value: ArrayLike,
    expected_purchases: ArrayLike,
    variance_purchases: ArrayLike,
) -> Floats:
    """Variance of each customer's total spend given the history, shape (n,); parameters taken as known.

    Parameters
    ----------
    process, params
        The spend model.
    frequency, monetary_value : array, shape (n,)
    expected_purchases, variance_purchases : array, shape (n,)
        Of the purchases within the horizon.

    Notes
    -----
    Gamma-Gamma's mean amount has no variance where q + p x <= 2; such rows count as if it were 2.5.

    Examples
    --------
    >>> from guanxi.served.spend import GAMMA_GAMMA
    >>> params = {"p": 4.0, "q": 4.0, "v": 30.0}
    >>> spend_variance(GAMMA_GAMMA, params, [0], [0.0], [1.0], [0.0]).round(1)  # one amount of mean 40
    array([1400.])
    """
    mean = process.expected_spend(params, frequency, monetary_value)
    x, expected, variance = broadcast_floats(frequency, expected_purchases, variance_purchases)
    if process.name == "gamma_gamma":
        shape = np.maximum(params["q"] + params["p"] * x, _LEAST_SHAPE)
        unknown, within = (shape - 1.0) / (shape - 2.0), 1.0 / params["p"]
    else:
        between, one = params["between_variance"], params["within_variance"]
        unknown = np.exp(between * one / np.maximum(between * x + one, 1e-300))
        within = float(np.expm1(one))
    square = variance + expected**2
    return np.asarray(mean**2 * (unknown * (square + within * expected) - expected**2))
