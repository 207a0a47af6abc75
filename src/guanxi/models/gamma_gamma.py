"""Gamma-Gamma: the amount of a customer's purchases."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import FitError, FitWarning
from guanxi.models._customer_table import as_given, spend_columns, weight_column
from guanxi.models._maximum_likelihood import Optimum, log_covariance, maximize_from
from guanxi.models._parametric_model import ParametricModel
from guanxi.models.likelihoods._spend import GammaGammaLikelihood, fit_log_normal
from guanxi.served.numerics import count_rows
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL, SPEND_PROCESSES

Floats = NDArray[np.float64]

_LEAST = 1e-100  # smaller amounts count as 0: their squares leave the range of floats
_LARGEST_Q = 1e3  # customers' mean amounts then have a coefficient of variation of 3 %
_LARGEST_MEAN = 2.0  # times the observed mean
# Correlations of frequency and mean amount beyond both of these give a warning.
_CLEAR = 3.0  # standard errors
_STRONG = 0.3


class GammaGamma(ParametricModel):
    """Gamma-Gamma model of the amount of a purchase.

    Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025. The amounts of
    a customer are gamma distributed (shape p), and their rate is gamma distributed across customers (q, v).
    Purchase frequency and amount are assumed independent.

    Attributes
    ----------
    process_ : SpendProcess
        The process behind the predictions: Gamma-Gamma, or log-normal spend after a fallback.
    params_ : dict
        Of ``process_``: p, q, v (v in the unit of the amounts).
    log_likelihood_ : float
        Sum over the customers used; 0.0 after a fallback.
    covariance_, log_covariance_, standard_errors_
        As in :class:`.ParametricModel`; infinite after a fallback.
    converged_ : bool
        Whether the search for Gamma-Gamma's parameters converged.
    fit_report_ : dict
        Details of the fit: ``model`` (name of ``process_``), ``customers`` used and ``skipped_customers`` (no
        repeat purchase, or a mean amount of 0), ``frequency_spend_correlation`` (``pearson, spearman``),
        ``iterations, starts, at_limit``, ``fallback`` (a sentence, or None) and ``warnings``.

    Notes
    -----
    The fallback is each customer's mean amount, shrunk on the log scale (:mod:`guanxi.served.spend`). It is
    used if there is only one customer or all amounts are equal, without convergence, for q <= 1 (no
    population mean), for q above 1e3 (customers hardly differ, their own means would be ignored), and if the
    population mean is more than twice the observed one.

    Examples
    --------
    >>> mean_amounts = [5.0, 60.0, 9.0, 41.0, 120.0, 25.0]
    >>> rfm = pd.DataFrame({"frequency": [1, 2, 3, 5, 4, 9], "monetary_value": mean_amounts})
    >>> GammaGamma().fit(rfm).expected_spend(rfm).shape
    (6,)
    """

    _name = "gamma_gamma"

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency`` and ``monetary_value``, a row per customer; rows where either is 0 are skipped and
            counted, other columns are ignored.
        sample_weight : array, shape (n,), optional
            Number of customers that each row represents.

        Raises
        ------
        DataError
            If a column is missing, or does not hold counts or amounts.
        FitError
            If no customer has a repeat purchase with an amount.

        Warns
        -----
        FitWarning
            If there is a fallback, or frequency and spend are clearly correlated.
        """
        (frequency, monetary_value), weight = count_rows(
            spend_columns(rfm), weight_column(sample_weight, rfm)
        )
        used = (frequency > 0) & (monetary_value > _LEAST) & (weight > 0)
        if not used.any():
            raise FitError(
                "no repeat purchase has an amount above 0: nothing to learn spend from; give more history"
            )
        skipped = float(weight[~used].sum())
        rows = frequency[used], monetary_value[used], weight[used]
        correlation = _frequency_spend_correlation(*rows)
        warning = _dependence_warning(correlation, float(rows[2].sum()))
        self.fit_report_: dict[str, Any] = {
            "customers": float(rows[2].sum()),
            "skipped_customers": skipped,
            "frequency_spend_correlation": correlation,
            "iterations": 0,
            "starts": 0,
            "at_limit": [],
            "warnings": [] if warning is None else [warning],
        }
        self.converged_ = True
        reason = _nothing_to_learn(*rows) or self._search(*rows)
        if reason is not None:
            self._fall_back(*rows)
        self.fit_report_ |= {"model": self.process_.name, "fallback": reason}
        for text in (reason, warning):
            if text is not None:
                warnings.warn(text, FitWarning, stacklevel=2)
        return self

    def expected_spend(self, rfm: pd.DataFrame) -> Any:
        """E[amount of a purchase | history], shape (n,); the population mean without repeat purchases."""
        check_is_fitted(self)
        return as_given(rfm, self.process_.expected_spend(self.params_, *spend_columns(rfm)))

    def _search(self, frequency: Floats, monetary_value: Floats, weight: Floats) -> str | None:
        """Fit Gamma-Gamma; return the reason if it cannot be used."""
        likelihood = GammaGammaLikelihood(frequency, monetary_value, weight)
        optimum, starts = maximize_from(likelihood, _starts(frequency, monetary_value, weight))
        names = GAMMA_GAMMA.parameters
        params = optimum.params(names)
        self.fit_report_ |= optimum.report(names, starts)
        self.converged_ = optimum.converged
        reason = _refusal(optimum, params, float(np.average(monetary_value, weights=weight)))
        if reason is None:
            self.log_likelihood_ = optimum.value
            self._set_params(GAMMA_GAMMA.name, params, log_covariance(optimum.hessian))
            if at_limit := self.fit_report_["at_limit"]:
                edge = f"{', '.join(at_limit)} at the edge of the search"
                self.fit_report_["warnings"].append(f"{edge}: the amounts hardly identify the parameters")
        return reason

    def _fall_back(self, frequency: Floats, monetary_value: Floats, weight: Floats) -> None:
        self.log_likelihood_ = 0.0
        self._set_params(LOG_NORMAL.name, fit_log_normal(frequency, monetary_value, weight), None)

    def _set_params(self, name: str, params: Mapping[str, float], log_covariance: Floats | None) -> None:
        self.process_ = SPEND_PROCESSES[name]
        super()._set_params(name, params, log_covariance)


