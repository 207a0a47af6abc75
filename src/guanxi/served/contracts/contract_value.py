"""What the payments of customers under contract are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .amount_paths import expected_amounts
from .document import AmountProcess
from .survival import SurvivalCurves

Floats = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0


def discount_factors(times: Floats, period_days: float, annual_discount_rate: float) -> Floats:
    """Present value of a unit paid after a number of contract periods, in the shape of ``times``.

    Examples
    --------
    >>> discount_factors(np.array([0.0, 12.0]), 365.0 / 12.0, 0.25)
    array([1. , 0.8])
    """
    return np.asarray(np.exp(-np.log1p(annual_discount_rate) * times * (period_days / _DAYS_PER_YEAR)))


def value_per_unit(
    curves: SurvivalCurves,
    amounts: AmountProcess,
    period_days: float,
    days: float,
    annual_discount_rate: float,
) -> Floats:
    """Mean discounted payments within a number of days, per unit of the present amount; shape (n,).

    The amount of the coming period is paid at each renewal; the period that runs is paid already.
    """
    paid = curves.renewed * curves.times.shares(days / period_days)
    paid = paid * discount_factors(curves.times.times, period_days, annual_discount_rate)
    return np.asarray(paid @ expected_amounts(amounts, paid.shape[1]))


def discounted_residual_lifetime(curves: SurvivalCurves, discount_rate_per_period: float) -> Floats:
    """Present value of a unit paid at each further renewal (DERL) of the curves, shape (n,).

    Fader & Hardie (2010), Customer-Base Valuation in a Contractual Setting, Marketing Science 29(1): just
    before the next renewal, whose payment is not discounted; here up to the last opportunity of the curves.
    """
    discount = (1.0 + discount_rate_per_period) ** -np.arange(curves.times.opportunities, dtype=np.float64)
    return np.asarray(curves.renewed @ discount)
