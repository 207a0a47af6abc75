"""Base of the models of repeat purchases: fit, predictions and covariates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitError, FitWarning, ParamsError
from guanxi.models import _lifetimes_engine
from guanxi.models._covariates import checked_penalty, covariate_names, with_covariates
from guanxi.models._customer_table import (
    Histories,
    as_given,
    by_horizon,
    checked_horizon,
    covariate_columns,
    histories_of,
    history_columns,
    is_number,
)
from guanxi.models._fitting import STAND_INS, Fit, at_params, fit_process, with_fallback, with_warnings
from guanxi.models._parametric_model import ParametricModel
from guanxi.served.numerics import distinct_rows
from guanxi.served.purchases.process import PurchaseProcess

Floats = NDArray[np.float64]

_FAR = 50.0  # limit for customers far outside the training data: e^50 is practically infinite
_RESERVED = ("frequency", "recency", "T", "monetary_value", "log_gap_sum")


class TransactionModel(ParametricModel):
    """Base of the models of repeat purchases; each defines at least its ``_process``.

    Attributes
    ----------
    process_ : PurchaseProcess
        The process behind the predictions: the model's own, or that of its fallback.
    fit_report_ : dict
        Details of the fit: ``model`` (name of ``process_``), ``fallback`` (reason of a fallback, or None),
        ``warnings``, ``identified`` (whether the data identify all parameters), customers, distinct
        histories, iterations, parameters at the limit of the search.
    """

    process_: PurchaseProcess
    _process: ClassVar[PurchaseProcess]
    _covariate_parameters: ClassVar[tuple[str, ...]] = ()  # those that depend on covariates
    _log_gaps: ClassVar[bool] = False  # whether it uses the column log_gap_sum

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency``, ``recency`` and ``T``, a row per customer; other columns are ignored, except for
            the model's covariates.
        sample_weight : array, shape (n,), optional
            Number of customers that each row represents.

        Raises
        ------
        DataError
            If the table is not one of purchase histories.
        FitError
            If no customer bought again, all ages are 0, or no search converges.

        Warns
        -----
        FitWarning
            If the data do not support the model and a simpler one is used instead.
        """
        names = self._covariate_names()
        histories = histories_of(self._with_covariates(rfm), sample_weight, names, log_gaps=self._log_gaps)
        fit = self._fit_histories(histories)
        report = {
            "engine": getattr(self, "engine", "guanxi"),
            "fallback": fit.fallback,
            "warnings": fit.warnings,
            "customers": histories.customers,
            "repeat_customers": histories.repeat_customers,
            "distinct_histories": len(histories.weight),
            **fit.report,
        }
        self._set_fit(fit.process.name, fit.params, fit.hessian, fit.log_likelihood, fit.converged, report)
        if fit.fallback is not None:
            warnings.warn(fit.fallback, FitWarning, stacklevel=2)
        return self

    def probability_alive(self, rfm: pd.DataFrame, later: float = 0.0) -> Any:
        """P(alive at T + later | history up to T), shape (n,)."""
        if is_number(later) and later == 0.0:
            return self._predict(rfm, "probability_alive")
        return self._predict(rfm, "probability_alive", checked_horizon(later, "later"))

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float | Sequence[float]) -> Any:
        """E[purchases in (T, T + horizon] | history], shape (n,); the horizon in the unit of T.

        For k horizons the shape is (n, k). As with all predictions, a table whose index has a name, such as
        ``customer_id``, gets a Series (for several horizons a DataFrame) with that index.
        """
        return by_horizon(
            rfm, horizon, lambda each: self._predict(rfm, "expected_purchases", checked_horizon(each))
        )

    def expected_purchases_new(self, horizon: ArrayLike) -> Any:
        """E[repeat purchases of a new customer within the horizon]: a float, or an array like the horizon."""
        check_is_fitted(self)
        if self._covariate_names():
            raise ParamsError("a new customer has covariates: call expected_purchases with a row of zeros")
        try:
            horizons = np.asarray(horizon, dtype=np.float64)
        except (TypeError, ValueError):
            horizons = np.array(np.nan)
        if not (horizons.size and np.isfinite(horizons).all()) or (horizons < 0).any():
            raise DataError(f"horizon is {horizon!r}: give finite numbers of at least 0, in the unit of T")
        expected = self.process_.expected_purchases_new(self.params_, horizons.ravel())
        return float(expected[0]) if horizons.ndim == 0 else expected.reshape(horizons.shape)

    def purchase_probability(self, rfm: pd.DataFrame, n: int, horizon: float | Sequence[float]) -> Any:
        """P(exactly n purchases in (T, T + horizon] | history), shape (n,); (n, k) for k horizons."""
        if not is_number(n) or n < 0 or not float(n).is_integer():
            raise DataError(f"n is {n!r}: give a whole number of at least 0")
        return by_horizon(
            rfm,
            horizon,
            lambda each: self._predict(rfm, "purchase_probability", float(n), checked_horizon(each)),
        )

    def probability_no_purchase(self, rfm: pd.DataFrame, horizon: float | Sequence[float]) -> Any:
        """P(no purchase in (T, T + horizon] | history), shape (n,); (n, k) for k horizons."""
        return by_horizon(
            rfm, horizon, lambda each: self._predict(rfm, "probability_no_purchase", checked_horizon(each))
        )

    def next_purchase_quantile(self, rfm: pd.DataFrame, q: float) -> Any:
        """Quantile of the time from T to the next purchase, given alive; shape (n,)."""
        if not is_number(q) or not 0.0 <= q < 1.0:
            raise DataError(f"q is {q!r}: give a probability of at least 0 and below 1")
        return self._predict(rfm, "next_purchase_quantile", q)

    def discounted_expected_residual_transactions(
        self, rfm: pd.DataFrame, discount_rate: float, horizon: float = np.inf
    ) -> Any:
        """Discounted expected residual transactions (DERT), shape (n,).

        Purchases expected after T, discounted to T: Fader, Hardie & Lee (2005), RFM and CLV, Journal of
        Marketing Research 42(4).

        Parameters
        ----------
        rfm : DataFrame
        discount_rate : float
            Continuously compounded, per unit of T; above 0 where the horizon is infinite.
        horizon : float
            In the unit of T.
        """
        if not is_number(discount_rate) or not 0 <= discount_rate < np.inf:
            raise ParamsError(f"discount_rate is {discount_rate!r}: give a finite number of at least 0")
        endless = isinstance(horizon, float) and horizon == np.inf
        if endless and discount_rate == 0:
            raise ParamsError(
                "discount_rate is 0 with an infinite horizon: give a rate above 0, or a horizon"
            )
        if not endless:
            horizon = checked_horizon(horizon)
        return self._predict(rfm, "discounted_purchases", float(discount_rate), float(horizon))

    def _covariate_names(self) -> list[str]:
        return []

    def _with_covariates(self, rfm: pd.DataFrame) -> pd.DataFrame:
        return rfm

    def _fit_histories(self, histories: Histories) -> Fit:
        return with_fallback(self._fit_process(histories), histories)

    def _fit_process(self, histories: Histories) -> Fit:
        return fit_process(self._process, histories)

    @classmethod
    def _model_name(cls) -> str:
        return cls._process.name

    def _set_params(self, name: str, params: Mapping[str, float], log_covariance: Floats | None) -> None:
        self.process_ = self._process if name == self._process.name else STAND_INS[name]
        super()._set_params(name, params, log_covariance)

    def _predict(self, rfm: pd.DataFrame, formula: str, *arguments: float) -> Any:
        """Evaluate a formula once per distinct history and expand the result to all rows."""
        check_is_fitted(self)
        names = self._covariate_names()
        columns = (*history_columns(rfm), *covariate_columns(self._with_covariates(rfm), names))
        evaluate: Callable[..., Floats] = getattr(self.process_, formula)
        if formula in self.process_.cheap and not arguments:
            frequency, recency, T, *z = columns
            return as_given(rfm, evaluate(self._row_params(names, z), frequency, recency, T))
        (frequency, recency, T, *z), inverse = distinct_rows(columns)
        values = evaluate(self._row_params(names, z), frequency, recency, T, *arguments)[inverse]
        return as_given(rfm, values)

    def _row_params(self, names: Sequence[str], z: Sequence[Floats]) -> dict[str, Any]:
        """Parameters of each row: with covariates, exp(log-parameter + coefficients @ z)."""
        params: dict[str, Any] = {name: self.params_[name] for name in self.process_.parameters}
        for parameter in self._covariate_parameters if names else ():
            shift = sum(
                self.params_[f"{parameter}:{name}"] * each for name, each in zip(names, z, strict=True)
            )
            params[parameter] = params[parameter] * np.exp(np.clip(shift, -_FAR, _FAR))
        return params


