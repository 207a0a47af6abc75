"""Tables for the plots: histories, waiting times and cohorts from purchases."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.periods import days_per_unit, parse_date

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_TRACKING_DAYS = 7
_POINTS = 60


class PurchaseModel(Protocol):
    """The methods needed of a fitted purchase model; ``rfm`` has ``frequency, recency, T``."""

    def probability_alive(self, rfm: pd.DataFrame) -> Floats:
        """P(alive at T), shape (n,)."""

    def expected_purchases(self, rfm: pd.DataFrame, horizon: float) -> Floats:
        """E[purchases within the horizon after T], shape (n,)."""

    def expected_purchases_new(self, horizon: float) -> float:
        """E[repeat purchases within the horizon] of a new customer."""

    def purchase_probability(self, rfm: pd.DataFrame, n: int, horizon: float) -> Floats:
        """P(exactly n purchases within the horizon after T), shape (n,)."""


class Waits(NamedTuple):
    """Times from the first to the second purchase, and the censored times of customers without one."""

    repeated: Floats
    waiting: Floats


class Cohorts(NamedTuple):
    """Customers by the month of their first purchase, and the share of them active 1, 2, ... months later."""

    customers: pd.Series
    shares: pd.DataFrame


def history_grid(T: float, max_frequency: int, max_recency: float | None) -> pd.DataFrame:
    """Histories of every frequency up to the largest, at evenly spaced recencies.

    Without a repeat purchase the recency is 0, so other recencies of frequency 0 are left out.

    Raises
    ------
    DataError
        If T is not positive, the largest frequency is below 1, or the largest recency is not within T.
    """
    longest = T if max_recency is None else max_recency
    if not (np.isfinite(T) and T > 0):
        raise DataError(f"T is {T!r}: give a finite number above 0")
    if max_frequency < 1:
        raise DataError(f"max_frequency is {max_frequency!r}: give a whole number of at least 1")
    if not 0 < longest <= T:
        raise DataError(f"max_recency is {longest!r}: give a number above 0 and up to T ({T:g})")
    recency, frequency = np.meshgrid(
        np.linspace(0.0, longest, _POINTS), np.arange(max_frequency + 1), indexing="ij"
    )
    grid = pd.DataFrame({"frequency": frequency.ravel(), "recency": recency.ravel(), "T": float(T)})
    return grid[(grid["frequency"] > 0) | (grid["recency"] == 0)].reset_index(drop=True)


def history_so_far(purchase_times: ArrayLike, T: float) -> pd.DataFrame:
    """One customer's ``frequency, recency, T`` at many ages up to T.

    There are two rows at each purchase: before it and after it.

    Raises
    ------
    DataError
        If the times do not increase from 0, the first purchase, to at most T.
    """
    times = np.asarray(purchase_times, dtype=np.float64)
    rising = times.ndim == 1 and times.size > 0 and times[0] == 0 and bool((np.diff(times) > 0).all())
    if not (rising and np.isfinite(T) and times[-1] <= T):
        raise DataError("purchase_times must increase from 0, the first purchase, to at most T: sort them")
    ends = np.append(times[1:], T)
    ages = np.linspace(times, ends, _POINTS, axis=1)
    return pd.DataFrame(
        {
            "frequency": np.repeat(np.arange(times.size), _POINTS),
            "recency": np.repeat(times, _POINTS),
            "T": ages.ravel(),
        }
    )


def repeat_purchase_tracking(
    model: PurchaseModel, transactions: pd.DataFrame, cutoff: date | str, time_unit: str = "D"
) -> pd.DataFrame:
    """Weekly cumulative repeat purchases of the customers known at the cutoff, actual and expected.

    Parameters
    ----------
    model : estimator
        Fitted at the cutoff, in the time unit.
    transactions : DataFrame
        ``customer_id, timestamp``; purchases of one day count as one.
    cutoff : date or str
        The last day of the calibration period.
    time_unit : {"D", "W", "M", "Y"}
        The model's unit of time.

    Returns
    -------
    DataFrame
        ``date, actual, expected``; the expected counts are those of new customers at their first purchase,
        summed.

    Raises
    ------
    DataError
        If there are no purchases up to the cutoff, or a column is missing.
    """
    unit, end = days_per_unit(time_unit), as_timestamp(cutoff)
    purchases = purchase_days(transactions)
    purchases = purchases[purchases["first"] <= end]
    if purchases.empty:
        raise DataError(f"no purchase up to the cutoff {end.date()}: give a later cutoff")
    dates = pd.date_range(purchases["day"].min(), purchases["day"].max(), freq=f"{_TRACKING_DAYS}D")
    repeats = np.sort(purchases.loc[purchases["day"] > purchases["first"], "day"].to_numpy())
    births = purchases.loc[purchases["day"] == purchases["first"], "first"].value_counts()
    elapsed = (dates.to_numpy()[:, None] - births.index.to_numpy()[None, :]) / np.timedelta64(1, "D")
    distinct, inverse = np.unique(np.maximum(elapsed, 0.0), return_inverse=True)
    expected = np.array([model.expected_purchases_new(days / unit) for days in distinct])[inverse]
    return pd.DataFrame(
        {
            "date": dates,
            "actual": np.searchsorted(repeats, dates.to_numpy(), side="right").astype(float),
            "expected": expected.reshape(elapsed.shape) @ births.to_numpy(),
        }
    )


def first_repeat_waits(transactions: pd.DataFrame, cutoff: date | str, time_unit: str = "D") -> Waits:
    """Time from the first to the second purchase day of each customer, observed up to the cutoff.

    Raises
    ------
    DataError
        If there are no purchases up to the cutoff, or a column is missing.
    """
    unit, end = days_per_unit(time_unit), as_timestamp(cutoff)
    purchases = purchase_days(transactions)
    purchases = purchases[purchases["day"] <= end]
    if purchases.empty:
        raise DataError(f"no purchase up to the cutoff {end.date()}: give a later cutoff")
    first = purchases.groupby("customer_id")["first"].min()
    repeats = purchases[purchases["day"] > purchases["first"]]
    second = repeats.groupby("customer_id")["day"].min().reindex(first.index)
    wait = (second - first).dt.days.to_numpy(dtype=np.float64) / unit
    known = (end - first).dt.days.to_numpy(dtype=np.float64) / unit
    repeated = np.isfinite(wait)
    return Waits(wait[repeated], known[~repeated])


def cohort_retention(transactions: pd.DataFrame) -> Cohorts:
    """Share of each cohort (month of the first purchase) that bought again in the months after.

    Returns
    -------
    Cohorts
        By month, except the last; shares of 1, missing where the data end earlier. The last month of the data
        may be incomplete.

    Raises
    ------
    DataError
        If there are no purchases, or all are in one month.
    """
    purchases = purchase_days(transactions)
    months = purchases["day"].dt.to_period("M")
    cohorts = purchases["first"].dt.to_period("M").rename("cohort")
    later = (months.astype("int64") - cohorts.astype("int64")).rename("later")
    last = int(months.astype("int64").max() - cohorts.astype("int64").min())
    if last < 1:
        raise DataError("all purchases lie in one month: retention needs at least two")
    active = purchases.pivot_table("customer_id", cohorts, later, aggfunc="nunique")
    active = active[active.index < months.max()].reindex(columns=range(last + 1)).fillna(0.0)
    shares = active[range(1, last + 1)].div(active[0], axis=0)
    observed = (months.max() - active.index).map(lambda span: span.n).to_numpy()
    seen = shares.columns.to_numpy()[None, :] <= observed[:, None]
    return Cohorts(active[0].astype(int), shares.where(seen))


def purchase_days(transactions: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and day with a purchase: ``customer_id, day, first`` (the customer's first day).

    Raises
    ------
    DataError
        If a column is missing, ``timestamp`` holds no times, or there are no rows.
    """
    for name in ("customer_id", "timestamp"):
        if name not in transactions.columns:
            known = ", ".join(map(str, transactions.columns))
            raise DataError(f"column {name!r} is missing: the transactions have {known}")
    if transactions.empty:
        raise DataError("the transactions have no rows: give at least one purchase")
    times = transactions["timestamp"]
    if times.dtype.kind != "M":
        raise DataError(f"column 'timestamp' holds {times.dtype}: convert it with pandas.to_datetime")
    if times.isna().any():
        raise DataError(f"column 'timestamp' is missing in {times.isna().sum()} rows: correct or drop them")
    days = transactions[["customer_id"]].assign(day=times.dt.tz_localize(None).dt.normalize())
    days = days.drop_duplicates(ignore_index=True)
    return days.assign(first=days.groupby("customer_id")["day"].transform("min"))


def as_timestamp(cutoff: date | str) -> pd.Timestamp:
    """Midnight of a day."""
    return pd.Timestamp(parse_date(cutoff, what="cutoff"))
