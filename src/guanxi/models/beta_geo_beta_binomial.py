"""BG/BB: transactions at discrete opportunities."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitError, FitWarning, ParamsError
from guanxi.models._customer_table import (
    Histories,
    as_given,
    by_horizon,
    checked_horizon,
    history_columns,
    refuse_rows,
    weight_column,
)
from guanxi.models._fitting import Fit
from guanxi.models._maximum_likelihood import Optimum, is_identified, maximize_from
from guanxi.models._parametric_model import ParametricModel
from guanxi.models.likelihoods import _bg_bb
from guanxi.models.likelihoods._bg_bb import BgBbLikelihood
from guanxi.models.transaction_model import TransactionModel
from guanxi.served.numerics import Columns, count_rows, distinct_rows
from guanxi.served.purchases.bg_bb_process import BG_BB

Floats = NDArray[np.float64]

_NAMES = ("alpha", "beta", "gamma", "delta")
_FEW = 30
_MOST_OPPORTUNITIES = 1_000_000  # every opportunity is a term of a sum


class BetaGeoBetaBinomial(ParametricModel):
    """Beta-geometric / beta-Bernoulli model of transactions at discrete opportunities.

    Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting, Marketing
    Science 29(6). At each opportunity (a yearly appeal, a fair, a mailing) a customer who is alive transacts
    with a probability that is beta distributed across customers (alpha, beta); before each, a customer drops
    out with a probability that is beta distributed too (gamma, delta).

    Customer tables hold whole numbers: ``T``, the opportunities since acquisition; ``frequency``, the number
    of those with a transaction; ``recency``, the index of the last of these, 0 if there is none.

    Attributes
    ----------
    params_ : dict
        alpha, beta, gamma, delta.
    log_likelihood_, covariance_, log_covariance_, standard_errors_, converged_
        As in :class:`.ParametricModel`.
    fit_report_ : dict
        Details of the fit: customers, repeat customers (with a transaction), distinct histories, iterations,
        starts, parameters at the limit of the search, ``identified``, ``warnings`` and ``fallback`` (or
        None).

    Notes
    -----
    If every customer transacted at the last opportunity, no dropout is observed: the likelihood is highest at
    a dropout probability of 0, the search stops at its limit, almost no dropout is expected, and
    ``fit_report_["fallback"]`` reports it.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_bb
    >>> truth = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}
    >>> rfm = simulate_bg_bb(truth, n=2000, T=8, seed=1)
    >>> model = BetaGeoBetaBinomial().fit(rfm)
    >>> model.expected_purchases(rfm, horizon=5).shape
    (2000,)
    """

    _name = "bg_bb"

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency``, ``recency`` and ``T``, a row per customer; other columns are ignored.
        sample_weight : array, shape (n,), optional
            Number of customers that each row represents.

        Raises
        ------
        DataError
            If the table does not hold transaction histories at opportunities.
        FitError
            If no customer transacted, or the search does not converge.

        Warns
        -----
        FitWarning
            If no dropout is observed, so that none is expected.
        """
        columns, weight = count_rows(_opportunities(rfm), weight_column(sample_weight, rfm))
        kept = weight > 0
        fit = _fit_opportunities(tuple(column[kept] for column in columns), weight[kept])
        repeaters = float(weight[columns[0] > 0].sum())
        report = {
            "customers": float(weight.sum()),
            "repeat_customers": repeaters,
            "distinct_histories": int(kept.sum()),
            **fit.report,
            "warnings": fit.warnings,
            "fallback": fit.fallback,
        }
        self._set_fit(self._name, fit.params, fit.hessian, fit.log_likelihood, fit.converged, report)
        if fit.fallback is not None:
            warnings.warn(fit.fallback, FitWarning, stacklevel=2)
        return self

    def probability_alive(self, rfm: pd.DataFrame, later: int = 0) -> Any:
        """P(alive at opportunity T + 1 + later | history), shape (n,).

        The paper's P(alive) is that at the next opportunity, later = 0.

        Parameters
        ----------
        rfm : DataFrame
        later : int
            A whole number of opportunities of at least 0.
        """
        return self._predict(rfm, BG_BB.probability_alive, _whole("later", later) + 1)

    def expected_purchases(self, rfm: pd.DataFrame, horizon: int | Sequence[int]) -> Any:
        """E[transactions at the next ``horizon`` opportunities | history], shape (n,)."""
        return by_horizon(
            rfm,
            horizon,
            lambda each: self._predict(rfm, BG_BB.expected_purchases, _whole("horizon", each)),
        )

    def expected_purchases_new(self, horizon: int) -> float:
        """E[transactions at the first ``horizon`` opportunities] of a customer with no history yet."""
        check_is_fitted(self)
        return float(BG_BB.expected_purchases_new(self._in_opportunities(), _whole("horizon", horizon))[0])

    def purchase_probability(self, rfm: pd.DataFrame, n: int, horizon: int) -> Any:
        """P(exactly n transactions at the next ``horizon`` opportunities | history), shape (n,).

        A customer with no history yet is frequency 0, recency 0, T 0.
        """
        return self._predict(rfm, BG_BB.purchase_probability, _whole("n", n), _whole("horizon", horizon))

    def probability_no_purchase(self, rfm: pd.DataFrame, horizon: int) -> Any:
        """P(no transaction at the next ``horizon`` opportunities | history), shape (n,): churn by BTYD."""
        return self._predict(rfm, BG_BB.probability_no_purchase, _whole("horizon", horizon))

    def discounted_expected_residual_transactions(
        self, rfm: pd.DataFrame, discount_rate: float, horizon: int | None = None
    ) -> Any:
        """Present value of future transactions (DERT), shape (n,).

        A transaction at opportunity T + j is discounted by 1 / (1 + rate)^j.

        Parameters
        ----------
        rfm : DataFrame
        discount_rate : float
            Per opportunity; above 0, or at least 0 with a horizon.
        horizon : int, optional
            Number of future opportunities; all by default.
        """
        h = None if horizon is None else _whole("horizon", horizon)
        rate = _checked_rate(discount_rate, endless=h is None)
        return self._predict(rfm, _bg_bb.discounted_purchases, rate, h)

    def _predict(self, rfm: pd.DataFrame, formula: Callable[..., Floats], *arguments: float | None) -> Any:
        """Evaluate a formula once per distinct history and expand the result to all rows."""
        check_is_fitted(self)
        (frequency, recency, T), inverse = distinct_rows(_opportunities(rfm))
        return as_given(rfm, formula(self._in_opportunities(), frequency, recency, T, *arguments)[inverse])

    def _in_opportunities(self) -> dict[str, float]:
        return {**self.params_, "period": 1.0}


