"""Contracts that are renewed or lost as the shifted beta-geometric says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def simulate_shifted_beta_geometric(
    params: Mapping[str, float], n: int, periods: ArrayLike, seed: int
) -> pd.DataFrame:
    """Durations of n contracts, each watched for so many renewal opportunities, and the truth behind each.

    Parameters
    ----------
    params : mapping
        alpha, beta (Fader & Hardie 2007).
    n : int
    periods : int or array of int, shape (n,)
        Renewal opportunities watched.
    seed : int

    Returns
    -------
    DataFrame, n rows
        ``duration`` (renewal opportunities seen), ``churned`` (1: lost at the last of them; 0: renewed at
        all), and ``churn_probability``.

    Examples
    --------
    >>> contracts = simulate_shifted_beta_geometric({"alpha": 0.7, "beta": 1.2}, n=100, periods=7, seed=1)
    >>> bool((contracts.loc[contracts["churned"] == 0, "duration"] == 7).all())
    True
    """
    generator = np.random.default_rng(seed)
    watched = np.broadcast_to(np.asarray(periods).astype(np.int64), (n,))
    # A probability drawn as exactly 0 cannot be inverted below; 1e-15 means never all the same.
    churn = np.clip(generator.beta(params["alpha"], params["beta"], n), 1e-15, 1.0)
    lost_at = generator.geometric(churn)
    return pd.DataFrame(
        {
            "duration": np.minimum(lost_at, watched),
            "churned": (lost_at <= watched).astype(np.int64),
            "churn_probability": churn,
        }
    )
