"""Nodes and weights of the integrals that have no closed form that is stable everywhere."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEP = 0.15


@lru_cache
def gauss_legendre(panels: int, nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights on (0, 1), cut into equal panels with Gauss-Legendre nodes in each.

    Examples
    --------
    >>> x, w = gauss_legendre(2, 8)
    >>> bool(abs(w @ np.exp(x) - np.expm1(1.0)) < 1e-14)
    True
    """
    x, w = np.polynomial.legendre.leggauss(nodes)
    x, w = (x + 1.0) / (2.0 * panels), w / (2.0 * panels)
    return (np.arange(panels)[:, None] / panels + x).ravel(), np.tile(w, panels)


@lru_cache
def double_exponential() -> tuple[Floats, Floats]:
    """Nodes and weights for the integral of exp(-y) f(y) over y > 0, f smooth in log y.

    Takahasi & Mori (1974): y = exp(u - exp(-u)), trapezoidal in u.

    Examples
    --------
    >>> y, w = double_exponential()
    >>> bool(abs(w @ y**0.5 - np.sqrt(np.pi) / 2) < 1e-12)
    True
    """
    u = np.arange(-4.0, 4.6, _STEP)
    y = np.exp(u - np.exp(-u))
    return y, _STEP * y * (1.0 + np.exp(-u)) * np.exp(-y)
