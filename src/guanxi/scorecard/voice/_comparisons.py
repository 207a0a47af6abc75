"""Means and shares of groups of customers compared, with 90 % intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.models.proportions import wilson_interval
from guanxi.scorecard.voice._resampling import LEVEL

_NO_ERROR = 1e-12  # a smaller standard error is rounding: all values of both groups are equal


def compare_means(values: pd.Series[float], inside: pd.Series[bool], name: str) -> dict[str, float]:
    """Mean inside a group, and its difference from the mean outside, with Welch's interval and p value.

    Examples
    --------
    >>> found = compare_means(pd.Series([1.0, 2.0, 5.0, 6.0]), pd.Series([True, True, False, False]), "x")
    >>> found["x"], found["x_difference"], round(found["x_difference_upper"], 2)
    (1.5, -4.0, -1.94)
    """
    ours, theirs = values[inside].dropna(), values[~inside].dropna()
    found = {name: float(ours.mean()) if len(ours) else np.nan}
    difference = lower = upper = p_value = np.nan
    if len(ours) > 1 and len(theirs) > 1:
        difference = float(ours.mean() - theirs.mean())
        errors = np.array([ours.var() / len(ours), theirs.var() / len(theirs)])
        error = float(np.sqrt(errors.sum()))
        if error > _NO_ERROR * max(1.0, abs(difference)):
            freedom = errors.sum() ** 2 / (errors**2 / [len(ours) - 1, len(theirs) - 1]).sum()
            reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * error
            lower, upper = difference - reach, difference + reach
            p_value = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return found | {
        f"{name}_difference": difference,
        f"{name}_difference_lower": lower,
        f"{name}_difference_upper": upper,
        f"{name}_p": p_value,
    }


def share_of(hits: float, count: float, name: str = "share") -> dict[str, float]:
    """Share with Wilson's interval; NaN of none."""
    lower, upper = wilson_interval(hits, count)
    share = hits / count if count else np.nan
    return {name: share, f"{name}_lower": float(lower), f"{name}_upper": float(upper)}


def change_of_share(before: tuple[float, float], after: tuple[float, float]) -> dict[str, float]:
    """Change between two shares, each (hits, count), with Newcombe's interval and a p value.

    Newcombe, R. G. (1998), Interval estimation for the difference between independent proportions, Statistics
    in Medicine 17, method 10.

    Examples
    --------
    >>> found = change_of_share((10, 100), (30, 100))
    >>> round(found["change"], 2), round(found["change_lower"], 2), round(found["change_p"], 4)
    (0.2, 0.09, 0.0004)
    """
    if not before[1] or not after[1]:
        return dict.fromkeys(("change", "change_lower", "change_upper", "change_p"), np.nan)
    first, second = before[0] / before[1], after[0] / after[1]
    low_1, high_1 = (float(each) for each in wilson_interval(*before))
    low_2, high_2 = (float(each) for each in wilson_interval(*after))
    change = second - first
    lower = change - np.hypot(second - low_2, high_1 - first)
    upper = change + np.hypot(high_2 - second, first - low_1)
    pooled = (before[0] + after[0]) / (before[1] + after[1])
    error = np.sqrt(pooled * (1 - pooled) * (1 / before[1] + 1 / after[1]))
    p_value = 2 * float(stats.norm.sf(abs(change) / error)) if error > 0 else 1.0
    return {
        "change": change,
        "change_lower": float(lower),
        "change_upper": float(upper),
        "change_p": p_value,
    }


def clear(p_values: pd.Series[float]) -> pd.Series[bool]:
    """Whether each of several differences is beyond chance at 10 % for all together (Holm 1979).

    Examples
    --------
    >>> clear(pd.Series([0.001, 0.2, 0.06, np.nan])).tolist()
    [True, False, False, False]
    """
    known = p_values.dropna().sort_values(kind="stable")
    allowed = (1 - LEVEL) / np.arange(len(known), 0, -1)
    passed = pd.Series(known.to_numpy() <= allowed, index=known.index).cummin()
    return passed.reindex(p_values.index, fill_value=False)
