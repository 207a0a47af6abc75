"""Means and shares of groups of customers compared, with 90 % intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.scorecard.targets._estimates import share_interval
from guanxi.scorecard.voice._resampling import LEVEL


def compare_means(values: pd.Series[float], inside: pd.Series[bool], name: str) -> dict[str, float]:
    """Mean inside a group, and its difference from the mean outside, with Welch's interval.

    Examples
    --------
    >>> found = compare_means(pd.Series([1.0, 2.0, 5.0, 6.0]), pd.Series([True, True, False, False]), "x")
    >>> found["x"], found["x_difference"], round(found["x_difference_upper"], 2)
    (1.5, -4.0, -1.94)
    """
    ours, theirs = values[inside].dropna(), values[~inside].dropna()
    found = {name: float(ours.mean()) if len(ours) else np.nan}
    difference = lower = upper = np.nan
    if len(ours) > 1 and len(theirs) > 1:
        difference = float(ours.mean() - theirs.mean())
        if np.ptp(ours) > 0 or np.ptp(theirs) > 0:
            interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(LEVEL)
            lower, upper = float(interval.low), float(interval.high)
    return found | {
        f"{name}_difference": difference,
        f"{name}_difference_lower": lower,
        f"{name}_difference_upper": upper,
    }


def share_of(hits: float, count: float, name: str = "share") -> dict[str, float]:
    """Share with Wilson's interval; NaN of none."""
    lower, upper = share_interval(hits, count)
    share = hits / count if count else np.nan
    return {name: share, f"{name}_lower": float(lower), f"{name}_upper": float(upper)}


def change_of_share(before: tuple[float, float], after: tuple[float, float]) -> dict[str, Any]:
    """Change between two shares, each (hits, count), with Newcombe's interval, and the trend it shows.

    Newcombe, R. G. (1998), Interval estimation for the difference between independent proportions, Statistics
    in Medicine 17, method 10.

    Examples
    --------
    >>> found = change_of_share((10, 100), (30, 100))
    >>> round(found["change"], 2), found["trend"]
    (0.2, 'rising')
    """
    if not before[1] or not after[1]:
        return {"change": np.nan, "change_lower": np.nan, "change_upper": np.nan, "trend": "unknown"}
    first, second = before[0] / before[1], after[0] / after[1]
    low_1, high_1 = (float(each) for each in share_interval(*before))
    low_2, high_2 = (float(each) for each in share_interval(*after))
    change = second - first
    lower = change - np.hypot(second - low_2, high_1 - first)
    upper = change + np.hypot(high_2 - second, first - low_1)
    trend = "rising" if lower > 0 else "falling" if upper < 0 else "steady"
    return {"change": change, "change_lower": float(lower), "change_upper": float(upper), "trend": trend}
