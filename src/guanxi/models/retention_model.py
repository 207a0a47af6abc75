"""Base of the models of customers under contract: fit, predictions and covariates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitWarning, ParamsError
from guanxi.models._covariates import checked_penalty, covariate_names, with_covariates
from guanxi.models._customer_table import covariate_columns, is_number
from guanxi.models._parametric_model import ParametricModel
from guanxi.models._retention_fitting import fit_retention_process
from guanxi.models._retention_table import (
    RESERVED,
    Contracts,
    contracts_of_cohorts,
    contracts_of_customers,
    whole_numbers,
)
from guanxi.served.contracts.retention_process import RetentionProcess

Floats = NDArray[np.float64]


class RetentionModel(ParametricModel):
    """Base of :class:`.ShiftedBetaGeometric` and :class:`.BetaDiscreteWeibull`.

    A customer in the n-th contract period has renewed n - 1 times, the ``renewals`` of the predictions.

    With covariates, every prediction takes ``covariates``, a table with a row for each number given, or one
    row for all.

    Attributes
    ----------
    fit_report_ : dict
        Details of the fit: customers, churned customers, renewal opportunities, iterations, starts,
        parameters at the limit of the search, ``identified``, ``warnings`` and ``fallback`` (or None).
    """

    _process: ClassVar[RetentionProcess]

    def __init__(self, covariates: Sequence[str] | pd.DataFrame | None = None, penalty: float = 0.0) -> None:
        self.covariates = covariates
        self.penalty = penalty

    def fit(self, durations: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters by maximum likelihood from one row per customer.

        Parameters
        ----------
        durations : DataFrame
            ``duration``: number of renewal opportunities since the contract began, at least 1. ``churned``: 1
            if the customer was lost at the last of them, 0 if censored (renewed at all of them). ``entry``,
            optional: renewals already made when observation began (left truncation), below ``duration``; only
            the opportunities after them count. Other columns are ignored, except for the model's covariates.
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
            If too few renewal opportunities are observed for the model, so that a simpler one is used.
        """
        table = with_covariates(durations, self.covariates)
        return self._fit(contracts_of_customers(table, sample_weight, self._covariate_names()))

    def fit_retention(self, table: pd.DataFrame) -> Self:
        """Estimate the parameters by maximum likelihood from counts of survivors by period.

        Parameters
        ----------
        table : DataFrame
            ``period`` 0, 1, 2, ... and ``survivors``, the customers of the cohort left after that number of
            renewal opportunities. With a column ``cohort`` several cohorts are pooled. A cohort that starts
            at a later period counts from there (left truncation). The model's covariates, if any, are columns
            that are the same throughout a cohort.

        Raises
        ------
        DataError
            If a column is missing, periods are not consecutive, or survivors increase.
        FitError
            If no customer churned or none renewed, or the search does not converge.

        Warns
        -----
        FitWarning
            If too few renewal opportunities are observed for the model, so that a simpler one is used.
        """
        return self._fit(
            contracts_of_cohorts(with_covariates(table, self.covariates), self._covariate_names())
        )

    def survival(self, periods: ArrayLike, covariates: pd.DataFrame | None = None) -> Floats:
        """Share of a new cohort left after each number of renewal opportunities, shape (n,)."""
        return self._share(0, whole_numbers("periods", periods), covariates)

    def retention_rate(self, periods: ArrayLike, covariates: pd.DataFrame | None = None) -> Floats:
        """Share of the survivors of t - 1 renewal opportunities who survive the t-th, t >= 1; shape (n,)."""
        return self._share(whole_numbers("periods", periods, least=1) - 1, 1, covariates)

    def renewal_probability(
        self, renewals: ArrayLike, horizon: int, covariates: pd.DataFrame | None = None
    ) -> Floats:
        """P(renews at each of the next ``horizon`` opportunities | renewals so far), shape (n,)."""
        ahead = _checked_horizon(horizon)
        return self._share(whole_numbers("renewals", renewals), ahead, covariates)

    def expected_residual_periods(
        self, renewals: ArrayLike, horizon: int | None = None, covariates: pd.DataFrame | None = None
    ) -> Floats:
        """E[further periods within ``horizon`` that a customer stays | renewals so far], shape (n,).

        The current period does not count. Without a horizon it is the whole remaining lifetime, which is
        infinite for alpha <= 1 (BdW: gamma c <= 1).
        """
        return self._discounted(renewals, 0.0, horizon, covariates)

    def discounted_expected_residual_lifetime(
        self,
        renewals: ArrayLike,
        discount_rate_per_period: float,
        horizon: int | None = None,
        covariates: pd.DataFrame | None = None,
    ) -> Floats:
        """Present value of a unit paid at each further renewal (DERL), shape (n,).

        Fader & Hardie (2010), Customer-Base Valuation in a Contractual Setting: The Perils of Ignoring
        Heterogeneity, Marketing Science 29(1). The valuation is just before the next renewal, whose payment
        is not discounted; the current period has been paid. Times the amount paid per period it is the
        residual value of a customer.

        Parameters
        ----------
        renewals : array of int, shape (n,)
            Renewals of each customer so far.
        discount_rate_per_period : float
            Above 0.
        horizon : int, optional
            Number of further renewals that count; all by default.
        covariates : DataFrame, optional
        """
        rate = discount_rate_per_period
        if not is_number(rate) or not rate > 0:
            raise ParamsError(f"discount_rate_per_period is {rate!r}: give a finite number above 0")
        return (1.0 + float(rate)) * self._discounted(renewals, float(rate), horizon, covariates)

    def _fit(self, contracts: Contracts) -> Self:
        names = self._covariate_names()
        fit = fit_retention_process(self._process, contracts, names, checked_penalty(self.penalty))
        self._set_fit(self._process.name, fit.params, fit.hessian, fit.log_likelihood, True, fit.report)
        if fit.report["fallback"] is not None:
            warnings.warn(fit.report["fallback"], FitWarning, stacklevel=3)
        return self

    def _share(self, renewals: Any, ahead: Any, covariates: pd.DataFrame | None) -> Floats:
        """S(renewals + ahead) / S(renewals)."""
        size = max(np.size(renewals), np.size(ahead))
        shares = np.exp(self._process.log_survival(self._row_params(covariates, size), renewals, ahead))
        return np.atleast_1d(shares)

    def _discounted(
        self, renewals: ArrayLike, rate: float, horizon: int | None, covariates: pd.DataFrame | None
    ) -> Floats:
        ahead = None if horizon is None else _checked_horizon(horizon)
        made = whole_numbers("renewals", renewals)
        params = self._row_params(covariates, len(made))
        return self._process.discounted_renewals(params, made, rate, ahead)

    def _row_params(self, covariates: pd.DataFrame | None, size: int) -> dict[str, Any]:
        check_is_fitted(self)
        names = self._covariate_names()
        if not names:
            return self._process.row_params(self.params_)
        if covariates is None:
            raise ParamsError(f"the model has covariates: give a table with {', '.join(map(str, names))}")
        columns = covariate_columns(with_covariates(covariates, self.covariates), names)
        if len(covariates) not in (1, size):
            raise DataError(f"covariates has {len(covariates)} rows: give one for each of the {size} numbers")
        return self._process.row_params(self.params_, dict(zip(names, columns, strict=True)))

    def _covariate_names(self) -> list[Any]:
        return covariate_names(self.covariates, RESERVED)

    def _json_arguments(self) -> dict[str, Any]:
        """Write a table of covariates as the names of its columns."""
        return {**super()._json_arguments(), "covariates": self._covariate_names() or None}

    @classmethod
    def _model_name(cls) -> str:
        return cls._process.name


def _checked_horizon(horizon: int) -> int:
    return int(whole_numbers("horizon", horizon)[0])
