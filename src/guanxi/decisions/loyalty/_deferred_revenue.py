"""Revenue of sales that earn points, under IFRS 15."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from guanxi.errors import DataError


def allocated_to_points(
    sales: float, points: float, redeemed_share: float, point_value: float, decimals: int | None = None
) -> float:
    """Part of the price of sales that belongs to the points earned with them.

    By relative stand-alone selling prices (IFRS 15.73-80, B39-B43): that of the points is their value times
    the share expected to be redeemed, and that of the goods is ``sales``.

    Parameters
    ----------
    sales : float
        Price of the goods, in the currency.
    points : float
        Points earned.
    redeemed_share : float
        Share of the points expected to be redeemed, 0 to 1.
    point_value : float
        Value of a point when it is redeemed, in the currency.
    decimals : int, optional
        Decimals to which the points' share of the price is rounded; None: not rounded.

    Raises
    ------
    DataError
        If a number is negative or the share is above 1.

    Examples
    --------
    >>> round(allocated_to_points(100_000, 10_000, 0.95, 1.0)), allocated_to_points(1000, 100, 0.97, 1.0, 2)
    (8676, 90.0)
    """
    if min(sales, points, point_value) < 0 or not 0 <= redeemed_share <= 1:
        raise DataError(
            f"sales {sales}, points {points} and a point's value {point_value} must not be negative, and the "
            f"share redeemed, {redeemed_share}, is from 0 to 1"
        )
    price = points * redeemed_share * point_value
    share = price / (sales + price) if price else 0.0
    return sales * (share if decimals is None else round(share, decimals))


def recognised_revenue(
    allocated: float, redeemed: Sequence[float], expected: Sequence[float]
) -> pd.DataFrame:
    """Revenue of the points by period, as they are redeemed, with expectations that change.

    At the end of each period the revenue to date is ``allocated`` times the share of the points expected to
    be redeemed in all that has been (IFRS 15.B44-B46); changed expectations are caught up at once.

    Parameters
    ----------
    allocated : float
        From :func:`allocated_to_points`.
    redeemed : sequence of float
        Points redeemed in each period.
    expected : sequence of float
        Points expected, at the end of each period, to be redeemed in all.

    Returns
    -------
    pandas.DataFrame
        ``period`` from 1, ``redeemed, expected``, ``revenue`` of the period, ``to_date`` and ``deferred``,
        what is still a contract liability.

    Raises
    ------
    DataError
        If the lengths differ, or fewer points are expected than have been redeemed.

    Examples
    --------
    >>> recognised_revenue(9000, [4500, 4000], [9700, 9900])["revenue"].round().tolist()
    [4175.0, 3552.0]
    """
    if len(redeemed) != len(expected):
        raise DataError(f"{len(redeemed)} periods of points redeemed, but {len(expected)} of points expected")
    so_far = np.cumsum(np.asarray(redeemed, dtype=np.float64))
    in_all = np.asarray(expected, dtype=np.float64)
    # Sums of the same points in another order may differ in the last bits.
    wrong = (so_far > in_all * (1.0 + 1e-12)) | (in_all <= 0)
    if wrong.any():
        period = int(np.argmax(wrong))
        raise DataError(
            f"period {period + 1}: {in_all[period]:,.0f} points are expected to be redeemed in all, but "
            f"{so_far[period]:,.0f} have been: expect at least these, and more than 0"
        )
    to_date = allocated * np.minimum(so_far / in_all, 1.0)
    return pd.DataFrame(
        {
            "period": np.arange(1, len(so_far) + 1),
            "redeemed": np.asarray(redeemed, dtype=np.float64),
            "expected": in_all,
            "revenue": np.diff(to_date, prepend=0.0),
            "to_date": to_date,
            "deferred": allocated - to_date,
        }
    )
