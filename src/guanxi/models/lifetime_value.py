"""Customer lifetime value: expected purchases times expected spend, discounted."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError, ParamsError
from guanxi.models._customer_table import as_given, checked_horizon, history_columns, is_number
from guanxi.models.transaction_model import TransactionModel
from guanxi.periods import DAYS_PER_YEAR, days_per_unit, discount_period
from guanxi.served.numerics import distinct_rows
from guanxi.served.purchases.process import discounted

Floats = NDArray[np.float64]

_HISTORY = ("frequency", "recency", "T")


class PurchaseModel(Protocol):
    """A fitted model of purchases."""

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """E[purchases in (T, T + horizon] | history], shape (n,)."""


class SpendModel(Protocol):
    """A fitted model of the amount of a purchase."""

    def expected_spend(self, rfm: pd.DataFrame) -> Floats:
        """E[amount of a purchase | history], shape (n,)."""


def customer_lifetime_value(
    transactions_model: PurchaseModel,
    spend_model: SpendModel,
    rfm: pd.DataFrame,
    horizon: float,
    annual_discount_rate: float = 0.0,
    margin: ArrayLike = 1.0,
    time_unit: str = "D",
) -> Any:
    """Discounted margin of every customer's purchases within the horizon.

    The horizon is divided into periods of 30 days (the last may be shorter); purchases are discounted from
    the end of their period. With whole periods and an equal rate this is ``customer_lifetime_value`` of
    lifetimes.

    Parameters
    ----------
    transactions_model, spend_model : fitted estimators
        For example :class:`BetaGeoNBD` and :class:`GammaGamma`.
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    horizon : float
        In ``time_unit``, like ``recency`` and ``T``.
    annual_discount_rate : float
        0.1 is 10 % a year, compounded, for any time unit.
    margin : float or array, shape (n,)
        Profit as a share of the amount.
    time_unit : {"D", "W", "M", "Y"}

    Returns
    -------
    array, shape (n,)
        In the unit of the amounts; a Series where the index of ``rfm`` has a name.

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
    rate = _checked_rate(annual_discount_rate)
    _check_models(transactions_model, spend_model)
    histories, inverse = _distinct_histories(transactions_model, rfm)
    value = discounted(
        lambda until: transactions_model.expected_purchases(histories, until)[inverse],
        np.asarray(spend_model.expected_spend(rfm)),
        checked_horizon(horizon),
        annual_discount_rate=rate,
        margin=_checked_margin(margin, rfm),
        period=discount_period(time_unit),
        year=DAYS_PER_YEAR / days_per_unit(time_unit),
    )
    return as_given(rfm, value)


def customer_equity(
    transactions_model: TransactionModel,
    spend_model: SpendModel,
    rfm: pd.DataFrame,
    annual_discount_rate: float,
    horizon: float = np.inf,
    margin: ArrayLike = 1.0,
    time_unit: str = "D",
) -> float:
    """Add up the customer equity of a cohort, the discounted margin of all its future purchases.

    Blattberg & Deighton (1996), Manage Marketing by the Customer Equity Test, Harvard Business Review 74(4),
    with the discounted expected residual transactions of Fader, Hardie & Lee (2005), RFM and CLV, Journal of
    Marketing Research 42(4). A future customer is a row of 0, 0, 0; the first purchase is not included.

    Parameters
    ----------
    transactions_model : fitted model of repeat purchases in continuous time
    spend_model : fitted model of spend
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    annual_discount_rate : float
        0.1 is 10 % a year, compounded continuously at log(1.1); above 0 for an infinite horizon.
    horizon : float
        In ``time_unit``; infinite by default.
    margin : float or array, shape (n,)
        Profit as a share of the amount.
    time_unit : {"D", "W", "M", "Y"}

    Raises
    ------
    ParamsError
        If the rate is not above 0 with an infinite horizon, or the time unit is unknown.
    DataError
        If the customer table or the horizon is not usable.

    Examples
    --------
    >>> from guanxi.models import GammaGamma, ParetoNBD
    >>> from guanxi.simulation import simulate_pareto_nbd
    >>> truth, spend = {"r": 0.5, "alpha": 10.0, "s": 0.6, "beta": 12.0}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> rfm = simulate_pareto_nbd(truth, n=2000, T=40.0, seed=1, spend_params=spend)
    >>> purchases, amounts = ParetoNBD().fit(rfm), GammaGamma().fit(rfm)
    >>> equity = customer_equity(purchases, amounts, rfm, annual_discount_rate=0.1, time_unit="W")
    >>> equity > customer_equity(purchases, amounts, rfm, 0.1, horizon=52.0, time_unit="W") > 0
    True
    """
    _check_models(transactions_model, spend_model)
    if not is_number(horizon) and not (isinstance(horizon, float) and horizon == np.inf):
        raise DataError(f"horizon is {horizon!r}: give a number of at least 0, in the unit of T")
    annual_discount_rate = _checked_rate(annual_discount_rate)
    if annual_discount_rate <= 0.0 and horizon == np.inf:
        raise ParamsError(
            "annual_discount_rate is not above 0 with an infinite horizon: give a rate above 0, or a horizon"
        )
    if annual_discount_rate < 0.0:
        raise ParamsError(f"annual_discount_rate is {annual_discount_rate!r}: give a number of at least 0")
    rate = float(np.log1p(annual_discount_rate)) * days_per_unit(time_unit) / DAYS_PER_YEAR
    histories, inverse = _distinct_histories(transactions_model, rfm)
    purchases = transactions_model.discounted_expected_residual_transactions(histories, rate, float(horizon))
    return float((purchases[inverse] * spend_model.expected_spend(rfm) * _checked_margin(margin, rfm)).sum())


def _check_models(transactions_model: Any, spend_model: Any) -> None:
    for name, model, method, usual in (
        ("transactions_model", transactions_model, "expected_purchases", "BetaGeoNBD"),
        ("spend_model", spend_model, "expected_spend", "GammaGamma"),
    ):
        if not hasattr(model, method):
            raise ParamsError(f"{name} is a {type(model).__name__}: give a fitted model such as {usual}()")


def _distinct_histories(model: PurchaseModel, rfm: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Distinct histories, and the index of each row among them; with covariates, all rows as they are."""
    if getattr(model, "covariates", None) is not None:
        return rfm, np.arange(len(rfm))
    rows, inverse = distinct_rows(history_columns(rfm))
    return pd.DataFrame(dict(zip(_HISTORY, rows, strict=True))), inverse


def _checked_margin(margin: ArrayLike, rfm: pd.DataFrame) -> Floats:
    try:
        share = np.asarray(margin, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        share = np.array(np.nan)
    if share.shape not in ((), (len(rfm),)) or not np.isfinite(share).all():
        raise DataError(f"margin is {margin!r:.60}: give one finite number, or one for each customer")
    return share


def _checked_rate(annual_discount_rate: float) -> float:
    if not is_number(annual_discount_rate) or annual_discount_rate <= -1.0:
        raise ParamsError(
            f"annual_discount_rate is {annual_discount_rate!r}: give a finite number above -1, like 0.1"
        )
    return float(annual_discount_rate)
