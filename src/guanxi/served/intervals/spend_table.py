"""Quantiles of the total spend of a random number of purchases, exact up to interpolation.

For all customers of one frequency, log(total / scale) of n purchases has the same distribution function,
tabulated once on a grid that follows its spread. A customer's distribution function on that grid is the
product of P(N = n) with the table, interpolated by cubics with the exact values and densities at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ..spend import Floats, Params, SpendProcess

_STEPS_PER_SPREAD = 3.0  # relative error of the ends: 1e-5, checked by root finding
_FINEST = 1e-3  # no finer step is needed within the spread
# Large counts are grouped narrowly compared with the Poisson deviation and the spread of their total, or with
# the count itself: the ends move by less than 1e-3, usually by 1e-4 where amounts vary.
_GROUPS_PER_DEVIATION, _GROUPS_PER_SPREAD, _NARROWEST = 8.0, 4.0, 2e-3
_HALVINGS = 24
_MOST_ENTRIES = 2**21  # 16 MB; beyond, quantiles are found by bisection
_NEGLIGIBLE, _BISECTIONS = 1e-15, 40


class SpendTable:
    """Distribution of log(total / scale) given the purchases, for one frequency.

    Parameters
    ----------
    process : SpendProcess
    points : sequence of mapping
        Equally likely parameters; the first defines the scale.
    frequency : float
    purchases : array, shape (k,)
        Numbers of purchases, increasing.

    Attributes
    ----------
    starts : array of int, shape (m,)
        First index of each group of purchases: large counts are grouped.
    grid : array, shape (g,)
        Values of log(total / scale), increasing.
    empty : array of bool, shape (g - 1,)
        Intervals of the grid that no distribution covers.
    distribution, density : array, shape (m, g)
        Of log(total / scale) for each group. The first is None where the table would be too large.

    Examples
    --------
    >>> from ..spend import GAMMA_GAMMA
    >>> params = {"p": 6.25, "q": 3.74, "v": 15.44}
    >>> table = SpendTable(GAMMA_GAMMA, [params], 2.0, np.array([1.0, 2.0]))
    >>> table.quantile(np.array([[0.5, 0.3, 0.2]]), [0.4, 0.9]).round(3)
    array([[  -inf],
           [-0.206]])
    """

    def __init__(
        self, process: SpendProcess, points: Sequence[Params], frequency: float, purchases: Floats
    ) -> None:
        spread = process.log_total_range(points[0], purchases, frequency)[2]
        self.starts, purchases = _groups(purchases, spread)
        shifts = _shifts(process, points, frequency)
        ranges = [process.log_total_range(params, purchases, frequency) for params in points]
        lower = np.min([low + shift for (low, _, _), shift in zip(ranges, shifts, strict=True)], axis=0)
        upper = np.max([high + shift for (_, high, _), shift in zip(ranges, shifts, strict=True)], axis=0)
        self._ends = lower, upper
        self._below = [
            partial(_below, process, params, frequency, shift)
            for params, shift in zip(points, shifts, strict=True)
        ]
        self._purchases = purchases
        self.grid, self.empty = _grid(lower, upper, np.min([spread for _, _, spread in ranges], axis=0))
        if len(purchases) * len(self.grid) > _MOST_ENTRIES:
            self.distribution = None
            return
        self.density, slope = np.zeros((2, len(purchases), len(self.grid)))
        for params, shift in zip(points, shifts, strict=True):
            one = process.log_total_density(params, purchases, frequency, self.grid - shift)
            self.density += one[0] / len(points)
            slope += one[1] / len(points)
        self.distribution = _integrated(self.grid, self.empty, self.density, slope)

    @cached_property
    def by_grid_point(self) -> tuple[Floats, Floats] | None:
        """``distribution`` and ``density``, shape (g, m)."""
        if self.distribution is None:
            return None
        return np.ascontiguousarray(self.distribution.T), np.ascontiguousarray(self.density.T)

    def quantile(self, probabilities: Floats, levels: Sequence[float]) -> Floats:
        """Quantiles of log(total / scale); minus infinity where P(no purchase) is at least the level.

        Parameters
        ----------
        probabilities : array, shape (n, k + 1)
            Of no purchase and of the purchases in the table.
        levels : sequence of float

        Returns
        -------
        array, shape (len(levels), n)
        """
        none, some = probabilities[:, 0], np.add.reduceat(probabilities[:, 1:], self.starts, axis=1)
        if self.by_grid_point is None:
            found = [[self._root(*row, level) for row in zip(none, some, strict=True)] for level in levels]
            return np.array(found)
        reached = none[:, None] + some @ self.distribution
        density = self.by_grid_point[1]
        result = np.full((len(levels), len(none)), -np.inf)
        for i, level in enumerate(levels):
            rows = np.flatnonzero(none < level)
            after = np.clip((reached[rows] < level).sum(axis=1), 1, len(self.grid) - 1)
            before = after - 1
            width = self.grid[after] - self.grid[before]
            low, high = reached[rows, before], reached[rows, after]
            first, last = (width * np.einsum("ij,ij->i", some[rows], density[end]) for end in (before, after))
            share = _cubic_root(low, high, first, last, level)
            result[i, rows] = self.grid[before] + share * width
        return result

    def _root(self, none: float, some: Floats, level: float) -> float:
        """Quantile of one row by bisection, without a table."""
        if none >= level:
            return -math.inf
        lower, upper = self._ends
        likely = some > _NEGLIGIBLE
        low, high = float(lower[likely].min()), float(upper[likely].max())
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2.0
            reached = none + some[upper <= middle].sum()
            open_counts = likely & (lower < middle) & (middle < upper)
            if open_counts.any():
                shares = [below(self._purchases[open_counts], middle) for below in self._below]
                reached += some[open_counts] @ np.mean(shares, axis=0)
            low, high = (middle, high) if reached < level else (low, middle)
        return high


def _below(
    process: SpendProcess, params: Params, frequency: float, shift: float, purchases: Floats, y: float
) -> Floats:
    return process.log_total_distribution(params, purchases, frequency, y - shift)


def _shifts(process: SpendProcess, points: Sequence[Params], frequency: float) -> list[float]:
    """Log scale of each parameter point minus that of the first, at the population's mean amount."""
    mean = process.expected_spend(points[0], 0.0, 0.0)
    scales = [float(process.scale(params, frequency, mean)[0]) for params in points]
    return [float(np.log(scale / scales[0])) for scale in scales]


