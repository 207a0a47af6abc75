"""Distinct rows of a few numeric columns, exactly: the models work on those and on their counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = tuple[Floats, ...]

_LARGEST_WHOLE = 2**31
_LARGEST_KEY = 2**63


def distinct_rows(columns: Columns) -> tuple[Columns, Integers]:
    """Distinct rows in lexicographic order, and for every row which of them it is.

    Parameters
    ----------
    columns : tuple of arrays, shape (n,)
        No missing values.

    Returns
    -------
    columns : tuple of arrays, shape (k,)
    inverse : array of int, shape (n,)
        ``columns[j][inverse]`` is the j-th column given.

    Examples
    --------
    >>> (x, T), inverse = distinct_rows((np.array([1.0, 0.0, 1.0]), np.array([5.0, 7.0, 5.0])))
    >>> x, T, inverse
    (array([0., 1.]), array([7., 5.]), array([1, 0, 1]))
    """
    if len(columns[0]) == 1:
        return columns, np.zeros(1, dtype=np.int64)
    order = _order(columns)
    columns = tuple(column[order] for column in columns)
    first = _first_of_each(columns)
    inverse = np.empty(len(order), dtype=np.int64)
    inverse[order] = np.cumsum(first) - 1
    return tuple(column[first] for column in columns), inverse


def count_rows(columns: Columns, weight: Floats | None = None) -> tuple[Columns, Floats]:
    """Distinct rows in lexicographic order, and how many (or how much weight) each stands for.

    Parameters
    ----------
    columns : tuple of arrays, shape (n,)
    weight : array, shape (n,), optional
        1 for every row by default.

    Examples
    --------
    >>> count_rows((np.array([2.0, 0.0, 2.0]),))
    ((array([0., 2.]),), array([1., 2.]))
    """
    packed = _packed(columns) if weight is None else None
    if packed is not None and packed[1] is not None:  # sorting one whole number a row: several times faster
        key, sizes = np.sort(packed[0]), packed[1]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        return _unpacked(key[starts], sizes), np.diff(starts, append=len(key)).astype(np.float64)
    order = _order(columns)
    columns = tuple(column[order] for column in columns)
    starts = np.flatnonzero(_first_of_each(columns))
    counts = np.ones(len(order)) if weight is None else weight[order]
    return tuple(column[starts] for column in columns), np.add.reduceat(counts, starts)


def _order(columns: Columns) -> Integers:
    packed = _packed(columns)
    return np.lexsort(columns[::-1]) if packed is None else np.argsort(packed[0])


def _first_of_each(columns: Columns) -> NDArray[np.bool_]:
    """Where a row differs from the one before it."""
    first = np.zeros(len(columns[0]), dtype=bool)
    first[0] = True
    for column in columns:
        first[1:] |= column[1:] != column[:-1]
    return first


def _packed(columns: Columns) -> tuple[Integers, list[int] | None] | None:
    """One whole number a row that orders as the rows do; None if it would not fit into 64 bits.

    Beside it the size of each digit, where all columns hold whole numbers and can be got back from the key.
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    span, sizes, whole = 1, [], True
    for column in columns:
        digits = _whole_numbers(column)
        if digits is None:
            whole = False
            digits = np.unique(column, return_inverse=True)[1].astype(np.int64)
        sizes.append(int(digits.max()) + 1)
        span *= sizes[-1]
        if span >= _LARGEST_KEY:
            return None
        key = key * sizes[-1] + digits
    return key, sizes if whole else None


def _whole_numbers(column: Floats) -> Integers | None:
    if column.min() < 0 or column.max() >= _LARGEST_WHOLE:
        return None
    digits = column.astype(np.int64)
    return digits if bool((digits == column).all()) else None


def _unpacked(key: Integers, sizes: list[int]) -> Columns:
    columns: list[Floats] = []
    for size in reversed(sizes):
        key, digits = np.divmod(key, size)
        columns.append(digits.astype(np.float64))
    return tuple(reversed(columns))
