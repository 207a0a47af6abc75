"""Month index: seasonal factors relative to the purchase model, estimated from at least two years."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import purchases_until
from guanxi.served.purchases.registry import PurchaseMixture

Floats = NDArray[np.float64]
_MONTHS, _YEARS = 12, 2
_LEVEL = 0.05


def fit_month_index(
    log: TransactionLog, as_of: date, ages: Floats, purchases: PurchaseMixture
) -> tuple[float, ...] | None:
    """Purchase intensity per day of each calendar month, relative to the mean day.

    The repeat purchases of each whole month are divided by those that the purchase model expects of the
    customers known then. The log ratios are regressed on a linear trend and month effects, which are shrunk
    according to the residual variance (empirical Bayes: Efron & Morris 1975, Data analysis using Stein's
    estimator, Journal of the American Statistical Association 70).

    No row after ``as_of`` is read, up to which ``purchases`` was fitted; ``ages``, shape (n,), are the days
    from each customer's first purchase to ``as_of``. Returns 12 numbers, January to December, or None if the
    history has less than two years of whole months, a month without purchases, or no significant season.
    """
    ends = _month_ends(log.first_day, as_of)
    years = (len(ends) - 1) // _MONTHS
    if years < _YEARS:
        return None
    ends = ends[-(years * _MONTHS + 1) :]
    actual, expected = _actual(log, as_of, ends), _expected(as_of, ages, purchases, ends)
    if (actual <= 0).any() or (expected <= 0).any():
        return None
    effects = _month_effects(np.log(actual / expected))
    if effects is None:
        return None
    months = ends[1 : _MONTHS + 1].month.to_numpy()
    lengths = ends[1 : _MONTHS + 1].day.to_numpy()
    index = np.exp(effects)
    index /= np.average(index, weights=lengths)
    return tuple(float(index[months == month][0]) for month in range(1, _MONTHS + 1))


def _month_effects(ratios: Floats) -> Floats | None:
    """Shrunken effects of the twelve months, in the order of the series, adjusted for a linear trend.

    Without the trend, growth or decline would appear as a season, with a jump at the turn of the year. None
    if an F test finds the month effects not significant.
    """
    from scipy.stats import f as f_distribution

    count = len(ratios)
    months = np.tile(np.eye(_MONTHS), (count // _MONTHS, 1))
    trend = (np.arange(count) - (count - 1) / 2.0)[:, None] / _MONTHS
    design = np.hstack([months, trend])
    trend_only = np.hstack([np.ones((count, 1)), trend])
    full, reduced = (_least_squares(each, ratios) for each in (design, trend_only))
    free = count - design.shape[1]
    residual, reduced_residual = (float(((ratios - each) ** 2).sum()) for _, each in (full, reduced))
    noise = residual / free
    signal = (reduced_residual - residual) / (_MONTHS - 1)
    if noise > 0 and f_distribution.sf(signal / noise, _MONTHS - 1, free) > _LEVEL:
        return None
    effects = full[0][:_MONTHS] - full[0][:_MONTHS].mean()
    return np.asarray(effects * max(0.0, 1.0 - noise / signal)) if signal > 0 else None


def _least_squares(design: Floats, ratios: Floats) -> tuple[Floats, Floats]:
    """Coefficients and fitted values."""
    coefficients = np.asarray(np.linalg.lstsq(design, ratios, rcond=None)[0], dtype=np.float64)
    return coefficients, np.asarray(design @ coefficients)


def _month_ends(first_day: date, as_of: date) -> pd.DatetimeIndex:
    """Month ends that delimit the whole months of the history."""
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
