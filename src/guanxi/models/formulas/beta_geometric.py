"""Expected purchases of a customer who is alive under beta-geometric dropout: exact, without singularity.

Given that a customer is alive, the purchase rate is Gamma(shape, rate), the dropout probability after each
purchase Beta(a, b), independent of it. The papers write the expected purchases with Gauss's hypergeometric
function, whose direct evaluation overflows or cancels for long histories, long horizons and a near 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel, log_expit

Floats = NDArray[np.float64]

_SERIES_CHUNK = 8192  # rows a pass: the work stays in the processor's cache
_QUADRATURE_CHUNK = 2048
_STEP = 0.08


def expected_purchases_alive(shape: Floats, a: float, b: Floats, ratio: Floats) -> Floats:
    r"""E[purchases within a horizon], given alive.

    It is :math:`\int_0^1 \frac{1 - (1 + p\,w)^{-s}}{p}\, \mathrm{Beta}(p; a, b)\, dp`, which equals
    equation (10) of Fader, Hardie & Lee (2005) over P(alive).

    Parameters
    ----------
    shape : array, shape (n,)
        Shape s of the purchase rate's gamma distribution, > 0.
    a : float
    b : array, shape (n,)
        Parameters of the dropout probability's beta distribution, > 0.
    ratio : array, shape (n,)
        w: the horizon over the rate parameter of that gamma distribution, >= 0.

    Examples
    --------
    >>> expected_purchases_alive(np.array([1.0]), 1.0, np.array([1.0]), np.array([1.0])).round(6)
    array([0.693147])
    """
    # Where the series converges quickly and its terms do not cancel (measured against the quadrature).
    difference = a + b - 1.0 - shape
    fast = (ratio <= 9.0) & (np.abs(difference) <= 8.0) & (abs(a - 1.0) <= 8.0) & (a + b >= 0.25)
    result = np.empty(shape.shape)
    result[fast] = _in_chunks(_series, _SERIES_CHUNK, shape[fast], a, b[fast], ratio[fast])
    slow = ~fast
    result[slow] = _in_chunks(_quadrature, _QUADRATURE_CHUNK, shape[slow], a, b[slow], ratio[slow])
    return result


def _in_chunks(
    evaluate: Callable[[Floats, float, Floats, Floats], Floats],
    chunk: int,
    shape: Floats,
    a: float,
    b: Floats,
    ratio: Floats,
) -> Floats:
    result = np.empty(len(shape))
    for start in range(0, len(shape), chunk):
        rows = slice(start, start + chunk)
        result[rows] = evaluate(shape[rows], a, b[rows], ratio[rows])
    return result


def _series(shape: Floats, a: float, b: Floats, ratio: Floats) -> Floats:
    """Euler's form of the hypergeometric series, divided by a - 1 term by term: a = 1 is no exception."""
    c = a + b - 1.0
    log_survival = -np.log1p(ratio)
    total = _series_sum(c - shape, a, c, ratio / (1.0 + ratio))
    power = (a - 1.0) * log_survival
    return np.asarray(-c * log_survival * exprel(power) - np.exp(power) * total)


def _series_sum(difference: Floats, a: float, c: Floats, z: Floats) -> Floats:
    """Sum over n >= 1 of (difference)_n (a)_(n-1) / ((c + 1)_(n-1) n!) z^n."""
    term = difference * z
    total = term.copy()
    active = np.arange(len(z))
    n = 1
    while active.size:
        for _ in range(8):
            term = term * ((difference + n) * (a - 1.0 + n) / ((c + n) * (n + 1.0)) * z)
            total[active] += term
            n += 1
        going = np.abs(term) > 1e-15 * (1.0 - z) * (np.abs(total[active]) + z)
        active = active[going]
        term, difference, c, z = (column[going] for column in (term, difference, c, z))
    return total


def _quadrature(shape: Floats, a: float, b: Floats, ratio: Floats) -> Floats:
    """Apply the trapezoidal rule to the log odds of dropout, stretched by sinh: for every parameter value."""
    spread = np.minimum(1.0, np.sqrt(1.0 / a + 1.0 / b))[:, None]
    reach = np.arcsinh(max(12.0, float(np.max(45.0 / (np.minimum(a, b) * spread[:, 0])))))
    t = np.arange(-reach, reach + _STEP, _STEP)
    log_odds = np.log(a / b)[:, None] + spread * np.sinh(t)
    log_p = log_expit(log_odds)
    log_weight = a * log_p + b[:, None] * log_expit(-log_odds) + np.log(np.cosh(t))
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    p = np.exp(np.maximum(log_p, -600.0))  # below e^-600 the integrand has long reached its limit at p = 0
    exponent = shape[:, None] * np.log1p(p * ratio[:, None])
    value = exponent * exprel(-exponent) / p
    return np.asarray((weight * value).sum(axis=1) / weight.sum(axis=1))
