"""Posterior-predictive intervals of purchases and of total spend within a horizon, without random draws.

Purchases follow the posterior-predictive distribution of the purchase models, averaged over models and over
the uncertainty of their parameters; total spend given the purchases follows the spend model. Each row is
computed on its own, so that order, chunks, duplicates and engines change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..numerics import FIXED, _gauss_legendre, distinct_rows, parameter_points
from ..purchases.process import Floats, Params, PurchaseProcess, broadcast_floats
from ..spend import SpendProcess
from ._exponential_tilting import tilted
from ._many_rows import Loops, loops_for
from .spend_table import SpendTable

Transactions = Sequence[tuple[PurchaseProcess, Params, ArrayLike | None]]
Spend = tuple[SpendProcess, Params, ArrayLike | None]
Members = list[list[tuple[PurchaseProcess, Params]]]
Adjusted = tuple[Floats, Floats]

NAMES = ("purchases_lower", "purchases_upper", "spend_lower", "spend_upper")

_MOST = (8, 24, 72, 216, 1024)  # tried in turn until less than _LEFT_OUT lies beyond
_LEFT_OUT = 1e-6
_ENTRIES = 2**21  # probabilities in memory at once
_FEW_ROWS = 100
_MOST_KEPT = _MOST[2] + 1  # counts in a table that is kept: 0.25 MB
# For the few rows with more than 1,024 purchases: panels per doubling below the likely counts, panels within
# them, nodes of a panel, and reach in deviations. Ends are within 1e-3 of the exact ones.
_COARSE, _FINE, _NODES, _REACH = 4, 256, 8, 8.0


def interval(
    transactions: Transactions,
    spend: Spend,
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    monetary_value: ArrayLike,
    horizon: float,
    *,
    level: float = 0.9,
    adjusted: Adjusted | None = None,
) -> dict[str, Floats]:
    """Central posterior-predictive interval of each customer's purchases and total spend within the horizon.

    Parameters
    ----------
    transactions : sequence of (process, params, log_covariance)
        Purchase models of equal weight. ``log_covariance`` is the covariance of the log-parameters, shape
        (d, d), or None if they are taken as known: see :func:`.numerics.parameter_points`.
    spend : (process, params, log_covariance)
    frequency, recency, T, monetary_value : array, shape (n,)
    horizon : float
        In the unit of T.
    level : float
        Coverage, with equal tails.
    adjusted : (none, mean), optional
        Better estimates of each row's probability of no purchase and expected purchases, arrays of shape
        (n,), to which the distribution of the purchase models is tilted.

    Returns
    -------
    dict of arrays, shape (n,)
        ``purchases_lower, purchases_upper`` (whole numbers), ``spend_lower, spend_upper`` (undiscounted,
        without margin). Both ends are 0 where P(no purchase) is at least the upper level.

    Notes
    -----
    The effect of the uncertainty of the spend parameters on the scale of a customer's amounts is evaluated at
    the population's mean amount: exact without repeat purchases, otherwise within 0.3 % of the interval's
    width on Online Retail II (standard errors of 4 to 9 %).

    Examples
    --------
    >>> from ..purchases.beta_geometric_process import BG_NBD
    >>> from ..spend import GAMMA_GAMMA
    >>> purchases = (BG_NBD, {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}, None)
    >>> amounts = (GAMMA_GAMMA, {"p": 6.0, "q": 4.0, "v": 15.0}, None)
    >>> ends = interval([purchases], amounts, [2], [200], [270], [22.0], 365)
    >>> [round(float(end[0]), 1) for end in ends.values()]
    [0.0, 5.0, 0.0, 136.2]
    """
    x, t_x, T, own_mean = broadcast_floats(frequency, recency, T, monetary_value)
    tables = _tables(spend)
    levels = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    histories, inverse = distinct_rows((x, t_x, T, *(adjusted or ())))
    purchases = np.zeros((2, len(histories[0])))
    log_spend = np.full(purchases.shape, -np.inf)
    # Both ends are 0 where P(no purchase) reaches the upper level.
    open_ends = np.flatnonzero(histories[3] < levels[1]) if adjusted else np.arange(len(histories[0]))
    asked = tuple(column[open_ends] for column in histories)
    members, loops = _parameter_points(transactions), loops_for(len(x))
    for rows, counts, probabilities in _count_distributions(members, asked, horizon, loops):
        quantiles = loops.count_quantiles if loops else _count_quantiles
        purchases[:, open_ends[rows]] = quantiles(counts, probabilities, levels)
        log_spend[:, open_ends[rows]] = tables.quantiles(asked[0][rows], counts, probabilities, levels, loops)
    ends = np.exp(log_spend)[:, inverse] * tables.scale(x, own_mean)
    return dict(zip(NAMES, [*purchases[:, inverse], *ends], strict=True))


def _count_probabilities(
    transactions: Transactions,
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    horizon: float,
    most: int,
    *,
    adjusted: Adjusted | None = None,
) -> Floats:
    """P(exactly n purchases in (T, T + horizon] | history) for n = 0 ... most, shape (n, most + 1).

    Averaged over models and parameter uncertainty; see :func:`interval`.

    Examples
    --------
    >>> from ..purchases.lifetime_process import NBD
    >>> _count_probabilities([(NBD, {"r": 1.0, "alpha": 1.0}, None)], [0], [0], [0], 1.0, 2)
    array([[0.5  , 0.25 , 0.125]])
    """
    histories, inverse = distinct_rows(broadcast_floats(frequency, recency, T, *(adjusted or ())))
    members = _parameter_points(transactions)
    if adjusted is None:
        return _mixture(members, histories, horizon, most)[inverse]
    result = np.zeros((len(histories[0]), most + 1))
    for rows, counts, probabilities in _count_distributions(members, histories, horizon):
        known = counts <= most  # beyond the last of _MOST counts are not whole
        places = np.round(counts[known]).astype(np.int64)
        result[np.ix_(rows, places)] = probabilities[:, known]
    return result[inverse]


class _Tables:
    """Spend tables by frequency and purchase counts."""

    def __init__(self, process: SpendProcess, points: list[Params]) -> None:
        self._process, self._points = process, points

    def scale(self, frequency: Floats, own_mean: Floats) -> Floats:
        """Scale of the totals in the tables: that of the first parameter point."""
        return self._process.scale(self._points[0], frequency, own_mean)

    def quantiles(
        self,
        frequency: Floats,
        counts: Floats,
        probabilities: Floats,
        levels: tuple[float, float],
        loops: Loops = None,
    ) -> Floats:
        """Quantiles of log(total / scale), shape (2, n); minus infinity where the quantile of spend is 0."""
        result = np.full((2, len(frequency)), -np.inf)
        uncertain = np.flatnonzero(probabilities[:, 0] < levels[1])
        for x in np.unique(frequency[uncertain]):
            table = self.table(float(x), counts)
            if loops and table.by_grid_point is not None:
                rows = uncertain[frequency[uncertain] == x]
                given = table.starts, table.grid, table.by_grid_point, levels
                loops.spend_quantiles(probabilities, rows, *given, result)
                continue
            for rows in _chunks(uncertain[frequency[uncertain] == x], _ENTRIES // len(table.grid)):
                result[:, rows] = table.quantile(probabilities[rows], levels)
        return result

    def table(self, frequency: float, counts: Floats) -> SpendTable:
        """Table for one frequency and increasing counts from 0."""
        if len(counts) > _MOST_KEPT:
            return SpendTable(self._process, self._points, frequency, counts[1:])
        points = tuple(tuple(point.items()) for point in self._points)
        return _kept_table(self._process, points, frequency, len(counts))


def _tables(spend: Spend) -> _Tables:
    process, params, log_covariance = spend
    return _Tables(process, parameter_points(params, log_covariance))


@lru_cache(maxsize=256)
def _kept_table(
    process: SpendProcess, points: tuple[tuple[tuple[str, float], ...], ...], frequency: float, counts: int
) -> SpendTable:
    """Table of few purchases, cached: chunks and served models use the same few again and again."""
    return SpendTable(process, [dict(point) for point in points], frequency, np.arange(1.0, counts))


def _parameter_points(transactions: Transactions) -> Members:
    return [
        [(process, point) for point in parameter_points(params, log_covariance)]
        for process, params, log_covariance in transactions
    ]


def _mixture(
    members: Members, histories: tuple[Floats, ...], horizon: float, most: int, loops: Loops = None
) -> Floats:
    (x, t_x, T), inverse = distinct_rows(histories[:3])
    total = np.zeros((len(x), most + 1))
    if len(x) <= _FEW_ROWS:
        for points in members:
            for found in _at_all_points(points, x, t_x, T, horizon, most):
                total += found / len(points)
        return np.asarray(total[inverse] / len(members))
    alive, places = distinct_rows((x, T))
    for points in members:
        for process, params in points:
            found = process.count_distribution_of_distinct(
                params, (x, t_x, T), (alive[0], alive[1]), places, horizon, most, loops
            )
            total += found / len(points)
    total /= len(members)
    return np.asarray(total[inverse])


def _at_all_points(
    points: list[tuple[PurchaseProcess, Params]], x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
) -> Floats:
    """Distribution of counts at each parameter point in one call, shape (points, n, most + 1)."""
    rows = len(x)
    process, first = points[0]
    free = [name for name in first if name not in FIXED]
    every = {name: np.repeat([params[name] for _, params in points], rows) for name in free}
    x, t_x, T = (np.tile(column, len(points)) for column in (x, t_x, T))
    found = process.count_distribution({**first, **every}, x, t_x, T, horizon, most)
    return found.reshape(len(points), rows, most + 1)


def _adjust(
    counts: Floats,
    probabilities: Floats,
    adjusted: tuple[Floats, ...],
    bounded: bool = False,
    loops: Loops = None,
) -> Floats:
    if not adjusted:
        return probabilities
    if loops:
        found: Floats = loops.tilted(counts, probabilities, *adjusted, bounded)
        return found
    return tilted(counts, probabilities, *adjusted, bounded=bounded)


def _is_complete(probabilities: Floats, adjusted: tuple[Floats, ...]) -> NDArray[np.bool_]:
    """Whether each row leaves a negligible probability to greater counts; adjusted rows always sum to 1."""
    if adjusted:
        return np.asarray(probabilities[:, -1] <= _LEFT_OUT / 10.0)
    return np.asarray(probabilities.sum(axis=1) >= 1.0 - _LEFT_OUT)


def _count_distributions(
    members: Members, histories: tuple[Floats, ...], horizon: float, loops: Loops = None
) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
    """Yield rows, purchase counts and their probabilities, with as many counts as each row needs."""
    going_on = np.arange(len(histories[0]))
    possible = max(
        process.most_purchases(params, horizon) for points in members for process, params in points
    )
    bounded = np.isfinite(possible)
    for most in (int(possible),) if bounded else _MOST:
        if not len(going_on):
            return
        incomplete = []
        for rows in _chunks(going_on, _ENTRIES // (most + 1)):
            chosen = tuple(column[rows] for column in histories)
            counts = np.arange(most + 1.0)
            probabilities = _mixture(members, chosen, horizon, most, loops)
            probabilities = _adjust(counts, probabilities, chosen[3:], bounded, loops)
            complete = bounded | _is_complete(probabilities, chosen[3:])
            incomplete.append(rows[~complete])
            yield rows[complete], counts, probabilities[complete]
        going_on = np.concatenate(incomplete)
    for rows in _chunks(going_on, 1):
        chosen = tuple(column[rows] for column in histories)
        counts, beyond = _tail(members, chosen, horizon)
        probabilities = _mixture(members, chosen, horizon, _MOST[-1])
        beyond *= (1.0 - probabilities.sum()) / beyond.sum()
        counts = np.concatenate([np.arange(_MOST[-1] + 1.0), counts])
        yield rows, counts, _adjust(counts, np.append(probabilities[0], beyond)[None, :], chosen[3:])


def _tail(members: Members, history: tuple[Floats, ...], horizon: float) -> tuple[Floats, Floats]:
    """Purchase counts of one customer beyond the last of _MOST, and quadrature weights over their logarithm.

    Below the counts of customers who stay, which may be many, all counts are due to early dropout and their
    probabilities are smooth.
    """
    x, t_x, T, *adjusted = history
    everyone = [point for points in members for point in points]
    mean, deviation = np.array([_staying(params, x[0], T[0], horizon) for _, params in everyone]).T
    if adjusted:
        mean = np.append(mean, adjusted[1] / np.maximum(1.0 - adjusted[0], 1e-300))
        deviation = np.append(deviation, deviation.max())
    first = np.log(_MOST[-1] + 0.5)
    low = max(float((np.log(mean) - _REACH * deviation).min()), first)
    high = max(float((np.log(mean) + _REACH * deviation).max()), low + deviation.max())
    panels = max(1, math.ceil(_COARSE * (low - first) / np.log(2.0)))
    nodes = [_nodes(first, low, panels), _nodes(low, high, _FINE)]
    log_counts, weight = np.concatenate(nodes, axis=1)
    counts, density = np.exp(log_counts), np.zeros(len(log_counts))
    for points in members:
        for process, params in points:
            density += process.purchase_probability(params, x, t_x, T, counts, horizon) / len(points)
    return counts, density * counts * weight + 1e-300


def _staying(params: Params, x: float, T: float, horizon: float) -> tuple[float, float]:
    """Return the mean purchases of a customer who does not leave, and their relative deviation."""
    shape = params["r"] + params.get("k", 1) * x
    events = shape / (params["alpha"] + T) * horizon
    return events / params.get("k", 1), math.sqrt(1.0 / shape + 1.0 / events)


def _nodes(low: float, high: float, panels: int) -> tuple[Floats, Floats]:
    y, w = _gauss_legendre(panels, _NODES)
    return low + (high - low) * y, (high - low) * w


def _chunks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def _count_quantiles(counts: Floats, probabilities: Floats, levels: tuple[float, float]) -> Floats:
    """Least number of purchases whose cumulative probability reaches each level, shape (2, n)."""
    reached = np.cumsum(probabilities, axis=1)
    # Rounding must not decide.
    places = [np.minimum((reached < level - 1e-12).sum(axis=1), len(counts) - 1) for level in levels]
    return np.asarray(np.round(counts[np.array(places)]))
