"""Structural time-series model of the ratio of actual to expected purchases.

The history is cut into steps of equal length. A value model fitted at the end of step c expects E_ck
purchases in a later step k, and A_ck were made. Then

    log(A_ck / E_ck) = m_k - M_c + trend * lead + bias + u_c + v_c * lead / history_c + n_k + noise,

where m is the logarithm of the intensity of purchases: a season (periodic Gaussian process over the year),
a random walk, and a shock in each step. M_c is what a model fitted at c has taken for normal: a mean of m
over the steps up to c, partly weighted by their purchases, partly by recency as well. u_c and v_c are errors
of the single fit; a fit to a short history extrapolates badly. n_k is the chance in the count of the step.
Shocks of weeks have the heavy tails of Student's t: a shop that was closed for a week, or days that were not
recorded, are no season. Shocks of months are normal, for the peak of December is no outlier.

Given the scales of these parts everything is linear and Gaussian. The scales are integrated over their prior
by a fixed low-discrepancy sample, weighted by the marginal likelihood. The variances of single shocks are
estimated at the median scales, by expectation and maximisation.

References
----------
Harvey, A. C. (1989), Forecasting, structural time series models and the Kalman filter, chapter 2.
Lange, K. L., Little, R. J. A. and Taylor, J. M. G. (1989), Robust statistical modeling using the t
distribution, Journal of the American Statistical Association 84, 881-896.
Rasmussen, C. E. and Williams, C. K. I. (2006), Gaussian processes for machine learning, sections 4.2 and 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Floats = NDArray[np.float64]

_DAYS_PER_YEAR = 365.25
_POINTS = 64
_HALF_LIFE_DAYS = 90.0
_SAME_STEP = 0.03  # two refits see nearly the same customers in a step, but not quite
_JITTER = 1e-10
_CALM_STEP_DAYS = 28  # shocks of shorter steps have heavy tails
_DEGREES_OF_FREEDOM = 4.0  # of their distribution
_ROUNDS = 10


@dataclass(frozen=True)
class Scales:
    """Prior of the scales, all of logarithms of a ratio: median and standard deviation of their logarithms.

    ``season`` is the size of the season, ``walk`` that of the random walk after a year, ``shock`` that of one
    step; ``smoothness`` the length scale of the season; ``trend`` the drift per year of lead. ``recency`` is
    the weight of recent steps in M, on the scale of log odds. ``fit``, ``bias`` and ``extrapolation`` are the
    standard deviations of u, of the bias and of v; ``dispersion`` is the variance of a count over its mean.
    """

    season: tuple[float, float] = (0.25, 0.7)
    walk: tuple[float, float] = (0.10, 0.4)
    shock: tuple[float, float] = (0.06, 0.3)
    smoothness: tuple[float, float] = (0.75, 0.25)
    trend: tuple[float, float] = (0.07, 0.4)
    recency: tuple[float, float] = (0.5, 0.8)
    fit: float = 0.05
    bias: float = 0.03
    extrapolation: float = 0.10
    dispersion: float = 1.5


#: Chosen on earlier windows of public logs and on simulated ones: see docs/decisions.md.
OF_PURCHASES = Scales()
OF_AMOUNTS = Scales(
    season=(0.04, 0.5),
    walk=(0.07, 0.4),
    shock=(0.03, 0.4),
    trend=(0.2, 0.4),
    fit=0.02,
    bias=0.02,
    extrapolation=0.02,
    dispersion=3.0,
)


@dataclass(frozen=True)
class Ratios:
    """Log ratios of actual to expected of one refit in the steps that follow it.

    Attributes
    ----------
    step : int
        The last step of the history that it was fitted to.
    log_ratio, count : array, shape (steps that follow,)
        Logarithm of actual over expected, NaN where it is unknown, and the purchases it rests on.
    purchases : float
        Repeat purchases that it was fitted to.
    """

    step: int
    log_ratio: Floats
    count: Floats
    purchases: float


@dataclass(frozen=True)
class Posterior:
    """Posterior of the log ratio in past and future steps, for a model fitted at the end of the history.

    Attributes
    ----------
    weights : array, shape (points,)
        Posterior probabilities of the sampled scales.
    past : array, shape (steps of the history,)
        Mean of m - M in the steps of the history.
    means : array, shape (points, future steps)
    covariances : array, shape (points, future steps, future steps)
    """

    weights: Floats
    past: Floats
    means: Floats
    covariances: Floats

    @property
    def mean(self) -> Floats:
        """Mean log ratio in each future step."""
        return np.asarray(self.weights @ self.means)


def fit_structural_model(
    refits: Sequence[Ratios], purchases: Floats, future: int, step_days: int, scales: Scales
) -> Posterior:
    """Posterior given the refits; without any, the prior.

    Parameters
    ----------
    refits : sequence of Ratios
    purchases : array, shape (steps of the history,)
        Repeat purchases in each step.
    future : int
        Number of steps after the history.
    step_days : int
    scales : Scales

    Examples
    --------
    >>> high = [Ratios(11, np.full(12, 0.2), np.full(12, 900.0), 5000.0)]
    >>> after = fit_structural_model(high, np.full(24, 900.0), 13, 28, OF_PURCHASES)
    >>> bool(0.0 < after.mean.mean() < 0.2)
    True
    """
    system = _System(refits, purchases, future, step_days, scales)
    if step_days < _CALM_STEP_DAYS:
        system.inflate_outliers()
    solved = [system.solve(point) for point in _points(scales)]
    evidence = np.array([each[0] for each in solved])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    past, means, covariances = (np.array(column) for column in list(zip(*solved, strict=True))[1:])
    return Posterior(weights, weights @ past, means, covariances)


@dataclass(frozen=True)
class _Point:
    season: float
    walk: float
    shock: float
    smoothness: float
    trend: float
    recency: float


def _points(scales: Scales) -> list[_Point]:
    """Sample the prior."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    uniform = qmc.Sobol(len(fields(_Point)), seed=0).random(_POINTS)
    return _points_at(scales, ndtri(np.clip(uniform, 1e-4, 1.0 - 1e-4)))


