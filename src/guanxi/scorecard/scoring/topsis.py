"""TOPSIS: how close a customer is to the best on every indicator, and how far from the worst."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MIDDLE = 50.0


def topsis(values: Floats, weights: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Relative closeness to the ideal solution.

    With values and spreads of the normalisation ``vector`` this is the method as published (division by the
    Euclidean norm); with another the ideals are 1 and 0 on its scale and the spread is 1.

    Parameters
    ----------
    values : array, shape (n, m)
        Place between the worst (0) and the best (1).
    weights : array, shape (n, m)
        At least 0; each row adds up to 1.
    spread : array, shape (m,)
        Distance of worst and best on each indicator, before weighting.

    Returns
    -------
    tuple of array
        Closeness from 0 to 100, shape (n,), and points of each indicator, shape (n, m), which add up to it:
        an allocation by squared distance from the worst, since closeness itself is no sum. Where no
        indicator tells customers apart the closeness is 50.

    References
    ----------
    Hwang, C.-L. and Yoon, K. (1981), Multiple Attribute Decision Making, Springer, pp. 128-140.

    Examples
    --------
    >>> score, points = topsis(np.array([[1.0, 0.5]]), np.array([[0.6, 0.4]]), np.ones(2))
    >>> score.round(2).tolist(), points.round(2).tolist()
    ([75.97], [[68.38, 7.6]])
    """
    reach = weights * spread
    from_worst = np.square(reach * values)
    to_best = np.square(reach * (1.0 - values)).sum(axis=1)
    squared = from_worst.sum(axis=1)
    far, near = np.sqrt(squared), np.sqrt(to_best)
    apart = far + near > 0.0
    score = np.full(len(values), _MIDDLE)
    np.divide(100.0 * far, far + near, out=score, where=apart)
    share = np.zeros_like(from_worst)
    np.divide(from_worst, squared[:, None], out=share, where=squared[:, None] > 0.0)
    return score, score[:, None] * np.where(apart[:, None], share, weights)
