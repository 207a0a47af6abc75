"""What all models with parameters found by maximum likelihood share: what they learnt, and its ways out."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import ParamsError
from guanxi.models import lifetimes_engine
from guanxi.models.maximum_likelihood import covariance, standard_errors

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
        By the delta method; infinite where the data do not tell all parameters apart.
    log_covariance_ : DataFrame, shape (d, d)
        Of the log-parameters (and the coefficients).
    standard_errors_ : dict
    converged_ : bool
    fit_report_ : dict
        What the fit found; ``model`` names the formulas behind the predictions.
    """

    _name: ClassVar[str]

    def to_json(self) -> str:
        """Write the fitted model as JSON, without any code.

        Examples
        --------
        >>> from guanxi.models import BetaGeoNBD
        >>> from guanxi.simulation import simulate_bg_nbd
        >>> rfm = simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=500, T=40.0, seed=1)
        >>> model = BetaGeoNBD().fit(rfm)
        >>> BetaGeoNBD.from_json(model.to_json()).params_ == model.params_
        True
        """
        return json_text(self._document())

    def _document(self) -> dict[str, Any]:
        check_is_fitted(self)
        matrix = self.log_covariance_.to_numpy()
        return {
            "estimator": type(self).__name__,
            "arguments": self.get_params(),
            "params": self.params_,
            "log_likelihood": self.log_likelihood_ if np.isfinite(self.log_likelihood_) else None,
            "log_covariance": matrix.tolist() if np.isfinite(matrix).all() else None,
            "converged": self.converged_,
            "fit_report": self.fit_report_,
        }

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ParamsError
            If the text is none of this estimator's.
        """
        try:
            document = json.loads(text)
            if document["estimator"] != cls.__name__:
                raise ParamsError(f"the JSON is of a {document['estimator']}: read it with that class")
            model = cls(**document["arguments"])
            matrix = document["log_covariance"]
            model._take(document["fit_report"]["model"], document["params"], matrix and np.array(matrix))
            value = document["log_likelihood"]
            model.log_likelihood_ = float("nan") if value is None else float(value)
            model.converged_ = bool(document["converged"])
            model.fit_report_ = document["fit_report"]
        except (ValueError, KeyError, TypeError) as error:
            raise ParamsError(f"this is no JSON of a fitted {cls.__name__}: {error!r}") from None
        return model

    def to_lifetimes(self) -> Any:
        """Make the fitter of lifetimes that has these parameters.

        Raises
        ------
        ParamsError
            If lifetimes has no such model, or the model has covariates.
        """
        check_is_fitted(self)
        return lifetimes_engine.to_fitter(self.fit_report_["model"], self.params_)

    @classmethod
    def from_lifetimes(cls, fitter: Any) -> Self:
        """Take the parameters of a fitted fitter of lifetimes, which keeps neither likelihood nor covariance.

        Raises
        ------
        ParamsError
            If the fitter is not fitted, or of another model.
        """
        model = cls()
        model._take(cls._name, lifetimes_engine.from_fitter(fitter, cls._name), None)
        model.log_likelihood_ = float("nan")
        model.converged_ = True
        model.fit_report_ = {"model": cls._name, "engine": "lifetimes", "fallback": None, "warnings": []}
        return model

    def _take(self, name: str, params: dict[str, float], log_covariance: Floats | None) -> None:
        """Set the parameters, and the covariance of their logarithms; None: not known."""
        self.params_ = dict(params)
        free = {symbol: value for symbol, value in params.items() if symbol != "k"}
        unknown = pd.DataFrame(np.inf, index=list(free), columns=list(free))
        if log_covariance is None or not np.isfinite(log_covariance).all():
            self.log_covariance_ = self.covariance_ = unknown
        else:
            self.log_covariance_ = pd.DataFrame(log_covariance, index=list(free), columns=list(free))
            self.covariance_ = covariance(free, log_covariance)
        self.standard_errors_ = standard_errors(self.covariance_)


def json_text(document: dict[str, Any]) -> str:
    """Write plain JSON; NumPy's numbers as Python's."""
    return json.dumps(document, default=lambda number: number.item(), allow_nan=False)
