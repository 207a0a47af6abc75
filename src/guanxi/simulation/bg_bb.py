"""Customers who transact at discrete opportunities and drop out as BG/BB says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def simulate_bg_bb(params: Mapping[str, float], n: int, T: ArrayLike, seed: int) -> pd.DataFrame:
    """Transaction histories of n customers, and the truth behind each.

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
    generator = np.random.default_rng(seed)
    opportunities = np.broadcast_to(np.asarray(T).astype(np.int64), (n,))
    # A probability drawn as exactly 0 cannot be inverted below; 1e-15 means never all the same.
    purchase = np.clip(generator.beta(params["alpha"], params["beta"], n), 1e-15, 1.0)
    dropout = np.clip(generator.beta(params["gamma"], params["delta"], n), 1e-15, 1.0)
    died_before = generator.geometric(dropout)
    lived = np.minimum(died_before - 1, opportunities)
    # Back from the last opportunity lived, the first transaction met is the last one made.
    recency = np.maximum(lived - (generator.geometric(purchase) - 1), 0)
    earlier = generator.binomial(np.maximum(recency - 1, 0), purchase)
    return pd.DataFrame(
        {
            "frequency": np.where(recency > 0, 1 + earlier, 0),
            "recency": recency,
            "T": opportunities,
            "alive": died_before > opportunities,
            "purchase_probability": purchase,
            "dropout_probability": dropout,
        }
    )
