"""Customers who buy and drop out as MBG/CNBD-k says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.simulation.purchase_process import Customers, beta_geometric_customers, histories


def simulate_mbg_cnbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Platzer & Reutterer (2016), Ticking Away the Moments, Marketing Science 35(5), with parameters as in
    BTYDplus. MBG/NBD with purchases at every k-th of Poisson events, so that gaps are Erlang-k: the larger k,
    the more regular. ``purchase_rate`` is that of the events: a purchase takes k / rate on average.

    Parameters
    ----------
    params : mapping
        k, r, alpha, a, b; k is whole: how many Poisson events make a purchase (1: random).
    n : int
        Customers.
    T : float or array, shape (n,)
        Time from first purchase to cutoff.
    seed : int
        The same seed gives the same rows.
    spend_params : mapping, optional
        p, q, v of Gamma-Gamma (Fader & Hardie, note 025); adds ``monetary_value``.

    Returns
    -------
    DataFrame, n rows
        ``frequency, recency, T, log_gap_sum`` (over the gaps between successive purchases, of their natural
        logarithm), ``monetary_value`` where asked for, and the truth: ``purchase_rate,
        dropout_probability, alive``.

    Raises
    ------
    ParamsError
        If a parameter is missing, unknown or not above 0, or T is no time for each customer.

    Examples
    --------
    >>> params = {"k": 2, "r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_mbg_cnbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    return histories(generator, draw_mbg_cnbd(generator, params, n, T), spend_params)


def draw_mbg_cnbd(
    generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike
) -> Customers:
    """Draw customers who buy regularly (Erlang-k gaps) and drop out after any purchase, the first too."""
    return beta_geometric_customers(generator, params, n, T, "MBG/CNBD-k", first=True, regular=True)
