"""Simulated purchase histories: a simulator for each continuous-time model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.simulation._purchase_process import Params, amount_rates, draw_customers, repeat_purchases, start


def simulate_histories(
    model: str, params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories of n customers, with the truth of each.

    Parameters
    ----------
    model : {"nbd", "bg_nbd", "mbg_nbd", "bg_cnbd", "mbg_cnbd", "pareto_nbd", "ggom_nbd"}
        See ``simulate_<model>``.
    params : mapping
        Parameters of the model.
    n : int
        Number of customers.
    T : float or array, shape (n,)
        Time from first purchase to cutoff.
    seed : int
        The same seed gives the same rows.
    spend_params : mapping, optional
        p, q, v of Gamma-Gamma (Fader & Hardie, note 025), for ``monetary_value``.

    Returns
    -------
    DataFrame, n rows
        ``frequency, recency, T, log_gap_sum`` (sum of the natural logarithms of the gaps between purchases),
        ``monetary_value`` given spend_params, and the truth: ``purchase_rate``, model-specific columns,
        ``alive``.

    Raises
    ------
    ParamsError
        If the model is unknown, a parameter is missing, unknown or not above 0, or n, T or seed is invalid.

    Examples
    --------
    >>> rfm = simulate_histories("nbd", {"r": 0.4, "alpha": 12.0}, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = start(seed, n)
    customers = draw_customers(generator, model, params, n, T)
    frequency, recency, log_gap_sum = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    for buyers, time, gap in repeat_purchases(generator, customers):
        frequency[buyers] += 1
        recency[buyers] = time
        log_gap_sum[buyers] += np.log(gap)
    table = pd.DataFrame(
        {"frequency": frequency, "recency": recency, "T": customers.T, "log_gap_sum": log_gap_sum}
    )
    if spend_params is not None:
        amount_rate = amount_rates(generator, spend_params, n)
        total = generator.standard_gamma(spend_params["p"] * frequency) / amount_rate
        table["monetary_value"] = total / np.maximum(frequency, 1)
    alive = (frequency < customers.last_purchase) & (customers.lifetime > customers.T)
    return table.assign(**customers.truth, alive=alive)


def simulate_nbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by NBD: parameters r and alpha; otherwise as :func:`simulate_histories`.

    Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8(1). The purchase rate is
    Gamma(r, alpha) across customers; there is no dropout.

    Examples
    --------
    >>> simulate_nbd({"r": 0.4, "alpha": 12.0}, n=3, T=30.0, seed=1)["alive"].tolist()
    [True, True, True]
    """
    return simulate_histories("nbd", params, n, T, seed, spend_params)


def simulate_bg_nbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by BG/NBD: parameters r, alpha, a, b; otherwise as :func:`simulate_histories`.

    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2). The purchase
    rate is Gamma(r, alpha) across customers; after each repeat purchase a customer drops out with a
    probability that is Beta(a, b), column ``dropout_probability``.

    Examples
    --------
    >>> simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=3, T=30.0, seed=1).shape
    (3, 7)
    """
    return simulate_histories("bg_nbd", params, n, T, seed, spend_params)


def simulate_mbg_nbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by MBG/NBD: parameters r, alpha, a, b; otherwise as :func:`simulate_histories`.

    Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer
    base analysis, International Journal of Research in Marketing 24(3). BG/NBD, but customers may drop out
    after the first purchase too.

    Examples
    --------
    >>> simulate_mbg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=3, T=30.0, seed=1).shape
    (3, 7)
    """
    return simulate_histories("mbg_nbd", params, n, T, seed, spend_params)


def simulate_bg_cnbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by BG/CNBD-k: parameters k, r, alpha, a, b; see :func:`simulate_histories`.

    Platzer & Reutterer (2016), Ticking Away the Moments, Marketing Science 35(5), with parameters as in
    BTYDplus. BG/NBD, but only every k-th Poisson event is a purchase (k is an integer), so that gaps are
    Erlang-k: the larger k, the more regular. ``purchase_rate`` is the rate of the events: the mean gap is
    k / rate.

    Examples
    --------
    >>> simulate_bg_cnbd({"k": 2, "r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}, n=3, T=30.0, seed=1).shape
    (3, 7)
    """
    return simulate_histories("bg_cnbd", params, n, T, seed, spend_params)


def simulate_mbg_cnbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by MBG/CNBD-k: MBG/NBD with purchases as in :func:`simulate_bg_cnbd`.

    Platzer & Reutterer (2016), Ticking Away the Moments, Marketing Science 35(5), with parameters k, r,
    alpha, a, b as in BTYDplus.

    Examples
    --------
    >>> simulate_mbg_cnbd({"k": 2, "r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}, n=3, T=30.0, seed=1).shape
    (3, 7)
    """
    return simulate_histories("mbg_cnbd", params, n, T, seed, spend_params)


def simulate_pareto_nbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by Pareto/NBD: parameters r, alpha, s, beta; see :func:`simulate_histories`.

    Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
    Management Science 33(1). The purchase rate is Gamma(r, alpha) across customers, until the end of an
    exponential ``lifetime``, whose ``dropout_rate`` is Gamma(s, beta).

    Examples
    --------
    >>> simulate_pareto_nbd({"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7}, n=3, T=30.0, seed=1).shape
    (3, 8)
    """
    return simulate_histories("pareto_nbd", params, n, T, seed, spend_params)


def simulate_ggom_nbd(
    params: Params, n: int, T: ArrayLike, seed: int, spend_params: Params | None = None
) -> pd.DataFrame:
    """Purchase histories by GGom/NBD: parameters r, alpha, b, s, beta; see :func:`simulate_histories`.

    Bemmaor & Glady (2012), Modeling purchasing behavior with sudden “death”, Management Science 58(5). The
    purchase rate is Gamma(r, alpha) across customers, until the end of a Gompertz distributed ``lifetime``
    with survivor function exp(-eta (exp(b t) - 1)), where eta is Gamma(s, beta).

    Examples
    --------
    >>> params = {"r": 0.55, "alpha": 10.6, "b": 0.02, "s": 0.6, "beta": 0.5}
    >>> simulate_ggom_nbd(params, n=3, T=30.0, seed=1).shape
    (3, 7)
    """
    return simulate_histories("ggom_nbd", params, n, T, seed, spend_params)
