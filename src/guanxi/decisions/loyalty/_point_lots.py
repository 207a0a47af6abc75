"""What became of each point: points earned first are redeemed and expire first."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError

Places = NDArray[np.intp]
OPEN, REDEEMED, EXPIRED = 0, 1, 2
_ROUNDING = 1e-6


def point_lots(points: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Match points redeemed and expired to those earned, first in, first out.

    Parameters
    ----------
    points : pandas.DataFrame
        ``customer_id, date, earned`` and optionally ``redeemed, expired`` (missing: 0), any number of rows
        for a customer and day. What is earned on a day may be redeemed on it.
    as_of : datetime.date
        Later rows are not used.

    Returns
    -------
    pandas.DataFrame
        Pieces of what was earned: ``customer`` (number from 0 in the order of identifiers), ``customer_id,
        earned_on``, ``points``, ``fate`` (0 open, 1 redeemed, 2 expired), ``age`` in days until then, until
        ``as_of`` for open points, and ``follow_up``, days from earned until ``as_of``.

    Raises
    ------
    DataError
        If no points were earned by ``as_of``, or a customer had fewer points than were taken.

    Examples
    --------
    >>> rows = pd.DataFrame({"customer_id": ["a", "a"], "date": ["2026-01-01", "2026-01-31"],
    ...                      "earned": [10, 0], "redeemed": [0, 4]})
    >>> point_lots(rows, date(2026, 3, 2))[["points", "fate", "age"]].to_numpy().tolist()
    [[4.0, 1.0, 30.0], [6.0, 0.0, 60.0]]
    """
    days = _by_day(points, as_of)
    codes, ids = pd.factorize(days["customer_id"], sort=True)
    days = days.assign(customer=codes)
    lots = days[days["earned"] > 0]
    if lots.empty:
        raise DataError(f"no points were earned by {as_of}: check the dates of the points, or as_of")
    taken = _taken(days)
    _check_enough(days)
    sizes, lot, draw = _matched(lots, taken)
    earned_on = lots["date"].to_numpy()[lot]
    end = np.datetime64(as_of, "ns")
    gone_on = np.append(taken["date"].to_numpy(), end)[draw]
    customer = lots["customer"].to_numpy()[lot]
    return pd.DataFrame(
        {
            "customer": customer,
            "customer_id": np.asarray(ids)[customer],
            "earned_on": earned_on,
            "points": sizes,
            "fate": np.append(taken["fate"].to_numpy(), OPEN)[draw],
            "age": _days(gone_on - earned_on),
            "follow_up": _days(end - earned_on),
        }
    )


def _days(span: Any) -> NDArray[np.float64]:
    return np.asarray(span / np.timedelta64(1, "D"), dtype=np.float64)


def _matched(lots: pd.DataFrame, taken: pd.DataFrame) -> tuple[NDArray[np.float64], Places, Places]:
    """Sizes of pieces of lots, their lot, and their withdrawal, which is ``len(taken)`` for open points.

    On one axis of points, customer after customer, each lot and each withdrawal is an interval.
    """
    owner = lots["customer"].to_numpy()
    lot_ends = np.cumsum(lots["earned"].to_numpy())
    begins = np.append(0.0, lot_ends)[np.searchsorted(owner, taken["customer"])]
    taken_ends = begins + taken.groupby("customer")["points"].cumsum().to_numpy()
    ends = np.unique(np.concatenate([lot_ends, taken_ends]))
    sizes = np.diff(ends, prepend=0.0)
    real = sizes > _ROUNDING
    sizes, middles = sizes[real], (ends - sizes / 2)[real]
    lot = np.minimum(np.searchsorted(lot_ends, middles), len(lots) - 1)
    draw = np.searchsorted(taken_ends, middles)
    # Behind a customer's last withdrawal comes that of a later customer: these points are open.
    used = np.append(taken["customer"].to_numpy(), -1)[draw] == owner[lot]
    return sizes, lot, np.where(used, draw, len(taken))


def _by_day(points: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Sum rows by customer and day, in order."""
    table = pd.DataFrame(
        {"customer_id": points["customer_id"], "date": pd.to_datetime(points["date"]).dt.normalize()}
    )
    for name in ("earned", "redeemed", "expired"):
        values = points[name] if name in points else pd.Series(0.0, index=points.index)
        table[name] = values.astype(np.float64).fillna(0.0)
    table = table[table["date"] <= pd.Timestamp(as_of)]
    table["date"] = table["date"].astype("datetime64[ns]")
    return table.groupby(["customer_id", "date"], sort=True, as_index=False).sum()


def _taken(days: pd.DataFrame) -> pd.DataFrame:
    """Withdrawals in order; on one day redeemed before expired."""
    parts = [
        days.loc[days[name] > 0, ["customer", "date", name]]
        .set_axis(["customer", "date", "points"], axis=1)
        .assign(fate=fate)
        for name, fate in (("redeemed", REDEEMED), ("expired", EXPIRED))
    ]
    return pd.concat(parts).sort_values(["customer", "date", "fate"], ignore_index=True)


def _check_enough(days: pd.DataFrame) -> None:
    """Raise a DataError where more points were taken than had been earned."""
    sums = days.groupby("customer")[["earned", "redeemed", "expired"]].cumsum()
    short = sums["redeemed"] + sums["expired"] - sums["earned"] > _ROUNDING * (1.0 + sums["earned"])
    if short.any():
        place = int(np.argmax(short.to_numpy()))
        left = sums["earned"] - sums["redeemed"] - sums["expired"]
        row = days.iloc[place]
        raise DataError(
            f"customer {row['customer_id']!r} has {left.iloc[place]:,.0f} points after {row['date'].date()}: "
            "give the points from the start of the programme, with a first balance as earned"
        )
