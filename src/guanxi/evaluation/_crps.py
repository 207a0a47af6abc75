"""Continuous ranked probability score (CRPS) of each customer's predicted purchases and total spend.

CRPS = ∫ (F(s) - 1{y <= s})² ds, in the unit of the outcome; from 0, lower is better (Gneiting & Raftery 2007,
Strictly Proper Scoring Rules, Prediction, and Estimation, Journal of the American Statistical Association
102(477)). It is proper: the true distribution scores best on average. For a forecast of one number it is the
absolute error, so the CRPS of a naive forecast is its mean absolute error.

Counts are exact: the probability beyond the tabulated counts, less than 1e-6, is spread over them. Spend is
that of the intervals: a mixture of the totals of n purchases with P(n), the integral

    ∫ (F - 1{y <= s})² = ∫ (1 - F)² + ∫ from 0 to y of (2 F - 1)

by the trapezoidal rule with its first correction in the logarithm, relative error below 1e-4 (checked against
closed forms and by quadrature). Where amounts hardly vary (the totals of equal counts within half a per cent,
so that there is no table), every total is taken at its mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guanxi.served.intervals.predictive_distributions import PredictiveDistributions
from guanxi.served.intervals.spend_table import SpendTable
from guanxi.served.scorer import Scorer

Floats = NDArray[np.float64]

_ENTRIES = 2**21  # numbers in memory at once


def _customer_crps(
    scorer: Scorer, features: pd.DataFrame, horizon_days: int, outcomes: pd.DataFrame
) -> dict[str, Floats]:
    """CRPS of each customer's ``purchases`` and, if the model knows amounts, ``spend``; shape (n,) each.

    ``outcomes``: ``purchases, spend`` of the days after the model's cutoff, in the order of ``features``.
    """
    found = scorer.distributions(features, horizon_days)
    names = ("purchases", "spend") if scorer.model.spend.known else ("purchases",)
    actual = {name: outcomes[name].to_numpy(dtype=np.float64) for name in names}
    result = {name: np.zeros(len(features)) for name in names}
    with threadpool_limits(1):  # one thread is faster on matrices this small
        for rows, counts, probabilities in found.counts():
            chances = probabilities / probabilities.sum(axis=1, keepdims=True)
            result["purchases"][rows] = _discrete_crps(counts, chances, actual["purchases"][rows])
            if "spend" in names:
                scale = found.scale[rows]
                own = _spend_crps(found, rows, counts, chances, actual["spend"][rows] / scale)
                result["spend"][rows] = scale * own
    return result


def _discrete_crps(values: Floats, probabilities: Floats, actual: Floats) -> Floats:
    """CRPS of discrete distributions on common values, shape (n,).

    ``values``, shape (k,), increase from at least 0; ``probabilities``, shape (n, k), sum to 1.

    Examples
    --------
    >>> _discrete_crps(np.array([0.0, 1.0, 2.0]), np.array([[0.5, 0.3, 0.2]]), np.array([1.0])).round(2)
    array([0.29])
    >>> _discrete_crps(np.array([0.0, 3.0]), np.array([[0.0, 1.0]]), np.array([5.0]))
    array([2.])
    """
    reached = np.cumsum(probabilities, axis=1)[:, :-1]
    widths, y = np.diff(values), actual[:, None]
    above = ((1.0 - reached) ** 2) @ widths + values[0]
    below = np.clip(y - values[:-1], 0.0, widths)
    missed = np.maximum(actual - values[-1], 0.0) - np.minimum(actual, values[0])
    return np.asarray(above + np.einsum("ij,ij->i", 2.0 * reached - 1.0, below) + missed)


def _spend_crps(
    found: PredictiveDistributions,
    rows: NDArray[np.int64],
    counts: Floats,
    probabilities: Floats,
    actual: Floats,
) -> Floats:
    """CRPS of rows of total spend, in units of their scales."""
    result, frequency, amount = np.zeros(len(rows)), found.histories[0][rows], found.amount[rows]
    for x in np.unique(frequency):
        same = np.flatnonzero(frequency == x)
        table = found.spend_table(float(x), counts)
        if table.distribution is None:
            mean = amount[same]
            result[same] = mean * _discrete_crps(counts, probabilities[same], actual[same] / mean)
            continue
        totals = _Totals(table)
        for part in _parts(same, _ENTRIES // (4 * len(totals.squared))):
            result[part] = totals.crps(probabilities[part], actual[part])
    return result


class _Totals:
    """CRPS of mixtures of the totals in one table; every amount in units of the scale.

    Attributes
    ----------
    squared : array, shape (m, m)
        ∫ (1 - F_i) (1 - F_j) over the totals of the i-th and j-th group of counts.
    """

    def __init__(self, table: SpendTable) -> None:
        assert table.distribution is not None
        self._starts, self._grid, self._empty = table.starts, table.grid, table.empty
        self._ends, reached, density = np.exp(table.grid), table.distribution, table.density
        self._step = np.where(table.empty, 0.0, np.diff(table.grid))
        self.squared = self._integral_of_squares(1.0 - reached, density)
        # F e^u and its slope, whose integral over u is that of F over the amount.
        self._height = np.ascontiguousarray((reached * self._ends).T)
        self._slope = np.ascontiguousarray(((reached + density) * self._ends).T)
        self._before = self._integrals()

    def crps(self, probabilities: Floats, actual: Floats) -> Floats:
        """CRPS of each row of probabilities of the counts from 0, shape (n,)."""
        none, some = probabilities[:, 0], np.add.reduceat(probabilities[:, 1:], self._starts, axis=1)
        above = np.einsum("ij,ij->i", some @ self.squared, some)
        reached = np.einsum("ij,ij->i", some, self._reached_up_to(actual))
        return np.asarray(above + actual * (2.0 * none - 1.0) + 2.0 * reached)

    def _integral_of_squares(self, above: Floats, density: Floats) -> Floats:
        step, ends = self._step, self._ends
        half = (np.append(step, 0.0) + np.append(0.0, step)) / 2.0
        correction = (np.append(step, 0.0) ** 2 - np.append(0.0, step) ** 2) / 12.0
        whole = (above * ((half + correction) * ends)) @ above.T
        slopes = (density * (correction * ends)) @ above.T
        flat = above[:, :-1] * np.where(self._empty, np.diff(ends), 0.0)
        return np.asarray(ends[0] + whole - slopes - slopes.T + flat @ above[:, :-1].T)

    def _integrals(self) -> Floats:
        """Integral of each F from 0 to every point of the grid, shape (g, m)."""
        height, slope, step = self._height, self._slope, self._step[:, None]
        cells = step / 2.0 * (height[:-1] + height[1:]) + step**2 / 12.0 * (slope[:-1] - slope[1:])
        flat = np.where(self._empty, np.expm1(np.diff(self._grid)), 0.0)[:, None] * height[:-1]
        return np.concatenate([np.zeros((1, height.shape[1])), np.cumsum(cells + flat, axis=0)])

    def _reached_up_to(self, actual: Floats) -> Floats:
        """Integral of each F from 0 to the actual total, shape (n, m): a cubic within a cell."""
        last = len(self._grid) - 1
        cell = np.clip(np.searchsorted(self._ends, actual) - 1, 0, last - 1)
        y = np.log(np.clip(actual, self._ends[0], self._ends[-1]))
        width = np.diff(self._grid)[cell]
        t = ((y - self._grid[cell]) / width)[:, None]
        first, after = self._height[cell], self._height[cell + 1]
        rise, fall = (width[:, None] * self._slope[end] for end in (cell, cell + 1))
        within = first * (t - t**3 + t**4 / 2.0) + after * (t**3 - t**4 / 2.0)
        within += rise * (t**2 / 2.0 - 2.0 * t**3 / 3.0 + t**4 / 4.0) + fall * (t**4 / 4.0 - t**3 / 3.0)
        flat = first * np.expm1(y - self._grid[cell])[:, None]
        inside = np.where(self._empty[cell][:, None], flat, width[:, None] * within)
        beyond = np.maximum(actual - self._ends[-1], 0.0)[:, None]
        return np.asarray(self._before[cell] + inside + beyond)


def _parts(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(rows), max(size, 1)):
        yield rows[first : first + size]
