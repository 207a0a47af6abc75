"""Scoring methods: combine normalised indicators and weights into a score from 0 to 100.

A method evaluates customers with customer-specific weights (:meth:`ScoringMethod.evaluate`, for the
scorecard), and scores them under one set of weights (:meth:`ScoringMethod.score`) or many
(:meth:`ScoringMethod.score_sets`). The latter two give the weight of missing indicators to the known ones of
their branch (:mod:`._branches`); a customer without a known weighted indicator has no score.

References
----------
Hwang, C.-L. and Yoon, K. (1981), Multiple Attribute Decision Making, Springer: simple additive weighting
(pp. 99-103) and TOPSIS (pp. 128-140).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.scoring._branches import LEAST_WEIGHT, Branches, Paths, branches_of
from guanxi.scorecard.scoring._normalisation import Normalisation
from guanxi.scorecard.weights._combination import direct

Floats = NDArray[np.float64]
Numbers = NDArray[Any]  # single or double precision
Groups = Mapping[str, Sequence[int]]
ScoreMethod = Literal["weighted_sum", "topsis", "fuzzy"]

ROWS_AT_ONCE = 20_000
# Sums in a different order differ in the last digits, but ties must stay ties.
DECIMALS = 9
_GROUPS = 64  # of customers alike, weighted together
_MIDDLE = 50.0


class Evaluation(NamedTuple):
    """Scores of n customers."""

    score: Floats  # (n,)
    points: Floats  # (n, m): points of each indicator, adding up to the score
    dimensions: Floats  # (n, n_dimensions): score of each dimension alone
    memberships: Floats  # (n, n_grades); empty unless the method is fuzzy


class ScoringMethod(ABC):
    """A way of combining normalised indicators and weights into a score."""

    name: ClassVar[ScoreMethod]

    def on(self, scale: Normalisation) -> ScoringMethod:
        """Adapt the method to a scale; ParamsError if it cannot use that scale."""
        if scale.method == "vector":
            raise ParamsError(
                f"normalisation vector requires the method topsis; with {self.name} choose quantile"
            )
        return self

    @property
    def additive(self) -> bool:
        """Whether it scores customers under many sets of weights."""
        return True

    def cut_points(self) -> dict[str, float] | None:
        """Lower bound of each grade, best first, if the method defines grades."""
        return None

    @abstractmethod
    def evaluate(self, values: Floats, weights: Floats, names: Sequence[str], groups: Groups) -> Evaluation:
        """Evaluate customers, in total and by dimension.

        Parameters
        ----------
        values : array, shape (n, m)
            Normalised, 0 (worst) to 1 (best).
        weights : array, shape (n, m)
            At least 0; each row adds up to 1.
        names : sequence of str
            The indicators, in the order of the columns.
        groups : mapping of str to sequence of int
            The columns of each dimension; every column belongs to one.
        """

    @abstractmethod
    def score_sets(self, table: pd.DataFrame, weights: Numbers, paths: Paths | None = None) -> Numbers:
        """Scores under many sets of weights, 0 to 100, in the precision of the weights.

        Parameters
        ----------
        table : pandas.DataFrame
            One column per weight, 0 to 1; NaN is unknown.
        weights : array, shape (m, n_sets)
        paths : mapping of str to sequence of str, optional
            Branches of each indicator, from the top; default: all in one branch.

        Returns
        -------
        array, shape (n, n_sets)
        """

    def score(
        self, normalised: pd.DataFrame, weights: Mapping[str, float], paths: Paths | None = None
    ) -> Floats:
        """Scores under one set of weights, 0 to 100.

        Parameters
        ----------
        normalised : pandas.DataFrame
            Indicators from 0 to 1, higher is better; NaN is unknown. Other columns are ignored.
        weights : mapping of str to float
        paths : mapping of str to sequence of str, optional
            As in :meth:`score_sets`.

        Returns
        -------
        array, shape (n,)
            NaN where no weighted indicator is known.

        Raises
        ------
        DataError
            If a weight is negative, or its indicator has no column.

        Examples
        --------
        >>> table = pd.DataFrame({"revenue": [1.0, 0.5, None], "csat": [0.0, None, None]})
        >>> WeightedSum().score(table, {"revenue": 0.75, "csat": 0.25})
        array([75., 50., nan])
        """
        used = used_weights(normalised, weights)
        column = np.array(list(used.values()))[:, None]
        found = np.empty(len(normalised))
        for start in range(0, len(found), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            found[rows] = self.score_sets(normalised.iloc[rows][list(used)], column, paths)[:, 0]
        # A matrix product would break ties in the last bits.
        return found.round(DECIMALS)


class OneLevelMethod(ScoringMethod):
    """A method without levels: a dimension's score is that of its indicators alone."""

    @abstractmethod
    def contributions(self, values: Floats, weights: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Score, shape (n,), and the points of each indicator that add up to it, shape (n, m)."""

    def evaluate(self, values: Floats, weights: Floats, names: Sequence[str], groups: Groups) -> Evaluation:
        """Evaluate all indicators together, and those of each dimension alone."""
        alone = [
            self.contributions(values[:, columns], shares(weights[:, columns]), [names[i] for i in columns])[
                0
            ]
            for columns in groups.values()
        ]
        score, points = self.contributions(values, weights, names)
        return Evaluation(score, points, np.column_stack(alone), np.empty((len(values), 0)))


class WeightedSum(OneLevelMethod):
    """Simple additive weighting: each indicator contributes its weight times its normalised value.

    Examples
    --------
    >>> score, points = WeightedSum().contributions(np.array([[1.0, 0.5]]), np.array([[0.6, 0.4]]), "ab")
    >>> score.tolist(), points.tolist()
    ([80.0], [[60.0, 20.0]])
    """

    name = "weighted_sum"

    def contributions(self, values: Floats, weights: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Score and points: see the class."""
        points = 100.0 * weights * values
        return points.sum(axis=1), points

    def score_sets(self, table: pd.DataFrame, weights: Numbers, paths: Paths | None = None) -> Numbers:
        """Score under many sets of weights."""
        branches = branches_of(list(table.columns), paths)
        return weighted_averages(table.to_numpy(dtype=weights.dtype), weights, branches)


@dataclass(frozen=True)
class Topsis(OneLevelMethod):
    """TOPSIS: relative closeness to the ideal customer, best on every indicator.

    With the normalisation ``vector`` this is the published method (division by the Euclidean norm); with any
    other the ideals are 1 and 0. Closeness is not additive, so points allocate it by squared distance from
    the worst. If all indicators are constant the closeness is 50.

    Attributes
    ----------
    spreads : mapping of str to float
        Distance between worst and best on each indicator, before weighting; 1 for indicators not listed.

    Examples
    --------
    >>> score, points = Topsis().contributions(np.array([[1.0, 0.5]]), np.array([[0.6, 0.4]]), "ab")
    >>> score.round(2).tolist(), points.round(2).tolist()
    ([75.97], [[68.38, 7.6]])
    >>> table = pd.DataFrame({"revenue": [1.0, 0.5], "csat": [0.5, None]})
    >>> Topsis().score_sets(table, np.array([[0.6, 0.5], [0.4, 0.5]])).round(2)
    array([[75.97, 69.1 ],
           [50.  , 50.  ]])
    """

    name = "topsis"
    spreads: Mapping[str, float] = field(default_factory=dict)

    def on(self, scale: Normalisation) -> Topsis:
        """Take the distances between worst and best from the scale."""
        return Topsis({name: curve.spread for name, curve in scale.curves.items()})

    def contributions(self, values: Floats, weights: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Score and points: see the class."""
        reach = weights * self._spread(names)
        from_worst = np.square(reach * values)
        to_best = np.square(reach * (1.0 - values)).sum(axis=1)
        squared = from_worst.sum(axis=1)
        far, near = np.sqrt(squared), np.sqrt(to_best)
        share = np.zeros_like(from_worst)
        np.divide(from_worst, squared[:, None], out=share, where=squared[:, None] > 0.0)
        score = _closeness(far, near)
        return score, score[:, None] * np.where((far + near > 0.0)[:, None], share, weights)

    def score_sets(self, table: pd.DataFrame, weights: Numbers, paths: Paths | None = None) -> Numbers:
        """Score under many sets of weights."""
        # Squares of small weights need double precision. Closeness is a ratio, so weights need not sum to 1.
        reach = np.square(weights.astype(np.float64) * self._spread(list(table.columns))[:, None])
        values = table.to_numpy(dtype=np.float64)
        unknown = np.isnan(values)
        branches = branches_of(list(table.columns), paths)
        far = _sums(np.where(unknown, 0, np.square(values)), ~unknown, reach, weights, branches, power=2)
        near = _sums(np.where(unknown, 0, np.square(1 - values)), ~unknown, reach, weights, branches, power=2)
        score = _closeness(np.sqrt(far), np.sqrt(near))
        score[unknown.all(axis=1)] = np.nan
        return np.asarray(score, dtype=weights.dtype)

    def _spread(self, names: Sequence[str]) -> Floats:
        return np.array([self.spreads.get(name, 1.0) for name in names])


def _closeness(far: Floats, near: Floats) -> Floats:
    score = np.full_like(far, _MIDDLE)
    np.divide(100.0 * far, far + near, out=score, where=far + near > 0.0)
    return score


def weighted_averages(values: Numbers, weights: Numbers, branches: Branches) -> Numbers:
    """Weighted means times 100 of the known values, shape (n, m), under weights, shape (m, n_sets)."""
    unknown = np.isnan(values)
    if not unknown.any():
        return np.asarray(values @ (100 * weights))
    known, parts = ~unknown, 100 * np.maximum(weights, LEAST_WEIGHT)
    found = _sums(np.where(unknown, 0, values), known, parts, weights, branches)
    if branches.stretch:
        found /= _sums(known.astype(weights.dtype), known, parts / 100, weights, branches)
    found[unknown.all(axis=1)] = np.nan
    if not weights.all():
        found[known.astype(weights.dtype) @ weights == 0] = np.nan
    return found


def _sums(
    values: Numbers,
    known: NDArray[np.bool_],
    parts: Numbers,
    weights: Numbers,
    branches: Branches,
    power: int = 1,
) -> Numbers:
    """Sum values, shape (n, m), times parts, shape (m, n_sets), whose weights follow the known ones.

    Customers of whom the same is known share their weights, and are one product of matrices.
    """
    found = np.empty((len(values), weights.shape[1]), dtype=parts.dtype)
    alike = _alike(known)
    for start in range(0, len(alike), _GROUPS):
        groups = alike[start : start + _GROUPS]
        own = np.repeat(parts[None], len(groups), axis=0)
        for columns, factor in branches.factors(known[[rows[0] for rows in groups]], weights):
            if factor is not None:
                own[:, columns] *= (factor if power == 1 else factor**power)[:, None]
        for rows, parts_of_group in zip(groups, own, strict=True):
            found[rows] = values[rows] @ parts_of_group
    return found


def _alike(known: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Rows of customers of whom the same indicators are known."""
    packed = np.ascontiguousarray(np.packbits(known, axis=1))
    _, pattern = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_inverse=True)
    order = np.argsort(pattern, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pattern[order])) + 1)


def used_weights(normalised: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, float]:
    """Normalised positive weights; DataError if one is negative or its indicator has no column."""
    used = {name: share for name, share in direct(weights).items() if share > 0}
    missing = [name for name in used if name not in normalised.columns]
    if missing:
        raise DataError(f"no column for the weight of {', '.join(missing)}: add it or drop the weight")
    return used


def shares(parts: Floats) -> Floats:
    """Normalise each row (last axis) to sum to 1; a row of zeros is unchanged.

    Examples
    --------
    >>> shares(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
    """
    total = parts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(parts, total, out=np.zeros_like(parts), where=total > 0.0))


def row_weights(weights: Floats, known: NDArray[np.bool_], branches: Branches) -> tuple[Floats, Floats]:
    """Reallocate weights, shape (m,), to the indicators known for each customer, shape (n, m).

    Returns the weights, shape (n, m), each row adding up to 1 (all 0 if nothing is known), and the known
    weight, shape (n,).
    """
    own = np.where(known, weights, 0.0)
    return shares(branches.reallocate(weights, known)), own.sum(axis=1).round(DECIMALS)
