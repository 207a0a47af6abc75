"""Doubly robust estimates of average effects with cross-fitting.

Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey & Robins (2018), Double/debiased machine learning for
treatment and structural parameters, The Econometrics Journal 21, equations 5.3 (ATE) and 5.4 (ATT).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.campaign._nuisances import (
    Floats,
    Folds,
    expected_outcomes,
    propensities,
    stratified_folds,
)

ATE, ATT = "ate", "att"
FOLDS = 5


@dataclass(frozen=True)
class Estimate:
    """An average effect and its components by customer.

    Attributes
    ----------
    value, standard_error : float
        In the unit of the outcome.
    baseline : float
        Mean outcome without treatment, of all customers (ATE) or of the treated (ATT).
    influence, baseline_influence : numpy.ndarray of float, shape (n,)
        Influence function of the value and of the baseline; ``standard_error`` is the first one's standard
        deviation divided by the square root of n.
    residual_variance, representer_norm : float
        Variance of the outcome that the covariates and the treatment leave, and squared norm of the Riesz
        representer; a confounder's bias is in proportion to the square root of their product.
    """

    value: float
    standard_error: float
    baseline: float
    influence: Floats = field(repr=False)
    baseline_influence: Floats = field(repr=False)
    residual_variance: float
    representer_norm: float

    @property
    def ratio_error(self) -> float:
        """Standard error of the logarithm of the mean with treatment over that without."""
        return log_ratio_error(self.value, self.baseline, self.influence, self.baseline_influence)


def log_ratio_error(value: float, baseline: float, influence: Floats, baseline_influence: Floats) -> float:
    """Compute the standard error of log((baseline + value) / baseline); NaN if a mean is not positive.

    Parameters
    ----------
    value, baseline : float
    influence, baseline_influence : array, shape (n,)
        Influence functions of both.
    """
    having = baseline + value
    if min(having, baseline) <= 0.0:
        return float("nan")
    of_ratio = (influence + baseline_influence) / having - baseline_influence / baseline
    return float(np.sqrt(np.mean(of_ratio**2) / len(of_ratio)))


@dataclass(frozen=True)
class Assignment:
    """Who was treated, and the out-of-fold probability of it.

    Attributes
    ----------
    treated : numpy.ndarray of bool, shape (n,)
    propensity : numpy.ndarray of float, shape (n,)
    folds : Folds
    learner : str
    """

    treated: NDArray[np.bool_] = field(repr=False)
    propensity: Floats = field(repr=False)
    folds: Folds = field(repr=False)
    learner: str


def assignment(x: Floats, treated: NDArray[np.bool_], seed: int) -> Assignment:
    """Learn the probability of treatment from covariates ``x``, shape (n, k), in five folds."""
    folds = stratified_folds(treated, FOLDS, seed)
    propensity, learner = propensities(x, treated, folds)
    return Assignment(treated, propensity, folds, learner)


def doubly_robust(x: Floats, y: Floats, assigned: Assignment) -> dict[str, Estimate]:
    """Average effects on all customers (``ate``) and on the treated (``att``).

    Parameters
    ----------
    x : numpy.ndarray of float, shape (n, k)
        Covariates of before the treatment.
    y : numpy.ndarray of float, shape (n,)
        Outcome.
    assigned : Assignment
        Of the same customers and covariates.
    """
    treated = assigned.treated
    without, _ = expected_outcomes(x, y, ~treated, assigned.folds)
    having, _ = expected_outcomes(x, y, treated, assigned.folds)
    return from_nuisances(y, treated, assigned.propensity, without, having)


def from_nuisances(
    y: Floats, treated: NDArray[np.bool_], propensity: Floats, without: Floats, having: Floats
) -> dict[str, Estimate]:
    """Average effects from propensities and expected outcomes without and with treatment, all shape (n,)."""
    d = treated.astype(np.float64)
    ones, share = np.ones(len(y)), float(d.mean())
    residual = y - np.where(treated, having, without)

    inverse_1, inverse_0 = d / propensity, (1.0 - d) / (1.0 - propensity)
    mean_without = without + inverse_0 * residual
    mean_having = having + inverse_1 * residual
    all_customers = _estimate(mean_having, mean_without, ones, residual)

    of_treated, like_treated = d / share, propensity * inverse_0 / share
    treated_only = _estimate(*_scores_of_treated(y, treated, propensity, without), of_treated, residual)
    norms = {
        ATE: 2.0 * (1.0 / propensity + 1.0 / (1.0 - propensity)) - (inverse_1 - inverse_0) ** 2,
        ATT: 2.0 * of_treated / (share * (1.0 - propensity)) - (of_treated - like_treated) ** 2,
    }
    return {
        name: Estimate(*estimate, float(np.mean(residual**2)), float(np.mean(norms[name])))
        for name, estimate in ((ATE, all_customers), (ATT, treated_only))
    }


def differences_of_treated(x: Floats, values: Floats, assigned: Assignment) -> tuple[Floats, Floats]:
    """Average effects on the treated of several outcomes, shape (k,), and influence functions, shape (k, n).

    Parameters
    ----------
    x : numpy.ndarray of float, shape (n, k covariates)
    values : numpy.ndarray of float, shape (n, k)
    assigned : Assignment
    """
    treated, effects, influences = assigned.treated, [], []
    for y in values.T:
        without, _ = expected_outcomes(x, y, ~treated, assigned.folds)
        having, control = _scores_of_treated(y, treated, assigned.propensity, without)
        effects.append(float(np.mean(having - control)))
        influences.append(having - control - treated / treated.mean() * effects[-1])
    return np.array(effects), np.array(influences).reshape(len(effects), len(values))


def _scores_of_treated(
    y: Floats, treated: NDArray[np.bool_], propensity: Floats, without: Floats
) -> tuple[Floats, Floats]:
    """Terms whose means are the outcome of the treated, with and without treatment."""
    share = treated.mean()
    like_treated = np.where(treated, 0.0, propensity / (1.0 - propensity)) / share
    return np.where(treated, y, 0.0) / share, treated / share * without + like_treated * (y - without)


def _estimate(
    having: Floats, without: Floats, weight: Floats, residual: Floats
) -> tuple[float, float, float, Floats, Floats]:
    """Value, standard error, baseline and influence functions from the two scores; weights have mean 1."""
    value, baseline = float(np.mean(having - without)), float(np.mean(without))
    influence = having - without - weight * value
    error = float(np.sqrt(np.mean(influence**2) / len(residual)))
    return value, error, baseline, influence, without - weight * baseline