class CovariateModel(TransactionModel):
    """Base of the models with covariates, which lifetimes can fit too: see :class:`.BetaGeoNBD`."""

    def __init__(
        self,
        engine: Literal["guanxi", "lifetimes"] = "guanxi",
        covariates: Sequence[str] | pd.DataFrame | None = None,
        penalty: float = 0.0,
    ) -> None:
        self.engine = engine
        self.covariates = covariates
        self.penalty = penalty

    def _json_arguments(self) -> dict[str, Any]:
        """Write a table of covariates as the names of its columns."""
        return {**super()._json_arguments(), "covariates": self._covariate_names() or None}

    def _covariate_names(self) -> list[Any]:
        return covariate_names(self.covariates, _RESERVED)

    def _with_covariates(self, rfm: pd.DataFrame) -> pd.DataFrame:
        return with_covariates(rfm, self.covariates)

    def _fit_histories(self, histories: Histories) -> Fit:
        if self.engine not in ("guanxi", "lifetimes"):
            raise ParamsError(f"engine {self.engine!r} is unknown: use 'guanxi' or 'lifetimes'")
        names = self._covariate_names()
        if self.engine == "lifetimes":
            if names:
                raise ParamsError("lifetimes takes no covariates: use engine='guanxi'")
            params = _lifetimes_engine.fit(self._process.name, *histories.columns)
            return with_warnings(at_params(self._process, histories, params), histories)
        if not names:
            return super()._fit_histories(histories)
        return with_warnings(self._fit_covariates(histories, names), histories)

    def _fit_covariates(self, histories: Histories, names: list[Any]) -> Fit:
        penalty = checked_penalty(self.penalty)
        covariates = dict.fromkeys(self._covariate_parameters, names)
        fit = fit_process(self._process, histories, covariates=covariates, penalty=penalty)
        if not fit.converged:
            raise FitError(
                f"{self._process.name} with covariates did not converge: leave some out, or raise the penalty"
            )
        return fit
