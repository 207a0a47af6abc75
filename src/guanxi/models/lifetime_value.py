"""Customer lifetime value: expected purchases times expected spend, discounted."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import ParamsError
from guanxi.models.formulas.lifetime_value import discounted
from guanxi.models.inputs import checked_horizon
from guanxi.periods import DAYS_PER_YEAR, days_per_unit, discount_period

Floats = NDArray[np.float64]


class TransactionModel(Protocol):
    """A fitted model of how often customers buy."""

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """E[purchases in (T, T + horizon] | history], shape (n,)."""


class SpendModel(Protocol):
    """A fitted model of how much a purchase is worth."""

    def expected_spend(self, rfm: pd.DataFrame) -> Floats:
        """E[amount of a purchase | history], shape (n,)."""


def customer_lifetime_value(
    transactions_model: TransactionModel,
    spend_model: SpendModel,
    rfm: pd.DataFrame,
    horizon: float,
    annual_discount_rate: float = 0.0,
    margin: ArrayLike = 1.0,
    time_unit: str = "D",
) -> Floats:
    """Discounted margin of every customer's purchases within the horizon.

    The horizon is divided into periods of 30 days (the last may be shorter); what is expected within a period
    is discounted from its end. With a horizon of whole periods and an equal rate this is the
    ``customer_lifetime_value`` of lifetimes.

    Parameters
    ----------
    transactions_model, spend_model : fitted estimators
        For instance :class:`BetaGeoNBD` and :class:`GammaGamma`.
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    horizon : float
        In ``time_unit``, which is the unit of ``recency`` and ``T`` too.
    annual_discount_rate : float
        .1 is 10 % a year, compounded; the same whatever the time unit.
    margin : float or array, shape (n,)
        Share of the amount that is earned.
    time_unit : {"D", "W", "M", "Y"}

    Returns
    -------
    array, shape (n,)
        In the unit of the amounts.

    Raises
    ------
    ParamsError
        If the rate is not above -1, or the time unit is unknown.
    DataError
        If the customer table or the horizon is not usable.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD, GammaGamma
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth, spend = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1, spend_params=spend)
    >>> purchases, amounts = BetaGeoNBD().fit(rfm), GammaGamma().fit(rfm)
    >>> customer_lifetime_value(purchases, amounts, rfm, 52.0, annual_discount_rate=0.1, time_unit="W").shape
    (2000,)
    """
    if not np.isfinite(annual_discount_rate) or annual_discount_rate <= -1.0:
        raise ParamsError(
            f"annual_discount_rate is {annual_discount_rate!r}: give a finite number above -1, like 0.1"
        )
    return discounted(
        lambda until: transactions_model.expected_purchases(rfm, until),
        spend_model.expected_spend(rfm),
        checked_horizon(horizon),
        annual_discount_rate=annual_discount_rate,
        margin=margin,
        period=discount_period(time_unit),
        year=DAYS_PER_YEAR / days_per_unit(time_unit),
    )
