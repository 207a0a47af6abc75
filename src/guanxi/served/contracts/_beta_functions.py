"""Ratios of beta functions, for all sizes of their arguments without cancellation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_CHUNK = 16_384  # so that all intermediate results fit the processor's cache
_SHIFTS = 6
# Coefficients of 1 / x, 1 / x^3, ... in Stirling's series of the log-gamma function.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def log_beta_ratio(a: ArrayLike, x: ArrayLike, v: ArrayLike) -> Floats:
    r"""Log of :math:`B(a, x + v) / B(a, x)`, at most 0, for positive a and x, and v of at least 0.

    Differences of log-gamma functions lose all digits where the ratio is near 1. The recurrence
    :math:`\Gamma(x + 1) = x \Gamma(x)` moves x beyond 6; from there on the terms of Stirling's series are
    combined into logarithms of 1 + a positive number.

    Examples
    --------
    >>> np.exp(log_beta_ratio([1.0, 1.0], 1.0, 2.0)).round(6)  # B(1, 3) / B(1, 1) = 1 / 3
    array([0.333333, 0.333333])
    >>> f"{log_beta_ratio(0.5, 1e12, 1.0):.6g}"
    '-5e-13'
    """
    columns = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (a, x, v)))
    flat = [column.ravel() for column in columns]
    result = np.empty(flat[0].shape)
    for start in range(0, len(result), _CHUNK):
        rows = slice(start, start + _CHUNK)
        result[rows] = _log_beta_ratio(*(column[rows] for column in flat))
    return result.reshape(columns[0].shape)


def _log_beta_ratio(a: Floats, x: Floats, v: Floats) -> Floats:
    ratio, lacking = _ratio(a, x, v)
    for i in range(1, _SHIFTS):
        next_ratio, next_lacking = _ratio(a, x + i, v)
        ratio, lacking = ratio * next_ratio, lacking + next_lacking - lacking * next_lacking
    x = x + _SHIFTS
    both, with_a, with_v = x + a + v, x + a, x + v
    curved = (x - 0.5) * _log(*_ratio(a, x, v)) + a * np.log1p(v / with_a) + v * np.log1p(a / with_v)
    remainder = _remainder(x) + _remainder(both) - _remainder(with_a) - _remainder(with_v)
    return np.minimum(_log(ratio, lacking) - curved - remainder, 0.0)


def _ratio(a: Floats, x: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Return x (x + a + v) / ((x + a) (x + v)), and what it lacks to 1."""
    with_a, with_v = x + a, x + v
    return x / with_a * ((with_a + v) / with_v), a / with_a * (v / with_v)


def _log(ratio: Floats, lacking: Floats) -> Floats:
    close = lacking < 0.5
    return np.where(close, np.log1p(-np.where(close, lacking, 0.0)), np.log(np.where(close, 1.0, ratio)))


def _remainder(x: Floats) -> Floats:
    inverse = 1.0 / x
    squared, total = inverse * inverse, np.zeros_like(x)
    for coefficient in reversed(_STIRLING):
        total = total * squared + coefficient
    return np.asarray(total * inverse)
