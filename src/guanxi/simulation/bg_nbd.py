"""Customers who buy and drop out as BG/NBD says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.simulation.purchase_process import Customers, beta_geometric_customers, histories


def simulate_bg_nbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2). Purchases
    come at a rate that is Gamma(r, alpha) among customers; after each repeat purchase a customer drops out
    with a probability that is Beta(a, b).

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
    >>> rfm = simulate_bg_nbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    return histories(generator, draw_bg_nbd(generator, params, n, T), spend_params)


def draw_bg_nbd(
    generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike
) -> Customers:
    """Draw customers who buy at random times and drop out after a repeat purchase."""
    return beta_geometric_customers(generator, params, n, T, "BG/NBD", first=False, regular=False)
