"""Differences of the digamma and trigamma functions without cancellation at large arguments.

Where contracts are long or churn is rare, arguments are large and close to each other. There the leading term
of the asymptotic series is differenced by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

_LARGE = 30.0


def digamma_differences(a: Floats, x: Floats, v: Floats) -> tuple[Floats, Floats, Floats]:
    """Return psi(x + a) - psi(y), psi(x + v) - psi(y) and their sum less psi(x) - psi(y), for y = x + a + v.

    Examples
    --------
    >>> one = np.ones(1)
    >>> [each.round(6).tolist() for each in digamma_differences(one, one, one)]
    [[-0.5], [-0.5], [0.5]]
    """
    return _differences(
        a,
        x,
        v,
        digamma,
        lambda z: (-0.5 - (1 / 12 - (1 / 120 - 1 / 252 / z**2) / z**2) / z) / z,
        lambda start, step: -np.log1p(step / start),
        lambda: np.log1p(a * v / (x * (x + a + v))),
    )


def trigamma_differences(a: Floats, x: Floats, v: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the same differences of the trigamma function.

    Examples
    --------
    >>> one = np.ones(1)
    >>> [each.round(6).tolist() for each in trigamma_differences(one, one, one)]
    [[0.25], [0.25], [-0.75]]
    """
    y = x + a + v
    return _differences(
        a,
        x,
        v,
        lambda z: polygamma(1, z),
        lambda z: (0.5 + (1 / 6 - (1 / 30 - 1 / 42 / z**2) / z**2) / z) / z**2,
        lambda start, step: step / start / (start + step),
        lambda: -(a / x) * (v / y) * (x + y) / ((x + a) * (x + v)),
    )


def _differences(
    a: Floats,
    x: Floats,
    v: Floats,
    function: Callable[[Floats], Floats],
    remainder: Callable[[Floats], Floats],
    first: Callable[[Floats, Floats], Floats],
    second: Callable[[], Floats],
) -> tuple[Floats, Floats, Floats]:
    """Difference the function where x is small, and its leading term and remainder where it is large."""
    small = x < _LARGE
    arguments = np.stack([x, x + a, x + v, x + a + v])
    values = np.empty_like(arguments)
    values[:, small] = function(arguments[:, small])
    values[:, ~small] = remainder(arguments[:, ~small])
    at, with_a, with_v, both = values
    by_a, by_v = with_a - both, with_v - both
    mixed = by_a + (with_v - at)
    return (
        np.where(small, by_a, by_a + first(x + a, v)),
        np.where(small, by_v, by_v + first(x + v, a)),
        np.where(small, mixed, mixed + second()),
    )
