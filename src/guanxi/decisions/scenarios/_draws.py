"""Draws of a lever's change, keyed by the seed and by what is changed."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

_STEPS = 2**52


def draw(
    distribution: str, numbers: tuple[float, ...], count: int, seed: int, key: tuple[str, str]
) -> Floats:
    """Draw from a distribution, shape (count,).

    The draws depend on the seed and the key (lever and segment) only. Two scenarios that change the same
    lever of a segment take the same quantiles, so that their difference is less noisy.

    Parameters
    ----------
    distribution : {"normal", "triangular", "uniform", "lognormal"}
    numbers : tuple of float
        ``mean, sd``; ``low, mode, high``; ``low, high``; or ``median, sigma`` (of the logarithm).

    Examples
    --------
    >>> draw("uniform", (0.1, 0.1), 3, 0, ("margin", "everyone"))
    array([0.1, 0.1, 0.1])
    """
    digest = sha256("\n".join([str(seed), *key]).encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16], "big"))
    return quantile(distribution, numbers, (generator.integers(_STEPS, size=count) + 0.5) / _STEPS)


def quantile(distribution: str, numbers: tuple[float, ...], probability: Floats) -> Floats:
    """Quantiles of a distribution as in :func:`draw`; probabilities are between 0 and 1.

    Examples
    --------
    >>> quantile("triangular", (0.0, 1.0, 2.0), np.array([0.125, 0.5, 0.875]))
    array([0.5, 1. , 1.5])
    """
    if distribution == "normal":
        mean, sd = numbers
        return np.asarray(mean + sd * ndtri(probability))
    if distribution == "lognormal":
        median, sigma = numbers
        return np.asarray(median * np.exp(sigma * ndtri(probability)))
    if distribution == "uniform":
        low, high = numbers
        return np.asarray(low + (high - low) * probability)
    low, mode, high = numbers
    if low == high:
        return np.full(len(probability), low)
    rising = low + np.sqrt(probability * (high - low) * (mode - low))
    falling = high - np.sqrt((1.0 - probability) * (high - low) * (high - mode))
    return np.where(probability < (mode - low) / (high - low), rising, falling)
