"""Analytic hierarchy process: weights from a reciprocal matrix, and consistency of its judgements.

Saaty (1980), The Analytic Hierarchy Process; Saaty (1990), How to make a decision, European Journal of
Operational Research 48, 9-26.

For fuzzy judgements (triangular numbers instead of points on Saaty's scale) use Buckley's geometric mean.
Chang's extent analysis is included because many studies report it. It measures the degree of possibility that
an item outweighs all others, which is not a weight, and can assign 0 to items judged relevant (Wang, Luo &
Hua 2008, On the extent analysis method for fuzzy AHP, European Journal of Operational Research 186).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import ParamsError
from guanxi.scorecard.weights._pairwise import as_text
from guanxi.served.ordering import ROUNDING, first_lowest, ranks

Floats = NDArray[np.float64]
Method = Literal["eigenvector", "geometric_mean", "fuzzy_geometric_mean", "fuzzy_extent_analysis"]

CONSISTENT = 0.1
_MOST_LISTED = 5
# Mean consistency index of random matrices of order 1, 2, ... (Saaty 1980, table 1.4).
RANDOM_INDEX = (0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59)
_SCALE = np.array([1 / k for k in range(9, 1, -1)] + [float(k) for k in range(1, 10)])


@dataclass(frozen=True)
class Priorities:
    """Weights of the items compared, and the consistency of the judgements.

    Attributes
    ----------
    weights : array, shape (n,)
        Sum to 1.
    lambda_max : float
        The largest eigenvalue: n if the judgements are fully consistent, larger otherwise.
    consistency_index : float
        (lambda_max - n) / (n - 1).
    consistency_ratio : float
        The index divided by that of random judgements; Saaty accepts up to 0.1. 0 for fewer than three items.
    """

    weights: Floats
    lambda_max: float
    consistency_index: float
    consistency_ratio: float


def priorities(matrix: Floats, method: Method = "eigenvector") -> Priorities:
    """Derive priorities from judgements, consistent or not.

    Parameters
    ----------
    matrix : array, shape (n, n)
        Positive and reciprocal, n up to 15.
    method : {"eigenvector", "geometric_mean"}
        Identical for consistent judgements, and for up to three items.

    Examples
    --------
    >>> found = priorities(np.array([[1, 2, 6], [1 / 2, 1, 3], [1 / 6, 1 / 3, 1]]))
    >>> found.weights.round(3), round(found.consistency_ratio, 3)
    (array([0.6, 0.3, 0.1]), 0.0)
    """
    n = len(matrix)
    lambda_max, _ = _principal(matrix)
    index = max(float(lambda_max) - n, 0.0) / (n - 1) if n > 2 else 0.0
    ratio = index / RANDOM_INDEX[n - 1] if n > 2 else 0.0
    return Priorities(WEIGHTS[method](matrix), float(lambda_max), index, ratio)


def eigenvector_weights(matrices: Floats) -> Floats:
    """Principal right eigenvectors (Saaty), shape (..., n), of matrices of shape (..., n, n)."""
    return _principal(matrices)[1]


def geometric_mean_weights(matrices: Floats) -> Floats:
    """Row geometric means, shape (..., n), of matrices of shape (..., n, n).

    They minimise the squared log differences between judgements and ratios of weights (Crawford & Williams
    1985, Journal of Mathematical Psychology 29).
    """
    means = np.exp(np.log(matrices).mean(axis=-1))
    weights: Floats = means / means.sum(axis=-1, keepdims=True)
    return weights


def fuzzy_weights(matrices: Floats) -> Floats:
    """Triangular weights by the fuzzy geometric mean of each row.

    Buckley (1985), Fuzzy hierarchical analysis, Fuzzy Sets and Systems 17, 233-247; triangles are multiplied
    and divided endpoint by endpoint.

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


def fuzzy_geometric_mean_weights(matrices: Floats) -> Floats:
    """Weights by Buckley's geometric mean, shape (..., n): normalised centroids of :func:`fuzzy_weights`.

    Always positive; for crisp judgements (three equal numbers) they equal the row geometric mean.
    """
    centroids = fuzzy_weights(matrices).mean(axis=-1)
    weights: Floats = centroids / centroids.sum(axis=-1, keepdims=True)
    return weights


