"""Business time: a day counts for more than one when customers buy more than usual, else for less."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .model import IntensityIndex

Floats = NDArray[np.float64]

_YEAR_DAYS = 364


def business_days(index: IntensityIndex | None, day: str | pd.Timestamp, days: float) -> float:
    """Length in business time of the ``days`` after a day.

    Parameters
    ----------
    index : IntensityIndex or None
        None: all days are alike.
    day : str or Timestamp
        The last day before the window.
    days : float
        Length of the window.

    Examples
    --------
    >>> index = IntensityIndex("2024-01-01", 182, (1.0, 2.0), (1.0, 1.0))
    >>> business_days(index, "2024-06-29", 31)
    61.0
    """
    if index is None:
        return float(days)
    whole = int(np.floor(days))
    busy = _daily(index, index.purchases, day, whole + 1)
    return float(busy[:whole].sum() + (days - whole) * busy[whole])


def amount_factor(index: IntensityIndex | None, day: str | pd.Timestamp, days: float) -> float:
    """Mean amount of a purchase in the ``days`` after a day, relative to the spend model's.

    Examples
    --------
    >>> index = IntensityIndex("2024-01-01", 182, (1.0, 3.0), (1.0, 2.0))
    >>> amount_factor(index, "2024-06-29", 2)
    1.75
    """
    if index is None:
        return 1.0
    count = max(1, int(np.ceil(days)))
    busy, amounts = (_daily(index, each, day, count) for each in (index.purchases, index.amounts))
    return float(np.average(amounts, weights=busy))


def calendar_days(
    index: IntensityIndex | None, day: str | pd.Timestamp, length: ArrayLike, most: int
) -> Floats:
    """Calendar days after a day that given lengths of business time take; infinite beyond ``most`` days.

    Examples
    --------
    >>> index = IntensityIndex("2024-01-01", 182, (1.0, 2.0), (1.0, 1.0))
    >>> calendar_days(index, "2024-06-30", [6.0], 100)
    array([3.])
    """
    lengths = np.asarray(length, dtype=np.float64)
    if index is None:
        return lengths
    passed = np.concatenate([[0.0], np.cumsum(_daily(index, index.purchases, day, most))])
    return np.asarray(np.interp(lengths, passed, np.arange(most + 1.0), right=np.inf))


def _daily(index: IntensityIndex, values: tuple[float, ...], day: str | pd.Timestamp, count: int) -> Floats:
    """Value of each of the ``count`` days after a day; beyond the index that of the same season."""
    before = (pd.Timestamp(day) - pd.Timestamp(index.first_day)).days + 1
    step = (before + np.arange(count)) // index.step_days
    year, last = _YEAR_DAYS // index.step_days, len(values) - 1
    step = step + year * np.maximum(-(step // year), 0)
    step = step - year * np.maximum(-((last - step) // year), 0)
    return np.asarray(np.asarray(values, dtype=np.float64)[step])
