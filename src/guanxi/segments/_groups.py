"""Cut points for groups of equal size, in the presence of ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.served.ordering import ranks

Floats = NDArray[np.float64]


def cut_points(values: ArrayLike, groups: int) -> Floats:
    """Divide known values into groups as equal in size as ties allow.

    From below, each group takes the values that bring it closest to an equal share of the remaining
    customers, and at least one value. With fewer distinct values than groups, each value is a group.

    Parameters
    ----------
    values : array, shape (n,)
        NaN is unknown and ignored.
    groups : int

    Returns
    -------
    array, shape (at most groups - 1,)
        The largest value of each group except the last.

    Examples
    --------
    >>> cut_points([0, 0, 0, 0, 0, 0, 1, 1, 2, 9], 3).tolist()
    [0.0, 1.0]
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.sort(given[~np.isnan(given)])
    counts = np.bincount(ranks(known))
    distinct = known[np.cumsum(counts) - 1]
    if len(distinct) <= groups:
        return distinct[:-1]
    until = np.cumsum(counts)
    cuts: list[int] = []
    for left in range(groups, 1, -1):
        first = cuts[-1] + 1 if cuts else 0
        before = until[first - 1] if first else 0
        target = before + (until[-1] - before) / left
        place = int(np.searchsorted(until, target))
        if place > first and target - until[place - 1] <= until[place] - target:
            place -= 1
        cuts.append(min(place, len(distinct) - left))
    return distinct[cuts]
