"""Expected purchases given alive under beta-geometric dropout: exact, without singularity.

Given that a customer is alive, the purchase rate is Gamma(shape, rate) and, independently, the dropout
probability after each purchase is Beta(a, b). The papers give the expected purchases by Gauss's
hypergeometric function, whose direct evaluation overflows or cancels for long histories, long horizons and a
near 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, exprel, log_expit

Floats = NDArray[np.float64]

_SERIES_CHUNK = 8192  # rows per pass, to fit the processor's cache
_QUADRATURE_CHUNK = 2048
_STEP = 0.05  # .08 left errors of 1e-7 with hundreds of expected purchases and b near .05
_LEAST_LOG = -600.0  # at p = e^-600 the integrand equals its limit at p = 0
_AT_ENDS = 0.05
_ENDS = np.array([[_LEAST_LOG, 0.0]]), np.array([[0.0, _LEAST_LOG]])  # log p and log(1 - p)
_FEW, _FEW_TERMS = 0.05, 13  # 0.05^12 is below rounding
_SERIES_EVENTS, _SERIES_ENTRIES = 4000, 2**18
_LEAST_START, _LARGEST_START = -650.0, 1250.0  # logarithms of the range of a series within doubles


def expected_purchases_alive(
    shape: Floats, a: Floats, b: Floats, ratio: Floats, regularity: int = 1, hidden: int = 0
) -> Floats:
    r"""E[purchases within a horizon], given alive.

    It is :math:`\int_0^1 \frac{1 - (1 + p\,w)^{-s}}{p}\, \mathrm{Beta}(p; a, b)\, dp`, which equals
    equation (10) of Fader, Hardie & Lee (2005) divided by P(alive). With Erlang-k gaps only every k-th event
    of the underlying Poisson process is a purchase; ``hidden`` events have passed since the last one.

    Parameters
    ----------
    shape : array, shape (n,)
        Shape s of the gamma distribution of the purchase rate, > 0.
    a, b : array, shape (n,)
        Parameters of the beta distribution of the dropout probability, > 0.
    ratio : array, shape (n,)
        w: the horizon over the rate parameter of that gamma distribution, >= 0.
    regularity, hidden : int
        k of the Erlang gaps, and the events since the last purchase (0 to k - 1).

    Examples
    --------
    >>> one = np.ones(1)
    >>> expected_purchases_alive(one, one, one, one).round(6)
    array([0.693147])
    """
    # Where the series converges quickly and its terms do not cancel (checked against the quadrature).
    difference = a + b - 1.0 - shape
    fast = (ratio <= 9.0) & (np.abs(difference) <= 8.0) & (np.abs(a - 1.0) <= 8.0) & (a + b >= 0.25)
    fast &= regularity == 1
    columns = (shape, a, b, ratio)
    result = np.empty(shape.shape)
    result[fast] = _in_chunks(_series, _SERIES_CHUNK, *(column[fast] for column in columns))
    slow = ~fast
    if regularity > 1:
        events = _events_needed(shape, ratio)
        slow = (events > _SERIES_EVENTS) | (shape * np.log1p(ratio) > _LARGEST_START)
        counted = np.flatnonzero(~slow)
        counted = counted[np.argsort(events[counted], kind="stable")]
        for rows in _of_equal_size(counted, events):
            most = int(events[rows[-1]])
            result[rows] = _erlang_series(regularity, hidden, most, *(column[rows] for column in columns))
    given = _given_dropout if regularity == 1 else partial(_given_dropout_erlang, regularity, hidden)
    result[slow] = _in_chunks(
        partial(_quadrature, given), _QUADRATURE_CHUNK, *(column[slow] for column in columns)
    )
    return np.maximum(result, 0.0)  # rounding may leave less than 0


def renewals(shape: Floats, ratio: Floats, regularity: int = 1, hidden: int = 0) -> Floats:
    """E[purchases within a horizon] without dropout; arguments as in :func:`expected_purchases_alive`."""
    if regularity == 1:
        return np.asarray(shape * ratio)
    never = np.full((len(shape), 1), _LEAST_LOG), np.zeros((len(shape), 1))
    return _given_dropout_erlang(regularity, hidden, *never, shape[:, None], ratio[:, None])[:, 0]


def _in_chunks(evaluate: Callable[..., Floats], chunk: int, *columns: Floats) -> Floats:
    result = np.empty(len(columns[0]))
    for start in range(0, len(result), chunk):
        result[start : start + chunk] = evaluate(*(column[start : start + chunk] for column in columns))
    return result


def _series(shape: Floats, a: Floats, b: Floats, ratio: Floats) -> Floats:
    """Euler's form of the hypergeometric series, divided by a - 1 term by term, so that a = 1 is regular."""
    c = a + b - 1.0
    log_survival = -np.log1p(ratio)
    total = _series_sum(c - shape, a, c, ratio / (1.0 + ratio))
    power = (a - 1.0) * log_survival
    return np.asarray(-c * log_survival * exprel(power) - np.exp(power) * total)