def _frequency_spend_correlation(
    frequency: Floats, monetary_value: Floats, weight: Floats
) -> dict[str, float | None]:
    """Pearson's and Spearman's correlation of frequency and mean amount among repeat customers.

    Weights are frequencies of the rows. ``pearson`` and ``spearman`` are None if a column is constant.

    Examples
    --------
    >>> found = _frequency_spend_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 1.0, 4.0]), np.ones(3))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'pearson': -0.619, 'spearman': -0.5}
    """
    return {
        "pearson": _pearson(frequency, monetary_value, weight),
        "spearman": _pearson(_ranks(frequency, weight), _ranks(monetary_value, weight), weight),
    }


def _nothing_to_learn(frequency: Floats, monetary_value: Floats, weight: Floats) -> str | None:
    if np.ptp(monetary_value) > 1e-9 * monetary_value.max():
        return None
    if weight.sum() <= 1.0:
        return "only one customer has repeat purchases with an amount: its mean is used for all customers"
    return "all mean amounts are equal: the mean amount is used for all customers"


def _refusal(optimum: Optimum, params: dict[str, float], observed: float) -> str | None:
    """Reason why the estimates cannot be used, if there is one."""
    instead = "using each customer's mean amount, shrunk on the log scale"
    if not optimum.converged:
        return f"Gamma-Gamma did not converge: {instead}"
    if params["q"] <= 1.0:
        return f"q is {params['q']:.3g}, so Gamma-Gamma's population mean does not exist: {instead}"
    if params["q"] > _LARGEST_Q:
        return f"q is {params['q']:.3g}, so under Gamma-Gamma customers hardly differ: {instead}"
    mean = params["p"] * params["v"] / (params["q"] - 1.0)
    if mean > _LARGEST_MEAN * observed:
        return f"Gamma-Gamma's population mean is {mean / observed:.3g} times the observed mean: {instead}"
    return None


def _starts(frequency: Floats, monetary_value: Floats, weight: Floats) -> list[Floats]:
    """Choose starting values: the amount at the mean rate, p v / q, is the geometric mean amount.

    With a heavy tail the arithmetic mean would be out of the reach of the search.
    """
    usual = float(np.exp(np.average(np.log(monetary_value), weights=weight * frequency)))
    shapes = ((4.0, 4.0), (1.0, 2.0), (20.0, 3.0), (2.0, 30.0), (2.0, 0.5))
    return [np.log([p, q, usual * q / p]) for p, q in shapes]


def _dependence_warning(correlation: dict[str, float | None], customers: float) -> str | None:
    """Describe the effect of a clear and strong correlation on customer lifetime value; else None.

    The rank correlation decides, since a single large account can dominate Pearson's. Strong means above 0.3
    (CDNOW has 0.2), clear more than three standard errors of Fisher's transformation.
    """
    spearman = correlation["spearman"]
    if spearman is None or customers <= 3.0 or abs(spearman) <= _STRONG:
        return None
    if np.arctanh(min(abs(spearman), 1.0 - 1e-12)) * np.sqrt(customers - 3.0) < _CLEAR:
        return None
    more, infrequent, frequent = "more", "overstated", "understated"
    if spearman < 0:
        more, infrequent, frequent = "less", "understated", "overstated"
    return (
        f"frequent customers spend {more} per purchase (rank correlation {spearman:.2f}), but spend is "
        f"assumed independent of frequency: the lifetime value of customers with few purchases is "
        f"{infrequent}, that of frequent ones {frequent}"
    )


def _pearson(first: Floats, second: Floats, weight: Floats) -> float | None:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    x, y = (_standardise(column, weight) for column in (first, second))
    return float(np.clip(np.average(x * y, weights=weight), -1.0, 1.0))


def _standardise(column: Floats, weight: Floats) -> Floats:
    centred = column - np.average(column, weights=weight)
    centred = centred / np.abs(centred).max()
    return np.asarray(centred / np.sqrt(np.average(centred**2, weights=weight)))


def _ranks(column: Floats, weight: Floats) -> Floats:
    """Mid-ranks, with weights as the frequencies of the rows."""
    _, which = np.unique(column, return_inverse=True)
    weights = np.bincount(which, weights=weight)
    return np.asarray((np.cumsum(weights) - weights / 2.0)[which])
