"""Intervals of what every customer will buy and spend."""

from __future__ import annotations

import pandas as pd

from guanxi.errors import ParamsError
from guanxi.models._customer_table import checked_horizon, history_columns, spend_columns
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

    They hold what is not known of a customer (alive or not, rates, purchases, amounts: the posterior
    predictive distribution) and what the data leave open of the parameters (a normal approximation on the log
    scale). Where the data do not tell all parameters apart, or the model came from lifetimes, there is no
    covariance and the parameters count as certain. Nothing is drawn at random.

    Parameters
    ----------
    transactions_model : fitted model of repeat purchases in continuous time, without covariates
    spend_model : fitted GammaGamma
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    horizon : float
        In the unit of T.
    level : float
        Probability inside; the rest is halved between the two ends.

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
    if not 0.0 < level < 1.0:
        raise ParamsError(f"level is {level!r}: give a probability between 0 and 1, like 0.9")
    if not isinstance(transactions_model, TransactionModel) or transactions_model._covariate_names():
        raise ParamsError("intervals need a model in continuous time without covariates, as BetaGeoNBD()")
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
