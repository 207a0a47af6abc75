"""Orders and choices among computed numbers that rounding does not decide.

Processors and linear algebra libraries differ in the last digits of a result. Numbers that differ by no more
than rounding are equal here, and equal numbers keep the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Largest difference, relative to the largest number compared, that counts as rounding.
ROUNDING = 1e-9


def ranks(values: ArrayLike) -> NDArray[np.int64]:
    """Rank numbers along the last axis from 0, the lowest; equal ones share a rank, NaN is last.

    Examples
    --------
    >>> ranks([0.1 + 0.2, 0.5, 0.3]).tolist()
    [0, 1, 0]
    """
    given = np.asarray(values, dtype=np.float64)
    order = np.argsort(given, axis=-1, kind="stable")
    rising = np.take_along_axis(given, order, axis=-1)
    size = np.abs(np.where(np.isfinite(given), given, 0.0)).max(axis=-1, keepdims=True, initial=0.0)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite ends
        steps = ~(np.diff(rising, axis=-1) <= ROUNDING * size)
    found = np.zeros(given.shape, dtype=np.int64)
    np.put_along_axis(found, order[..., 1:], np.cumsum(steps, axis=-1), axis=-1)
    return found


def falling(values: ArrayLike) -> NDArray[np.intp]:
    """Positions along the last axis from the highest number to the lowest; NaN is last.

    Examples
    --------
    >>> falling([0.3, 0.5, 0.1 + 0.2]).tolist()
    [1, 0, 2]
    """
    return np.argsort(ranks(-np.asarray(values, dtype=np.float64)), axis=-1, kind="stable")


def first_lowest(values: Iterable[float]) -> int:
    """Position of the lowest number, the first of equal ones.

    Examples
    --------
    >>> first_lowest([0.5, 0.1 + 0.2, 0.3])
    1
    """
    return int(ranks(list(values)).argmin())


def first_highest(values: Iterable[float]) -> int:
    """Position of the highest number, the first of equal ones.

    Examples
    --------
    >>> first_highest([0.1, 0.3, 0.1 + 0.2])
    1
    """
    return int(falling(list(values))[0])
