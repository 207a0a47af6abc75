"""Scores of many customers, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from guanxi.scorecard.scoring.fuzzy_evaluation import FuzzyEvaluation, fuzzy_evaluation
from guanxi.scorecard.scoring.inputs import UsedIndicators
from guanxi.scorecard.scoring.normalisation import Normalisation
from guanxi.scorecard.scoring.reasons import reason_places, relative_points
from guanxi.scorecard.scoring.renormalisation import row_weights, shares
from guanxi.scorecard.scoring.topsis import topsis
from guanxi.scorecard.scoring.weighted_sum import weighted_sum

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
ScoreMethod = Literal["weighted_sum", "topsis", "fuzzy"]
Groups = Mapping[str, Sequence[int]]
# From values and weights, shape (n, m): scores, points, scores of the dimensions alone, memberships.
Scorer = Callable[[Floats, Floats], tuple[Floats, Floats, Floats, Floats]]

_BLOCK = 20_000
# Sums in another order differ in the last digits, and equals must stay equal.
DECIMALS = 9


@dataclass(frozen=True)
class Scores:
    """Scores of all customers.

    Attributes
    ----------
    score : array, shape (n,)
    dimensions : array, shape (n_dimensions, n)
    points : array, shape (m, n)
        NaN where an indicator is unknown.
    memberships : array, shape (n_grades, n)
        No rows but for fuzzy.
    known_weight : array, shape (n,)
    mean_levels : array, shape (m,)
        Points divided by the customer's weight, the mean of those who have the indicator.
    """

    score: Floats
    dimensions: Floats
    points: Floats
    memberships: Floats
    known_weight: Floats
    mean_levels: Floats


def scorer_of(method: ScoreMethod, spread: Floats, groups: Groups, evaluation: FuzzyEvaluation) -> Scorer:
    """Give the method as a function of normalised values and of weights that add up to 1 in each row."""

    def simple(values: Floats, weights: Floats, columns: Sequence[int]) -> tuple[Floats, Floats]:
        return (
            topsis(values, weights, spread[columns]) if method == "topsis" else weighted_sum(values, weights)
        )

    def score(values: Floats, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        if method == "fuzzy":
            return fuzzy_evaluation(values, weights, list(groups.values()), evaluation)
        alone = [
            simple(values[:, columns], shares(weights[:, columns]), columns)[0] for columns in groups.values()
        ]
        no_memberships = np.empty((len(values), 0))
        return *simple(values, weights, range(len(spread))), np.column_stack(alone), no_memberships

    return score


def score_blocks(
    found: UsedIndicators, scale: Normalisation, groups: Groups, scorer: Scorer, n_grades: int
) -> Scores:
    """Score customers, 20,000 at a time.

    Parameters
    ----------
    found : Counted
        Indicators and weights.
    scale : Normalisation
    groups : mapping of str to sequence of int
        The indicators of each dimension.
    scorer : callable
        From :func:`scorer_of`.
    n_grades : int
        Grades with a membership; 0 but for fuzzy.
    """
    n, m = len(next(iter(found.columns.values()))), len(found.columns)
    weights = np.asarray(list(found.weights.values()))
    scores = Scores(*(np.empty(shape) for shape in (n, (len(groups), n), (m, n), (n_grades, n), n, m)))
    levels, having = np.zeros(m), np.zeros(m)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        values = np.column_stack(
            [scale.curves[name].apply(each[rows]) for name, each in found.columns.items()]
        )
        known = np.asarray(~np.isnan(values))
        own, scores.known_weight[rows] = row_weights(weights, known)
        values[~known] = 0.0
        score, points, dimensions, memberships = scorer(values, own)
        some = scores.known_weight[rows] > 0.0
        inside = np.column_stack([known[:, columns].any(axis=1) for columns in groups.values()])
        scores.score[rows] = np.where(some, score, np.nan).round(DECIMALS)
        scores.points[:, rows] = np.where(known, points, np.nan).T
        scores.dimensions[:, rows] = np.where(inside, dimensions, np.nan).round(DECIMALS).T
        scores.memberships[:, rows] = np.where(some[:, None], memberships, np.nan).T
        levels += np.divide(points, own, out=np.zeros_like(points), where=known).sum(axis=0)
        having += known.sum(axis=0)
    scores.mean_levels[:] = levels / having
    return scores


def reasons_of(scores: Scores, weights: Floats, most: int) -> Places:
    """Find what moves each customer most from the mean: places for :func:`.reasons.reason_words`."""
    n = len(scores.score)
    blocks = [
        reason_places(relative_points(scores.points[:, rows].T, weights, scores.mean_levels), most)
        for rows in (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))
    ]
    return np.concatenate(blocks)
