"""Difference in differences of customers, with a test of their trends before the campaign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from guanxi.decisions.campaign._doubly_robust import log_ratio_error

Floats = NDArray[np.float64]
Contrast = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class DifferenceInDifferences:
    """The change of the treated beyond that of the control.

    Attributes
    ----------
    value, standard_error : float
        In the unit of the outcome; the error is clustered by customer.
    baseline : float
        Mean outcome after the campaign that the treated would have had with the control's change.
    ratio_error : float
        Standard error of the logarithm of the treated's mean over the baseline; NaN if one is not positive.
    trend_differences, trend_errors : numpy.ndarray of float, shape (periods before - 1,)
        For each period before but the last: how much further the treated were above the control than in the
        last period before, and its standard error.
    trend_p_value : float
        Of the hypothesis that all of them are 0; NaN with one period before, where nothing can be tested.
    """

    value: float
    standard_error: float
    baseline: float
    ratio_error: float
    trend_differences: Floats
    trend_errors: Floats
    trend_p_value: float


def difference_in_differences(
    before: Floats, after: Floats, treated: NDArray[np.bool_], contrast: Contrast | None = None
) -> DifferenceInDifferences:
    """Compare the change from the mean of the periods before to the period after, treated less control.

    The value is that of the regression with effects of customers and of periods. Changes are taken per
    customer, so that errors allow for any dependence between the periods of a customer.

    Parameters
    ----------
    before : numpy.ndarray of float, shape (n, periods)
        The outcome in periods of equal length before the campaign, the earliest first.
    after : numpy.ndarray of float, shape (n,)
        The outcome in a period of the same length after it.
    treated : numpy.ndarray of bool, shape (n,)
    contrast : callable, optional
        From values, shape (n, k), to their differences between the arms, shape (k,), and the influence
        functions, shape (k, n); by default of means. A doubly robust one adjusts changes for covariates:
        Sant'Anna & Zhao (2020), Doubly robust difference-in-differences estimators, Journal of Econometrics
        219. Those chosen for their outcomes before the campaign return to their own mean; only with what
        they were chosen by among the covariates is this not taken for an effect.

    Notes
    -----
    Angrist & Pischke (2009), Mostly Harmless Econometrics, section 5.2. The test is a Wald test of the leads
    of the event study. It has little power in small samples: Roth (2022), Pretest with caution, American
    Economic Review: Insights 4.
    """
    if contrast is None:
        contrast = partial(_difference_of_means, treated=treated)
    (value,), (influence,) = contrast((after - before.mean(axis=1))[:, None])
    leads, lead_influences = contrast(before[:, :-1] - before[:, [-1]])
    lead_covariance = lead_influences @ lead_influences.T / len(after) ** 2
    having = float(after[treated].mean())
    of_having = np.where(treated, after - having, 0.0) / treated.mean()
    return DifferenceInDifferences(
        value=float(value),
        standard_error=float(np.sqrt(np.sum(influence**2)) / len(after)),
        baseline=having - float(value),
        ratio_error=log_ratio_error(float(value), having - float(value), influence, of_having - influence),
        trend_differences=leads,
        trend_errors=np.sqrt(np.diag(lead_covariance)),
        trend_p_value=_wald_p_value(leads, lead_covariance),
    )


def _difference_of_means(values: Floats, *, treated: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Difference of the arms' means, shape (k,), and its influence functions, shape (k, n)."""
    means, influence = [], np.zeros(values.T.shape)
    for member, sign in ((treated, 1.0), (~treated, -1.0)):
        own = values[member]
        means.append(own.mean(axis=0))
        # The variance of a sample has n - 1 degrees of freedom.
        scale = sign * len(values) / np.sqrt(len(own) * (len(own) - 1.0))
        influence[:, member] = scale * (own - means[-1]).T
    return means[0] - means[1], influence


def _wald_p_value(differences: Floats, covariance: Floats) -> float:
    if not len(differences):
        return float("nan")
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if rank == 0:  # nobody's outcome moved before
        return 1.0 if not differences.any() else 0.0
    statistic = differences @ np.linalg.pinv(covariance, hermitian=True) @ differences
    return float(stats.chi2.sf(statistic, rank))
