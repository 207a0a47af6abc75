"""What forecast purchases are worth, and what leaving takes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .corrections import Correction
from .model import LifetimeValue
from .purchases.process import discounted

Floats = NDArray[np.float64]

LEAST, _TINY = 1e-300, 1e-200
_DISCOUNT_PERIOD_DAYS = 30.0
_DAYS_PER_YEAR = 365.0


def purchase_curve(
    expected: Floats, alone: Callable[[float], Floats], horizon: float
) -> Callable[[float], Floats]:
    """Return the expected purchases within any part of the horizon.

    They follow the curve ``alone`` of the purchase model to the corrected ``expected``, shape (n,).
    """
    whole = alone(horizon)

    def within(days: float) -> Floats:
        # Where the purchase model all but excludes a purchase, its curve is undetermined: use a line.
        straight = np.full(len(whole), days / horizon)
        share = np.divide(alone(days), whole, out=straight, where=whole > _TINY)
        return np.asarray(expected * share)

    return within


def purchases_if_kept(
    correction: Correction, expected: Floats, alone: Floats, staying: Floats, returning: Floats
) -> Floats:
    """Correct the purchases expected if no customer left before the end of the horizon, shape (n,).

    Customers alive have the correction of their expected purchases. What those who left would buy is far from
    anything that the trees have seen: it has slope and level only.

    Parameters
    ----------
    correction : Correction
        Of the expected purchases.
    expected, alone : array, shape (n,)
        Expected purchases, corrected and of the purchase model alone.
    staying, returning : array, shape (n,)
        From :meth:`.PurchaseMixture.expected_purchases_kept`.
    """
    ratio = np.divide(staying, alone, out=np.ones_like(alone), where=alone > _TINY)
    back = np.exp(correction.apply(np.log(np.maximum(returning, LEAST)), np.zeros_like(returning)))
    return expected * np.maximum(ratio, 1.0) + back


def value_columns(
    purchases: Callable[[float], Floats],
    kept: Callable[[float], Floats],
    forecast: Mapping[str, Floats],
    margin_rate: Floats,
    ends: Mapping[str, Floats],
    horizon: int,
    value: LifetimeValue,
) -> dict[str, Floats]:
    """Columns ``clv, clv_lower, clv_upper, value_at_risk`` of the prediction table.

    Parameters
    ----------
    purchases, kept : callable
        Expected purchases within a number of days, shape (n,): as things are, and if no customer left.
    forecast : mapping
        ``expected_purchases, expected_spend`` over the horizon.
    margin_rate : array, shape (n,)
    ends : mapping
        ``spend_lower, spend_upper``, undiscounted.
    horizon : int
        Days.
    value : LifetimeValue
        Its annual discount rate is used.
    """
    worth = partial(
        discounted,
        expected_spend=forecast["expected_spend"],
        horizon=float(horizon),
        annual_discount_rate=value.annual_discount_rate,
        margin=margin_rate,
        period=_DISCOUNT_PERIOD_DAYS,
        year=_DAYS_PER_YEAR,
    )
    clv, if_kept = worth(purchases), worth(kept)
    # Scale the interval of undiscounted spend by margin and mean discount, and extend it to the mean,
    # which lies beyond the quantiles of a distribution with nearly all its probability at 0.
    undiscounted = forecast["expected_purchases"] * forecast["expected_spend"]
    factor = np.divide(clv, undiscounted, out=np.ones_like(clv), where=undiscounted > 0)
    # A negative margin turns the ends around.
    lower, upper = np.sort([ends["spend_lower"] * factor, ends["spend_upper"] * factor], axis=0)
    return {
        "clv": clv,
        "clv_lower": np.minimum(lower, clv),
        "clv_upper": np.maximum(upper, clv),
        "value_at_risk": np.maximum(if_kept - clv, 0.0),
    }
