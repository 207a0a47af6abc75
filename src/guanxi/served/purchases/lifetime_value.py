"""Discounted value of expected purchases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def discounted(
    expected_purchases: Callable[[float], Floats],
    expected_spend: ArrayLike,
    horizon: float,
    *,
    annual_discount_rate: float,
    margin: ArrayLike,
    period: float,
    year: float,
) -> Floats:
    """Discounted margin of the purchases expected within the horizon.

    Each period's purchases are discounted from the period's end, as lifetimes does; the last period may be
    shorter.

    Parameters
    ----------
    expected_purchases : callable
        Expected purchases within a given time, array of shape (n,).
    expected_spend : array, shape (n,)
        Expected amount of a purchase.
    horizon, period, year : float
        In the time unit of ``expected_purchases``.
    annual_discount_rate : float
        .1 is 10 % a year, compounded.
    margin : float or array, shape (n,)
        Share of the amount that is earned.

    Examples
    --------
    >>> one_a_month = lambda days: np.array([days / 30])
    >>> terms = {"annual_discount_rate": 0.1, "margin": 0.5, "period": 30.0, "year": 365.0}
    >>> discounted(one_a_month, [10.0], 360.0, **terms).round(3)
    array([57.042])
    """
    if annual_discount_rate == 0.0:
        return np.asarray(expected_purchases(horizon) * np.asarray(expected_spend) * np.asarray(margin))
    before, total = np.asarray(0.0), np.asarray(0.0)
    for end in _period_ends(horizon, period):
        until = expected_purchases(end)
        total = total + (until - before) * (1.0 + annual_discount_rate) ** (-end / year)
        before = until
    return np.asarray(total * np.asarray(expected_spend) * np.asarray(margin))


def _period_ends(horizon: float, period: float) -> list[float]:
    """Divide the horizon into periods: their ends, the last of which is the horizon itself.

    Examples
    --------
    >>> _period_ends(70.0, 30.0)
    [30.0, 60.0, 70.0]
    """
    whole = int(np.ceil(horizon / period - 1e-9))  # a horizon of whole periods, up to rounding, has no rest
    return [period * k for k in range(1, whole)] + [float(horizon)]
