"""The margin expected within any time from now, and what changes of retention make of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from guanxi.periods import DAYS_PER_YEAR

Floats = NDArray[np.float64]

#: Curves reach this many times the end of the value counted: the largest pace of leaving.
LONGEST = 8.0
_NODES, _EARLY_DAYS = 48, 10.0
_SURVIVAL_POINTS = 1_000
_TINY = 1e-200


def discount_factors(annual_rate: ArrayLike, ends: Floats) -> Floats:
    """Value today of 1 at each end in days; a column of rates gives one row each.

    Examples
    --------
    >>> discount_factors(0.1, np.array([365.0])).round(4)
    array([0.9091])
    """
    return np.asarray((1.0 + np.asarray(annual_rate)) ** (-ends / DAYS_PER_YEAR))


def curve_nodes(ends: Floats, last: float) -> Floats:
    """Choose the times at which curves are computed: 0, ends of periods, others with growing distances."""
    spread = _EARLY_DAYS * np.expm1(np.linspace(0.0, np.log1p(last / _EARLY_DAYS), _NODES))
    spread = spread[np.abs(spread[:, None] - ends).min(axis=1) > 0.5]
    return np.unique(np.concatenate([[0.0], ends, spread]))


class Curve:
    """Expected margin within a time from now: as if nobody left, times a share that falls with time.

    Between the nodes the logarithms of the share, and of what is expected per day if nobody left, are smooth.

    Parameters
    ----------
    nodes : array, shape (m,)
        Times in ascending order from 0.
    expected, kept : array, shape (m,)
        Expected until then as things are, and if nobody left; 0 at 0, all of one sign.
    """

    def __init__(self, nodes: Floats, expected: Floats, kept: Floats) -> None:
        self.nodes, self.expected, self.kept = nodes, expected, kept
        place, some = _place(nodes), np.abs(kept[1:]) > _TINY
        share = np.divide(expected[1:], kept[1:], out=np.ones(len(some)), where=some)
        daily = np.abs(kept[1:]) / nodes[1:]
        self._sign = float(np.sign(kept[-1]))
        self._log_share = CubicSpline(place, np.log(np.maximum([1.0, *share], _TINY)))
        self._log_daily = CubicSpline(place, np.log(np.maximum([daily[0], *daily], _TINY)))

    def scaled(self, factor: float) -> Curve:
        """Multiply the margin by a factor."""
        return Curve(self.nodes, self.expected * factor, self.kept * factor)

    def flows(self, ends: Floats, pace: Floats) -> Floats:
        """Margin expected between the ends if customers leave at a pace times today's, shape (p, K).

        Whoever leaves at the time u today leaves at u / pace, and buys as often until then. If buyers have
        constant rates of buying and leaving, the margin until t is E(pace t) / pace, with E of today: exact
        for any mixture of customers, since E is the integral of their rates times their survival.

        Parameters
        ----------
        ends : array, shape (K,)
        pace : array, shape (p,)
            0: nobody leaves any more.
        """
        passed = np.asarray(pace, dtype=np.float64)[:, None] * ends
        until = self.kept_until(ends) * np.exp(self._log_share(_place(passed)))
        return np.diff(until, prepend=0.0, axis=1)

    def kept_until(self, ends: Floats) -> Floats:
        """Margin expected within each end if nobody left, shape (K,)."""
        return np.asarray(self._sign * ends * np.exp(self._log_daily(_place(ends))))

    def survival(self, times: Floats) -> Floats:
        """Share of today's customers, by their margin per day, who have not left after the times."""
        place = _place(times)
        slope = self._log_share(place, 1) * times / (_EARLY_DAYS + times)
        return np.asarray(np.exp(self._log_share(place)) * (1.0 + slope))


class Survival:
    """Share of a segment's customers, by their margin per day, who have not left after a time.

    Parameters
    ----------
    curves : sequence of Curve
        Of the groups of the segment.
    year : float
        A year in the time of the curves.

    Attributes
    ----------
    retention : float
        The share after a year.
    """

    def __init__(self, curves: Sequence[Curve], year: float) -> None:
        last = curves[0].nodes[-1]
        times = _EARLY_DAYS * np.expm1(np.linspace(0.0, np.log1p(last / _EARLY_DAYS), _SURVIVAL_POINTS))
        weights = np.array([abs(float(curve.kept_until(np.array([year]))[0])) for curve in curves])
        total = weights @ np.array([curve.survival(times) for curve in curves])
        share = np.minimum.accumulate(total / total[0]) if total[0] > 0.0 else np.ones(len(times))
        # Strictly falling, so that every share has one time. Between its points the hazard is constant.
        self._log_share = np.log(np.maximum(share, _TINY)) - 1e-15 * np.arange(len(times))
        self._times, self._year = times, year
        self.retention = float(self._share_at(year))

    @property
    def nobody_leaves(self) -> bool:
        """Whether the model knows no leaving."""
        return self.retention > 1.0 - 1e-9

    @property
    def least(self) -> float:
        """Lowest retention whose pace is within the reach of the curves."""
        return float(self._share_at(LONGEST * self._year))

    def pace(self, retention: Floats) -> Floats:
        """Pace of leaving at which the share is left after a year, shape (p,)."""
        time, today = self._time_of(retention), self._time_of(np.array([self.retention]))
        return np.where(retention >= 1.0, 0.0, time / today)

    def _time_of(self, share: Floats) -> Floats:
        return np.interp(-np.log(np.maximum(share, _TINY)), -self._log_share, self._times)

    def _share_at(self, time: float) -> Floats:
        return np.asarray(np.exp(np.interp(time, self._times, self._log_share)))


def _place(times: ArrayLike) -> Floats:
    """Place of times on the axis of the interpolation."""
    return np.log1p(np.asarray(times, dtype=np.float64) / _EARLY_DAYS)
