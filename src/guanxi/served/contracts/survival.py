"""When the renewal opportunities of customers under contract come up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class OpportunityTimes:
    """Times of the next opportunities of n customers, in contract periods from the day of the features.

    Attributes
    ----------
    first : array, shape (n,)
        Time of the next opportunity, in (0, 1]; NaN: uniformly distributed over the period.
    opportunities : int
        Number of opportunities looked at.

    Examples
    --------
    >>> times = OpportunityTimes(np.array([0.2, np.nan]), 3)
    >>> times.times
    array([[0.2, 1.2, 2.2],
           [0.5, 1.5, 2.5]])
    >>> times.passed(1.3), times.shares(1.3)
    (array([2. , 1.3]), array([[1. , 1. , 0. ],
           [1. , 0.3, 0. ]]))
    """

    first: Floats
    opportunities: int

    @property
    def times(self) -> Floats:
        """Mean time of each opportunity, shape (n, opportunities)."""
        return np.where(np.isnan(self.first), 0.5, self.first)[:, None] + np.arange(self.opportunities)

    def passed(self, periods: float) -> Floats:
        """Mean number of opportunities within a number of periods, shape (n,)."""
        known = np.floor(periods - self.first + _ROUNDING) + 1.0
        return np.asarray(np.where(np.isnan(self.first), periods, np.maximum(known, 0.0)))

    def shares(self, periods: float) -> Floats:
        """Probability that each opportunity is within a number of periods, shape (n, opportunities)."""
        return np.clip(self.passed(periods)[:, None] - np.arange(self.opportunities), 0.0, 1.0)


@dataclass(frozen=True)
class SurvivalCurves:
    """Survival curves of n customers: the one source of all predictions about leaving.

    Attributes
    ----------
    log_survival : array, shape (n, opportunities + 1)
        Logarithm of the probability of having renewed at each of the next 0, 1, 2, ... opportunities.
    times : OpportunityTimes
    """

    log_survival: Floats
    times: OpportunityTimes

    @property
    def renewed(self) -> Floats:
        """Probability of having renewed at each opportunity and those before it, shape (n, opportunities)."""
        return np.exp(self.log_survival[:, 1:])

    def certain(self) -> SurvivalCurves:
        """Return curves of the same customers if they certainly stayed."""
        return SurvivalCurves(np.zeros_like(self.log_survival), self.times)

    def at(self, periods: float) -> Floats:
        """S(t): probability of still being under contract after a number of periods, shape (n,).

        Where the time of the opportunities is unknown, the hazard is spread evenly over a period.
        """
        return np.asarray(np.exp(_interpolated(self.log_survival, self.times.passed(periods))))

    def lifetime(self, periods: float) -> Floats:
        """Mean periods under contract within a number of periods: the area below S(t), shape (n,)."""
        ends = np.minimum(self.times.times, periods)
        known = ~np.isnan(self.times.first)
        area = np.empty(len(ends))
        steps = np.diff(ends, axis=1, append=periods)
        area[known] = ends[known, 0] + (self.renewed * steps).sum(axis=1)[known]
        if not known.all():
            whole = int(np.floor(periods + _ROUNDING))
            curve = np.exp(self.log_survival[~known])
            area[~known] = (curve[:, :whole] + curve[:, 1 : whole + 1]).sum(axis=1) / 2.0
            rest = periods - whole
            if rest > _ROUNDING:
                area[~known] += rest * (curve[:, whole] + self.at(periods)[~known]) / 2.0
        return area


def log_survival(log_odds: Floats) -> Floats:
    """Logarithm of S at 0, 1, 2, ... opportunities from the log odds of churning at each of them.

    Examples
    --------
    >>> np.exp(log_survival(np.array([[0.0, 0.0]])))
    array([[1.  , 0.5 , 0.25]])
    """
    # log(1 + e^z) without overflow, and twice as fast as numpy's logaddexp.
    hazard = np.maximum(log_odds, 0.0) + np.log1p(np.exp(-np.abs(log_odds)))
    curve = np.zeros((log_odds.shape[0], log_odds.shape[1] + 1))
    np.cumsum(-hazard, axis=1, out=curve[:, 1:])
    return curve


def _interpolated(curve: Floats, places: Floats) -> Floats:
    """Values of each row at a fractional place."""
    whole = np.minimum(np.floor(places).astype(np.int64), curve.shape[1] - 2)
    rows, rest = np.arange(len(curve)), places - whole
    return np.asarray(curve[rows, whole] * (1.0 - rest) + curve[rows, whole + 1] * rest)
