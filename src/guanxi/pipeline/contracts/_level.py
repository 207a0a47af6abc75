"""Season and slow level of cancellations by calendar month.

The log odds of churning in month m differ from those of the hazard model by ``season[m mod 12] + walk[m] +
shock[m]``, plus the chance in the count. The season is an independent effect of each calendar month, the walk
is a mean-reverting Gaussian process, the shocks are independent. All is Gaussian given the scales, which are
integrated over a grid weighted by the marginal likelihood (Rasmussen & Williams 2006, Gaussian Processes for
Machine Learning, section 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.served.contracts.cancellation_level import month_number
from guanxi.served.contracts.document import CancellationLevel
from guanxi.served.corrections import probability

Floats = NDArray[np.float64]

_MONTHS_AHEAD = 121
_FEWEST_MONTHS, _FEWEST_FOR_SEASON = 6, 24
_SEASONS, _WALKS, _SHOCKS = (0.0, 0.08, 0.15, 0.3, 0.5), (0.0, 0.05, 0.1, 0.2, 0.4), (0.0, 0.05, 0.15)
_REVERSIONS = (12.0, 48.0)  # months after which a deviation has shrunk to 1 / e
_PRIOR_SCALE = 0.3  # half-normal prior of the scales
_VAGUE = 2.0  # standard deviation of a month's deviation before it is observed
_STEPS = 12


@dataclass(frozen=True)
class FittedLevel:
    """Posterior of the level in the months of the history and of the future.

    Attributes
    ----------
    model : CancellationLevel or None
        The posterior mean; None if the history is too short.
    first_future : int
        Place of the month after the last one of the history.
    covariance : array, shape (months, months)
    """

    model: CancellationLevel | None
    first_future: int
    covariance: Floats


def fit_level(log_odds: Floats, churned: Floats, opportunity: pd.Series) -> FittedLevel:
    """Learn season and level from the deviations of each month.

    Parameters
    ----------
    log_odds, churned : array, shape (n,)
        Of each past opportunity.
    opportunity : pandas.Series of dates, shape (n,)
    """
    months = month_number(pd.to_datetime(opportunity).to_numpy())
    first, last = int(months.min()), int(months.max())
    count = last - first + 1
    if count < _FEWEST_MONTHS:
        return FittedLevel(None, 0, np.zeros((0, 0)))
    deviation, variance = _deviations(log_odds, churned, months - first, count)
    mean, covariance = _posterior(deviation, variance, count + _MONTHS_AHEAD)
    day = str(np.datetime64("1970-01", "M") + first) + "-01"
    return FittedLevel(CancellationLevel(day, tuple(mean.tolist())), count, covariance)


def _deviations(
    log_odds: Floats, churned: Floats, month: NDArray[np.int64], count: int
) -> tuple[Floats, Floats]:
    """Deviation of each month's log odds and its variance, infinite in a month without an opportunity."""
    left = np.bincount(month, weights=churned, minlength=count)
    deviation = np.zeros(count)
    for _ in range(_STEPS):
        p = probability(log_odds + deviation[month])
        expected = np.bincount(month, weights=p, minlength=count)
        information = np.bincount(month, weights=p * (1.0 - p), minlength=count)
        step = (left - expected - deviation / _VAGUE**2) / (information + 1.0 / _VAGUE**2)
        deviation = deviation + np.clip(step, -1.0, 1.0)
    with np.errstate(divide="ignore"):
        return deviation, np.where(information > 0, 1.0 / information, np.inf)


def _posterior(deviation: Floats, variance: Floats, total: int) -> tuple[Floats, Floats]:
    """Mean and covariance of season and walk in all months."""
    seen = np.flatnonzero(np.isfinite(variance))
    seasons = _SEASONS if len(deviation) >= _FEWEST_FOR_SEASON else (0.0,)
    y, noise = deviation[seen], variance[seen]
    found = [
        _given(scales, y, noise, seen, total) for scales in product(seasons, _WALKS, _SHOCKS, _REVERSIONS)
    ]
    evidence = np.array([each[0] for each in found])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    means = np.array([each[1] for each in found])
    mean = weights @ means
    within = np.tensordot(weights, np.array([each[2] for each in found]), axes=1)
    between = (means - mean).T @ ((means - mean) * weights[:, None])
    return mean, within + between


def _given(
    scales: tuple[float, float, float, float], y: Floats, noise: Floats, seen: NDArray[np.intp], total: int
) -> tuple[float, Floats, Floats]:
    """Log evidence with the prior of the scales, mean and covariance."""
    season, walk, shock, reversion = scales
    place = np.arange(total)
    distance = np.abs(place[:, None] - place)
    kernel = season**2 * (distance % 12 == 0) + walk**2 * np.exp(-distance / reversion)
    system = kernel[np.ix_(seen, seen)] + np.diag(noise + shock**2)
    factor = np.linalg.cholesky(system)
    cross = np.linalg.solve(factor, kernel[seen])
    half = np.linalg.solve(factor, y)
    evidence = -0.5 * half @ half - np.log(np.diag(factor)).sum()
    prior = -0.5 * sum((each / _PRIOR_SCALE) ** 2 for each in (season, walk, shock))
    future_shock = shock**2 * np.eye(total)
    return float(evidence + prior), cross.T @ half, kernel - cross.T @ cross + future_shock
