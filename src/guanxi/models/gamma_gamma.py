"""Gamma-Gamma: how much a customer's purchases are worth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import FitError, FitWarning
from guanxi.models._customer_table import spend_columns, weight_column
from guanxi.models._maximum_likelihood import Optimum, ParametricModel, log_covariance, maximize_from
from guanxi.models.likelihoods._spend import GammaGammaLikelihood, fit_log_normal
from guanxi.served.numerics import count_rows
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL, SPEND_PROCESSES

Floats = NDArray[np.float64]

_LARGEST_Q = 1e3  # there the mean amounts of customers differ by 3 % of their mean
_LARGEST_MEAN = 2.0  # times the observed mean
# A correlation of frequency and mean amount is worth a warning beyond these.
_CLEAR = 3.0  # standard errors
_STRONG = 0.3


class GammaGamma(ParametricModel):
    """Gamma-Gamma model of the amount of a purchase.

    Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025. Amounts of one
    customer are gamma distributed (shape p), their rate among customers too (q, v). Purchase frequency and
    amount are taken as independent.

    Attributes
    ----------
    process_ : SpendProcess
        What predicts: Gamma-Gamma, or log-normal spend where it stands in.
    params_ : dict
        Of ``process_``: p, q, v (v in the unit of the amounts).
    log_likelihood_ : float
        Sum over the customers used; 0.0 after a fallback.
    covariance_, log_covariance_ : DataFrame, shape (3, 3)
        Of the parameters, by the delta method, and of their logarithms; infinite where the data do not
        identify them, and after a fallback.
    standard_errors_ : dict
    converged_ : bool
        Whether Gamma-Gamma's search ended well.
    fit_report_ : dict
        What the fit found: ``model`` (name of ``process_``), ``customers`` used and ``skipped_customers`` (no
        repeat purchase, or a mean amount of 0), ``_frequency_spend_correlation`` (``pearson, spearman``),
        ``iterations, starts, at_limit``, ``fallback`` (a sentence, or None) and ``warnings`` (sentences).

    Notes
    -----
    Own mean amounts, shrunk on the log scale (:mod:`guanxi.served.spend`), stand in where
    Gamma-Gamma would mislead: one customer or amounts all equal (no spread to learn), no convergence, q <= 1
    (the population has no mean), q beyond 1e3 (customers hardly differ, every own mean would be ignored), and
    a population mean more than twice the observed one.

    Examples
    --------
    >>> mean_amounts = [5.0, 60.0, 9.0, 41.0, 120.0, 25.0]
    >>> rfm = pd.DataFrame({"frequency": [1, 2, 3, 5, 4, 9], "monetary_value": mean_amounts})
    >>> GammaGamma().fit(rfm).expected_spend(rfm).shape
    (6,)
    """

    _name = "gamma_gamma"

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
            If no customer has a repeat purchase with an amount.

        Warns
        -----
        FitWarning
            If own mean amounts stand in for Gamma-Gamma, or frequency and spend clearly go together.
        """
        (frequency, monetary_value), weight = count_rows(
            spend_columns(rfm), weight_column(sample_weight, rfm)
        )
        used = (frequency > 0) & (monetary_value > 0) & (weight > 0)
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

    def expected_spend(self, rfm: pd.DataFrame) -> Floats:
        """E[amount of a purchase | history], shape (n,); the population mean without repeat purchases."""
        check_is_fitted(self)
        return self.process_.expected_spend(self.params_, *spend_columns(rfm))

    def _search(self, frequency: Floats, monetary_value: Floats, weight: Floats) -> str | None:
        """Fit Gamma-Gamma; return why it cannot be used, if so."""
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
                self.fit_report_["warnings"].append(f"{edge}: the amounts hardly tell the parameters apart")
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
    """Correlation of frequency and mean amount among repeat customers: Pearson's, and Spearman's of ranks.

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Customers with repeat purchases; weights equal repetition.

    Returns
    -------
    dict
        ``pearson, spearman``; None where one of the columns is constant.

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
        return "only one customer has repeat purchases with an amount: its mean is expected of everyone"
    return "all mean amounts are equal: no spread to learn, the mean amount is expected of everyone"


def _refusal(optimum: Optimum, params: dict[str, float], observed: float) -> str | None:
    """Why parameters that were found cannot be used."""
    stands_in = "own mean amounts, shrunk on the log scale, stand in"
    if not optimum.converged:
        return f"Gamma-Gamma did not converge: {stands_in}"
    if params["q"] <= 1.0:
        return f"q is {params['q']:.3g}, so Gamma-Gamma's population mean does not exist: {stands_in}"
    if params["q"] > _LARGEST_Q:
        return f"q is {params['q']:.3g}, so to Gamma-Gamma customers hardly differ: {stands_in}"
    mean = params["p"] * params["v"] / (params["q"] - 1.0)
    if mean > _LARGEST_MEAN * observed:
        return f"Gamma-Gamma's population mean is {mean / observed:.3g} times the observed mean: {stands_in}"
    return None


def _starts(frequency: Floats, monetary_value: Floats, weight: Floats) -> list[Floats]:
    """Log-parameters to start from: the amount at the mean rate, p v / q, is the usual amount.

    The usual amount is the geometric mean: a heavy tail moves the arithmetic one out of the search's reach.
    """
    usual = float(np.exp(np.average(np.log(monetary_value), weights=weight * frequency)))
    shapes = ((4.0, 4.0), (1.0, 2.0), (20.0, 3.0), (2.0, 30.0), (2.0, 0.5))
    return [np.log([p, q, usual * q / p]) for p, q in shapes]


def _dependence_warning(correlation: dict[str, float | None], customers: float) -> str | None:
    """Say what a clear and strong correlation does to customer lifetime value; None if there is none.

    Ranks decide, since a single large account can carry Pearson's. Strong is beyond .3, where frequency
    explains about a tenth of the spread of spend; CDNOW has .2. Clear is
    beyond three standard errors of Fisher's transformation.
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
        f"frequent customers spend {more} per purchase (rank correlation {spearman:.2f}), but spend is taken "
        f"as independent of frequency: the lifetime value of customers with few purchases is {infrequent}, "
        f"that of frequent ones {frequent}"
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
    """Mid-ranks of weighted rows, as if each stood there as often as it weighs."""
    _, which = np.unique(column, return_inverse=True)
    weights = np.bincount(which, weights=weight)
    return np.asarray((np.cumsum(weights) - weights / 2.0)[which])