def _points_at(scales: Scales, normal: Floats) -> list[_Point]:
    """Points of the prior at standard normal deviates, shape (points, scales)."""
    from scipy.special import expit

    priors = (scales.season, scales.walk, scales.shock, scales.smoothness, scales.trend)
    median, spread = np.transpose(priors)
    positive = median * np.exp(spread * normal[:, :-1])
    recency = expit(scales.recency[0] + scales.recency[1] * normal[:, -1])
    return [_Point(*row) for row in np.column_stack([positive, recency]).tolist()]


class _System:
    """The linear Gaussian model of one history: all that does not depend on the sampled scales.

    Unknowns, in this order: m in each step; trend; bias; u of each refit and of the served model; v likewise;
    n in each step of the history.
    """

    def __init__(
        self, refits: Sequence[Ratios], purchases: Floats, future: int, step_days: int, scales: Scales
    ) -> None:
        self._scales, self._history, self._future = scales, len(purchases), future
        self._steps = self._history + future
        self._ends = [*(each.step for each in refits), self._history - 1]
        self._purchases = np.concatenate([purchases, np.zeros(future)])
        self._step_years = step_days / _DAYS_PER_YEAR
        self._decay = np.exp(-np.log(2.0) * step_days / _HALF_LIFE_DAYS)
        years = np.array([end + 1 for end in self._ends]) * self._step_years
        fitted_to = np.array([*(each.purchases for each in refits), max(purchases.sum(), 1.0)])
        self._fit_variance = (scales.fit**2 + 2.0 / fitted_to) * years[-1] / years
        self._collect(refits, years)
        position = np.arange(self._steps)
        distance = np.abs(position[:, None] - position) * self._step_years
        self._swing = np.sin(np.pi * distance) ** 2
        self._walked = np.minimum(position[:, None], position) * self._step_years
        self._inflation = np.ones(self._steps)

    def _collect(self, refits: Sequence[Ratios], years: Floats) -> None:
        """Arrange the known ratios, and the loadings of the unknowns of the fits."""
        known = [np.flatnonzero(np.isfinite(each.log_ratio)) for each in refits]
        self._refit = np.repeat(np.arange(len(refits)), [len(each) for each in known])
        ahead = np.concatenate([*known, np.empty(0, dtype=int)])
        self._step = ahead + np.array(self._ends)[self._refit] + 1
        pairs = list(zip(refits, known, strict=True))
        self._ratio = np.concatenate([*(each.log_ratio[rows] for each, rows in pairs), np.empty(0)])
        count = np.concatenate([*(each.count[rows] for each, rows in pairs), np.empty(0)])
        self._noise = _SAME_STEP**2 + 0.5 / (count + 1.0)
        seen = np.bincount(self._step, minlength=self._steps)
        total = np.bincount(self._step, weights=count, minlength=self._steps)
        count_of_step = total / np.maximum(seen, 1)
        self._counting = (self._scales.dispersion / (count_of_step + 0.5))[: self._history]
        own = self._loadings(self._refit, (ahead + 0.5) * self._step_years, years)
        self._own = np.hstack([own, np.eye(self._steps)[self._step, : self._history]])
        served = np.full(self._future, len(refits))
        own = self._loadings(served, (np.arange(self._future) + 0.5) * self._step_years, years)
        self._own_future = np.hstack([own, np.zeros((self._future, self._history))])

    def _loadings(self, fit: NDArray[Any], lead: NDArray[Any], years: NDArray[Any]) -> Floats:
        """Give the loadings of trend, bias, u and v, shape (rows, 2 + 2 fits)."""
        loadings = np.zeros((len(fit), 2 + 2 * len(years)))
        rows = np.arange(len(fit))
        loadings[:, 0], loadings[:, 1] = lead, 1.0
        loadings[rows, 2 + fit] = 1.0
        loadings[rows, 2 + len(years) + fit] = lead / years[fit]
        return loadings

    def inflate_outliers(self) -> None:
        """Estimate the variance of the shock in each step of the history, relative to the usual one."""
        point = _points_at(self._scales, np.zeros((1, len(fields(_Point)))))[0]
        deviations = self._deviations(self._normal(point.recency))
        loadings, shocked = np.hstack([deviations, self._own]), deviations[:, : self._history]
        for _ in range(_ROUNDS):
            total = loadings @ self._prior(point) @ loadings.T + np.diag(self._noise)
            solved = np.linalg.solve(total, np.column_stack([self._ratio, shocked]))
            prior = point.shock**2 * self._inflation[: self._history]
            mean = prior * (shocked.T @ solved[:, 0])
            variance = prior - prior**2 * np.einsum("rk,rk->k", shocked, solved[:, 1:])
            squared = (mean**2 + variance) / point.shock**2
            self._inflation[: self._history] = (_DEGREES_OF_FREEDOM + squared) / (_DEGREES_OF_FREEDOM + 1.0)

    def solve(self, point: _Point) -> tuple[float, Floats, Floats, Floats]:
        """Log evidence, mean of the past, mean and covariance of the future steps."""
        root = np.linalg.cholesky(self._prior(point) + _JITTER * np.eye(self._steps + self._own.shape[1]))
        normal = self._normal(point.recency)
        loaded = np.hstack([self._deviations(normal), self._own]) @ root
        scaled = loaded / self._noise[:, None]
        factor = np.linalg.cholesky(np.eye(root.shape[0]) + loaded.T @ scaled)
        projected = solve_triangular(factor, scaled.T @ self._ratio, lower=True)
        evidence = 0.5 * (projected @ projected - self._ratio @ (self._ratio / self._noise))
        evidence -= np.log(np.diag(factor)).sum()
        everything = np.eye(self._steps) - normal[-1]
        ahead = np.hstack([everything[self._history :], self._own_future])
        behind = np.hstack([everything[: self._history], np.zeros((self._history, self._own.shape[1]))])
        past, after = (
            solve_triangular(factor, (target @ root).T, lower=True).T for target in (behind, ahead)
        )
        return float(evidence), past @ projected, after @ projected, after @ after.T

    def _deviations(self, normal: Floats) -> Floats:
        """Give the loadings of m in each known ratio, shape (ratios, steps)."""
        deviations = -normal[self._refit]
        deviations[np.arange(len(self._ratio)), self._step] += 1.0
        return deviations

    def _normal(self, recency: float) -> Floats:
        """Weights of the steps in M of each fit, shape (fits, steps)."""
        weights = np.zeros((len(self._ends), self._steps))
        for row, end in zip(weights, self._ends, strict=True):
            bought = self._purchases[: end + 1] + 1e-6
            recent = bought * self._decay ** np.arange(end, -1, -1)
            row[: end + 1] = (1.0 - recency) * bought / bought.sum() + recency * recent / recent.sum()
        return weights

    def _prior(self, point: _Point) -> Floats:
        """Covariance of the unknowns."""
        scales, steps, fits = self._scales, self._steps, len(self._ends)
        covariance = np.zeros((steps + self._own.shape[1],) * 2)
        season = point.season**2 * np.exp(-2.0 * self._swing / point.smoothness**2)
        shocks = point.shock**2 * np.diag(self._inflation)
        covariance[:steps, :steps] = season + point.walk**2 * self._walked + shocks
        fitted = [point.trend**2, scales.bias**2, *self._fit_variance, *([scales.extrapolation**2] * fits)]
        np.fill_diagonal(covariance[steps:, steps:], [*fitted, *self._counting])
        return covariance
