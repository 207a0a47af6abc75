"""Base of the fitted value models: what their estimates are, how they are shown, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import OutputError, ParamsError, SourceError
from guanxi.models import _lifetimes_engine
from guanxi.models._maximum_likelihood import covariance, is_identified, log_covariance
from guanxi.served.numerics import FIXED

Floats = NDArray[np.float64]


class ParametricModel(BaseEstimator):  # type: ignore[misc]
    """Base of the value models.

    Attributes
    ----------
    params_ : dict
        In the paper's order; coefficients of covariates after them.
    log_likelihood_ : float
        Sum over customers.
    covariance_ : DataFrame, shape (d, d)
        By the delta method; infinite if the data do not identify all parameters.
    log_covariance_ : DataFrame, shape (d, d)
        Covariance of the log-parameters (and the coefficients).
    standard_errors_ : dict
    converged_ : bool
    fit_report_ : dict
        Details of the fit: ``model`` is the model behind the predictions, ``identified`` whether the data
        identify all parameters.
    """

    _name: ClassVar[str]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Show the arguments and, once fitted, the parameters and to how many customers."""
        arguments = str(super().__repr__(N_CHAR_MAX))
        if not hasattr(self, "params_"):
            return f"{arguments}, not fitted"
        shown = ", ".join(f"{name}={value:.4g}" for name, value in self.params_.items())
        customers = self.fit_report_.get("customers")
        to = "" if customers is None else f" to {customers:,.0f} customers"
        return f"{arguments}, fitted{to}: {shown}"

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Estimates with standard errors and confidence intervals, a row per parameter.

        Parameters
        ----------
        level : float
            Of the intervals, which are those of a normal distribution of the logarithms (of the value itself
            for the coefficients of covariates).

        Returns
        -------
        DataFrame
            ``estimate, standard_error, lower, upper``; infinite errors where the data do not identify the
            parameters, and missing ones of parameters that are fixed.

        Examples
        --------
        >>> from guanxi.models import BetaGeoNBD
        >>> from guanxi.simulation import simulate_bg_nbd
        >>> rfm = simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=500, T=40.0, seed=1)
        >>> list(BetaGeoNBD().fit(rfm).summary().index)
        ['r', 'alpha', 'a', 'b']
        """
        check_is_fitted(self)
        if not 0 < level < 1:
            raise ParamsError(f"level is {level!r}: give a probability between 0 and 1")
        reach = NormalDist().inv_cdf((1 + level) / 2)
        rows = {}
        for name, value in self.params_.items():
            error = self.standard_errors_.get(name, np.nan)
            if ":" in name:  # the coefficient of a covariate
                lower, upper = value - reach * error, value + reach * error
            else:
                factor = np.exp(reach * error / value) if np.isfinite(error) else np.inf
                lower, upper = (value / factor, value * factor) if error == error else (np.nan, np.nan)
            rows[name] = {"estimate": value, "standard_error": error, "lower": lower, "upper": upper}
        return pd.DataFrame.from_dict(rows, orient="index")

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a file, as JSON: see :meth:`to_json`."""
        text = self.to_json()
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model written by :meth:`save`.

        Raises
        ------
        SourceError
            If the file cannot be read.
        ParamsError
            If it is not of this estimator.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SourceError(f"cannot read {path}: {reason}") from None
        return cls.from_json(text)

    def to_json(self) -> str:
        """Write the fitted model as JSON, without code.

        Examples
        --------
        >>> from guanxi.models import BetaGeoNBD
        >>> from guanxi.simulation import simulate_bg_nbd
        >>> rfm = simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=500, T=40.0, seed=1)
        >>> model = BetaGeoNBD().fit(rfm)
        >>> BetaGeoNBD.from_json(model.to_json()).params_ == model.params_
        True
        """
        check_is_fitted(self)
        matrix = self.log_covariance_.to_numpy()
        document = {
            "estimator": type(self).__name__,
            "arguments": self._json_arguments(),
            "params": self.params_,
            "log_likelihood": self.log_likelihood_ if np.isfinite(self.log_likelihood_) else None,
            "log_covariance": matrix.tolist() if np.isfinite(matrix).all() else None,
            "converged": self.converged_,
            "fit_report": self.fit_report_,
        }
        return json.dumps(document, default=lambda number: number.item(), allow_nan=False)

    def _json_arguments(self) -> dict[str, Any]:
        return dict(self.get_params())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a model written by :meth:`to_json`.

        Raises
        ------
        ParamsError
            If the text is not from this estimator.
        """
        try:
            document = json.loads(text)
            if document["estimator"] != cls.__name__:
                raise ParamsError(f"the JSON is of a {document['estimator']}: read it with that class")
            model = cls(**document["arguments"])
            matrix, value = document["log_covariance"], document["log_likelihood"]
            report = document["fit_report"]
            model._set_params(report["model"], document["params"], matrix and np.array(matrix))
            model.log_likelihood_ = float("nan") if value is None else float(value)
            model.converged_, model.fit_report_ = bool(document["converged"]), report
        except (ValueError, KeyError, TypeError) as error:
            raise ParamsError(f"this is not the JSON of a fitted {cls.__name__}: {error!r}") from None
        return model

    def to_lifetimes(self) -> Any:
        """Make the lifetimes fitter with these parameters.

        Raises
        ------
        ParamsError
            If lifetimes has no such model, or the model has covariates.
        """
        check_is_fitted(self)
        return _lifetimes_engine.to_fitter(self.fit_report_["model"], self.params_)

    @classmethod
    def from_lifetimes(cls, fitter: Any) -> Self:
        """Take the parameters of a fitted lifetimes fitter, which has neither likelihood nor covariance.

        Raises
        ------
        ParamsError
            If the fitter is not fitted, or of another model.
        """
        model, name = cls(), cls._model_name()
        model._set_params(name, _lifetimes_engine.from_fitter(fitter, name), None)
        model.log_likelihood_ = float("nan")
        model.converged_ = True
        model.fit_report_ = {"model": name, "engine": "lifetimes", "fallback": None, "warnings": []}
        return model

    @classmethod
    def _model_name(cls) -> str:
        return cls._name

    def _set_fit(
        self,
        name: str,
        params: Mapping[str, float],
        hessian: Floats,
        log_likelihood: float,
        converged: bool,
        report: Mapping[str, Any],
    ) -> None:
        """Set all fitted attributes; ``report`` holds the entries specific to this model."""
        self._set_params(name, params, log_covariance(hessian))
        self.log_likelihood_, self.converged_ = log_likelihood, converged
        self.fit_report_ = {
            "model": name,
            **report,
            "converged": converged,
            "identified": is_identified(hessian),
        }

    def _set_params(self, name: str, params: Mapping[str, float], log_covariance: Floats | None) -> None:
        """Set the parameters, and the covariance of their logarithms; None: unknown."""
        self.params_ = dict(params)
        free = {symbol: value for symbol, value in params.items() if symbol not in FIXED}
        unknown = pd.DataFrame(np.inf, index=list(free), columns=list(free))
        if log_covariance is None or not np.isfinite(log_covariance).all():
            self.log_covariance_ = self.covariance_ = unknown
        else:
            self.log_covariance_ = pd.DataFrame(log_covariance, index=list(free), columns=list(free))
            self.covariance_ = covariance(free, log_covariance)
        self.standard_errors_ = {
            symbol: float(np.sqrt(self.covariance_.loc[symbol, symbol])) for symbol in self.covariance_.index
        }