def _groups(purchases: Floats, spread: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Group purchase counts: first index and mean count of each group."""
    narrow = np.maximum(purchases * spread / _GROUPS_PER_SPREAD, purchases * _NARROWEST)
    width = np.maximum(np.minimum(np.sqrt(purchases) / _GROUPS_PER_DEVIATION, narrow), 1.0)
    group = np.floor(np.cumsum(np.diff(purchases, prepend=0.0) / width))
    starts = np.flatnonzero(np.diff(group, prepend=0.0))
    sizes = np.diff(np.append(starts, len(purchases)))
    return starts, np.add.reduceat(purchases, starts) / sizes


def _grid(lower: Floats, upper: Floats, spread: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Grid as dense as the narrowest distribution at each point requires.

    The n-th distribution is the narrowest from its lower end to that of the next. A range that no
    distribution covers is one interval, marked in the second array as empty.
    """
    step = np.maximum(spread / _STEPS_PER_SPREAD, np.minimum(spread, _FINEST))
    following = np.append(lower[1:], np.inf)
    end = np.minimum(np.append(upper[:-1], upper.max()), following)
    count = np.ceil((end - lower) / step)  # both ends are points of the grid
    gap = (following > end).astype(np.float64)
    position = np.concatenate([[0.0], np.cumsum(np.column_stack([count, gap]).ravel())[:-1]])
    points = np.arange(position[-1] + 1.0)
    grid = np.asarray(np.interp(points, position, np.column_stack([lower, end]).ravel()))
    return grid, np.isin(points[:-1], position[1::2][gap > 0])


def _integrated(grid: Floats, empty: NDArray[np.bool_], density: Floats, slope: Floats) -> Floats:
    """Distribution functions of densities, by the trapezoidal rule with its first correction.

    Summed from above, so that probability below a truncated grid is not lost.
    """
    width = np.diff(grid)
    pieces = width / 2.0 * (density[:, :-1] + density[:, 1:]) - width**2 / 12.0 * np.diff(slope, axis=1)
    pieces[:, empty] = 0.0
    result = np.ones(density.shape)
    result[:, :-1] -= np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1]
    return result


def _cubic_root(low: Floats, high: Floats, first: Floats, last: Floats, level: float) -> Floats:
    """Point in (0, 1) at which the cubic with these values and slopes at 0 and 1 reaches the level."""
    rise = high - low
    # Slopes of at most three times the rise keep the cubic monotone (Fritsch & Carlson 1980).
    first, last = np.minimum(first, 3.0 * rise), np.minimum(last, 3.0 * rise)
    second, third = 3.0 * rise - 2.0 * first - last, first + last - 2.0 * rise
    left, size = np.zeros(len(low)), 1.0
    for _ in range(_HALVINGS):
        size /= 2.0
        middle = left + size
        value = low + middle * (first + middle * (second + middle * third))
        left = np.where(value < level, middle, left)
    return left
