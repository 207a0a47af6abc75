"""Metrics of resamples that are given as how often each customer was drawn: nothing is sorted again.

Whatever depends on a customer alone, such as a loss, is computed once for all resamples. The values are those
of :mod:`.metrics` for the drawn customers, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.evaluation import metrics
from guanxi.models import losses

Floats = NDArray[np.float64]
Measure = Callable[["Resample"], float]


class Column:
    """One model's predictions, from the lowest, with the actual values and the runs of equal values."""

    def __init__(self, actual: Floats, predicted: Floats) -> None:
        self.order = np.argsort(predicted, kind="stable")
        self.actual, self.predicted = actual[self.order], predicted[self.order]
        self.starts = metrics._starts(self.predicted)
        self.sizes = np.diff(np.append(self.starts, len(actual)))
        self.values, self.codes = np.unique(self.actual, return_inverse=True)

    def drawn(self, times: NDArray[np.int64]) -> Resample:
        """Return a resample in which each customer, in the given order, is drawn so many times."""
        own = times[self.order].astype(np.float64)
        runs = np.add.reduceat(own, self.starts)
        of_values = np.bincount(self.codes, own, len(self.values)).astype(np.float64)
        return Resample(self, own, runs, of_values, int(own.sum()))


@dataclass(frozen=True)
class Resample:
    """How often each row, each run of predictions and each actual value was drawn."""

    column: Column
    times: Floats
    runs: Floats
    of_values: Floats
    size: int

    def total(self, of_rows: Floats) -> float:
        """Sum over the drawn rows."""
        return float(self.times @ of_rows)

    @cached_property
    def ranks(self) -> Floats:
        """Ranks of the predictions around their mean, by row."""
        return np.repeat(self._middles(self.runs), self.column.sizes)

    @cached_property
    def ranks_of_values(self) -> Floats:
        """Ranks of the actual values around their mean."""
        return self._middles(self.of_values)

    @cached_property
    def totals_of_runs(self) -> Floats:
        """Actual total of each run of predictions."""
        return np.add.reduceat(self.times * self.column.actual, self.column.starts)

    def top(self, count: int) -> float:
        """Actual total of the highest predictions; ties at the boundary share the remaining places."""
        runs, totals = self.runs[::-1], self.totals_of_runs[::-1]
        reached = np.cumsum(runs)
        last = int(np.searchsorted(reached, count))
        places = count - (reached[last] - runs[last])
        return float(totals[:last].sum() + places * totals[last] / runs[last])

    def _middles(self, counts: Floats) -> Floats:
        return np.cumsum(counts) - counts / 2.0 - self.size / 2.0


def measure_of(function: Callable[..., float], column: Column) -> Measure:
    """Return the metric as a function of a resample of the column."""
    if function in _OF_ROWS:
        of_rows, finish = _OF_ROWS[function]
        row = of_rows(column.actual, column.predicted)
        return lambda drawn: finish(drawn.total(row) / drawn.size)
    if function in _OF_RANKS:
        return _OF_RANKS[function]
    return lambda drawn: _repeated(function, drawn)


def _repeated(function: Callable[..., float], drawn: Resample) -> float:
    column, times = drawn.column, drawn.times.astype(np.int64)
    return function(np.repeat(column.actual, times), np.repeat(column.predicted, times))


def _bias(drawn: Resample) -> float:
    total = drawn.total(drawn.column.actual)
    return drawn.total(drawn.column.predicted) / total - 1.0 if total else math.nan


def _spearman(drawn: Resample) -> float:
    x, y = drawn.ranks_of_values, drawn.ranks
    spread = math.sqrt(float(drawn.of_values @ x**2) * drawn.total(y**2))
    return drawn.total(x[drawn.column.codes] * y) / spread if spread else math.nan


def _normalised_gini(drawn: Resample) -> float:
    column = drawn.column
    best = float((drawn.of_values * column.values) @ drawn.ranks_of_values)
    return drawn.total(column.actual * drawn.ranks) / best if best else math.nan


def _top_decile_capture(drawn: Resample) -> float:
    count = metrics._contacted(drawn.size, metrics.DECILE)
    taken = np.minimum(np.cumsum(drawn.of_values[::-1]), count)
    best = float(np.diff(taken, prepend=0.0) @ drawn.column.values[::-1])
    return drawn.top(count) / best if best else math.nan


def _capture(drawn: Resample) -> float:
    total = drawn.total(drawn.column.actual)
    return drawn.top(metrics._contacted(drawn.size, metrics.DECILE)) / total if total else math.nan


def _lift(drawn: Resample) -> float:
    return _capture(drawn) * drawn.size / metrics._contacted(drawn.size, metrics.DECILE)


def _auc(drawn: Resample) -> float:
    positive = (drawn.column.actual == 1.0).astype(np.float64)
    ones = drawn.total(positive)
    zeros = drawn.size - ones
    if not ones or not zeros:
        return math.nan
    return drawn.total(positive * drawn.ranks) / (ones * zeros) + 0.5


def _average_precision(drawn: Resample) -> float:
    known = drawn.runs > 0
    found = np.cumsum(drawn.totals_of_runs[known][::-1])
    ends = np.cumsum(drawn.runs[known][::-1])
    total = float(found[-1])
    return float(np.diff(found, prepend=0.0) @ (found / ends)) / total if total else math.nan


_OF_ROWS: dict[Any, tuple[Callable[[Floats, Floats], Floats], Callable[[float], float]]] = {
    metrics.mean_absolute_error: (lambda y, p: np.abs(p - y), float),
    metrics._root_mean_squared_error: (lambda y, p: (p - y) ** 2, math.sqrt),
    metrics.poisson_deviance: (losses.poisson_deviance, float),
    metrics._tweedie_deviance: (losses.tweedie_deviance, float),
    metrics._mean_score: (lambda _, p: p, float),
    metrics.log_loss: (losses.log_loss, float),
    metrics.brier: (lambda y, p: (p - y) ** 2, float),
}
_OF_RANKS: dict[Any, Measure] = {
    metrics.bias: _bias,
    metrics.spearman: _spearman,
    metrics.normalised_gini: _normalised_gini,
    metrics.top_decile_capture: _top_decile_capture,
    metrics._capture_at_k: _capture,
    metrics._lift_at_k: _lift,
    metrics.auc: _auc,
    metrics.average_precision: _average_precision,
}
