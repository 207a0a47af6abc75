"""Count distributions tilted to a given probability of 0 and a given mean."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 60
_WIDEST = 40.0  # log odds between one count and the next
_EXACT = 1e-9
_SHARE_OF_FALL = 0.8
_LARGEST_EXPONENT = 600.0  # exp nearly overflows beyond
_SHARE_LEFT = 0.8  # copying the rows that go on costs as much as an iteration
_ROWS_AT_ONCE = 8192  # in the processor's cache
_ROUNDING = 1e-12  # share of P(any purchase) below which a probability may be rounding error


def tilted(
    counts: Floats, probabilities: Floats, none: Floats, mean: Floats, *, bounded: bool = False
) -> Floats:
    """Nearest distributions of counts with a given probability of 0 and a given mean.

    They minimise the Kullback-Leibler divergence: the probabilities of 1, 2, … are multiplied by a factor to
    the power of the count (Csiszar 1975, I-divergence geometry of probability distributions, Annals of
    Probability 3(1)).

    Parameters
    ----------
    counts : array, shape (k + 1,)
        Increasing; the first is 0 and the second 1.
    probabilities : array, shape (n, k + 1)
        Probabilities of the counts.
    none : array, shape (n,)
        Required probability of 0.
    mean : array, shape (n,)
        Required mean, at least ``1 - none``. It is not reached where the probabilities of large counts would
        no longer decrease.
    bounded : bool
        Greater counts are impossible; otherwise they were left out.

    Returns
    -------
    array, shape (n, k + 1)
        Rows sum to 1.

    Examples
    --------
    >>> tilted(np.arange(3.0), np.array([[0.5, 0.3, 0.2]]), np.array([0.4]), np.array([0.87])).round(3)
    array([[0.4 , 0.33, 0.27]])
    """
    counts = counts[1:]
    # Where no count above 0 has any probability, all get the same.
    some = np.maximum(probabilities[:, 1:], 1e-300)
    target = np.clip(mean / np.maximum(1.0 - none, 1e-300), 1.0, counts[-1])
    if bounded:
        log_some, highest = np.log(some), np.full(len(some), _WIDEST)
    else:
        log_some, fall = _log_chances(some, counts)
        # The probabilities of large counts must keep decreasing.
        highest = np.clip(_SHARE_OF_FALL * fall, 0.0, _WIDEST)
    log_factor = _log_factor(log_some, counts, target, highest)
    return np.column_stack([none, (1.0 - none)[:, None] * _weights(log_some, counts, log_factor)])


def _log_factor(log_some: Floats, counts: Floats, target: Floats, highest: Floats) -> Floats:
    """Logarithm of the factor that gives the target mean, shape (n,), by Newton's method and bisection.

    Each row stops on its own, so that no row's numbers depend on the others.
    """
    result = np.empty(len(target))
    for first in range(0, len(target), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        result[rows] = _found(log_some[rows], counts, target[rows], highest[rows])
    return result


def _found(log_some: Floats, counts: Floats, target: Floats, highest: Floats) -> Floats:
    """Evaluate :func:`_log_factor` for rows that fit into the processor's cache."""
    result = np.zeros(len(target))
    rows = np.arange(len(target))
    low, high = np.full(len(target), -_WIDEST), highest
    consecutive = bool(counts[-1] == len(counts))
    if consecutive and float(highest.max(initial=0.0)) * len(counts) < _LARGEST_EXPONENT:
        chances = np.exp(log_some - log_some.max(axis=1, keepdims=True)).T
        moments = _moments_by_powers
    else:
        chances = log_some.T
        moments = partial(_moments, counts)
    for _ in range(_STEPS):
        log_factor = result[rows]
        reached, variance = moments(chances, log_factor)
        error = reached - target
        going_on = (np.abs(error) > _EXACT * target) & (high - low > 0)
        low, high = np.where(error < 0, log_factor, low), np.where(error > 0, log_factor, high)
        newton = log_factor - error / np.maximum(variance, 1e-12)
        moved = np.where((newton > low) & (newton < high), newton, (low + high) / 2.0)
        left = np.count_nonzero(going_on)
        if not left:
            break
        result[rows] = np.where(going_on, moved, log_factor)
        if left < _SHARE_LEFT * len(rows):
            rows, low, high, target = (column[going_on] for column in (rows, low, high, target))
            chances = chances[:, going_on]
    return result


def _moments(counts: Floats, log_some: Floats, log_factor: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the counts, for logarithms of chances of shape (k, n)."""
    weights = _weights(log_some.T, counts, log_factor)
    mean = np.einsum("ij,j->i", weights, counts)
    return mean, np.einsum("ij,j->i", weights, counts**2) - mean**2


def _moments_by_powers(chances: Floats, log_factor: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the counts 1 ... k, for their chances of shape (k, n).

    Horner's scheme for the generating function of the count less 1 and its first two derivatives, all of
    whose terms are positive: one exponential function a row instead of k.
    """
    z = np.exp(log_factor)
    total, first, second = chances[-1].copy(), np.zeros(len(z)), np.zeros(len(z))
    for chance in chances[-2::-1]:
        second *= z
        second += first
        first *= z
        first += total
        total *= z
        total += chance
    less = z * first / total
    return 1.0 + less, 2.0 * z * z * second / total + less - less * less


def _log_chances(some: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Log probabilities, and their final rate of decrease per count.

    A factor to the power of the count would inflate rounding errors: beyond the last count that is clearly
    more than those, the decrease is extrapolated.
    """
    rows, places = np.arange(len(some)), np.arange(len(counts))
    sure = some > _ROUNDING * some.sum(axis=1, keepdims=True)
    last = np.maximum(np.where(sure, places, 0).max(axis=1), 1)
    log_some = np.log(some)
    at_last = log_some[rows, last]
    fall = np.maximum(log_some[rows, last - 1] - at_last, 0.0) / (counts[last] - counts[last - 1])
    fallen = at_last[:, None] - fall[:, None] * (counts - counts[last][:, None])
    return np.where(places > last[:, None], fallen, log_some), fall


def _weights(log_some: Floats, counts: Floats, log_factor: Floats) -> Floats:
    weights = log_some + log_factor[:, None] * counts
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
