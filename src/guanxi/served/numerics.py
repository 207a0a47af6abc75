"""Numerical tools: distinct rows, quadrature nodes, points of a parameter distribution."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = tuple[Floats, ...]
Params = Mapping[str, Any]

#: Parameters that are no estimates: the regularity of gaps, and the length of a period.
FIXED = ("k", "period")

_LARGEST_WHOLE = 2**31
_LARGEST_KEY = 2**63
_STEP = 0.15
_LARGEST_DEVIATION = 0.5
_SMALLEST_ERROR = 0.01


def distinct_rows(columns: Columns) -> tuple[Columns, Integers]:
    """Distinct rows in lexicographic order, and the index of each row among them.

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
    """Distinct rows in lexicographic order, and the count (or total weight) of each.

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
    packed = _pack(columns) if weight is None else None
    if packed is not None and packed[1] is not None:  # sorting one integer per row is several times faster
        key, sizes = np.sort(packed[0]), packed[1]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        return _unpack(key[starts], sizes), np.diff(starts, append=len(key)).astype(np.float64)
    order = _order(columns)
    columns = tuple(column[order] for column in columns)
    starts = np.flatnonzero(_first_of_each(columns))
    counts = np.ones(len(order)) if weight is None else weight[order]
    return tuple(column[starts] for column in columns), np.add.reduceat(counts, starts)


@lru_cache
def _gauss_legendre(panels: int, nodes: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on equal panels of (0, 1).

    Examples
    --------
    >>> x, w = _gauss_legendre(2, 8)
    >>> bool(abs(w @ np.exp(x) - np.expm1(1.0)) < 1e-14)
    True
    """
    x, w = np.polynomial.legendre.leggauss(nodes)
    x, w = (x + 1.0) / (2.0 * panels), w / (2.0 * panels)
    return (np.arange(panels)[:, None] / panels + x).ravel(), np.tile(w, panels)


@lru_cache
def _double_exponential() -> tuple[Floats, Floats]:
    """Nodes and weights for the integral of exp(-y) f(y) over y > 0, f smooth in log y.

    Takahasi & Mori (1974): y = exp(u - exp(-u)), trapezoidal in u.

    Examples
    --------
    >>> y, w = _double_exponential()
    >>> bool(abs(w @ y**0.5 - np.sqrt(np.pi) / 2) < 1e-12)
    True
    """
    u = np.arange(-4.0, 4.6, _STEP)
    y = np.exp(u - np.exp(-u))
    return y, _STEP * y * (1.0 + np.exp(-u)) * np.exp(-y)


def parameter_points(params: Params, log_covariance: ArrayLike | None) -> list[Params]:
    """Equally likely parameters with the mean and covariance of the Laplace approximation.

    The spherical cubature rule of degree 3 (Arasaratnam & Haykin 2009, Cubature Kalman Filters, IEEE
    Transactions on Automatic Control 54(6)): for d log-parameters, 2 d points at +- sqrt(d) standard
    deviations along the principal axes of their covariance.

    Parameters
    ----------
    params : mapping
    log_covariance : array, shape (d, d), or None
        Covariance of the log-parameters in the order of ``params``, without :data:`FIXED`. Deviations along
        its axes are capped at 0.5, a factor of e in four dimensions, where the normal approximation fails.
        The parameters are taken as known if it is None or not finite, or if every standard error is below
        0.01. At 0.01, correlated as on CDNOW, the points move the upper end of spend by 0.02 % of the
        interval's width (median) or 0.08 % (99 % of customers).

    Examples
    --------
    >>> parameter_points({"r": 1.0}, None)
    [{'r': 1.0}]
    >>> [float(round(np.log(point["r"]), 6)) for point in parameter_points({"r": 1.0}, [[0.04]])]
    [0.2, -0.2]
    """
    if log_covariance is None:
        return [params]
    matrix = np.asarray(log_covariance, dtype=np.float64)
    if not np.isfinite(matrix).all() or (np.diag(matrix) < _SMALLEST_ERROR**2).all():
        return [params]
    names = [name for name in params if name not in FIXED]
    variances, axes = np.linalg.eigh(matrix)
    deviations = np.clip(np.sqrt(np.maximum(variances, 0.0)), 0.0, _LARGEST_DEVIATION)
    steps = (np.sqrt(len(names)) * deviations * axes).T
    return [
        {**params, **{name: params[name] * np.exp(s) for name, s in zip(names, sign * step, strict=True)}}
        for step in steps
        for sign in (1.0, -1.0)
    ]


def _order(columns: Columns) -> Integers:
    packed = _pack(columns)
    return np.lexsort(columns[::-1]) if packed is None else np.argsort(packed[0])


def _first_of_each(columns: Columns) -> NDArray[np.bool_]:
    """Whether each row differs from the one before it."""
    first = np.zeros(len(columns[0]), dtype=bool)
    first[0] = True
    for column in columns:
        first[1:] |= column[1:] != column[:-1]
    return first


def _pack(columns: Columns) -> tuple[Integers, list[int] | None] | None:
    """One integer key per row, in the order of the rows; None if it does not fit into 64 bits.

    The second item is the size of each digit if all columns are whole numbers, so that keys can be unpacked.
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


def _unpack(key: Integers, sizes: list[int]) -> Columns:
    columns: list[Floats] = []
    for size in reversed(sizes):
        key, digits = np.divmod(key, size)
        columns.append(digits.astype(np.float64))
    return tuple(reversed(columns))