def _series_sum(difference: Floats, a: Floats, c: Floats, z: Floats) -> Floats:
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
        term, difference, a, c, z = (column[going] for column in (term, difference, a, c, z))
    return total


def _events_needed(shape: Floats, ratio: Floats) -> Floats:
    """Events of the underlying process beyond which less than rounding lies."""
    mean = shape * ratio
    return np.ceil(mean + 10.0 * np.sqrt(mean * (1.0 + ratio)) + 45.0 * (1.0 + ratio))


def _of_equal_size(rows: NDArray[np.intp], events: Floats) -> Iterator[NDArray[np.intp]]:
    """Split rows, sorted by their events, into parts of about as many events in all."""
    first = 0
    while first < len(rows):
        size = max(1, int(_SERIES_ENTRIES / events[rows[first]]))
        size = max(1, int(_SERIES_ENTRIES / events[rows[min(first + size, len(rows)) - 1]]))
        yield rows[first : first + size]
        first += size


def _erlang_series(
    k: int, hidden: int, most: int, shape: Floats, a: Floats, b: Floats, ratio: Floats
) -> Floats:
    """Sum over i >= 1 of E[(1 - p)^(i - 1)] P(M >= i k - hidden), M negative binomial (s, w).

    All terms are positive: exact up to rounding. ``most`` events, of all rows, are enough.
    """
    purchases = -(-(most + hidden) // k) + 1
    events = np.arange(1.0, purchases * k - hidden)
    growth = (ratio / (1.0 + ratio))[:, None] * (1.0 + (shape[:, None] - 1.0) / events)
    chance = np.empty((len(shape), len(events) + 1))
    chance[:, 0] = np.exp(np.maximum(-shape * np.log1p(ratio), _LEAST_START))
    growth[:, 0] *= chance[:, 0]  # the product alone might overflow
    np.cumprod(growth, axis=1, out=chance[:, 1:])
    # Before the first purchase, and from each purchase to the next.
    starts = np.append(0, np.arange(1, purchases) * k - hidden)
    exactly = np.add.reduceat(chance, starts, axis=1)
    at_least = np.cumsum(exactly[:, ::-1], axis=1)[:, ::-1]
    survived = (b[:, None] + np.arange(purchases - 2)) / ((a + b)[:, None] + np.arange(purchases - 2))
    stayed = np.cumprod(np.hstack([np.ones((len(shape), 1)), survived]), axis=1)
    return np.asarray(np.einsum("ni,ni->n", stayed, at_least[:, 1:]) / at_least[:, 0])


def _quadrature(given: Callable[..., Floats], shape: Floats, a: Floats, b: Floats, ratio: Floats) -> Floats:
    """Apply the trapezoidal rule on the log odds of dropout, stretched by sinh; valid for all parameters.

    Where a or b is small, nearly all weight lies far out at the ends. There the line through the end values,
    whose mean is known, is subtracted, so that the remainder vanishes at the ends.
    """
    spread = np.minimum(1.0, np.sqrt(1.0 / a + 1.0 / b))[:, None]
    least = np.minimum(a, b)
    at_ends = least < _AT_ENDS
    centre = np.where(at_ends, np.log(np.maximum(a, 1.0) / np.maximum(b, 1.0)), np.log(a / b))[:, None]
    decay = float(np.min(np.where(at_ends, 1.0, least) * spread[:, 0]))
    reach = np.arcsinh(max(12.0, 45.0 / decay))
    t = np.arange(-reach, reach + _STEP, _STEP)
    log_odds = centre + spread * np.sinh(t)
    log_p, log_survival = log_expit(log_odds), log_expit(-log_odds)
    log_weight = a[:, None] * log_p + b[:, None] * log_survival + np.log(np.cosh(t) * spread * _STEP)
    weight = np.exp(log_weight - betaln(a, b)[:, None])
    value = given(log_p, log_survival, shape[:, None], ratio[:, None])
    zero, one = given(*_ENDS, shape[:, None], ratio[:, None]).T
    slope = (one - zero)[:, None] * np.exp(log_p)
    rest = (weight * np.where(at_ends[:, None], value - zero[:, None] - slope, value)).sum(axis=1)
    near_ends = zero + (one - zero) * (a / (a + b)) + rest
    return np.asarray(np.where(at_ends, near_ends, rest / weight.sum(axis=1)))


def _given_dropout(log_p: Floats, _: Floats, shape: Floats, ratio: Floats) -> Floats:
    """(1 - (1 + p w)^-s) / p: expected purchases given the dropout probability p."""
    p = np.exp(np.maximum(log_p, _LEAST_LOG))
    exponent = shape * np.log1p(p * ratio)
    return np.asarray(exponent * exprel(-exponent) / p)


def _given_dropout_erlang(
    k: int, hidden: int, log_p: Floats, log_survival: Floats, shape: Floats, ratio: Floats
) -> Floats:
    """Sum over i >= 1 of (1 - p)^(i - 1) P(M >= i k - hidden), M negative binomial (s, w).

    The generating function of P(M >= m) at the k-th roots of 1 - p selects every k-th term. Where 1 - p is
    too small for that (cancellation), a few terms of the sum suffice.
    """
    survival = np.exp(log_survival)
    root = np.exp(log_survival / k)  # of 1 - p
    total = np.zeros(1)
    for turn in range(k // 2 + 1):  # the other roots are the conjugates of these
        pair = 1.0 if turn in (0, k / 2) else 2.0
        u = root * np.exp(2j * np.pi * turn / k)
        rest = -np.expm1(log_survival / k) if turn == 0 else 1.0 - u
        rest = np.maximum(rest, np.exp(_LEAST_LOG)) if turn == 0 else rest
        # 1 - G(u), the generating function G(u) = (1 + w (1 - u))^-s of M.
        missing = -np.expm1(-shape * np.log1p(ratio * rest))
        total = total + pair * ((1.0 + u * missing / rest) * np.exp(2j * np.pi * turn * hidden / k)).real
    total = root**hidden * (total / k - (hidden == 0)) / np.maximum(survival, _FEW)
    survival = np.broadcast_to(survival, total.shape)
    few = survival < _FEW
    if few.any():
        z, small = ratio / (1.0 + ratio), survival[few]
        rows = np.nonzero(few)[0]
        terms = np.zeros(len(small))
        for i in range(_FEW_TERMS - 1, 0, -1):  # Horner's scheme
            terms = terms * small + betainc(i * k - hidden, shape, z)[rows, 0]
        total[few] = terms
    return np.where(ratio > 0.0, total, 0.0)
