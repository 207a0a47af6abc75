"""Customers who buy and drop out as Pareto/NBD says."""

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

_NAMES = ("r", "alpha", "s", "beta")


def simulate_pareto_nbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
    Management Science 33(1). Purchases come at a rate that is Gamma(r, alpha) among customers, until the end
    of a lifetime that is exponential at a rate that is Gamma(s, beta).

    Parameters
    ----------
    params : mapping
        r, alpha, s, beta.
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
        dropout_rate, lifetime, alive``.

    Raises
    ------
    ParamsError
        If a parameter is missing, unknown or not above 0, or T is no time for each customer.

    Examples
    --------
    >>> params = {"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7}
    >>> rfm = simulate_pareto_nbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    return histories(generator, draw_pareto_nbd(generator, params, n, T), spend_params)


def draw_pareto_nbd(
    generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike
) -> Customers:
    """Draw customers who buy at random times until they drop out at any time, at a constant rate."""
    checked_params(params, _NAMES, "Pareto/NBD")
    purchase_rate = gamma_rates(generator, params["r"], params["alpha"], n)
    dropout_rate = gamma_rates(generator, params["s"], params["beta"], n)
    lifetime = generator.standard_exponential(n) / dropout_rate
    return customers_of(T, purchase_rate, lifetime=lifetime, dropout_rate=dropout_rate)
