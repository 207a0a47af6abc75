"""Customers by profit: whale curve, equal numbers of customers, and equal shares of the profit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError

GROUPS = 10


@dataclass(frozen=True)
class WhaleCurve:
    """Cumulative profit of the customers, from the most profitable to the least.

    Attributes
    ----------
    cumulative : array of float
        Profit of the first 1, 2, 3 ... customers.
    total, peak : float
        Profit of all customers, and the highest cumulative profit (0 if no customer has any).
    customers_at_peak : int
        Number of customers with a profit above 0; every further one lowers the total or leaves it as it is.
    """

    cumulative: NDArray[np.float64]
    total: float
    peak: float
    customers_at_peak: int

    @property
    def lost(self) -> float:
        """Sum of the losses of customers at a loss, as a positive number."""
        return self.peak - self.total


def whale_curve(profit: ArrayLike) -> WhaleCurve:
    """Add up profits from the most profitable customer on (Kaplan and Cooper 1998, *Cost and Effect*).

    Parameters
    ----------
    profit : array of float, shape (n_customers,)
        One value a customer, negative for a loss.

    Raises
    ------
    DataError
        If there is no customer, or a profit is missing.

    Examples
    --------
    >>> curve = whale_curve([30.0, -5.0, 50.0])
    >>> curve.peak, curve.customers_at_peak, curve.total
    (80.0, 2, 75.0)
    """
    ranked = _ranked(profit)
    cumulative = ranked.cumsum()
    at_peak = int((ranked > 0).sum())
    peak = float(cumulative[at_peak - 1]) if at_peak else 0.0
    return WhaleCurve(cumulative, float(cumulative[-1]), peak, at_peak)


def profit_deciles(profit: ArrayLike, groups: int = GROUPS) -> pd.DataFrame:
    """Divide the customers, from the most profitable on, into groups of equally many.

    Returns
    -------
    pandas.DataFrame
        One row per group with a customer: ``group`` (1: the most profitable), ``customers, profit``,
        ``share_of_customers, share_of_profit`` (of 1; the latter NaN if the total is not above 0),
        ``lowest, highest`` (profit of a customer).

    Examples
    --------
    >>> profit_deciles([60.0, 20.0, 15.0, 5.0], groups=2)["share_of_profit"].tolist()
    [0.8, 0.2]
    """
    ranked = _ranked(profit)
    return _table(ranked, [round(len(ranked) * each / groups) for each in range(1, groups)])


def profit_groups(
    profit: ArrayLike, groups: int = GROUPS, lowest: Sequence[float] | None = None
) -> pd.DataFrame:
    """Divide the customers, from the most profitable on, into groups that earn equal shares of the profit.

    Each group but the last ends with the customer whose profit completes its share; the last one holds all
    others, also those at a loss (Fader, Hardie and Ross 2022, *The Customer-Base Audit*, chapter 3).

    Parameters
    ----------
    lowest : sequence of float, optional
        Lowest profit of a customer in each group but the last, such as round amounts: groups are cut there
        instead, and their shares are nearly equal.

    Returns
    -------
    pandas.DataFrame
        As :func:`profit_deciles`; a group is absent if one customer earns more than its share.

    Raises
    ------
    DataError
        If the total profit is not above 0.

    Examples
    --------
    >>> profit_groups([50.0, 25.0, 15.0, 10.0], groups=2)["customers"].tolist()
    [1, 3]
    """
    ranked = _ranked(profit)
    total = ranked.sum()
    if total <= 0:
        raise DataError(f"the total profit is {total:,.2f}: groups of equal profit need one above 0")
    if lowest is not None:
        return _table(ranked, np.searchsorted(-ranked, -np.asarray(lowest, float), side="right"))
    # Up to the peak only: there the cumulative profit increases.
    rising = ranked[ranked > 0].cumsum()
    shares = total * np.arange(1, groups) / groups
    # A share that is reached but for rounding is reached.
    return _table(ranked, np.searchsorted(rising, shares * (1 - 1e-12)) + 1)


def _ranked(profit: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(profit, dtype=float)
    if not len(values):
        raise DataError("there is no customer: a ranking by profit needs at least one")
    if not np.isfinite(values).all():
        raise DataError(f"{(~np.isfinite(values)).sum():,} customers have no profit: give a number for each")
    return np.sort(values)[::-1]


def _table(ranked: NDArray[np.float64], ends: ArrayLike) -> pd.DataFrame:
    edges = np.concatenate([[0], np.asarray(ends, dtype=int), [len(ranked)]])
    total = ranked.sum()
    rows = [
        {
            "group": place,
            "customers": last - first,
            "profit": ranked[first:last].sum(),
            "share_of_customers": (last - first) / len(ranked),
            "share_of_profit": ranked[first:last].sum() / total if total > 0 else np.nan,
            "lowest": ranked[last - 1],
            "highest": ranked[first],
        }
        for place, (first, last) in enumerate(pairwise(edges), start=1)
        if last > first
    ]
    return pd.DataFrame(rows)
