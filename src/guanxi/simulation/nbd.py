"""Customers who buy as NBD says: none ever drops out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.simulation.purchase_process import (
    Customers,
    checked_params,
    customers_of,
    gamma_rates,
    histories,
)

_NAMES = ("r", "alpha")


def simulate_nbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8(1). Purchases come at a rate
    that is Gamma(r, alpha) among customers, for ever.

    Parameters
    ----------
    params : mapping
        r, alpha.
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
        alive``.

    Raises
    ------
    ParamsError
        If a parameter is missing, unknown or not above 0, or T is no time for each customer.

    Examples
    --------
    >>> params = {"r": 0.4, "alpha": 12.0}
    >>> rfm = simulate_nbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    return histories(generator, draw_nbd(generator, params, n, T), spend_params)


def draw_nbd(generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike) -> Customers:
    """Draw customers who buy at random times for ever."""
    checked_params(params, _NAMES, "NBD")
    return customers_of(T, gamma_rates(generator, params["r"], params["alpha"], n))
