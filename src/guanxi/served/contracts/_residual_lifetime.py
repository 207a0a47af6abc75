"""Discounted sums over the further renewals of a customer, up to a horizon or without end.

The first terms are summed; the rest is, by the Euler-Maclaurin formula at half opportunities, the integral
over the logarithm of time plus a twenty-fourth of the slope at its lower end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics import _gauss_legendre

Floats = NDArray[np.float64]
LogSurvival = Callable[[Any], Floats]  # of opportunities ahead, shape (n, m)

_SUMMED = 256
_BLOCK = 1024
_NODES = 16
_NEGLIGIBLE = 46.0  # e^-46 = 1e-20
_LARGEST_EXPONENT = 600.0


def sum_to(log_survival: LogSurvival, log_discount: float, horizon: int) -> Floats:
    """Sum over j = 1 ... horizon of S(j) exp(-log_discount j), shape (n,).

    Examples
    --------
    >>> sum_to(lambda j: np.log(0.5) * j * np.ones((1, 1)), 0.0, 3)
    array([0.875])
    """
    total = np.zeros(len(log_survival(np.ones(1))))
    for start in range(1, horizon + 1, _BLOCK):
        j = np.arange(start, min(start + _BLOCK, horizon + 1), dtype=np.float64)
        block = np.exp(log_survival(j) - log_discount * j)
        total = total + block.sum(axis=1)
        if (block[:, -1] * (horizon - j[-1]) <= 1e-17 * total).all():
            break
    return total


def sum_without_end(log_survival: LogSurvival, log_discount: float, tail: Floats, c: Floats) -> Floats:
    """Sum over all j >= 1, shape (n,); infinite where it does not converge.

    Parameters
    ----------
    log_survival : callable
    log_discount : float
    tail : array, shape (n,)
        S(t) falls as t^-tail.
    c : array, shape (n,)
        Exponent of time, which sets the width of the panels.

    Examples
    --------
    >>> sum_without_end(lambda j: -2.0 * np.log(j)[None, :], 0.0, np.array([2.0]), np.ones(1)).round(8)
    array([1.64493407])
    """
    if log_discount == 0.0:
        finite = tail > 1.0
        excess = np.where(finite, tail - 1.0, 1.0)
        reach = min(float((_NEGLIGIBLE / excess).max()), _LARGEST_EXPONENT / max(1.0, float(c.max())))
    else:
        finite, excess = np.ones(len(tail), dtype=bool), None
        reach = np.log1p(_NEGLIGIBLE / (log_discount * _SUMMED))
    edge = _SUMMED + 0.5
    head = sum_to(log_survival, log_discount, _SUMMED)
    around = np.array([_SUMMED, _SUMMED + 1.0])
    slope = np.diff(np.exp(log_survival(around) - log_discount * around), axis=1)[:, 0]
    panels = int(np.ceil(reach * max(2.0, float(c.max()))))
    position, weight = _gauss_legendre(panels, _NODES)
    time = edge * np.exp(reach * position)
    integral = np.exp(log_survival(time) - log_discount * time + np.log(time)) @ (reach * weight)
    total = head + integral + slope / 24.0
    if excess is not None:
        last = np.array([edge * np.exp(reach)])
        total = total + np.exp(log_survival(last)[:, 0] + np.log(last[0])) / excess
    return np.where(finite, total, np.inf)
