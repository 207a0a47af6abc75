"""Clustering of points, and stability of the clusters under the bootstrap."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
Method = Literal["k_means", "gaussian_mixture"]

DRAWS = 20
_STARTS = 2
_LEAST_VARIANCE = 0.05  # of mixture components: few distinct values would otherwise give spikes


@dataclass(frozen=True)
class Trial:
    """Results for one number of groups.

    Attributes
    ----------
    number : int
    silhouette : float
        From -1 to 1: how much closer points are to their own group than to the next.
    agreement : float
        Mean adjusted Rand index between these groups and those of the bootstrap samples, at most 1.
    least_stability : float
        Lowest mean Jaccard similarity of a group (:func:`jaccard_similarities`).
    drawn : list of array, each of shape (n,)
        Groups of the points according to each bootstrap sample.
    """

    number: int
    silhouette: float
    agreement: float
    least_stability: float
    drawn: list[Groups] = field(repr=False)


def fit_groups(points: Floats, number: int, method: Method, seed: int) -> Any:
    """Fit a clustering to points of shape (n, coordinates); the result has ``predict``."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if method == "k_means":
        model: Any = KMeans(number, n_init=_STARTS, random_state=seed)
    else:
        model = GaussianMixture(
            number, covariance_type="diag", reg_covar=_LEAST_VARIANCE, n_init=_STARTS, random_state=seed
        )
    with warnings.catch_warnings():
        # A bootstrap sample may have fewer distinct points, and overlapping groups converge slowly: both
        # lower the agreement.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(points)


def try_number(points: Floats, number: int, method: Method, seed: int) -> Trial:
    """Fit a number of groups to the points and to bootstrap samples."""
    from sklearn.metrics import adjusted_rand_score

    model = fit_groups(points, number, method, seed)
    groups = model.predict(points)
    rng = np.random.default_rng([seed, number])
    drawn = []
    for _ in range(DRAWS):
        sample = points[rng.integers(0, len(points), len(points))]
        drawn.append(fit_groups(sample, number, method, seed).predict(points))
    return Trial(
        number=number,
        silhouette=silhouette(points, groups),
        agreement=float(np.mean([adjusted_rand_score(groups, other) for other in drawn])),
        least_stability=float(np.nanmin(jaccard_similarities(groups, drawn, number))),
        drawn=drawn,
    )


def silhouette(points: Floats, groups: Groups) -> float:
    """Mean silhouette; -1 if all points are in one group, or each in its own.

    References
    ----------
    Rousseeuw, P. J. (1987), Silhouettes, Journal of Computational and Applied Mathematics 20.
    """
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(groups)) < len(groups):
        return -1.0
    return float(silhouette_score(points, groups))


def jaccard_similarities(groups: Groups, drawn: list[Groups], number: int) -> Floats:
    """Mean Jaccard similarity of each group with its most similar group of each draw, shape (number,).

    The similarity is the size of the intersection over that of the union; NaN for a group without points.

    Examples
    --------
    >>> jaccard_similarities(np.array([0, 0, 1, 1]), [np.array([1, 1, 1, 0])], 2).tolist()
    [0.6666666666666666, 0.5]
    """
    similarities = []
    for other in drawn:
        both = np.bincount(groups * number + other, minlength=number * number).reshape(number, number)
        either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
        with np.errstate(invalid="ignore"):
            similarities.append(np.nanmax(np.where(either > 0, both / either, 0.0), axis=1))
    mean = np.mean(similarities, axis=0)
    return np.where(np.bincount(groups, minlength=number) > 0, mean, np.nan)
