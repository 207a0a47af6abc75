"""Log-likelihood of the retention models, with gradient and Hessian.

A customer contributes S(last) / S(entry) for the opportunities survived after observation began, and
1 - S(last + 1) / S(last) if lost at the next: both are functions of the ratio S(start + ahead) / S(start)
= B(gamma, x + v) / B(gamma, x), with x = delta + start^c and v = (start + ahead)^c - start^c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import polygamma, xlogy

from guanxi.models.likelihoods._linear_predictors import Derivatives, Floats, LinearPredictorLikelihood
from guanxi.models.likelihoods._polygamma_differences import digamma_differences, trigamma_differences
from guanxi.served.contracts.retention_process import RetentionProcess
from guanxi.served.numerics import count_rows

_LARGEST_EXPONENT = 30.0  # beyond it powers of a million periods, squared, would overflow


@dataclass(frozen=True)
class RetentionTerms:
    """Distinct terms of a likelihood.

    Attributes
    ----------
    start, ahead, lost, weight : array, shape (n,)
        ``weight`` customers with ``start`` renewals renewed at each of the next ``ahead`` opportunities, or
        were ``lost`` (1) at the next, with ``ahead`` 1.
    covariates : array, shape (n, c)
    """

    start: Floats
    ahead: Floats
    lost: Floats
    weight: Floats
    covariates: Floats

    def rows(self, rows: slice) -> RetentionTerms:
        """Select some of the terms."""
        columns = (self.start, self.ahead, self.lost, self.weight, self.covariates)
        return RetentionTerms(*(column[rows] for column in columns))

    @property
    def renewals_seen(self) -> float:
        """Renewals of all customers while observed."""
        return float((self.weight * self.ahead)[self.lost == 0].sum())

    @property
    def churned(self) -> float:
        """Customers lost."""
        return float(self.weight[self.lost == 1].sum())

    @property
    def opportunities(self) -> int:
        """Number of different opportunities, counted since the start of a contract, at which any was seen."""
        starts, ends = self.start.astype(np.int64), (self.start + self.ahead).astype(np.int64)
        size = int(ends.max()) + 1
        changes = np.bincount(starts, minlength=size) - np.bincount(ends, minlength=size)
        return int(np.count_nonzero(np.cumsum(changes)))


def retention_terms(
    entry: Floats, renewals: Floats, churned: Floats, weight: Floats, covariates: Floats
) -> RetentionTerms:
    """Terms of customers observed from ``entry`` renewals on, who made ``renewals``, then churned (1) or not.

    Examples
    --------
    >>> one = np.ones(2)
    >>> terms = retention_terms(0 * one, 3 * one, np.array([1.0, 0.0]), one, np.empty((2, 0)))
    >>> terms.start, terms.ahead, terms.lost, terms.weight
    (array([0., 3.]), array([3., 1.]), array([0., 1.]), array([2., 1.]))
    """
    stayed, lost = (renewals > entry) & (weight > 0), (churned == 1) & (weight > 0)
    start = np.concatenate([entry[stayed], renewals[lost]])
    ahead = np.concatenate([(renewals - entry)[stayed], np.ones(int(lost.sum()))])
    ends = np.concatenate([np.zeros(int(stayed.sum())), np.ones(int(lost.sum()))])
    z = np.concatenate([covariates[stayed], covariates[lost]])
    weights = np.concatenate([weight[stayed], weight[lost]])
    if not len(start):
        return RetentionTerms(start, ahead, ends, weights, z)
    (start, ahead, ends, *columns), weights = count_rows((start, ahead, ends, *z.T), weights)
    return RetentionTerms(
        start, ahead, ends, weights, np.column_stack(columns) if columns else z[: len(start)]
    )


class RetentionLikelihood(LinearPredictorLikelihood):
    """Sum of the weighted terms as a function of log-parameters and coefficients of covariates.

    Parameters
    ----------
    process : RetentionProcess
    terms : RetentionTerms
        With standardised covariates.
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients is subtracted.

    Examples
    --------
    >>> from guanxi.served.contracts.retention_process import BETA_DISCRETE_WEIBULL
    >>> one = np.ones(1)
    >>> terms = retention_terms(0 * one, 2 * one, one, one, np.empty((1, 0)))
    >>> value, gradient, hessian = RetentionLikelihood(BETA_DISCRETE_WEIBULL, terms)(np.zeros(3))
    >>> round(value, 6), gradient.shape, hessian.shape  # S(2) - S(3) = 1 / 3 - 1 / 4
    (-2.484907, (3,), (3, 3))
    """

    _chunk = 4096

    def __init__(self, process: RetentionProcess, terms: RetentionTerms, penalty: float = 0.0) -> None:
        covariates = dict.fromkeys(
            process.covariate_parameters if terms.covariates.size else (), terms.covariates
        )
        super().__init__(process.parameters, terms.weight, covariates, penalty)
        self._process, self._rows = process, terms

    def __call__(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to log-parameters, then coefficients by parameter."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # far away: not finite
            value, gradient, hessian = super().__call__(theta)
        steep = "c" in self._names and theta[2] > np.log(_LARGEST_EXPONENT)
        if steep or not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            value = -np.inf
        return value, gradient, hessian

    def _terms(self, params: dict[str, Floats], rows: slice) -> Derivatives:
        start, ahead = self._rows.start[rows], self._rows.ahead[rows]
        ratio = self._process.log_survival(params, start, ahead)
        gamma, delta, *exponent = (params[name] for name in self._process.parameters)
        powers = _powers(start, start + ahead, exponent[0] if exponent else None)
        slopes, curves = _ratio_derivatives(gamma, delta, *powers)
        size = len(self._names)  # without c, the derivatives by it are left out
        value, slopes, curves = ratio, slopes[:size], curves[:size, :size]
        lost = self._rows.lost[rows] == 1
        to_odds = np.expm1(-ratio[lost])  # log(1 - e^ratio) has first derivative -1 / to_odds
        first, second = -1.0 / to_odds, -(to_odds + 1.0) / to_odds**2
        own = slopes[:, lost]
        curves[:, :, lost] = first * curves[:, :, lost] + second * own[:, None] * own[None, :]
        slopes[:, lost] = first * own
        value[lost] = np.log(-np.expm1(ratio[lost]))
        return value, slopes, curves


def _powers(start: Floats, end: Floats, c: Any) -> tuple[Floats, Floats]:
    """start^c and end^c - start^c with their first two derivatives by log c, each shape (3, n)."""
    if c is None:
        zero = np.zeros_like(start)
        return np.stack([start, zero, zero]), np.stack([end - start, zero, zero])
    both = []
    for time in (start, end):
        power, log_power = time**c, xlogy(c, np.where(time > 0, time, 1.0))
        both.append(np.stack([power, power * log_power, power * log_power * (1.0 + log_power)]))
    return both[0], both[1] - both[0]


def _ratio_derivatives(gamma: Floats, delta: Floats, since: Floats, more: Floats) -> tuple[Floats, Floats]:
    """Differentiate log B(gamma, x + v) / B(gamma, x) by log gamma, log delta, log c."""
    x, v = delta + since[0], more[0]
    by_g, by_v, by_x = digamma_differences(gamma, x, v)
    gx, xv, xx = trigamma_differences(gamma, x, v)
    gv = -polygamma(1, x + gamma + v)
    slopes = np.stack([gamma * by_g, delta * by_x, by_x * since[1] + by_v * more[1]])
    curves = np.empty((3, *slopes.shape))
    curves[0, 0] = gamma**2 * gx + slopes[0]
    curves[1, 1] = delta**2 * xx + slopes[1]
    curves[0, 1] = curves[1, 0] = gamma * delta * gx
    curves[0, 2] = curves[2, 0] = gamma * (gx * since[1] + gv * more[1])
    curves[1, 2] = curves[2, 1] = delta * (xx * since[1] + xv * more[1])
    by_c = xx * since[1] ** 2 + xv * more[1] * (2.0 * since[1] + more[1])
    curves[2, 2] = by_c + by_x * since[2] + by_v * more[2]
    return slopes, curves
