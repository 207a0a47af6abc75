"""Weights raised over what is known of each customer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DECIMALS = 9


def shares(parts: Floats) -> Floats:
    """Bring each row (last axis) to a sum of 1; a row of zeros stays.

    Examples
    --------
    >>> shares(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
    """
    total = parts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(parts, total, out=np.zeros_like(parts), where=total > 0.0))


def row_weights(weights: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Renormalise weights over the indicators that each customer has.

    Parameters
    ----------
    weights : array, shape (m,)
        Adding up to 1.
    known : array of bool, shape (n, m)

    Returns
    -------
    tuple of array
        Weights, shape (n, m), each row adding up to 1 (all 0 where nothing is known), and the weight that was
        known, shape (n,).
    """
    own = np.where(known, weights, 0.0)
    return shares(own), own.sum(axis=1).round(_DECIMALS)
