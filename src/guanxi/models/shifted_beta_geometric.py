"""Shifted beta-geometric: the number of renewals of contracts."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitError, FitWarning, ParamsError
from guanxi.models._customer_table import numeric_column, refuse_rows, weight_column
from guanxi.models._maximum_likelihood import Optimum, ParametricModel, is_identified, maximize_from
from guanxi.models.likelihoods import _shifted_beta_geometric as formulas

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_NAMES = ("alpha", "beta")
_FEW = 30
_MOST_PERIODS = 1_000_000
_NO_SPREAD = 1e6  # practically the same churn probability for all customers


class ShiftedBetaGeometric(ParametricModel):
    """Shifted beta-geometric model of contracts that come up for renewal at the end of each period.

    Fader & Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1). At each
    renewal opportunity a customer churns with a probability that is beta distributed across customers (alpha,
    beta). Customers with high probabilities leave first, so the retention rate of a cohort increases.

    A customer in the n-th contract period has renewed n - 1 times, the ``renewals`` of the predictions.

    Attributes
    ----------
    params_ : dict
        alpha, beta.
    log_likelihood_, covariance_, log_covariance_, standard_errors_, converged_
        As in :class:`.ParametricModel`; covariances are infinite after a fallback.
    fit_report_ : dict
        Details of the fit: customers, churned customers, renewal opportunities, iterations, starts,
        parameters at the limit of the search, ``identified``, ``warnings`` and ``fallback`` (or None).

    Notes
    -----
    If renewals are observed after only one number of earlier renewals, heterogeneity cannot be estimated: the
    model falls back to one churn probability for all customers (``fit_report_["fallback"]``).

    Examples
    --------
    >>> high_end = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> table = pd.DataFrame({"period": range(8), "survivors": high_end})
    >>> model = ShiftedBetaGeometric().fit_retention(table)
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'alpha': 0.668, 'beta': 3.806}
    """

    _name = "shifted_beta_geometric"

    def fit(self, durations: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters by maximum likelihood from one row per customer.

        Parameters
        ----------
        durations : DataFrame
            ``duration``: number of observed renewal opportunities, at least 1. ``churned``: 1 if the customer
            was lost at the last of them, 0 if censored (renewed at all of them).
        sample_weight : array, shape (n,), optional
            Number of customers that each row represents.

        Raises
        ------
        DataError
            If a column is missing or does not hold such numbers.
        FitError
            If no customer churned or none renewed, or the search does not converge.

        Warns
        -----
        FitWarning
            If only one renewal opportunity is observed, so that all churn with one probability.
        """
        duration, churned = numeric_column(durations, "duration"), numeric_column(durations, "churned")
        refuse_rows(durations, "duration", np.floor(duration) != duration, "is not a whole number of periods")
        refuse_rows(durations, "duration", duration < 1, "is below 1")
        refuse_rows(durations, "duration", duration > _MOST_PERIODS, f"is above {_MOST_PERIODS:,}")
        refuse_rows(durations, "churned", (churned != 0) & (churned != 1), "is neither 0 nor 1")
        given = weight_column(sample_weight, durations)
        weight = np.ones(len(duration)) if given is None else given
        size = int(duration[weight > 0].max()) + 1
        kept, renewals = weight > 0, (duration - churned).astype(np.int64)
        lost = _sums(renewals[kept], (weight * churned)[kept], size)
        ended = _sums(renewals[kept], weight[kept], size)
        renewed = np.append(np.cumsum(ended[:0:-1])[::-1], 0.0)
        return self._fit_counts(renewed, lost, float(weight.sum()))

    def fit_retention(self, table: pd.DataFrame) -> Self:
        """Estimate the parameters by maximum likelihood from counts of survivors by period.

        Parameters
        ----------
        table : DataFrame
            ``period`` 0, 1, 2, ... and ``survivors``, the customers of the cohort left after that number of
            renewal opportunities. With a column ``cohort`` several cohorts are pooled. A cohort that starts
            at a later period counts from there (left truncation).

        Raises
        ------
        DataError
            If a column is missing, periods are not consecutive, or survivors increase.
        FitError
            If no customer churned or none renewed, or the search does not converge.

        Warns
        -----
        FitWarning
            If only one renewal opportunity is observed, so that all churn with one probability.
        """
        period, survivors = numeric_column(table, "period"), numeric_column(table, "survivors")
        refuse_rows(table, "period", np.floor(period) != period, "is not a whole number")
        refuse_rows(table, "period", period > _MOST_PERIODS, f"is above {_MOST_PERIODS:,}")
        cohort = np.zeros(len(table), dtype=np.int64)
        if "cohort" in table.columns:
            cohort = pd.factorize(table["cohort"])[0]
            refuse_rows(table, "cohort", cohort < 0, "is missing")
        order = np.lexsort((period, cohort))
        table, period, survivors = table.iloc[order], period[order], survivors[order]
        follows = np.diff(cohort[order], prepend=-1) == 0
        gap = follows & (np.diff(period, prepend=0.0) != 1)
        refuse_rows(table, "period", gap, "does not follow the period before it in its cohort")
        rises = follows & (np.diff(survivors, prepend=0.0) > 0)
        refuse_rows(table, "survivors", rises, "is greater than in the period before")
        later = np.flatnonzero(follows)
        made, size = period[later - 1].astype(np.int64), int(period.max()) + 1
        renewed = _sums(made, survivors[later], size)
        lost = _sums(made, survivors[later - 1] - survivors[later], size)
        return self._fit_counts(renewed, lost, float(survivors[~follows].sum()))

    def survival(self, periods: ArrayLike) -> Floats:
        """Share of a new cohort left after each number of renewal opportunities, shape (n,)."""
        check_is_fitted(self)
        return formulas.survival(self.params_, _whole_numbers("periods", periods))

    def retention_rate(self, periods: ArrayLike) -> Floats:
        """Share of the survivors of t - 1 renewal opportunities who survive the t-th, t >= 1; shape (n,)."""
        check_is_fitted(self)
        return formulas.retention_rate(self.params_, _whole_numbers("periods", periods, least=1))

    def renewal_probability(self, renewals: ArrayLike, horizon: int) -> Floats:
        """P(renews at each of the next ``horizon`` opportunities | renewals so far), shape (n,)."""
        check_is_fitted(self)
        h = int(_whole_numbers("horizon", horizon)[0])
        return formulas.renewal_probability(self.params_, _whole_numbers("renewals", renewals), h)

    def expected_residual_periods(self, renewals: ArrayLike, horizon: int) -> Floats:
        """E[further periods within ``horizon`` that a customer stays | renewals so far], shape (n,).

        The current period does not count. Without a horizon it would be infinite for alpha <= 1.
        """
        check_is_fitted(self)
        h = int(_whole_numbers("horizon", horizon)[0])
        return formulas.discounted_renewals(self.params_, _whole_numbers("renewals", renewals), 0.0, h)

    def discounted_expected_residual_lifetime(
        self, renewals: ArrayLike, discount_rate_per_period: float
    ) -> Floats:
        """Present value of a unit paid at each further renewal (DERL), shape (n,).

        Fader & Hardie (2010), Customer-Base Valuation in a Contractual Setting: The Perils of Ignoring
        Heterogeneity, Marketing Science 29(1). The valuation is just before the next renewal, whose payment
        is not discounted; the current period has been paid.

        Parameters
        ----------
        renewals : array of int, shape (n,)
            Renewals of each customer so far.
        discount_rate_per_period : float
            Above 0.
        """
        check_is_fitted(self)
        rate = discount_rate_per_period
        if not isinstance(rate, int | float | np.number) or not 0 < rate < np.inf:
            raise ParamsError(f"discount_rate_per_period is {rate!r}: give a finite number above 0")
        made = _whole_numbers("renewals", renewals)
        return (1.0 + float(rate)) * formulas.discounted_renewals(self.params_, made, float(rate))

    def _fit_counts(self, renewed: Floats, lost: Floats, customers: float) -> Self:
        if not lost.any():
            raise FitError("no customer churned: churn cannot be estimated; give more data")
        if not renewed.any():
            raise FitError("no customer renewed: retention cannot be estimated; give more data")
        optimum, starts, fallback = _search(renewed, lost)
        if not optimum.converged:
            raise FitError("the shifted beta-geometric did not converge: give more periods or customers")
        churned = float(lost.sum())
        report = {
            "customers": customers,
            "churned_customers": churned,
            "renewal_opportunities": int(np.count_nonzero(renewed + lost)),
            **optimum.report(_NAMES, starts),
            "warnings": _warnings(optimum, churned),
            "fallback": fallback,
        }
        params = optimum.params(_NAMES)
        self._set_fit(self._name, params, optimum.hessian, optimum.value, optimum.converged, report)
        if fallback is not None:
            warnings.warn(fallback, FitWarning, stacklevel=3)
        return self


