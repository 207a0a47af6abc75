"""Retention of customers under contract: shifted beta-geometric and beta discrete Weibull.

At every renewal opportunity a customer churns or renews. With U = (churn probability at the first
opportunity) beta distributed across customers, a customer survives t opportunities with probability
(1 - U)^(t^c), so that a share S(t) = B(gamma, delta + t^c) / B(gamma, delta) of a cohort does.

- Beta discrete Weibull (BdW): Fader, Hardie, Liu, Davin & Steenburgh (2018), "How to Project Customer
  Retention" Revisited: The Role of Duration Dependence, Journal of Interactive Marketing 43. At c > 1 each
  customer's own churn probability rises with tenure, at c < 1 it falls.
- Shifted beta-geometric (sBG): Fader & Hardie (2007), How to Project Customer Retention, Journal of
  Interactive Marketing 21(1): c = 1, with alpha and beta for gamma and delta.

``renewals`` are the renewals that a customer has made: 0 in the first contract period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..numerics import distinct_rows
from ._beta_functions import log_beta_ratio
from ._residual_lifetime import sum_to, sum_without_end

Floats = NDArray[np.float64]
Params = Mapping[str, Any]

_FAR = 50.0  # limit for customers far outside the training data: e^50 is practically infinite
_CHUNK = 256  # customers per pass of the sums over their future


class RetentionProcess:
    """Formulas of a retention model; parameters are numbers, or arrays with one for each customer.

    Parameters
    ----------
    name : str
    parameters : sequence of str
        The two parameters of the beta distribution; then, for BdW, the exponent c.

    Examples
    --------
    >>> high_end = {"alpha": 0.668, "beta": 3.806}
    >>> np.exp(SHIFTED_BETA_GEOMETRIC.log_survival(high_end, 0, [1, 7, 12])).round(3)
    array([0.851, 0.489, 0.378])
    """

    def __init__(self, name: str, parameters: Sequence[str]) -> None:
        self.name = name
        self.parameters = tuple(parameters)
        self.covariate_parameters = self.parameters[:2]

    def row_params(self, params: Params, covariates: Mapping[str, ArrayLike] | None = None) -> dict[str, Any]:
        """Parameters of each customer: gamma and delta times exp(coefficients @ covariates).

        Parameters
        ----------
        params : mapping
            With the coefficients of the covariates as ``gamma:column`` and ``delta:column``.
        covariates : mapping of column to array, shape (n,), or None

        Examples
        --------
        >>> params = {"alpha": 1.0, "beta": 2.0, "alpha:paperless": np.log(3.0), "beta:paperless": 0.0}
        >>> SHIFTED_BETA_GEOMETRIC.row_params(params, {"paperless": [0.0, 1.0]})
        {'alpha': array([1., 3.]), 'beta': array([2., 2.])}
        """
        own = {name: params[name] for name in self.parameters}
        for parameter in self.covariate_parameters if covariates else ():
            terms = [
                params[f"{parameter}:{column}"] * np.asarray(values, dtype=np.float64)
                for column, values in (covariates or {}).items()
            ]
            own[parameter] = own[parameter] * np.exp(np.clip(sum(terms), -_FAR, _FAR))
        return own

    def log_survival(self, params: Params, renewals: ArrayLike, ahead: ArrayLike) -> Floats:
        """Log of P(renews at the next ``ahead`` opportunities | renewals so far), elementwise."""
        gamma, delta, c = self._unpack(params)
        start, more = _powers(c, renewals, ahead)
        return log_beta_ratio(gamma, delta + start, more)

    def churn_log_odds(self, params: Params, renewals: ArrayLike) -> Floats:
        """Log odds of churning at the next opportunity, given the renewals so far, elementwise.

        Examples
        --------
        >>> log_odds = SHIFTED_BETA_GEOMETRIC.churn_log_odds({"alpha": 0.668, "beta": 3.806}, [0, 6])
        >>> (1 / (1 + np.exp(log_odds))).round(3)  # renewal probabilities
        array([0.851, 0.936])
        """
        gamma, delta, c = self._unpack(params)
        if "c" not in self.parameters:
            made = np.asarray(renewals, dtype=np.float64)
            return np.asarray(np.log(gamma) - np.log(delta + made))
        start, more = _powers(c, renewals, 1.0)
        retained = log_beta_ratio(gamma, delta + start, more)
        return np.asarray(np.log(-np.expm1(retained)) - retained)

    def future_churn_log_odds(self, params: Params, renewals: ArrayLike, opportunities: int) -> Floats:
        """Log odds of churning at each of the next opportunities, shape (n, opportunities).

        Each is given that the customer has renewed at those before it.

        Examples
        --------
        >>> bdw = {"gamma": 0.5231, "delta": 0.8944, "c": 1.1963}
        >>> BETA_DISCRETE_WEIBULL.future_churn_log_odds(bdw, [0, 5], 3).round(2)
        array([[-0.54, -1.06, -1.48],
               [-2.2 , -2.36, -2.5 ]])
        """
        made = np.atleast_1d(np.asarray(renewals, dtype=np.float64))
        columns = {name: _as_column(params[name]) for name in self.parameters}
        if any(np.ndim(value) for value in columns.values()):
            return self.churn_log_odds(columns, made[:, None] + np.arange(opportunities))
        whole = made.astype(np.int64)
        first = int(whole.min())
        by_tenure = self.churn_log_odds(columns, np.arange(first, int(whole.max()) + opportunities))
        return np.asarray(by_tenure[whole[:, None] - first + np.arange(opportunities)])

    def survival_curves(self, params: Params, renewals: ArrayLike, opportunities: int) -> Floats:
        """S(t | renewals so far) for t = 0 ... opportunities, shape (n, opportunities + 1)."""
        return survival_curves(self.future_churn_log_odds(params, renewals, opportunities))

    def discounted_renewals(
        self, params: Params, renewals: ArrayLike, discount_rate: float, horizon: int | None = None
    ) -> Floats:
        """Sum over j >= 1 of P(j more renewals | renewals so far) / (1 + d)^j, shape (n,).

        Parameters
        ----------
        params : mapping
        renewals : array of int, shape (n,)
        discount_rate : float
            d, per period. Without discount the sum over all j is the expected number of further renewals,
            infinite for alpha (gamma c) of at most 1.
        horizon : int, optional
            Number of further opportunities; all by default.

        Examples
        --------
        >>> high_end = {"alpha": 0.668, "beta": 3.806}
        >>> SHIFTED_BETA_GEOMETRIC.discounted_renewals(high_end, [7], 0.1).round(3)
        array([6.845])
        >>> SHIFTED_BETA_GEOMETRIC.discounted_renewals(high_end, [7], 0.1, horizon=200).round(3)
        array([6.845])
        """
        columns = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (renewals, *self._unpack(params)))
        )
        rows, inverse = distinct_rows(tuple(columns))
        log_discount = float(np.log1p(discount_rate))
        sums = np.empty(len(rows[0]))
        for start in range(0, len(sums), _CHUNK):
            part = slice(start, start + _CHUNK)
            made, gamma, delta, c = (column[part, None] for column in rows)
            sums[part] = _discounted(made, gamma, delta, c, log_discount, horizon)
        return sums[inverse]

    def _unpack(self, params: Params) -> tuple[Any, Any, Any]:
        gamma, delta, *exponent = (params[name] for name in self.parameters)
        return gamma, delta, exponent[0] if exponent else 1.0


SHIFTED_BETA_GEOMETRIC = RetentionProcess("shifted_beta_geometric", ("alpha", "beta"))
BETA_DISCRETE_WEIBULL = RetentionProcess("beta_discrete_weibull", ("gamma", "delta", "c"))
RETENTION_PROCESSES = {process.name: process for process in (SHIFTED_BETA_GEOMETRIC, BETA_DISCRETE_WEIBULL)}


def survival_curves(churn_log_odds: Floats) -> Floats:
    """S(0) = 1, S(1), ... from the log odds of churning at each opportunity, shape (n, opportunities + 1).

    Examples
    --------
    >>> survival_curves(np.array([[0.0, 0.0]]))
    array([[1.  , 0.5 , 0.25]])
    """
    log_survival = np.cumsum(-np.logaddexp(0.0, churn_log_odds), axis=1)
    return np.asarray(np.exp(np.concatenate([np.zeros((len(log_survival), 1)), log_survival], axis=1)))


def _discounted(
    made: Floats, gamma: Floats, delta: Floats, c: Floats, log_discount: float, horizon: int | None
) -> Floats:
    exponent: Any = 1.0 if (c == 1.0).all() else c

    def log_survival(ahead: Floats) -> Floats:
        start, more = _powers(exponent, made, ahead)
        return log_beta_ratio(gamma, delta + start, more)

    if horizon is not None:
        return sum_to(log_survival, log_discount, horizon)
    return sum_without_end(log_survival, log_discount, (gamma * c)[:, 0], c[:, 0])


def _powers(c: Any, renewals: ArrayLike, ahead: ArrayLike) -> tuple[Floats, Floats]:
    """r^c and (r + ahead)^c - r^c."""
    made, more = np.asarray(renewals, dtype=np.float64), np.asarray(ahead, dtype=np.float64)
    if np.ndim(c) == 0 and c == 1.0:
        return made, more
    power = np.where(made > 0, made, 1.0) ** c
    growth = power * np.expm1(c * np.log1p(more / np.where(made > 0, made, 1.0)))
    return np.where(made > 0, power, 0.0), np.where(made > 0, growth, more**c)


def _as_column(value: Any) -> Any:
    return np.asarray(value)[:, None] if np.ndim(value) else value
