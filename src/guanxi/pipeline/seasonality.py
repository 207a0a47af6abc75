"""How busy each calendar month is, beside what the purchase model expects: learnt from two years or more."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import purchases_until
from guanxi.models.formulas.mixture import PurchaseMixture

Floats = NDArray[np.float64]
_MONTHS, _YEARS = 12, 2


def fit_month_index(
    log: TransactionLog, as_of: date, ages: Floats, purchases: PurchaseMixture
) -> list[float] | None:
    """How busy a day of each calendar month is, in units of the mean day.

    Repeat purchases of each whole month are compared with those that the purchase model expects of the
    customers there then. The logarithms of the ratios, without their year's mean, are averaged over the years
    and shrunk by how much the years differ (empirical Bayes: Efron & Morris 1975, Data analysis using Stein's
    estimator, Journal of the American Statistical Association 70).

    Parameters
    ----------
    log : TransactionLog
        No row after ``as_of`` is read.
    as_of : date
    ages : array, shape (n,)
        Days from each customer's first purchase to ``as_of``.
    purchases : PurchaseMixture
        Fitted up to ``as_of``.

    Returns
    -------
    list of 12 floats, or None
        January to December. None where the history holds less than two years of whole months, a month without
        purchases, or no season that years agree on.
    """
    ends = _month_ends(log.first_day, as_of)
    years = (len(ends) - 1) // _MONTHS
    if years < _YEARS:
        return None
    ends = ends[-(years * _MONTHS + 1) :]
    actual, expected = _actual(log, as_of, ends), _expected(as_of, ages, purchases, ends)
    if (actual <= 0).any() or (expected <= 0).any():
        return None
    ratios = np.log(actual / expected).reshape(years, _MONTHS)
    effects = _shrunk(ratios - ratios.mean(axis=1, keepdims=True))
    if effects is None:
        return None
    months = ends[1 : _MONTHS + 1].month.to_numpy()
    lengths = ends[1 : _MONTHS + 1].day.to_numpy()
    busy = np.exp(effects)
    busy /= np.average(busy, weights=lengths)
    return [float(busy[months == month][0]) for month in range(1, _MONTHS + 1)]


def _shrunk(ratios: Floats) -> Floats | None:
    """Mean of each month over the years, shape (12,), shrunk; None where nothing is left."""
    mean = ratios.mean(axis=0)
    noise = float(ratios.var(axis=0, ddof=1).mean()) / len(ratios)
    seen = float(mean.var(ddof=1))
    signal = max(0.0, seen - noise)
    return mean * signal / seen if signal > 0.0 else None


def _month_ends(first_day: date, as_of: date) -> pd.DatetimeIndex:
    """Last days of the months between which whole months lie."""
    before = pd.Timestamp(first_day) - pd.Timedelta(days=1)
    return pd.date_range(before, pd.Timestamp(as_of), freq="ME")


def _actual(log: TransactionLog, as_of: date, ends: pd.DatetimeIndex) -> Floats:
    events = purchases_until(log.events, as_of, log.params.event_grain)
    firsts = events.group_by("customer_id").agg(first=events.date.min())
    repeats = events.inner_join(firsts, "customer_id")
    repeats = repeats.filter(repeats.date > repeats["first"])
    monthly = repeats.group_by(month=repeats.date.truncate("M")).agg(n=repeats.count()).execute()
    counts = monthly.set_index(pd.to_datetime(monthly["month"]))["n"]
    starts = ends[1:] - pd.offsets.MonthBegin(1)
    return np.asarray(counts.reindex(starts, fill_value=0), dtype=np.float64)


def _expected(as_of: date, ages: Floats, purchases: PurchaseMixture, ends: pd.DatetimeIndex) -> Floats:
    since, customers = np.unique(ages, return_counts=True)
    before = (pd.Timestamp(as_of) - ends).days.to_numpy(dtype=np.float64)
    elapsed = np.maximum(since[:, None] - before[None, :], 0.0)
    reached = purchases.expected_purchases_new(elapsed.ravel()).reshape(elapsed.shape)
    return np.asarray(np.diff(customers @ reached))
