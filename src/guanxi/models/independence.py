"""Whether customers who buy more often also spend more per purchase: spend models assume they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CLEAR = 3.0  # standard errors
_STRONG = 0.3


def frequency_spend_correlation(
    frequency: Floats, monetary_value: Floats, weight: Floats
) -> dict[str, float | None]:
    """Correlation of frequency and mean amount among repeat customers: Pearson's, and Spearman's of ranks.

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Customers with repeat purchases; weights equal repetition.

    Returns
    -------
    dict
        ``pearson, spearman``; None where one of the columns is constant.

    Examples
    --------
    >>> found = frequency_spend_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 1.0, 4.0]), np.ones(3))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'pearson': -0.619, 'spearman': -0.5}
    """
    return {
        "pearson": _pearson(frequency, monetary_value, weight),
        "spearman": _pearson(_ranks(frequency, weight), _ranks(monetary_value, weight), weight),
    }


def dependence_warning(correlation: dict[str, float | None], customers: float) -> str | None:
    """Say what a clear and strong correlation does to customer lifetime value; None if there is none.

    Ranks decide, since a single large account can carry Pearson's. Strong is beyond .3, where frequency
    explains about a tenth of the spread of spend; CDNOW has .2. Clear is
    beyond three standard errors of Fisher's transformation.
    """
    spearman = correlation["spearman"]
    if spearman is None or customers <= 3.0 or abs(spearman) <= _STRONG:
        return None
    if np.arctanh(min(abs(spearman), 1.0 - 1e-12)) * np.sqrt(customers - 3.0) < _CLEAR:
        return None
    more, infrequent, frequent = "more", "overstated", "understated"
    if spearman < 0:
        more, infrequent, frequent = "less", "understated", "overstated"
    return (
        f"frequent customers spend {more} per purchase (rank correlation {spearman:.2f}), but spend is taken "
        f"as independent of frequency: the lifetime value of customers with few purchases is {infrequent}, "
        f"that of frequent ones {frequent}"
    )


def _pearson(first: Floats, second: Floats, weight: Floats) -> float | None:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    x, y = (_standardised(column, weight) for column in (first, second))
    return float(np.clip(np.average(x * y, weights=weight), -1.0, 1.0))


def _standardised(column: Floats, weight: Floats) -> Floats:
    centred = column - np.average(column, weights=weight)
    centred = centred / np.abs(centred).max()
    return np.asarray(centred / np.sqrt(np.average(centred**2, weights=weight)))


def _ranks(column: Floats, weight: Floats) -> Floats:
    """Mid-ranks of weighted rows, as if each stood there as often as it weighs."""
    _, which = np.unique(column, return_inverse=True)
    weights = np.bincount(which, weights=weight)
    return np.asarray((np.cumsum(weights) - weights / 2.0)[which])
