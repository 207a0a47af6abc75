"""BG/NBD: how often customers buy and whether they still do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from guanxi.errors import DataError, FitError, ParamsError
from guanxi.models.formulas import bg_nbd
from guanxi.models.formulas.bg_nbd_likelihood import BgNbdLikelihood
from guanxi.models.formulas.distinct import Columns, count_rows, distinct_rows
from guanxi.models.inputs import checked_horizon, history_columns, weight_column
from guanxi.models.maximum_likelihood import covariance, maximize, maximize_from, standard_errors

Floats = NDArray[np.float64]

Histories = tuple[Floats, Floats, Floats]

_NAMES = ("r", "alpha", "a", "b")
# Beyond this many distinct histories the search begins on a sample of them.
_SAMPLE = 20_000


class BetaGeoNBD(BaseEstimator):  # type: ignore[misc]
    """Beta-geometric / NBD model of repeat purchases.

    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD
    Model, Marketing Science 24(2). Purchases come at a rate that is gamma distributed among customers
    (r, alpha); after each repeat purchase a customer drops out with a probability that is beta distributed
    (a, b).

    Parameters
    ----------
    engine : {"guanxi", "lifetimes"}
        Which library finds the parameters; predictions are guanxi's with either.

    Attributes
    ----------
    params_ : dict
        r, alpha (in the unit of T), a, b.
    log_likelihood_ : float
        Sum over customers.
    covariance_ : DataFrame, shape (4, 4)
        By the delta method; infinite where the data do not tell all parameters apart.
    standard_errors_ : dict
    converged_ : bool
    fit_report_ : dict
        What the fit found: customers, distinct histories, iterations, parameters at the edge of the search.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1)
    >>> model = BetaGeoNBD().fit(rfm)
    >>> model.expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    def __init__(self, engine: Literal["guanxi", "lifetimes"] = "guanxi") -> None:
        self.engine = engine

    def fit(self, rfm: pd.DataFrame, sample_weight: ArrayLike | None = None) -> Self:
        """Find the parameters by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency``, ``recency`` and ``T``, a row per customer; other columns are ignored.
        sample_weight : array, shape (n,), optional
            How many customers each row stands for.

        Raises
        ------
        DataError
            If the table is not one of purchase histories.
        FitError
            If no customer bought again, all ages are 0, or the search does not converge.
        """
        if self.engine not in ("guanxi", "lifetimes"):
            raise ParamsError(f"engine {self.engine!r} is unknown: use 'guanxi' or 'lifetimes'")
        rows, weight = count_rows(history_columns(rfm), weight_column(sample_weight, rfm))
        histories, weight = _weighted(rows, weight)
        likelihood = BgNbdLikelihood(*histories, weight)
        if self.engine == "guanxi":
            log_params, report = _newton(likelihood, histories, weight)
        else:
            log_params, report = _lifetimes(histories, weight)
        value, _, hessian = likelihood(log_params)
        self.params_ = dict(zip(_NAMES, np.exp(log_params).tolist(), strict=True))
        self.log_likelihood_ = value
        self.covariance_ = covariance(self.params_, hessian)
        self.standard_errors_ = standard_errors(self.covariance_)
        self.converged_ = bool(report["converged"])
        self.fit_report_ = {
            "engine": self.engine,
            "customers": float(weight.sum()),
            "repeat_customers": float(weight[histories[0] > 0].sum()),
            "distinct_histories": len(weight),
            **report,
            "parameters_told_apart": bool(np.isfinite(self.covariance_.to_numpy()).all()),
        }
        return self

    def probability_alive(self, rfm: pd.DataFrame) -> Floats:
        """P(alive at T | history), shape (n,)."""
        return self._each(rfm, lambda x, t_x, T: bg_nbd.probability_alive(self.params_, x, t_x, T))

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """E[purchases in (T, T + horizon] | history], shape (n,); the horizon has the unit of T."""
        h = checked_horizon(horizon)
        return self._each(rfm, lambda x, t_x, T: bg_nbd.expected_purchases(self.params_, x, t_x, T, h))

    def expected_purchases_new(self, horizon: float) -> float:
        """E[repeat purchases within the horizon] of a customer with no history yet."""
        check_is_fitted(self)
        return float(bg_nbd.expected_purchases_new(self.params_, checked_horizon(horizon))[0])

    def purchase_probability(self, rfm: pd.DataFrame, n: int, horizon: float) -> Floats:
        """P(exactly n purchases in (T, T + horizon] | history), shape (n,)."""
        h = checked_horizon(horizon)
        if n != int(n) or n < 0:
            raise DataError(f"n is {n!r}: give a whole number of purchases of at least 0")
        return self._each(rfm, lambda x, t_x, T: bg_nbd.purchase_probability(self.params_, x, t_x, T, n, h))

    def probability_no_purchase(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """P(no purchase in (T, T + horizon] | history), shape (n,): the churn probability of BTYD."""
        h = checked_horizon(horizon)
        return self._each(rfm, lambda x, t_x, T: bg_nbd.probability_no_purchase(self.params_, x, t_x, T, h))

    def next_purchase_quantile(self, rfm: pd.DataFrame, q: float) -> Floats:
        """Time from T by which the next purchase has come with probability q, given alive; shape (n,)."""
        if not 0.0 <= q < 1.0:
            raise DataError(f"q is {q!r}: give a probability of at least 0 and below 1")
        return self._each(rfm, lambda x, t_x, T: bg_nbd.next_purchase_quantile(self.params_, x, t_x, T, q))

    def _each(self, rfm: pd.DataFrame, formula: Callable[[Floats, Floats, Floats], Floats]) -> Floats:
        """Evaluate a formula once per distinct history and spread it over the rows."""
        check_is_fitted(self)
        (frequency, recency, T), inverse = distinct_rows(history_columns(rfm))
        return formula(frequency, recency, T)[inverse]


def _weighted(rows: Columns, weight: Floats) -> tuple[Histories, Floats]:
    """Histories with weight, if there is something to learn from them."""
    kept = weight > 0
    frequency, recency, T = rows if kept.all() else (column[kept] for column in rows)
    if not frequency.any():
        raise FitError("no repeat purchases: nothing to learn a purchase rate from; give a longer history")
    if not T.any():
        raise FitError(
            "T is 0 for every customer: nothing to learn a purchase rate from; give a later cutoff"
        )
    return (frequency, recency, T), weight[kept]


def _newton(
    likelihood: BgNbdLikelihood, histories: Histories, weight: Floats
) -> tuple[Floats, dict[str, Any]]:
    starts = _starts(histories, weight)
    if len(weight) > 2 * _SAMPLE:
        every = slice(None, None, len(weight) // _SAMPLE)
        frequency, recency, T = histories
        sampled = BgNbdLikelihood(frequency[every], recency[every], T[every], weight[every])
        starts = [maximize(sampled, starts[0]).log_params, *starts]
    optimum, used = maximize_from(likelihood, starts)
    if not optimum.converged:
        raise FitError("BG/NBD did not converge: check the histories for outliers, or give more customers")
    report = {
        "converged": True,
        "iterations": optimum.iterations,
        "starts": used,
        "at_limit": [name for name, limit in zip(_NAMES, optimum.at_limit, strict=True) if limit],
    }
    return optimum.log_params, report


def _starts(histories: Histories, weight: Floats) -> list[Floats]:
    """Log-parameters to start from: the moments of an NBD with a usual dropout, then others around them."""
    frequency, _, T = histories
    mean, age = np.average(frequency, weights=weight), np.average(T, weights=weight)
    surplus = np.average((frequency - mean) ** 2, weights=weight) - mean
    r = float(np.clip(mean**2 / surplus if surplus > 0 else 10.0, 0.1, 10.0))
    moments = np.log([r, r * age / mean, 1.0, 3.0])
    around = ([-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -2.0, -1.0], [1.0, 1.0, 1.0, 2.0])
    return [moments, *(moments + shift for shift in around)]


def _lifetimes(histories: Histories, weight: Floats) -> tuple[Floats, dict[str, Any]]:
    from guanxi.models.lifetimes_engine import fit_beta_geo

    params = fit_beta_geo(*histories, weight)
    return np.log(params), {"converged": True}
