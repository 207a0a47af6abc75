"""Weights from fuzzy pairwise judgements: triangular numbers instead of points on Saaty's scale.

Buckley's geometric mean is the one to use. Chang's extent analysis is here since many studies report it; it
measures how possible it is that a thing outweighs all others, which is no weight, and can give 0 to what was
judged to matter (Wang, Luo & Hua 2008, On the extent analysis method for fuzzy AHP and its applications,
European Journal of Operational Research 186, 735-747).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fuzzy_weights(matrices: Floats) -> Floats:
    """Triangular weights by the fuzzy geometric mean of each row.

    Buckley (1985), Fuzzy hierarchical analysis, Fuzzy Sets and Systems 17, 233-247; with triangles
    multiplied and divided end by end.

    Parameters
    ----------
    matrices : array, shape (..., n, n, 3)
        Reciprocal triangles (lower, modal, upper).

    Returns
    -------
    array, shape (..., n, 3)
        Lower <= modal <= upper; the modal values sum to 1.

    Examples
    --------
    >>> fuzzy_weights(np.array([[[1, 1, 1], [1, 2, 3]], [[1 / 3, 1 / 2, 1], [1, 1, 1]]])).round(3)
    array([[0.366, 0.667, 1.098],
           [0.211, 0.333, 0.634]])
    """
    means = np.exp(np.log(matrices).mean(axis=-2))
    weights: Floats = means / means.sum(axis=-2, keepdims=True)[..., ::-1]
    return weights


def geometric_mean_weights(matrices: Floats) -> Floats:
    """Weights by Buckley's geometric mean: centroids of :func:`fuzzy_weights`, brought to the sum 1.

    Parameters
    ----------
    matrices : array, shape (..., n, n, 3)

    Returns
    -------
    array, shape (..., n)
        Above 0. Of crisp judgements (three equal numbers): the row geometric mean.
    """
    centroids = fuzzy_weights(matrices).mean(axis=-1)
    weights: Floats = centroids / centroids.sum(axis=-1, keepdims=True)
    return weights


def extent_analysis_weights(matrices: Floats) -> Floats:
    """Weights by Chang's extent analysis, which **can be 0** for things judged to matter.

    Chang (1996), Applications of the extent analysis method on fuzzy AHP, European Journal of Operational
    Research 95, 649-655. Of crisp judgements the largest takes all.

    Parameters
    ----------
    matrices : array, shape (..., n, n, 3)

    Returns
    -------
    array, shape (..., n)
    """
    rows = matrices.sum(axis=-2)
    extents = rows / rows.sum(axis=-2, keepdims=True)[..., ::-1]
    lower, modal, upper = (extents[..., k] for k in range(3))
    # How possible it is that i is at least j: the height where i's falling side meets j's rising side.
    ahead = upper[..., :, None] - lower[..., None, :]
    slopes = (upper - modal)[..., :, None] + (modal - lower)[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.where(ahead > 0.0, ahead / slopes, 0.0)
    possible = np.where(modal[..., :, None] >= modal[..., None, :], 1.0, height)
    least = possible.min(axis=-1)
    weights: Floats = least / least.sum(axis=-1, keepdims=True)
    return weights
