"""Prediction intervals of each customer's purchases and spend."""

from __future__ import annotations

import pandas as pd

from guanxi.errors import ParamsError
from guanxi.models._customer_table import checked_horizon, history_columns, is_number, spend_columns
from guanxi.models.gamma_gamma import GammaGamma
from guanxi.models.transaction_model import TransactionModel
from guanxi.served.intervals import posterior_predictive


def prediction_intervals(
    transactions_model: TransactionModel,
    spend_model: GammaGamma,
    rfm: pd.DataFrame,
    horizon: float,
    level: float = 0.9,
) -> pd.DataFrame:
    """Central intervals of each customer's purchases and total spend within the horizon.

    They include the uncertainty about each customer (the posterior predictive distribution of being alive,
    rates, purchases and amounts) and about the parameters (a normal approximation on the log scale).
    Parameters without covariance, because they are not identified or come from lifetimes, are taken as known.
    There are no random draws.

    Parameters
    ----------
    transactions_model : fitted model of repeat purchases in continuous time, without covariates
    spend_model : fitted GammaGamma
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    horizon : float
        In the unit of T.
    level : float
        Coverage, with equal tails.

    Returns
    -------
    DataFrame, n rows
        ``purchases_lower, purchases_upper, spend_lower, spend_upper``; spend is undiscounted, without margin.

    Raises
    ------
    ParamsError
        If the level is not between 0 and 1, or the model has covariates.
    DataError
        If the customer table or the horizon is not usable.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD, GammaGamma
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth, spend = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1, spend_params=spend)
    >>> ends = prediction_intervals(BetaGeoNBD().fit(rfm), GammaGamma().fit(rfm), rfm, horizon=52.0)
    >>> bool((ends["purchases_lower"] <= ends["purchases_upper"]).all())
    True
    """
    if not is_number(level) or not 0.0 < level < 1.0:
        raise ParamsError(f"level is {level!r}: give a probability between 0 and 1, like 0.9")
    if not isinstance(transactions_model, TransactionModel) or transactions_model._covariate_names():
        raise ParamsError("intervals need a continuous-time model without covariates, such as BetaGeoNBD()")
    if not isinstance(spend_model, GammaGamma):
        raise ParamsError(f"spend_model is a {type(spend_model).__name__}: give a fitted GammaGamma()")
    frequency, recency, T = history_columns(rfm)
    ends = posterior_predictive.interval(
        [(transactions_model.process_, transactions_model.params_, transactions_model.log_covariance_)],
        (spend_model.process_, spend_model.params_, spend_model.log_covariance_),
        frequency,
        recency,
        T,
        spend_columns(rfm)[1],
        checked_horizon(horizon),
        level=level,
    )
    return pd.DataFrame(ends, index=rfm.index)
