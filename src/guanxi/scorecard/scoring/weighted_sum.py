"""The score as a weighted sum: what each indicator brings is its weight times its place on the scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_sum(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Add up weighted indicators (simple additive weighting).

    Parameters
    ----------
    values : array, shape (n, m)
        Normalised, 0 (worst) to 1 (best).
    weights : array, shape (n, m)
        At least 0; each row adds up to 1.

    Returns
    -------
    tuple of array
        Score from 0 to 100, shape (n,), and the points of each indicator, shape (n, m), which add up to it.

    References
    ----------
    Hwang, C.-L. and Yoon, K. (1981), Multiple Attribute Decision Making, Springer, pp. 99-103.

    Examples
    --------
    >>> score, points = weighted_sum(np.array([[1.0, 0.5]]), np.array([[0.6, 0.4]]))
    >>> score.tolist(), points.tolist()
    ([80.0], [[60.0, 20.0]])
    """
    points = 100.0 * weights * values
    return points.sum(axis=1), points
