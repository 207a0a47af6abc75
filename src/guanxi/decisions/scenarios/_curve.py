"""The margin expected within any time from now, and what changes of retention make of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from guanxi.periods import DAYS_PER_YEAR

Floats = NDArray[np.float64]

#: Curves reach this many times the end of the value counted: the largest pace of leaving.
LONGEST = 8.0
_NODES = 48
_SURVIVAL_POINTS = 1_000


def discount_factors(annual_rate: ArrayLike, ends: Floats) -> Floats:
    """Value today of 1 at each end in days; a column of rates gives one row each.

    Examples
    --------
    >>> discount_factors(0.1, np.array([365.0])).round(4)
    array([0.9091])
    """
    return np.asarray((1.0 + np.asarray(annual_rate)) ** (-ends / DAYS_PER_YEAR))


def curve_nodes(ends: Floats, last: float) -> Floats:
    """Times at which curves are computed: 0, the ends of periods, and others up to the last, close at first."""
    spread = np.expm1(np.linspace(0.0, np.log1p(last), _NODES))
    spread = spread[np.abs(spread[:, None] - ends).min(axis=1) > 1e-3]
    return np.unique(np.concatenate([[0.0], ends, spread]))


class Curve:
    """Expected margin within a time from now, between its nodes by monotone interpolation.

    Parameters
    ----------
    nodes : array, shape (m,)
        Times in ascending order from 0.
    values : array, shape (m,)
        Expected until then; 0 at 0.
    """

    def __init__(self, nodes: Floats, values: Floats) -> None:
        self.nodes, self.values = nodes, values
        self._interpolated = PchipInterpolator(np.log1p(nodes), values)
        self._slope = self._interpolated.derivative()

    def flow(self, time: ArrayLike) -> Floats:
        """Margin expected per unit of time."""
        time = np.asarray(time, dtype=np.float64)
        return np.asarray(self._slope(np.log1p(time)) / (1.0 + time))

    def flows(self, ends: Floats, pace: Floats) -> Floats:
        """Margin expected between the ends if customers leave at a pace times today's, shape (p, K).

        Customers who leave at the time u today leave at u / pace, and buy as often until then. For a customer
        with a constant rate of leaving this multiplies that rate; it is exact for the groups, too, since the
        expectation is the same integral: ``integral of flow(pace u) du = until(pace t) / pace``.

        Parameters
        ----------
        ends : array, shape (K,)
        pace : array, shape (p,)
            0: nobody leaves any more.
        """
        scaled = np.asarray(pace, dtype=np.float64)[:, None]
        moving = scaled > 0.0
        paces = np.where(moving, scaled, 1.0)
        passed = self._interpolated(np.log1p(paces * ends)) / paces
        until = np.where(moving, passed, float(self.flow(0.0)) * ends)
        return np.diff(until, prepend=0.0, axis=1)


class Survival:
    """Share of today's flow of margin that is left after a time, because customers leave.

    Parameters
    ----------
    curves : list of Curve
        Of a segment.
    year : float
        A year in the time of the curves.

    Attributes
    ----------
    retention : float
        The share left after a year.
    """

    def __init__(self, curves: list[Curve], year: float) -> None:
        times = np.expm1(np.linspace(0.0, np.log1p(curves[0].nodes[-1]), _SURVIVAL_POINTS))
        flow = np.sum([np.abs(curve.flow(times)) for curve in curves], axis=0)
        share = np.minimum.accumulate(flow / flow[0]) if flow[0] > 0.0 else np.ones(len(times))
        # Strictly falling, so that every share has one time.
        self._log_share = np.log(np.maximum(share, 1e-300)) - 1e-15 * np.arange(len(times))
        self._log_time = np.log1p(times)
        self.retention = float(np.exp(np.interp(np.log1p(year), self._log_time, self._log_share)))

    @property
    def nobody_leaves(self) -> bool:
        """Whether the model knows no leaving."""
        return self.retention > 1.0 - 1e-9

    @property
    def least(self) -> float:
        """Lowest retention whose pace is within the reach of the curves."""
        return float(self._share_at(LONGEST * self._time_of(np.array([self.retention])))[0])

    def pace(self, retention: Floats) -> Floats:
        """Pace of leaving at which the share is left after a year, shape (p,)."""
        today = self._time_of(np.array([self.retention]))
        return np.where(retention >= 1.0, 0.0, self._time_of(np.minimum(retention, 1.0)) / today)

    def _time_of(self, share: Floats) -> Floats:
        log_share = np.log(np.maximum(share, 1e-300))
        return np.expm1(np.interp(-log_share, -self._log_share, self._log_time))

    def _share_at(self, time: Floats) -> Floats:
        return np.exp(np.interp(np.log1p(time), self._log_time, self._log_share))
