"""Customers of the discrete-time models: transaction opportunities (BG/BB), contracts (sBG, BdW)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.simulation._purchase_process import (
    Params,
    beta_probabilities,
    check_params,
    opportunities,
    start,
)


def simulate_bg_bb(params: Params, n: int, T: ArrayLike, seed: int) -> pd.DataFrame:
    """Transaction histories of n customers, with the truth of each.

    Parameters
    ----------
    params : mapping
        alpha, beta, gamma, delta of BG/BB (Fader, Hardie & Shang 2010).
    n : int
    T : int or array of int, shape (n,)
        Transaction opportunities since acquisition.
    seed : int

    Returns
    -------
    DataFrame, n rows
        ``frequency, recency, T``, and ``alive`` (at opportunity T), ``purchase_probability``,
        ``dropout_probability``.

    Examples
    --------
    >>> params = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}
    >>> rfm = simulate_bg_bb(params, n=3, T=[6, 8, 10], seed=1)
    >>> bool((rfm["frequency"] <= rfm["recency"]).all())
    True
    """
    generator = start(seed, n)
    check_params(params, ("alpha", "beta", "gamma", "delta"), "BG/BB")
    until = opportunities(T, "T", n)
    purchase = beta_probabilities(generator, params["alpha"], params["beta"], n)
    dropout = beta_probabilities(generator, params["gamma"], params["delta"], n)
    died_before = generator.geometric(dropout)
    lived = np.minimum(died_before - 1, until)
    # Counting back from the last opportunity alive, the first transaction is the last one made.
    recency = np.maximum(lived - (generator.geometric(purchase) - 1), 0)
    earlier = generator.binomial(np.maximum(recency - 1, 0), purchase)
    return pd.DataFrame(
        {
            "frequency": np.where(recency > 0, 1 + earlier, 0),
            "recency": recency,
            "T": until,
            "alive": died_before > until,
            "purchase_probability": purchase,
            "dropout_probability": dropout,
        }
    )


def simulate_shifted_beta_geometric(params: Params, n: int, periods: ArrayLike, seed: int) -> pd.DataFrame:
    """Durations of n contracts over a number of renewal opportunities, with the truth of each.

    Parameters
    ----------
    params : mapping
        alpha, beta (Fader & Hardie 2007).
    n : int
    periods : int or array of int, shape (n,)
        Observed renewal opportunities.
    seed : int

    Returns
    -------
    DataFrame, n rows
        ``duration`` (observed renewal opportunities), ``churned`` (1: lost at the last of them; 0: renewed at
        all of them, censored), and ``churn_probability``.

    Examples
    --------
    >>> contracts = simulate_shifted_beta_geometric({"alpha": 0.7, "beta": 1.2}, n=100, periods=7, seed=1)
    >>> bool((contracts.loc[contracts["churned"] == 0, "duration"] == 7).all())
    True
    """
    generator = start(seed, n)
    check_params(params, ("alpha", "beta"), "the shifted beta-geometric model")
    watched = opportunities(periods, "periods", n)
    churn = beta_probabilities(generator, params["alpha"], params["beta"], n)
    return _durations(generator.geometric(churn), watched, churn)


def simulate_beta_discrete_weibull(params: Params, n: int, periods: ArrayLike, seed: int) -> pd.DataFrame:
    """Durations of n contracts whose churn depends on their duration, with the truth of each.

    Parameters
    ----------
    params : mapping
        gamma, delta, c (Fader, Hardie, Liu, Davin & Steenburgh 2018).
    n : int
    periods : int or array of int, shape (n,)
        Observed renewal opportunities.
    seed : int

    Returns
    -------
    DataFrame, n rows
        As for :func:`simulate_shifted_beta_geometric`; ``churn_probability`` is that of the first
        opportunity.

    Examples
    --------
    >>> params = {"gamma": 0.5, "delta": 0.9, "c": 1.2}
    >>> contracts = simulate_beta_discrete_weibull(params, n=100, periods=7, seed=1)
    >>> bool((contracts.loc[contracts["churned"] == 0, "duration"] == 7).all())
    True
    """
    generator = start(seed, n)
    check_params(params, ("gamma", "delta", "c"), "the beta discrete Weibull model")
    watched = opportunities(periods, "periods", n)
    churn = beta_probabilities(generator, params["gamma"], params["delta"], n)
    # A customer survives t opportunities with probability (1 - churn)^(t^c).
    rate = -np.log1p(-np.minimum(churn, np.nextafter(1.0, 0.0)))
    with np.errstate(over="ignore"):  # for ever
        survived = (generator.exponential(size=n) / rate) ** (1.0 / params["c"])
    return _durations(np.floor(np.minimum(survived, watched)) + 1.0, watched, churn)


def _durations(lost_at: NDArray[Any], watched: NDArray[np.int64], churn: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "duration": np.minimum(lost_at, watched).astype(np.int64),
            "churned": (lost_at <= watched).astype(np.int64),
            "churn_probability": churn,
        }
    )
