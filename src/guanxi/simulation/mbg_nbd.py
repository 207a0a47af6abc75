"""Customers who buy and drop out as MBG/NBD says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.simulation.purchase_process import Customers, beta_geometric_customers, histories


def simulate_mbg_nbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer
    base analysis, International Journal of Research in Marketing 24(3). BG/NBD, but a customer may drop out
    after the first purchase too.

    Parameters
    ----------
    params : mapping
        r, alpha, a, b.
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
    >>> params = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_mbg_nbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    return histories(generator, draw_mbg_nbd(generator, params, n, T), spend_params)


def draw_mbg_nbd(
    generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike
) -> Customers:
    """Draw customers who buy at random times and drop out after any purchase, the first too."""
    return beta_geometric_customers(generator, params, n, T, "MBG/NBD", first=True, regular=False)
