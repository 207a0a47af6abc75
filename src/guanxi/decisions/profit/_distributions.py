"""How customers are distributed over orders and amounts, in round classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

MOST_ORDERS = 10
_CLASSES = 20
_ROUND = np.array([1.0, 2.0, 2.5, 5.0, 10.0])


def count_distribution(orders: pd.Series[float]) -> pd.DataFrame:
    """Count the customers with 1, 2, ... orders; the last class has 10 or more.

    Examples
    --------
    >>> count_distribution(pd.Series([1, 1, 3, 40]))["customers"].tolist()
    [2, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    """
    counts = orders.clip(upper=MOST_ORDERS).round().astype(int)
    customers = np.bincount(counts, minlength=MOST_ORDERS + 1)[1:]
    lower = np.arange(1.0, MOST_ORDERS + 1)
    upper = np.append(lower[:-1], np.inf)
    return pd.DataFrame(
        {"lower": lower, "upper": upper, "customers": customers, "share": customers / len(orders)}
    )


def distribution(values: pd.Series[float]) -> pd.DataFrame:
    """Count the customers in classes of equal, round width; the outer classes are open.

    The classes reach from the 1st to the 97th percentile: a few large customers would leave all others in
    one class. Negative values are always apart from others.

    Examples
    --------
    >>> distribution(pd.Series([1.0, 2.0, 3.0, 24.0]))["lower"].tolist()[:3]
    [-inf, 2.0, 4.0]
    """
    low, high = np.quantile(values, [0.01, 0.97])
    width = _round_up((high - low) / _CLASSES)
    first, last = np.floor(low / width) + 1, np.ceil(high / width)
    if values.min() < 0:
        first = min(first, 0.0)
    edges = np.concatenate([[-np.inf], np.arange(first, max(last, first + 1)) * width, [np.inf]])
    customers = np.histogram(values, edges)[0]
    return pd.DataFrame(
        {"lower": edges[:-1], "upper": edges[1:], "customers": customers, "share": customers / len(values)}
    )


def _round_up(width: float) -> float:
    """Round up to 1, 2, 2.5 or 5 times a power of ten; 1 if there is no width."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(power * _ROUND[np.searchsorted(_ROUND, width / power - 1e-9)])
