"""What all models of repeat purchases share: the fit around the likelihood, and the predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitWarning, ParamsError
from guanxi.models.fitting import Fit, fit_process
from guanxi.models.guards import Guarded, guarded
from guanxi.models.histories import Histories, histories_of
from guanxi.models.inputs import checked_horizon, covariate_columns, history_columns
from guanxi.models.maximum_likelihood import log_covariance
from guanxi.models.parametric_model import ParametricModel
from guanxi.served.numerics.distinct import distinct_rows
from guanxi.served.purchases.process import PurchaseProcess
from guanxi.served.purchases.registry import PROCESSES

Floats = NDArray[np.float64]

_FAR = 50.0  # customers far from all that the model has seen: e^50 is as good as without end


class TransactionModel(ParametricModel):
    """Base of the models of repeat purchases.

    Attributes
    ----------
    process_ : PurchaseProcess
        The formulas behind the predictions: the model's own, or those of the model that stands in for it.
    fit_report_ : dict
        What the fit found: ``model`` (name of ``process_``), ``fallback`` (why another stands in; None),
        ``warnings``, customers, distinct histories, iterations, parameters at the edge of the search.
    """

    process_: PurchaseProcess
    _covariate_parameters: ClassVar[tuple[str, ...]] = ()
    _log_gaps: ClassVar[bool] = False

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Find the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency``, ``recency`` and ``T``, a row per customer; other columns are ignored, but for
            covariates that were asked for.
        sample_weight : array, shape (n,), optional
            How many customers each row stands for.

        Raises
        ------
        DataError
            If the table is not one of purchase histories.
        FitError
            If no customer bought again, all ages are 0, or no search converges.

        Warns
        -----
        FitWarning
            If another model stands in, since the data do not hold what this one looks for.
        """
        names = self._covariate_names()
        rfm = self._with_covariates(rfm)
        histories = histories_of(rfm, sample_weight, names, log_gaps=self._log_gaps)
        found = self._search(histories)
        self._learn(found, histories)
        if found.fallback is not None:
            warnings.warn(found.fallback, FitWarning, stacklevel=2)
        return self

    def probability_alive(self, rfm: pd.DataFrame, later: float = 0.0) -> Floats:
        """P(alive at T + later | history up to T), shape (n,)."""
        if later == 0.0:
            return self._each(rfm, "probability_alive")
        return self._each(rfm, "probability_alive", checked_horizon(later, "later"))

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """E[purchases in (T, T + horizon] | history], shape (n,); the horizon in the unit of T."""
        return self._each(rfm, "expected_purchases", checked_horizon(horizon))

    def expected_purchases_new(self, horizon: ArrayLike) -> Any:
        """E[repeat purchases of a new customer within the horizon]: a float, or an array like the horizon."""
        check_is_fitted(self)
        if self._covariate_names():
            raise ParamsError("a new customer has covariates: ask expected_purchases for a row of 0, 0, 0")
        try:
            horizons = np.asarray(horizon, dtype=np.float64)
        except (TypeError, ValueError):
            horizons = np.array(np.nan)
        if not np.isfinite(horizons).all() or (horizons < 0).any():
            raise DataError(f"horizon is {horizon!r}: give finite numbers of at least 0, in the unit of T")
        expected = self.process_.expected_purchases_new(self.params_, horizons.ravel())
        return float(expected[0]) if horizons.ndim == 0 else expected.reshape(horizons.shape)

    def purchase_probability(self, rfm: pd.DataFrame, n: int, horizon: float) -> Floats:
        """P(exactly n purchases in (T, T + horizon] | history), shape (n,)."""
        if not np.isscalar(n) or isinstance(n, str) or n < 0 or not float(n).is_integer():
            raise DataError(f"n is {n!r}: give a whole number of at least 0")
        return self._each(rfm, "purchase_probability", float(n), checked_horizon(horizon))

    def probability_no_purchase(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """P(no purchase in (T, T + horizon] | history), shape (n,)."""
        return self._each(rfm, "probability_no_purchase", checked_horizon(horizon))

    def next_purchase_quantile(self, rfm: pd.DataFrame, q: float) -> Floats:
        """Time from T by which the next purchase has come with probability q, given alive; shape (n,)."""
        if not np.isscalar(q) or isinstance(q, str) or not 0.0 <= q < 1.0:
            raise DataError(f"q is {q!r}: give a probability of at least 0 and below 1")
        return self._each(rfm, "next_purchase_quantile", q)

    def discounted_expected_residual_transactions(
        self, rfm: pd.DataFrame, discount_rate: float, horizon: float = np.inf
    ) -> Floats:
        """Purchases expected after T, each discounted to T; shape (n,).

        Fader, Hardie & Lee (2005), RFM and CLV, Journal of Marketing Research 42(4): DERT.

        Parameters
        ----------
        rfm : DataFrame
        discount_rate : float
            Continuously compounded, per unit of T; above 0 where the horizon is infinite.
        horizon : float
            In the unit of T.
        """
        if not np.isfinite(discount_rate) or discount_rate < 0:
            raise ParamsError(f"discount_rate is {discount_rate!r}: give a finite number of at least 0")
        if np.isinf(horizon) and discount_rate == 0:
            raise ParamsError("discount_rate is 0 with an endless horizon: give a rate above 0, or a horizon")
        if not np.isposinf(horizon):
            horizon = checked_horizon(horizon)
        return self._each(rfm, "discounted_purchases", float(discount_rate), float(horizon))

    def _covariate_names(self) -> list[str]:
        return []

    def _with_covariates(self, rfm: pd.DataFrame) -> pd.DataFrame:
        return rfm

    def _search(self, histories: Histories) -> Guarded:
        return guarded(self._fit_plain(histories), histories)

    def _fit_plain(self, histories: Histories) -> Fit:
        return fit_process(PROCESSES[self._name], histories)

    def _learn(self, found: Guarded, histories: Histories) -> None:
        fit = found.fit
        self._take(fit.process.name, fit.params, log_covariance(fit.hessian))
        self.log_likelihood_ = fit.log_likelihood
        self.converged_ = fit.converged
        self.fit_report_ = {
            "model": fit.process.name,
            "engine": getattr(self, "engine", "guanxi"),
            "fallback": found.fallback,
            "warnings": found.warnings,
            "customers": histories.customers,
            "repeat_customers": histories.repeat_customers,
            "distinct_histories": len(histories.weight),
            "converged": fit.converged,
            **fit.report,
            "parameters_told_apart": bool(np.isfinite(self.log_covariance_.to_numpy()).all()),
        }

    def _take(self, name: str, params: dict[str, float], log_covariance: Floats | None) -> None:
        self.process_ = PROCESSES[name]
        super()._take(name, params, log_covariance)

    def _each(self, rfm: pd.DataFrame, formula: str, *arguments: float) -> Floats:
        """Evaluate a formula once per distinct history and spread it over the rows."""
        check_is_fitted(self)
        names = self._covariate_names()
        columns = (*history_columns(rfm), *covariate_columns(self._with_covariates(rfm), names))
        evaluate: Callable[..., Floats] = getattr(self.process_, formula)
        if formula in self.process_.cheap and not arguments:
            frequency, recency, T, *z = columns
            return evaluate(self._row_params(names, z), frequency, recency, T)
        (frequency, recency, T, *z), inverse = distinct_rows(columns)
        return evaluate(self._row_params(names, z), frequency, recency, T, *arguments)[inverse]

    def _row_params(self, names: Sequence[str], z: Sequence[Floats]) -> dict[str, Any]:
        """Parameters of every row: where there are covariates, exp(log-parameter + coefficients @ z)."""
        params: dict[str, Any] = {name: self.params_[name] for name in self.process_.parameters}
        for parameter in self._covariate_parameters if names else ():
            shift = sum(
                self.params_[f"{parameter}:{name}"] * each for name, each in zip(names, z, strict=True)
            )
            params[parameter] = params[parameter] * np.exp(np.clip(shift, -_FAR, _FAR))
        return params
