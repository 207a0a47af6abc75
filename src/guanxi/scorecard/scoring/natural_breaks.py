"""Natural breaks: three classes of numbers, as alike within as can be.

References
----------
Fisher, W. D. (1958), On grouping for maximum homogeneity, Journal of the American Statistical Association 53.
Jenks, G. F. (1967), The data model concept in statistical mapping, International Yearbook of Cartography 7.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_BINS = 2000


def natural_breaks(rising: Floats) -> tuple[float | None, float]:
    """Divide numbers into three classes with the least sum of squares within.

    Exact with up to 2,000 distinct numbers; with more the breaks lie at the edges of 2,000 bins of equal
    width.

    Parameters
    ----------
    rising : array, shape (n,)
        Sorted, none missing, n at least 1.

    Returns
    -------
    tuple of float
        Least number of the upper and of the middle class. Two distinct numbers leave the middle class empty,
        one leaves only it: then the first is None.

    Examples
    --------
    >>> natural_breaks(np.array([1.0, 2.0, 3.0, 50.0, 51.0, 90.0]))
    (90.0, 50.0)
    """
    least, counts, means = _bins(rising)
    if least.size <= 2:
        return (float(least[-1]) if least.size == 2 else None), float(least[-1])
    total, first, second = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (counts, counts * means, counts * means**2)
    )

    def within(start: int | Places, end: int | Places) -> Floats:
        """Sum of squares of the bins from start up to, not with, end."""
        sums = first[end] - first[start]
        return np.asarray(second[end] - second[start] - sums * sums / (total[end] - total[start]))

    least_sum, best = math.inf, (0, 0)
    for third in range(2, least.size):
        starts = np.arange(1, third)
        sums = within(0, starts) + within(starts, third) + within(third, least.size)
        place = int(sums.argmin())
        if sums[place] < least_sum:
            least_sum, best = float(sums[place]), (third, int(starts[place]))
    return float(least[best[0]]), float(least[best[1]])


def _bins(rising: Floats) -> tuple[Floats, Floats, Floats]:
    """Least value, count and (centred) mean of each distinct value, or of 2,000 bins of equal width."""
    centre = float(rising.mean())
    distinct, counts = np.unique(rising, return_counts=True)
    if distinct.size <= _BINS:
        return distinct, counts.astype(np.float64), distinct - centre
    edges = np.linspace(rising[0], rising[-1], _BINS + 1)[1:-1]
    starts = np.unique(np.concatenate([[0], np.searchsorted(rising, edges)]))
    sums = np.add.reduceat(rising - centre, starts)
    counts = np.diff(np.append(starts, rising.size))
    return rising[starts], counts.astype(np.float64), sums / counts
