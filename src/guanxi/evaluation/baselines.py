"""The naive forecast that a model must beat."""

from __future__ import annotations

import numpy as np
import pandas as pd


def own_past_rate(features: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """Everyone goes on as before: own past purchase rate and mean amount, for the horizon.

    The rate is repeat purchases over the days since the first purchase (none of either: 0). The
    probability of no purchase is that of a Poisson process with this rate, kept within 1 and 99 %: a rate
    of 0 would make churn certain.

    Parameters
    ----------
    features : pandas.DataFrame
        Feature table at the cutoff.
    horizon_days : int

    Returns
    -------
    pandas.DataFrame
        ``purchases, spend, churn_probability``, one row each.
    """
    days = features["T"].to_numpy()
    rate = np.divide(features["frequency"].to_numpy(), days, out=np.zeros(len(days)), where=days > 0)
    purchases = rate * horizon_days
    return pd.DataFrame(
        {
            "purchases": purchases,
            "spend": purchases * features["monetary_value"].to_numpy(),
            "churn_probability": np.clip(np.exp(-purchases), 0.01, 0.99),
        },
        index=features.index,
    )