def _search(renewed: Floats, lost: Floats) -> tuple[Optimum, int, str | None]:
    """Maximum of the likelihood, starts used, and the reason of a fallback, if any."""
    likelihood = formulas.ShiftedBetaGeometricLikelihood(renewed, lost)
    share = float(lost.sum() / (lost.sum() + renewed.sum()))
    mean = np.log([share, 1.0 - share])
    if np.count_nonzero(renewed + lost) > 1:
        return *maximize_from(likelihood, [mean + shift for shift in (0.0, 2.0, -1.0, 5.0)]), None
    end = mean + np.log(_NO_SPREAD)
    optimum = Optimum(end, likelihood(end)[0], np.zeros((2, 2)), 0, True, np.array([False, False]))
    fallback = "only one renewal opportunity is observed: one churn probability is used for all customers"
    return optimum, 0, fallback


def _warnings(optimum: Optimum, churned: float) -> list[str]:
    found = []
    if churned < _FEW:
        found.append(f"only {churned:g} customers churned: the parameters are uncertain")
    if optimum.at_limit.any():
        found.append("retention does not rise with tenure: churn probabilities hardly differ")
    if not is_identified(optimum.hessian):
        found.append("the data do not identify alpha and beta: they have no standard errors")
    return found


def _sums(groups: Integers, values: Floats, size: int) -> Floats:
    return np.bincount(groups, weights=values, minlength=size).astype(np.float64)


def _whole_numbers(name: str, values: ArrayLike, least: int = 0) -> Integers:
    """Check counts of periods or renewals and return them, at least 1-d."""
    numbers = np.atleast_1d(np.asarray(values))
    usable = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "iuf"
    if not usable or not ((numbers >= least) & (numbers <= _MOST_PERIODS) & (numbers % 1 == 0)).all():
        raise DataError(f"{name} holds {values!r}: give whole numbers from {least} to {_MOST_PERIODS:,}")
    return numbers.astype(np.int64)
