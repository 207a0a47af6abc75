"""Models of repeat purchases whose parameters may depend on what is known of a customer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar, Literal

import pandas as pd

from guanxi.errors import DataError, FitError, ParamsError
from guanxi.models import lifetimes_engine
from guanxi.models.fitting import Fit, at_params, fit_process
from guanxi.models.guards import Guarded, fit_warnings, guarded
from guanxi.models.histories import Histories
from guanxi.models.parametric_model import json_text
from guanxi.models.transaction_model import TransactionModel
from guanxi.served.purchases.registry import PROCESSES

_RESERVED = ("frequency", "recency", "T", "monetary_value", "log_gap_sum")


class CovariateModel(TransactionModel):
    """Base of the models that take covariates, and that lifetimes can fit too.

    Parameters
    ----------
    engine : {"guanxi", "lifetimes"}
        Which library finds the parameters; predictions are guanxi's with either. lifetimes has no covariates.
    covariates : list of str or DataFrame, optional
        What does not change in time: columns of the customer table, or a table of its own whose index has
        those of every customer table. Numbers only; categories as columns of 0 and 1.
    penalty : float
        Ridge: half of it times the sum of squared coefficients of standardised covariates is taken off the
        log-likelihood.
    """

    _covariate_parameters: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        engine: Literal["guanxi", "lifetimes"] = "guanxi",
        covariates: Sequence[str] | pd.DataFrame | None = None,
        penalty: float = 0.0,
    ) -> None:
        self.engine = engine
        self.covariates = covariates
        self.penalty = penalty

    def to_json(self) -> str:
        """Write the fitted model as JSON; a table of covariates becomes the names of its columns."""
        document = self._document()
        document["arguments"]["covariates"] = self._covariate_names() or None
        return json_text(document)

    def _covariate_names(self) -> list[Any]:
        if self.covariates is None:
            return []
        if isinstance(self.covariates, str):
            raise ParamsError(f"covariates is {self.covariates!r}: give a list of names, or a table")
        names = list(self.covariates)
        for name in names:
            if name in _RESERVED or names.count(name) > 1:
                what = "stands twice" if name not in _RESERVED else "is a column of the history"
                raise ParamsError(f"covariate {name!r} {what}: give every covariate once, under its own name")
        return names

    def _with_covariates(self, rfm: pd.DataFrame) -> pd.DataFrame:
        table = self.covariates
        if not isinstance(table, pd.DataFrame):
            return rfm
        missing = rfm.index.difference(table.index)
        if len(missing):
            first = ", ".join(map(str, missing[:3]))
            raise DataError(f"the covariates lack {len(missing)} of {len(rfm)} customers (first: {first})")
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][0]
            raise DataError(f"the covariates have customer {twice} twice: keep one row for each")
        return rfm.drop(columns=rfm.columns.intersection(table.columns)).join(table)

    def _search(self, histories: Histories) -> Guarded:
        if self.engine not in ("guanxi", "lifetimes"):
            raise ParamsError(f"engine {self.engine!r} is unknown: use 'guanxi' or 'lifetimes'")
        names = self._covariate_names()
        if self.engine == "lifetimes":
            if names:
                raise ParamsError("lifetimes takes no covariates: use engine='guanxi'")
            params = lifetimes_engine.fit(self._name, *histories.columns)
            fit = at_params(PROCESSES[self._name], histories, params)
            return Guarded(fit, None, fit_warnings(fit, histories))
        if not names:
            return guarded(fit_process(PROCESSES[self._name], histories), histories)
        fit = self._fit_covariates(histories, names)
        return Guarded(fit, None, fit_warnings(fit, histories))

    def _fit_covariates(self, histories: Histories, names: list[Any]) -> Fit:
        penalty: Any = self.penalty
        if not isinstance(penalty, Real) or not float(penalty) >= 0.0:
            raise ParamsError(f"penalty is {self.penalty!r}: give a number of at least 0")
        chosen = dict.fromkeys(self._covariate_parameters, names)
        process = PROCESSES[self._name]
        fit = fit_process(process, histories, covariates=chosen, penalty=float(self.penalty))
        if not fit.converged:
            raise FitError(
                f"{self._name} with covariates did not converge: leave some out, or raise the penalty"
            )
        return fit
