"""The margin of customers as a share of their spend."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from guanxi.served.model import MarginModel
from guanxi.served.spend import bounded_share

Floats = NDArray[np.float64]

_LOG_RATIOS = (-15.0, 15.0)  # of the variances between customers and within


def fit_margins(features: pd.DataFrame) -> MarginModel | None:
    """Estimate how the margin differs between customers, and between purchases of one customer.

    A customer's share of margin is normal around that of all customers; the share of n purchases is normal
    around the customer's, with a variance of 1 / n. Both variances are maximum likelihood estimates from
    customers with different numbers of purchases.

    Parameters
    ----------
    features : pandas.DataFrame
        ``frequency, amount_mean`` and ``margin_share`` (margin of all purchases over their amount; missing:
        unknown), a row per customer.

    Returns
    -------
    MarginModel or None
        None if no share is known.

    References
    ----------
    Efron, B. and Morris, C. (1975), Data analysis using Stein's estimator and its generalizations, JASA
    70(350).

    Examples
    --------
    >>> features = pd.DataFrame({"frequency": [3.0, 3.0], "amount_mean": [9.0, 1.0]})
    >>> features["margin_share"] = [0.5, 0.4]
    >>> round(fit_margins(features).mean, 2)
    0.49
    """
    known = features[features["margin_share"].notna()]
    purchases = known["frequency"].to_numpy(dtype=np.float64) + 1.0
    spend = known["amount_mean"].to_numpy(dtype=np.float64) * purchases
    if not spend.sum() > 0.0:
        return None
    share = known["margin_share"].to_numpy(dtype=np.float64)
    # Margins over amounts: the mean of the shares would not give the margin of all.
    mean = float(share @ spend / spend.sum())
    between, within = _variances(bounded_share(share) - mean, purchases)
    return MarginModel(mean, between, within)


def _variances(error: Floats, purchases: Floats) -> tuple[float, float]:
    """Maximum likelihood of errors with variance ``between + within / purchases``."""
    square = error**2
    if square.max() <= 1e-20:
        return 0.0, 0.0

    def within(log_ratio: float) -> float:
        return float(np.mean(square / (np.exp(log_ratio) + 1.0 / purchases)))

    def loss(log_ratio: float) -> float:
        return float(np.log(within(log_ratio)) + np.mean(np.log(np.exp(log_ratio) + 1.0 / purchases)))

    best = float(minimize_scalar(loss, bounds=_LOG_RATIOS, method="bounded").x)
    return float(np.exp(best)) * within(best), within(best)
