"""Gamma-Gamma: how much a customer's purchases are worth."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import FitError
from guanxi.models.formulas import gamma_gamma
from guanxi.models.formulas.distinct import count_rows, distinct_rows
from guanxi.models.inputs import spend_columns, weight_column
from guanxi.models.maximum_likelihood import Optimum, covariance, maximize_from, standard_errors

Floats = NDArray[np.float64]

_NAMES = ("p", "q", "v")
# What stands for "every purchase costs the same": amounts vary by a thousandth, customers by a millionth.
_CONSTANT_P, _CONSTANT_Q = 1e6, 1e12


class GammaGamma(BaseEstimator):  # type: ignore[misc]
    """Gamma-Gamma model of the amount of a purchase.

    Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025. Amounts of one
    customer are gamma distributed (shape p), their rate among customers too (q, v). Purchase frequency and
    amount are taken as independent.

    Attributes
    ----------
    params_ : dict
        p, q, v (v in the unit of the amounts).
    log_likelihood_ : float
        Sum over the customers used; 0.0 after a fallback.
    covariance_ : DataFrame, shape (3, 3)
        By the delta method; infinite where the data do not tell all parameters apart, and after a fallback.
    standard_errors_ : dict
    converged_ : bool
    fit_report_ : dict
        What the fit found: customers used and skipped (no repeat purchase, or a mean amount of 0), parameters
        at the edge of the search, ``fallback`` and ``warning`` (None if there is none).

    Notes
    -----
    Where all mean amounts are equal, or only one customer has any, there is nothing to learn a spread from:
    the model falls back to the mean amount for everyone and says so in ``fit_report_["fallback"]``.
    For q <= 1 the population mean is infinite; see :func:`guanxi.models.formulas.gamma_gamma.expected_spend`.

    Examples
    --------
    >>> rfm = pd.DataFrame({"frequency": [1, 2, 3, 5], "monetary_value": [12.0, 30.0, 22.0, 41.0]})
    >>> GammaGamma().fit(rfm).expected_spend(rfm).shape
    (4,)
    """

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Find the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency`` and ``monetary_value``, a row per customer; rows where either is 0 are skipped and
            counted, other columns are ignored.
        sample_weight : array, shape (n,), optional
            How many customers each row stands for.

        Raises
        ------
        DataError
            If a column is missing or not one of counts and amounts.
        FitError
            If no customer has a repeat purchase with an amount, or the search does not converge.
        """
        (frequency, monetary_value), weight = count_rows(
            spend_columns(rfm), weight_column(sample_weight, rfm)
        )
        used = (frequency > 0) & (monetary_value > 0) & (weight > 0)
        if not used.any():
            raise FitError(
                "no repeat purchase has an amount above 0: nothing to learn spend from; give more history"
            )
        report: dict[str, Any] = {
            "customers": float(weight[used].sum()),
            "skipped_customers": float(weight[~used].sum()),
            "fallback": None,
            "warning": None,
        }
        frequency, monetary_value, weight = frequency[used], monetary_value[used], weight[used]
        if np.ptp(monetary_value) <= 1e-9 * monetary_value[0]:
            return self._fall_back(float(monetary_value[0]), report)
        likelihood = gamma_gamma.GammaGammaLikelihood(frequency, monetary_value, weight)
        optimum, used_starts = maximize_from(likelihood, _starts(frequency, monetary_value, weight))
        if not optimum.converged:
            raise FitError(
                "Gamma-Gamma did not converge: check the amounts for outliers, or give more customers"
            )
        return self._learnt(optimum, {**report, "iterations": optimum.iterations, "starts": used_starts})

    def expected_spend(self, rfm: pd.DataFrame) -> Floats:
        """E[amount of a purchase | history], shape (n,); the population mean without repeat purchases."""
        check_is_fitted(self)
        (frequency, monetary_value), inverse = distinct_rows(spend_columns(rfm))
        return gamma_gamma.expected_spend(self.params_, frequency, monetary_value)[inverse]

    def _learnt(self, optimum: Optimum, report: dict[str, Any]) -> Self:
        self.params_ = dict(zip(_NAMES, np.exp(optimum.log_params).tolist(), strict=True))
        self.log_likelihood_ = optimum.value
        self.covariance_ = covariance(self.params_, optimum.hessian)
        self.standard_errors_ = standard_errors(self.covariance_)
        self.converged_ = optimum.converged
        report["at_limit"] = [name for name, limit in zip(_NAMES, optimum.at_limit, strict=True) if limit]
        if self.params_["q"] <= 1.0:
            report["warning"] = (
                "q <= 1: the population's mean amount is infinite, the amount at the mean rate stands in"
            )
        self.fit_report_ = report
        return self

    def _fall_back(self, amount: float, report: dict[str, Any]) -> Self:
        v = amount * (_CONSTANT_Q - 1.0) / _CONSTANT_P
        self.params_ = {"p": _CONSTANT_P, "q": _CONSTANT_Q, "v": v}
        self.log_likelihood_ = 0.0
        self.covariance_ = pd.DataFrame(np.inf, index=_NAMES, columns=_NAMES)
        self.standard_errors_ = standard_errors(self.covariance_)
        self.converged_ = True
        fallback = "all mean amounts are equal: no spread to learn, the mean amount is expected of everyone"
        self.fit_report_ = {**report, "iterations": 0, "starts": 0, "at_limit": [], "fallback": fallback}
        return self


def _starts(frequency: Floats, monetary_value: Floats, weight: Floats) -> list[Floats]:
    """Log-parameters to start from: each has the observed mean amount as population mean p v / (q - 1)."""
    mean = float(np.average(monetary_value, weights=weight * frequency))
    shapes = ((4.0, 4.0), (1.0, 2.0), (20.0, 3.0), (2.0, 30.0))
    return [np.log([p, q, mean * (q - 1.0) / p]) for p, q in shapes]
