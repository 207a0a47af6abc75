"""Customers who buy and drop out as BG/NBD says, and spend as Gamma-Gamma says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class _Truth(NamedTuple):
    T: Floats
    purchase_rate: Floats
    dropout_probability: Floats
    arrivals: Integers  # purchases by T of one who never drops out
    frequency: Integers
    alive: NDArray[np.bool_]


def simulate_bg_nbd(
    params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    spend_params: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Purchase histories of n customers, and the truth behind each.

    Parameters
    ----------
    params : mapping
        r, alpha, a, b of BG/NBD (Fader, Hardie & Lee 2005).
    n : int
    T : float or array, shape (n,)
        Time from first purchase to cutoff.
    seed : int
    spend_params : mapping, optional
        p, q, v of Gamma-Gamma (Fader & Hardie, note 025); adds ``monetary_value``.

    Returns
    -------
    DataFrame, n rows
        ``frequency, recency, T`` (``monetary_value``), and ``purchase_rate, dropout_probability, alive``.

    Examples
    --------
    >>> params = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_nbd(params, n=3, T=[10.0, 20.0, 30.0], seed=1)
    >>> bool((rfm["recency"] <= rfm["T"]).all())
    True
    """
    generator = np.random.default_rng(seed)
    truth = _truth(generator, params, n, T)
    x, repeated = truth.frequency, truth.frequency > 0
    recency = np.zeros(n)
    # The x-th of so many uniform arrival times is beta distributed.
    recency[repeated] = truth.T[repeated] * generator.beta(x[repeated], (truth.arrivals - x + 1)[repeated])
    rfm = pd.DataFrame({"frequency": x, "recency": recency, "T": truth.T})
    if spend_params is not None:
        total = generator.standard_gamma(spend_params["p"] * x) / _amount_rates(generator, spend_params, n)
        rfm["monetary_value"] = total / np.maximum(x, 1)
    return rfm.assign(
        purchase_rate=truth.purchase_rate,
        dropout_probability=truth.dropout_probability,
        alive=truth.alive,
    )


def simulate_bg_nbd_transactions(
    params: Mapping[str, float],
    spend_params: Mapping[str, float],
    n: int,
    T: ArrayLike,
    seed: int,
    cutoff: str = "2024-12-31",
) -> pd.DataFrame:
    """Purchases of n customers up to the end of the cutoff day, time in days.

    Parameters
    ----------
    params, spend_params : mapping
        r, alpha, a, b (days) and p, q, v.
    n, seed : int
    T : float or array, shape (n,)
        Days from first purchase to the cutoff.
    cutoff : str
        The last day, ISO.

    Returns
    -------
    DataFrame
        ``customer_id`` (1 to n), ``timestamp``, ``amount``, ordered by customer and time.

    Examples
    --------
    >>> params, spend = {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> list(simulate_bg_nbd_transactions(params, spend, n=3, T=200.0, seed=1).columns)
    ['customer_id', 'timestamp', 'amount']
    """
    generator = np.random.default_rng(seed)
    truth = _truth(generator, params, n, T)
    customer = np.repeat(np.arange(n), truth.arrivals)
    since_first = generator.random(len(customer)) * truth.T[customer]
    order = np.lexsort((since_first, customer))
    customer, since_first = customer[order], since_first[order]
    rank = np.arange(len(customer)) - (np.cumsum(truth.arrivals) - truth.arrivals)[customer]
    bought = rank < truth.frequency[customer]
    customer = np.concatenate([np.arange(n), customer[bought]])
    since_first = np.concatenate([np.zeros(n), since_first[bought]])
    order = np.lexsort((since_first, customer))
    customer, since_first = customer[order], since_first[order]
    amount = generator.standard_gamma(spend_params["p"], len(customer))
    amount /= _amount_rates(generator, spend_params, n)[customer]
    end = pd.Timestamp(cutoff) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
    timestamp = end - pd.to_timedelta(np.round((truth.T[customer] - since_first) * 86400.0), unit="s")
    return pd.DataFrame({"customer_id": customer + 1, "timestamp": timestamp, "amount": amount})


def _truth(generator: np.random.Generator, params: Mapping[str, float], n: int, T: ArrayLike) -> _Truth:
    age = np.broadcast_to(np.asarray(T, dtype=np.float64), (n,))
    rate = generator.gamma(params["r"], 1.0 / params["alpha"], n)
    # A dropout probability drawn as exactly 0 cannot be inverted below; 1e-15 means never all the same.
    dropout = np.clip(generator.beta(params["a"], params["b"], n), 1e-15, 1.0)
    arrivals = generator.poisson(rate * age)
    last = generator.geometric(dropout)  # the repeat purchase after which a customer drops out
    return _Truth(age, rate, dropout, arrivals, np.minimum(arrivals, last), arrivals < last)


def _amount_rates(generator: np.random.Generator, spend_params: Mapping[str, float], n: int) -> Floats:
    return np.maximum(generator.gamma(spend_params["q"], 1.0 / spend_params["v"], n), 1e-300)
