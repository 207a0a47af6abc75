"""Share of points that will never be redeemed, from the fates of earlier points by age."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from guanxi.decisions.loyalty._point_lots import EXPIRED, REDEEMED
from guanxi.errors import DataError

Floats = NDArray[np.float64]
PERIOD_DAYS = 30
_FEWEST_CUSTOMERS = 20


@dataclass(frozen=True)
class Breakage:
    """Fates of points by age, and what they say about the end.

    Attributes
    ----------
    by_age : pandas.DataFrame
        ``days``, the end of each period of 30 days of age; ``at_risk`` (points that reached it open and were
        observed to its end) and ``customers`` with such points; ``redeemed, expired, open``: shares of points
        by the end of the period.
    redeemed, lower, upper : float
        Share of points expected to be redeemed, with its interval. Points that are open at the oldest age
        observed count as redeemed, since IFRS 15.B46 admits breakage only so far as it is highly likely.
    undecided : float
        Share of points open at the oldest age: so much lower the share redeemed can be.
    """

    by_age: pd.DataFrame = field(repr=False)
    redeemed: float
    lower: float
    upper: float
    undecided: float

    @property
    def share(self) -> float:
        """Breakage: the share of points not expected to be redeemed."""
        return 1.0 - self.redeemed

    def still_redeemed(self, age: Floats) -> Floats:
        """Share of open points of an age in days that is expected to be redeemed.

        With all points of the oldest ages expired or redeemed it is 0 there.
        """
        open_at = np.append(1.0, self.by_age["open"])
        expired = np.append(0.0, self.by_age["expired"])
        place = np.minimum(np.asarray(age) // PERIOD_DAYS, len(open_at) - 1).astype(np.intp)
        left = open_at[place]
        to_expire = np.divide(expired[-1] - expired[place], left, out=np.zeros_like(left), where=left > 0)
        return np.where(left > 0, 1.0 - np.clip(to_expire, 0.0, 1.0), 0.0)


def estimate_breakage(lots: pd.DataFrame, level: float = 0.9) -> Breakage:
    """Estimate breakage by age, with points not yet old enough counted as far as they have been observed.

    The Aalen-Johansen estimator of two competing fates in periods of 30 days, with points as weights. The
    interval treats customers, not points, as independent: the variance of the estimator's linear
    approximation, on the logit scale. Ages that points of fewer than 20 customers reached are left out.

    Parameters
    ----------
    lots : pandas.DataFrame
        From :func:`point_lots`: ``customer, points, fate, age, follow_up``.
    level : float
        Of the interval, above 0 and below 1.

    Raises
    ------
    DataError
        If no age was reached by points of 20 customers.

    Examples
    --------
    >>> lots = pd.DataFrame({"customer": range(40), "points": 10.0, "fate": [1, 2] * 20,
    ...                      "age": [10.0, 40.0] * 20, "follow_up": 90.0})
    >>> found = estimate_breakage(lots)
    >>> found.redeemed, found.by_age["expired"].tolist(), found.undecided
    (0.5, [0.0, 0.5], 0.0)
    """
    counted = _Counted(lots)
    ages = counted.ages
    if ages == 0:
        raise DataError(
            f"points of fewer than {_FEWEST_CUSTOMERS} customers have been observed for {PERIOD_DAYS} days: "
            "too few to estimate how many will be redeemed; set loyalty.redeemed_share"
        )
    hazards = counted.taken / np.maximum(counted.at_risk, 1e-300)
    left = np.cumprod(1.0 - hazards.sum(axis=0))
    before = np.append(1.0, left[:-1])
    shares = np.cumsum(before * hazards, axis=1)
    broken = float(shares[1, -1])
    error = counted.standard_error(hazards, before, shares[1])
    lower, upper = _logit_interval(1.0 - broken, error, level)
    by_age = pd.DataFrame(
        {
            "days": PERIOD_DAYS * np.arange(1, ages + 1),
            "at_risk": counted.at_risk,
            "customers": counted.customers,
            "redeemed": shares[0],
            "expired": shares[1],
            "open": np.clip(left, 0.0, 1.0),
        }
    )
    return Breakage(by_age, 1.0 - broken, lower, upper, float(np.clip(left[-1], 0.0, 1.0)))


class _Counted:
    """Points at risk and taken by period of age, of ages that points of enough customers reached."""

    def __init__(self, lots: pd.DataFrame) -> None:
        self.points = lots["points"].to_numpy(dtype=np.float64)
        self.customer = lots["customer"].to_numpy()
        fate = lots["fate"].to_numpy()
        # Only whole periods observed to their end count, for points taken as for open ones.
        observed = (lots["follow_up"].to_numpy() // PERIOD_DAYS).astype(np.intp)
        exit_ = (lots["age"].to_numpy() // PERIOD_DAYS).astype(np.intp)
        decided = (fate > 0) & (exit_ < observed)
        self.last = np.where(decided, exit_, observed - 1)
        self.fate = np.where(decided, fate, 0)
        self.customers = self._customers()
        self.ages = len(self.customers)
        self.at_risk = self._until(self.points)
        self.taken = np.stack(
            [self._at(np.where(self.fate == each, self.points, 0.0)) for each in (REDEEMED, EXPIRED)]
        )

    def _at(self, weight: Floats) -> Floats:
        known = (self.last >= 0) & (self.last < self.ages)
        return np.bincount(self.last[known], weight[known], self.ages).astype(np.float64)

    def _until(self, weight: Floats) -> Floats:
        """Sum over all pieces at risk in each period."""
        known = self.last >= 0
        total = np.bincount(self.last[known], weight[known], int(self.last.max(initial=0)) + 1)
        return np.cumsum(total[::-1])[::-1][: self.ages].astype(np.float64)

    def _customers(self) -> Floats:
        """Count customers with points at risk in each period, as long as there are enough."""
        longest = pd.Series(self.last).groupby(self.customer).max().to_numpy()
        longest = longest[longest >= 0]
        if not len(longest):
            return np.empty(0)
        reached = np.cumsum(np.bincount(longest)[::-1])[::-1]
        return reached[reached >= _FEWEST_CUSTOMERS].astype(np.float64)

    def standard_error(self, hazards: Floats, before: Floats, broken: Floats) -> float:
        """Return the standard error of the final share expired; customers are independent."""
        later = broken[-1] - broken
        slope = -later / np.maximum(1.0 - hazards.sum(axis=0), 1e-12)
        # Derivatives of the share by the hazards of redeeming and of expiring.
        by_hazard = np.stack([slope, before + slope]) / np.maximum(self.at_risk, 1e-300)
        while_open = np.cumsum((by_hazard * hazards).sum(axis=0))
        last = np.minimum(self.last, self.ages - 1)
        known = last >= 0
        influence = -np.where(known, while_open[last], 0.0)
        inside = known & (self.last < self.ages)
        for row, fate in enumerate((REDEEMED, EXPIRED)):
            influence += np.where(inside & (self.fate == fate), by_hazard[row][last], 0.0)
        sums = np.bincount(self.customer, influence * self.points)
        n = len(np.unique(self.customer))
        return float(np.sqrt((sums**2).sum() * n / max(n - 1, 1)))


def _logit_interval(share: float, error: float, level: float) -> tuple[float, float]:
    if not 0.0 < share < 1.0:
        return share, share
    half = norm.ppf((1.0 + level) / 2.0) * error / (share * (1.0 - share))
    return float(expit(logit(share) - half)), float(expit(logit(share) + half))
