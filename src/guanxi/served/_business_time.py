"""Business time: a day counts for more than one in the high season and for less in the low season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def business_days(month_index: Sequence[float] | None, day: str | pd.Timestamp, days: float) -> float:
    """Length in business time of the ``days`` after a day.

    Parameters
    ----------
    month_index : sequence of 12 floats, or None
        Activity per day of each calendar month relative to the mean day; None: all days are alike.
    day : str or Timestamp
        The last day before the window.
    days : float
        Length of the window.

    Examples
    --------
    >>> business_days([1.0] * 11 + [2.0], "2024-11-30", 31)
    62.0
    """
    if month_index is None:
        return float(days)
    whole = int(np.floor(days))
    months = (pd.Timestamp(day) + pd.to_timedelta(np.arange(1, whole + 2), unit="D")).month.to_numpy()
    busy = np.asarray(month_index, dtype=np.float64)[months - 1]
    return float(busy[:whole].sum() + (days - whole) * busy[whole])


def calendar_days(
    month_index: Sequence[float] | None, day: str | pd.Timestamp, length: ArrayLike, most: int
) -> NDArray[np.float64]:
    """Calendar days after a day that given lengths of business time take; infinite beyond ``most`` days.

    Examples
    --------
    >>> calendar_days([1.0] * 11 + [2.0], "2024-11-30", [6.0], 100)
    array([3.])
    """
    lengths = np.asarray(length, dtype=np.float64)
    if month_index is None:
        return lengths
    months = (pd.Timestamp(day) + pd.to_timedelta(np.arange(1, most + 1), unit="D")).month.to_numpy()
    passed = np.concatenate([[0.0], np.cumsum(np.asarray(month_index, dtype=np.float64)[months - 1])])
    return np.asarray(np.interp(lengths, passed, np.arange(most + 1.0), right=np.inf))
