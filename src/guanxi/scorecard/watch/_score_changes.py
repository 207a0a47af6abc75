"""Changes of the score since the period before: what was to be expected, and which indicators made them.

High scores fall and low ones rise on average, since a part of every score is chance (regression to the mean;
Galton 1886, Journal of the Anthropological Institute 15). A change is therefore compared with the changes of
customers who began with the same score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.served.texts import signed

Floats = NDArray[np.float64]

REASONS = 3
_GROUPS = 20
_SMALLEST = 0.05  # points: smaller ones would be shown as 0.0
_STEPS = 4_001  # tenths of a point, from -200 to 200


def expected_changes(before: Floats, change: Floats) -> tuple[Floats, Floats]:
    """Compare each change with those of customers who began with a similar score.

    Parameters
    ----------
    before, change : array, shape (n,)
        Earlier score and its change; NaN if unknown.

    Returns
    -------
    tuple of array, shape (n,)
        The mean change of customers with this earlier score, by interpolation between twenty groups of equal
        size; and the share of customers whose change, relative to mean and spread at their score, was
        at least as far down (for a change below the mean) or up.

    Examples
    --------
    >>> before = np.repeat([20.0, 80.0], 50)
    >>> change = np.tile(np.arange(-24.5, 25.0), 2) + np.repeat([5.0, -5.0], 50)
    >>> expected, share = expected_changes(before, change)
    >>> expected[[0, 99]].round(1).tolist(), share[[0, 25]].round(2).tolist()
    ([5.0, -5.0], [0.02, 0.5])
    """
    known = np.isfinite(before) & np.isfinite(change)
    expected, share = np.full(len(before), np.nan), np.full(len(before), np.nan)
    if not known.any():
        return expected, share
    x, y = before[known], change[known]
    count = min(_GROUPS, max(1, len(x) // _GROUPS))
    limits = np.unique(np.quantile(x, np.arange(1, count) / count))
    numbers = np.unique(np.searchsorted(limits, x, side="right"), return_inverse=True)[
        1
    ]  # ties stay together
    sizes = np.bincount(numbers)
    centres, means = (np.bincount(numbers, each) / sizes for each in (x, y))
    # Beyond the outer groups' centres the mean goes on with the slope of all.
    variance = float(np.var(x))
    slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / variance if variance > 0 else 0.0
    outside = np.minimum(x - centres[0], 0.0) + np.maximum(x - centres[-1], 0.0)
    expected[known] = np.interp(x, centres, means) + slope * outside
    residual = y - expected[known]
    spread = np.interp(x, centres, np.sqrt(np.bincount(numbers, residual**2) / sizes))
    relative = residual / np.where(spread > 0, spread, 1.0)
    ordered = np.sort(relative)
    down = np.searchsorted(ordered, relative, side="right") / len(ordered)
    up = 1.0 - np.searchsorted(ordered, relative, side="left") / len(ordered)
    share[known] = np.where(residual < 0, down, up)
    return expected, share


def declining_since(scores: pd.DataFrame) -> pd.Series[str]:
    """Find the last peak of each score, from which it fell without interruption; missing if it did not.

    Parameters
    ----------
    scores : pandas.DataFrame
        One column per day, in order; NaN before the first purchase.

    Examples
    --------
    >>> days = ["2024-01-01", "2024-04-01", "2024-07-01"]
    >>> declining_since(pd.DataFrame([[60, 50, 40], [50, 60, 40], [50, 60, 70]], columns=days)).tolist()
    ['2024-01-01', '2024-04-01', None]
    """
    values = scores.to_numpy(dtype=np.float64)
    falling = values[:, 1:] < values[:, :-1]  # False where unknown
    run = np.cumprod(falling[:, ::-1], axis=1).sum(axis=1)
    days = np.array([*scores.columns, None], dtype=object)
    return pd.Series(days[np.where(run > 0, values.shape[1] - 1 - run, -1)], index=scores.index, dtype=object)


def point_changes(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Change of the points of each indicator, by customer of the present day; unknown points count as 0.

    Parameters
    ----------
    before, now : pandas.DataFrame
        ``customer_id`` and a column per indicator.
    """
    columns = now.columns.drop("customer_id")
    earlier = before.set_index("customer_id").reindex(index=now["customer_id"], columns=columns)
    return now[columns].fillna(0.0) - earlier.fillna(0.0).to_numpy()


def strongest_reasons(points: pd.DataFrame, direction: Floats, labels: Mapping[str, str]) -> pd.DataFrame:
    """Name the indicators that moved each customer furthest in a direction.

    Parameters
    ----------
    points : pandas.DataFrame
        Of each indicator: change, or difference, in points of the score.
    direction : array, shape (n,)
        1 (up) or -1 (down).
    labels : mapping of str to str
        Label of each indicator; default: its name.

    Returns
    -------
    pandas.DataFrame
        ``why_1, why_2, why_3``; missing where no further indicator moved that way.

    Examples
    --------
    >>> points = pd.DataFrame({"csat": [-3.0, 2.0], "revenue": [1.0, 0.0]})
    >>> strongest_reasons(points, np.array([-1.0, 1.0]), {"csat": "Satisfaction"})["why_1"].tolist()
    ['Satisfaction −3.0', 'Satisfaction +2.0']
    """
    named = [labels.get(name, name) for name in points.columns]
    values = points.to_numpy(dtype=np.float64)
    along = values * direction[:, None]
    order = np.argsort(-along, axis=1, kind="stable")[:, :REASONS]
    chosen = np.take_along_axis(values, order, axis=1)
    along = np.take_along_axis(along, order, axis=1)
    # Each sentence is written once: indicator and tenths of a point as one number.
    tenths = np.rint(np.abs(chosen) * 10.0).astype(np.int64) * np.sign(chosen).astype(np.int64)
    codes = np.where(along >= _SMALLEST, order * _STEPS + tenths + _STEPS // 2, -1)
    used, where = np.unique(codes, return_inverse=True)
    words = np.array([_words(int(code), named) for code in used], dtype=object)
    told = words[where.reshape(codes.shape)]
    found = {f"why_{place + 1}": told[:, place] for place in range(order.shape[1])}
    return pd.DataFrame(found, index=points.index, dtype=object)


def _words(code: int, named: Sequence[str]) -> str | None:
    if code < 0:
        return None
    return f"{named[code // _STEPS]} {signed((code % _STEPS - _STEPS // 2) / 10.0, 1)}"


def strongest_move(points: pd.DataFrame, direction: Floats) -> Floats:
    """Return the largest change of one indicator in each customer's direction."""
    return np.asarray((points.to_numpy(dtype=np.float64) * direction[:, None]).max(axis=1, initial=0.0))