class PurchasesByPeriod(TransactionModel):
    """BG/BB with the interface and the time unit of the models in continuous time.

    Parameters
    ----------
    period : float
        Length of an opportunity, in the unit of the customer table.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_bb
    >>> truth = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}
    >>> rfm = simulate_bg_bb(truth, n=2000, T=8, seed=1)
    >>> rfm[["recency", "T"]] *= 365
    >>> PurchasesByPeriod(365.0).fit(rfm).expected_purchases(rfm, horizon=730.0).shape
    (2000,)
    """

    _process = BG_BB

    def __init__(self, period: float = 1.0) -> None:
        self.period = period

    def _fit_histories(self, histories: Histories) -> Fit:
        rows = BG_BB.opportunities({"period": self.period}, *histories.columns[:3])
        fit = _fit_opportunities(*count_rows(rows, histories.weight))
        return replace(fit, params={**fit.params, "period": float(self.period)})


def _fit_opportunities(histories: Columns, weight: Floats) -> Fit:
    """Fit BG/BB to distinct histories in whole opportunities.

    Raises
    ------
    FitError
        If no customer transacted, or the search does not converge.
    """
    frequency, recency, T = histories
    if not frequency.any():
        raise FitError("no transactions: nothing to learn their probability from; give a longer history")
    optimum, starts = maximize_from(BgBbLikelihood(frequency, recency, T, weight), _starts(histories, weight))
    if not optimum.converged:
        raise FitError("BG/BB did not converge: check the histories for outliers, or give more customers")
    fallback = None
    if (recency == T).all():
        fallback = "all customers transacted at the last opportunity: no dropout is expected"
    return Fit(
        BG_BB,
        optimum.params(_NAMES),
        optimum.value,
        optimum.hessian,
        optimum.converged,
        optimum.report(_NAMES, starts),
        fallback,
        _warnings(optimum, float(weight[frequency > 0].sum())),
    )


def _opportunities(rfm: pd.DataFrame) -> Columns:
    frequency, recency, T = history_columns(rfm)
    refuse_rows(rfm, "T", np.floor(T) != T, "is not a whole number of opportunities")
    refuse_rows(rfm, "T", T > _MOST_OPPORTUNITIES, f"is above {_MOST_OPPORTUNITIES:,} opportunities")
    refuse_rows(rfm, "recency", np.floor(recency) != recency, "is not the number of an opportunity")
    refuse_rows(rfm, "frequency", frequency > recency, "is greater than recency, the last opportunity used,")
    return frequency, recency, T


def _whole(name: str, value: float) -> int:
    try:
        number = checked_horizon(value)
    except DataError:
        number = np.nan
    if number != np.floor(number) or number > _MOST_OPPORTUNITIES:
        raise DataError(
            f"{name} is {value!r}: give a whole number from 0 to {_MOST_OPPORTUNITIES:,}, in opportunities"
        )
    return int(number)


def _checked_rate(rate: float, *, endless: bool) -> float:
    number = isinstance(rate, int | float | np.number) and np.isfinite(rate)
    if not number or rate < 0 or (endless and rate == 0):
        least = "above 0, or a horizon" if endless else "of at least 0"
        raise ParamsError(f"discount_rate is {rate!r}: give a finite number {least}")
    return float(rate)


def _starts(histories: Columns, weight: Floats) -> list[Floats]:
    """Choose starting values: the share of opportunities used and a typical dropout, then others around."""
    frequency, _, T = histories
    share = float(np.clip(weight @ frequency / (weight @ T), 0.02, 0.98))
    usual = np.log([2.0 * share, 2.0 * (1.0 - share), 0.5, 5.0])
    around = ([1.0, 0.0, 0.0, -1.0], [-1.0, -1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0])
    return [usual, *(usual + shift for shift in around)]


def _warnings(optimum: Optimum, repeaters: float) -> list[str]:
    found = []
    if repeaters < _FEW:
        found.append(f"only {repeaters:g} customers transacted: the parameters are uncertain")
    if at_limit := optimum.names_at_limit(_NAMES):
        found.append(f"at the edge of the search: {', '.join(at_limit)}; do not interpret these parameters")
    if not is_identified(optimum.hessian):
        found.append("the histories do not identify all parameters: they have no standard errors")
    return found
