"""BG/NBD: Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).

``params`` maps ``r, alpha, a, b`` to positive numbers. Histories are ``frequency`` (x), ``recency`` (t_x) and
``T`` in one time unit; ``horizon`` has the same unit. A customer with no history yet is (0, 0, 0).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, exprel, gammaln, log_expit

from .beta_geometric import expected_purchases_alive

Floats = NDArray[np.float64]
Params = Mapping[str, float]

_LARGEST_EXPONENT = 600.0  # exp of more comes near the overflow


def log_likelihood(params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> Floats:
    """Log-likelihood of each history: equation (6) of the paper, in log space.

    Examples
    --------
    >>> params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
    >>> log_likelihood(params, [0, 200], [0, 38], [40, 40]).round(4)
    array([ -0.5995, 100.7957])
    """
    x, t_x, T = _floats(frequency, recency, T)
    r, alpha, a, b = _unpacked(params)
    purchases = gammaln(r + x) - gammaln(r) - r * np.log1p(T / alpha) - x * np.log(alpha + T)
    survival = betaln(a, b + x) - betaln(a, b)
    return np.asarray(purchases + survival - log_expit(-_log_odds_dropped(params, x, t_x, T)))


def probability_alive(params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> Floats:
    """P(alive at T | history); 1 without repeat purchases, since customers drop out after purchases only.

    Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model".

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> probability_alive(params, [26], [30.857], [31]).round(5)
    array([0.96885])
    """
    x, t_x, T = _floats(frequency, recency, T)
    return np.asarray(np.exp(log_expit(-_log_odds_dropped(params, x, t_x, T))))


def expected_purchases(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, horizon: ArrayLike
) -> Floats:
    """E[purchases in (T, T + horizon] | history]: equation (10) of the paper, also at a = 1.

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> expected_purchases(params, [26], [30.857], [31], 52).round(4)
    array([25.7573])
    """
    x, t_x, T, horizon = _floats(frequency, recency, T, horizon)
    r, alpha, a, b = _unpacked(params)
    given_alive = expected_purchases_alive(r + x, a, b + x, horizon / (alpha + T))
    return probability_alive(params, x, t_x, T) * given_alive


def expected_purchases_new(params: Params, horizon: ArrayLike) -> Floats:
    """E[repeat purchases of a new customer within the horizon]: equation (9) of the paper.

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> expected_purchases_new(params, [52.0]).round(4)
    array([1.444])
    """
    return expected_purchases(params, 0.0, 0.0, 0.0, horizon)


def purchase_probability(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
) -> Floats:
    """P(exactly n purchases in (T, T + horizon] | history).

    Equation (8) of the paper with the posterior given alive in place of the prior: the purchase rate is
    Gamma(r + x, alpha + T), the dropout probability Beta(a, b + x), independent.

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> purchase_probability(params, [0], [0], [0], 0, 39).round(4)
    array([0.5743])
    """
    x, t_x, T, n, horizon = _floats(frequency, recency, T, n, horizon)
    r, alpha, a, b = _unpacked(params)
    shape, survivals = r + x, b + x
    z = horizon / (alpha + T + horizon)
    last = np.maximum(n, 1.0)  # n = 0 is set apart below
    log_count = (
        gammaln(shape + n) - gammaln(shape) - gammaln(n + 1.0) - shape * np.log1p(horizon / (alpha + T))
    )
    log_count += n * np.log(np.where(n > 0, np.maximum(z, 1e-300), 1.0))
    prior = betaln(a, survivals)
    survived = np.exp(log_count + betaln(a, survivals + n) - prior)
    dropped = betainc(last, shape, z) * np.exp(betaln(a + 1.0, survivals + last - 1.0) - prior)
    alive = probability_alive(params, x, t_x, T)
    return np.asarray(np.where(n > 0, alive * (survived + dropped), alive * survived + (1.0 - alive)))


def probability_no_purchase(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, horizon: ArrayLike
) -> Floats:
    """P(no purchase in (T, T + horizon] | history) = L(x, t_x, T + horizon) / L(x, t_x, T).

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> probability_no_purchase(params, [0], [0], [0], 39).round(4)
    array([0.5743])
    """
    return np.exp(_log_no_purchase_and_purchase(params, frequency, recency, T, horizon)[0])


def log_odds_no_purchase(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, horizon: ArrayLike
) -> Floats:
    """Log odds of :func:`probability_no_purchase`, finite where that rounds to 0 or 1; the horizon is > 0.

    Examples
    --------
    >>> params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
    >>> log_odds_no_purchase(params, [0, 3000], [0, 3000], [10, 9000], 30).round(1)
    array([1.1000e+00, 3.2852e+03])
    """
    none, some = _log_no_purchase_and_purchase(params, frequency, recency, T, horizon)
    return none - some


def next_purchase_quantile(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, q: ArrayLike
) -> Floats:
    """Time from T by which the next purchase has come with probability q, given alive at T.

    Given alive the purchase rate is Gamma(r + x, alpha + T), so the waiting time is Lomax distributed.
    It is cut at about 1e260 times (alpha + T), which stands for "never".

    Examples
    --------
    >>> params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
    >>> next_purchase_quantile(params, [2], [30], [38], 0.5).round(3)
    array([15.153])
    """
    x, _, T, q = _floats(frequency, recency, T, q)
    exponent = -np.log1p(-q) / (params["r"] + x)
    return (params["alpha"] + T) * np.expm1(np.minimum(exponent, _LARGEST_EXPONENT))


def _log_odds_dropped(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:
    """Log odds of having dropped out at the last purchase; minus infinity without repeat purchases."""
    r, alpha, a, b = _unpacked(params)
    waiting = (r + x) * np.log1p((T - t_x) / (alpha + t_x))
    odds = np.log(a) - np.log(b + np.maximum(x, 1.0) - 1.0)
    return np.asarray(np.where(x > 0, odds + waiting, -np.inf))


def _log_no_purchase_and_purchase(
    params: Params, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, horizon: ArrayLike
) -> tuple[Floats, Floats]:
    """Log of P(no purchase) and of P(a purchase): neither is got by subtraction from 1."""
    x, t_x, T, horizon = _floats(frequency, recency, T, horizon)
    dropped = _log_odds_dropped(params, x, t_x, T)
    silent = -(params["r"] + x) * np.log1p(horizon / (params["alpha"] + T))
    none = np.logaddexp(log_expit(dropped), log_expit(-dropped) + silent)
    return none, log_expit(-dropped) + np.log(-silent * exprel(silent))


def _floats(*columns: ArrayLike) -> tuple[Floats, ...]:
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns))


def _unpacked(params: Params) -> tuple[float, float, float, float]:
    return params["r"], params["alpha"], params["a"], params["b"]
