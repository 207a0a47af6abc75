"""Scores of many customers, in batches, and the indicators with the largest effect on each score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guanxi.scorecard.scoring._branches import Branches
from guanxi.scorecard.scoring._normalisation import Normalisation
from guanxi.scorecard.scoring._scoring_methods import (
    DECIMALS,
    ROWS_AT_ONCE,
    Floats,
    Groups,
    ScoringMethod,
    row_weights,
)
from guanxi.scorecard.scoring._tiers import Words, take_words
from guanxi.scorecard.scoring._used_indicators import UsedIndicators
from guanxi.served.ordering import falling

Places = NDArray[np.intp]

_TENTHS = 1000  # 100 points, the largest possible effect of one indicator
_STEPS = 2 * _TENTHS + 1


@dataclass(frozen=True)
class CustomerScores:
    """Scores of all customers.

    Attributes
    ----------
    score : array, shape (n,)
    dimensions : array, shape (n_dimensions, n)
    points : array, shape (m, n)
        Points of each indicator; NaN where it is unknown.
    memberships : array, shape (n_grades, n)
        Empty unless the method is fuzzy.
    known_weight : array, shape (n,)
    weights : array, shape (m,)
    mean_levels : array, shape (m,)
        Mean of points over the customer's weight, among customers with the indicator.
    branches : Branches
    """

    score: Floats
    dimensions: Floats
    points: Floats
    memberships: Floats
    known_weight: Floats
    weights: Floats
    mean_levels: Floats
    branches: Branches

    def reasons(self, labels: Sequence[str], most: int) -> list[Words]:
        """Largest differences from the mean customer: ``most`` arrays, shape (n,), in descending order."""
        places = [
            _reason_places(
                relative_points(self.points[:, rows].T, self.weights, self.mean_levels, self.branches), most
            )
            for rows in _blocks(len(self.score))
        ]
        return _reason_words(np.concatenate(places), labels)


def score_customers(
    used: UsedIndicators, scale: Normalisation, method: ScoringMethod, groups: Groups, branches: Branches
) -> CustomerScores:
    """Score customers in batches of 20,000; ``groups`` are the indicators of each dimension."""
    names, n, m = list(used.columns), len(next(iter(used.columns.values()))), len(used.columns)
    n_grades = len(method.cut_points() or ())
    weights = np.asarray(list(used.weights.values()))
    scores = CustomerScores(
        score=np.empty(n),
        dimensions=np.empty((len(groups), n)),
        points=np.empty((m, n)),
        memberships=np.empty((n_grades, n)),
        known_weight=np.empty(n),
        weights=weights,
        mean_levels=np.empty(m),
        branches=branches,
    )
    totals, counts = np.zeros(m), np.zeros(m)
    for rows in _blocks(n):
        values = np.column_stack([scale.curves[name].apply(used.columns[name][rows]) for name in names])
        known = np.asarray(~np.isnan(values))
        own, scores.known_weight[rows] = row_weights(weights, known, branches)
        values[~known] = 0.0
        found = method.evaluate(values, own, names, groups)
        some = scores.known_weight[rows] > 0.0
        inside = np.column_stack([known[:, columns].any(axis=1) for columns in groups.values()])
        scores.score[rows] = np.where(some, found.score, np.nan).round(DECIMALS)
        scores.points[:, rows] = np.where(known, found.points, np.nan).T
        scores.dimensions[:, rows] = np.where(inside, found.dimensions, np.nan).round(DECIMALS).T
        scores.memberships[:, rows] = np.where(some[:, None], found.memberships, np.nan).T
        totals += np.divide(found.points, own, out=np.zeros_like(own), where=known).sum(axis=0)
        counts += known.sum(axis=0)
    scores.mean_levels[:] = totals / counts
    return scores


def relative_points(points: Floats, weights: Floats, mean_levels: Floats, branches: Branches) -> Floats:
    """Points of each indicator relative to the mean customer, shape (n, m); NaN where unknown.

    They add up to the score minus the mean customer's score on the indicators known for this customer. If
    every indicator is known for everyone, that is the mean score.

    Parameters
    ----------
    points : array, shape (n, m)
        Points of each indicator; NaN is unknown.
    weights : array, shape (m,)
        Must add up to 1.
    mean_levels : array, shape (m,)
        As in :class:`CustomerScores`.
    branches : Branches

    Examples
    --------
    >>> points, weights = np.array([[60.0, 20.0], [20.0, np.nan]]), np.array([0.6, 0.4])
    >>> relative_points(points, weights, np.array([60.0, 50.0]), Branches((0, 1))).tolist()
    [[24.0, 0.0], [-40.0, nan]]
    """
    return points - row_weights(weights, ~np.isnan(points), branches)[0] * mean_levels


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE))


def _reason_places(relative: Floats, most: int) -> Places:
    """Encode indicator and tenths of a point as one number, largest first; -1 below 0.05 points."""
    known = np.nan_to_num(relative, nan=0.0).round(DECIMALS)
    order = falling(np.abs(known))[:, :most]
    moved = np.rint(np.take_along_axis(known, order, axis=1) * 10.0).astype(np.intp)
    return np.where(moved == 0, -1, order * _STEPS + moved + _TENTHS)


def _reason_words(places: Places, labels: Sequence[str]) -> list[Words]:
    """Format each reason, such as ``complaints -3.2``.

    >>> relative = np.array([[24.0, -3.21], [0.01, 7.0]])
    >>> first, second = _reason_words(_reason_places(relative, 2), ["revenue", "complaints"])
    >>> first.tolist(), second.tolist()
    (['revenue +24.0', 'complaints +7.0'], ['complaints -3.2', nan])
    """
    used, where = np.unique(places, return_inverse=True)
    words = [f"{labels[place // _STEPS]} {(place % _STEPS - _TENTHS) / 10:+.1f}" for place in used.tolist()]
    return [take_words(words, column) for column in np.where(places < 0, -1, where.reshape(places.shape)).T]