def extent_analysis_weights(matrices: Floats) -> Floats:
    """Weights by Chang's extent analysis, shape (..., n), which **can be 0** for items judged relevant.

    Chang (1996), Applications of the extent analysis method on fuzzy AHP, European Journal of Operational
    Research 95, 649-655. For crisp judgements the largest item gets all the weight.
    """
    rows = matrices.sum(axis=-2)
    extents = rows / rows.sum(axis=-2, keepdims=True)[..., ::-1]
    lower, modal, upper = (extents[..., k] for k in range(3))
    # Degree of possibility that i >= j: the height where i's right side intersects j's left side.
    ahead = upper[..., :, None] - lower[..., None, :]
    slopes = (upper - modal)[..., :, None] + (modal - lower)[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.where(ahead > 0.0, ahead / slopes, 0.0)
    possible = np.where(modal[..., :, None] >= modal[..., None, :], 1.0, height)
    least = possible.min(axis=-1)
    weights: Floats = least / least.sum(axis=-1, keepdims=True)
    return weights


WEIGHTS: Mapping[Method, Callable[[Floats], Floats]] = {
    "eigenvector": eigenvector_weights,
    "geometric_mean": geometric_mean_weights,
    "fuzzy_geometric_mean": fuzzy_geometric_mean_weights,
    "fuzzy_extent_analysis": extent_analysis_weights,
}


def _principal(matrices: Floats) -> tuple[Floats, Floats]:
    """Largest eigenvalue and its eigenvector with sum 1, real and positive by Perron's theorem."""
    values, vectors = np.linalg.eig(matrices)
    largest = values.real.argmax(axis=-1)[..., None]
    vector = np.abs(np.take_along_axis(vectors, largest[..., None, :], axis=-1)[..., 0])
    weights = vector / vector.sum(axis=-1, keepdims=True)
    return np.take_along_axis(values.real, largest, axis=-1)[..., 0], weights


class Revision(NamedTuple):
    """A judgement to reconsider: row and column, its value, and a value consistent with the others."""

    row: int
    column: int
    judged: float
    proposed: float


def revisions(matrix: Floats) -> tuple[list[Revision], float]:
    """Find judgements whose revision makes a matrix consistent, most inconsistent first.

    At each step the judgement with the largest deviation from the ratio of its weights (Saaty 1980) is
    replaced by the value of Saaty's scale nearest to the ratio of the weights without that judgement (Harker
    1987, Alternative modes of questioning in the analytic hierarchy process, Mathematical Modelling 9,
    353-360), until the consistency ratio is at most 0.1 or all judgements have been examined. Ties go to the
    judgement whose revision reduces the ratio most, then to the first.

    Parameters
    ----------
    matrix : array, shape (n, n)

    Returns
    -------
    revisions : list of Revision
    consistency_ratio : float
        The ratio after all revisions.

    Examples
    --------
    >>> revisions(np.array([[1, 2, 1 / 6], [1 / 2, 1, 3], [6, 1 / 3, 1]]))
    ([Revision(row=0, column=2, judged=0.16666666666666666, proposed=6.0)], 0.0)
    """
    current, found = matrix, list[Revision]()
    open_pairs = {(i, j) for i in range(len(matrix)) for j in range(i + 1, len(matrix))}
    now = priorities(current)
    while open_pairs and not _consistent(now):
        deviation = np.abs(np.log(current * now.weights / now.weights[:, None]))
        pairs = sorted(open_pairs)
        place = ranks([deviation[pair] for pair in pairs])
        # With three items all judgements deviate equally.
        tied = [pair for pair, its in zip(pairs, place, strict=True) if its == place.max()]
        revised = [_revised(current, pair) for pair in tied]
        best = first_lowest(priorities(matrix).lambda_max for matrix in revised)
        current, pair = revised[best], tied[best]
        open_pairs.remove(pair)
        found.append(Revision(*pair, float(matrix[pair]), float(current[pair])))
        now = priorities(current)
    changed = [each for each in found if not np.isclose(each.proposed, each.judged, rtol=ROUNDING, atol=0.0)]
    return changed, now.consistency_ratio


def _revised(matrix: Floats, pair: tuple[int, int]) -> Floats:
    """Replace a judgement by the value implied by the others (Harker's matrix with a missing pair)."""
    i, j = pair
    revised = matrix.copy()
    revised[i, j] = revised[j, i] = 0.0
    revised[i, i] = revised[j, j] = 2.0
    _, weights = _principal(revised)
    proposed = _SCALE[first_lowest(np.abs(np.log(_SCALE * weights[j] / weights[i])))]
    revised[i, i] = revised[j, j] = 1.0
    revised[i, j], revised[j, i] = proposed, 1.0 / proposed
    return revised


def _consistent(found: Priorities) -> bool:
    return found.consistency_ratio <= CONSISTENT + ROUNDING


def require_consistent(matrix: Floats, names: Sequence[str], where: str) -> None:
    """Refuse judgements with a consistency ratio above 0.1, and suggest consistent values.

    ``names`` are the items compared; ``where`` names the matrix, shape (n, n), in the message.
    """
    judged = priorities(matrix)
    if _consistent(judged):
        return
    found, after = revisions(matrix)
    listed = "; ".join(
        f"{names[r.row]} against {names[r.column]} {as_text(r.proposed)} instead of {as_text(r.judged)}"
        for r in found[:_MOST_LISTED]
    )
    more = f" (and {len(found) - _MOST_LISTED} more)" if len(found) > _MOST_LISTED else ""
    remedy = f"revisions that would bring it to {after:.2f}"
    if after > CONSISTENT + ROUNDING:
        remedy = "judge all pairs again, beginning with"
    raise ParamsError(
        f"{where}: the judgements contradict each other, consistency ratio {judged.consistency_ratio:.2f}, "
        f"at most {CONSISTENT}; {remedy}: {listed}{more}"
    )
