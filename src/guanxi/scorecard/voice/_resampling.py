"""Correlation matrices of answers, and of bootstrap samples of the customers who gave them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEVEL = 0.9
_MOST_BLOCKS = 2_000
_CHUNK = 50_000  # rows whose products are in memory at once


def correlation_draws(values: ArrayLike, customers: ArrayLike, draws: int, seed: int) -> Floats:
    """Correlation matrices of the sample and of bootstrap samples of its customers.

    Customers are drawn with all their rows. Above 2,000 customers, random blocks of customers are drawn,
    whose moments are added up beforehand, so that a draw costs the same for any number of rows.

    Parameters
    ----------
    values : array-like, shape (n, p)
        Complete.
    customers : array-like, shape (n,)
    draws : int
    seed : int

    Returns
    -------
    numpy.ndarray, shape (draws + 1, p, p)
        The first is that of the sample. A constant column is uncorrelated with all others.

    Examples
    --------
    >>> drawn = correlation_draws([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]], ["a", "b", "c"], 4, 0)
    >>> drawn.shape, float(drawn[0, 0, 1])
    ((5, 2, 2), 0.5)
    """
    given = np.asarray(values, dtype=np.float64)
    centred = given - given.mean(axis=0)  # moments of large means would lose digits
    rows = np.column_stack([np.ones(len(centred)), centred])
    codes, _ = pd.factorize(np.asarray(customers), sort=True)
    generator = np.random.default_rng(seed)
    people = int(codes.max()) + 1
    if people > _MOST_BLOCKS:
        codes = generator.permutation(np.arange(people) % _MOST_BLOCKS)[codes]
    blocks = int(codes.max()) + 1
    moments = np.zeros((blocks, rows.shape[1] ** 2))
    for first in range(0, len(rows), _CHUNK):
        part = rows[first : first + _CHUNK]
        products = (part[:, :, None] * part[:, None, :]).reshape(len(part), -1)
        np.add.at(moments, codes[first : first + _CHUNK], products)
    counts = np.ones((draws + 1, blocks))
    for draw in range(1, draws + 1):
        counts[draw] = np.bincount(generator.integers(blocks, size=blocks), minlength=blocks)
    width = rows.shape[1]
    return _correlations((counts @ moments).reshape(-1, width, width))


def _correlations(moments: Floats) -> Floats:
    """Correlations from sums of squares and products of (1, x)."""
    size = moments[:, :1, :1]
    means = moments[:, 0, 1:] / size[:, 0]
    covariance = moments[:, 1:, 1:] / size - means[:, :, None] * means[:, None, :]
    deviations = np.sqrt(np.clip(np.einsum("bii->bi", covariance), 0.0, None))
    scale = deviations[:, :, None] * deviations[:, None, :]
    known = scale > 0
    found = np.where(known, covariance / np.where(known, scale, 1.0), 0.0)
    np.einsum("bii->bi", found)[...] = 1.0
    return np.clip(found, -1.0, 1.0)


def limits(drawn: ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Percentile limits along the first axis, NaN without draws.

    Examples
    --------
    >>> lower, upper = limits([[0.0], [1.0], [2.0]], level=0.5)
    >>> float(lower[0]), float(upper[0])
    (0.5, 1.5)
    """
    given = np.asarray(drawn, dtype=np.float64)
    if not len(given):
        unknown = np.full(given.shape[1:], np.nan)
        return unknown, unknown
    lower, upper = np.quantile(given, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return lower, upper
