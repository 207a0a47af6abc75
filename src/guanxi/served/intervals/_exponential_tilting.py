"""Count distributions tilted to a given probability of 0 and a given mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 60
_WIDEST = 40.0  # log odds between one count and the next
_EXACT = 1e-9
_SHARE_OF_FALL = 0.8
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
    result = np.zeros(len(target))
    rows = np.arange(len(target))
    low, high = np.full(len(target), -_WIDEST), highest
    for _ in range(_STEPS):
        log_factor = result[rows]
        weights = _weights(log_some, counts, log_factor)
        reached = np.einsum("ij,j->i", weights, counts)
        error = reached - target
        going_on = (np.abs(error) > _EXACT * target) & (high - low > 0)
        low, high = np.where(error < 0, log_factor, low), np.where(error > 0, log_factor, high)
        variance = np.einsum("ij,j->i", weights, counts**2) - reached**2
        newton = log_factor - error / np.maximum(variance, 1e-12)
        moved = np.where((newton > low) & (newton < high), newton, (low + high) / 2.0)
        rows, low, high, target, log_some = (
            column[going_on] for column in (rows, low, high, target, log_some)
        )
        result[rows] = moved[going_on]
        if not len(rows):
            break
    return result


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
