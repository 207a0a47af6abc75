"""The plots over time: tracking, repeat timing and cohorts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.report import style
from guanxi.report.plots import _purchase_tables
from guanxi.report.plots._axes import (
    ACTUAL,
    EXPECTED,
    cell_numbers,
    heat_map,
    legend_above,
    prepared,
    unit_name,
)
from guanxi.served.texts import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from guanxi.report.plots._purchase_tables import PurchaseModel

_POINTS = 100


def plot_cumulative_tracking(
    tracking: pd.DataFrame, cutoff: date | str | None = None, *, axes: Axes | None = None
) -> Axes:
    """Repeat purchases of the customer base so far, actual and expected.

    Parameters
    ----------
    tracking : DataFrame
        ``date, actual, expected``: cumulative counts by date, from :func:`repeat_purchase_tracking` or the
        evaluation of a holdout window.
    cutoff : date or str, optional
        The last day of the calibration period, marked.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If a column is missing or there are no rows.

    Examples
    --------
    >>> days = pd.date_range("1997-01-01", periods=3, freq="7D")
    >>> tracking = pd.DataFrame({"date": days, "actual": [0, 4, 9], "expected": [0.0, 5.0, 9.5]})
    >>> plot_cumulative_tracking(tracking, cutoff="1997-01-08").get_ylabel()
    'cumulative repeat purchases'
    """
    return _tracking(_tracked(tracking, rows=1), "cumulative repeat purchases", cutoff, axes)


def plot_incremental_tracking(
    tracking: pd.DataFrame, cutoff: date | str | None = None, *, axes: Axes | None = None
) -> Axes:
    """Repeat purchases from one date to the next; parameters as in :func:`plot_cumulative_tracking`."""
    table = _tracked(tracking, rows=2)
    days = int(np.median(np.diff(table["date"].to_numpy()) / np.timedelta64(1, "D")))
    steps = table.assign(actual=table["actual"].diff(), expected=table["expected"].diff()).iloc[1:]
    period = "week" if days == 7 else f"{days} {unit_name('D', days)}"
    return _tracking(steps, f"repeat purchases per {period}", cutoff, axes)


def _tracked(tracking: pd.DataFrame, rows: int) -> pd.DataFrame:
    missing = [name for name in ("date", "actual", "expected") if name not in tracking.columns]
    if missing:
        raise DataError(f"column {missing[0]!r} is missing: a tracking table has date, actual, expected")
    if len(tracking) < rows:
        raise DataError(f"the tracking table has {len(tracking)} rows: give at least {rows}")
    return tracking.assign(date=pd.to_datetime(tracking["date"]))


def _tracking(table: pd.DataFrame, label: str, cutoff: date | str | None, axes: Axes | None) -> Axes:
    axes = prepared(axes, "date", label)
    days = table["date"].to_numpy()
    axes.plot(days, table["actual"], **ACTUAL)
    axes.plot(days, table["expected"], **EXPECTED)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(style._thousands())
    style.date_axis(axes)
    if cutoff is not None:
        style._mark_day(axes, _purchase_tables.as_timestamp(cutoff), "held out from here")
    legend_above(axes)
    return axes


def plot_repeat_timing(
    model: PurchaseModel,
    transactions: pd.DataFrame,
    cutoff: date | str,
    *,
    time_unit: str = "D",
    axes: Axes | None = None,
) -> Axes:
    """Share of customers with a second purchase, by time since the first, actual and expected.

    The actual share is the Kaplan-Meier estimate (1958), since customers are censored at different times; the
    expected share is 1 - P(X(t) = 0) of a new customer.

    Parameters
    ----------
    model : estimator
        Fitted at the cutoff, in the time unit.
    transactions : DataFrame
        ``customer_id, timestamp``; purchases of one day count as one.
    cutoff : date or str
        The last day observed.
    time_unit : {"D", "W", "M", "Y"}
        The model's unit of time.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If there are no purchases up to the cutoff, or a column is missing.
    """
    from scipy.stats import CensoredData, ecdf

    waits = _purchase_tables.first_repeat_waits(transactions, cutoff, time_unit)
    longest = float(np.concatenate(waits).max())
    share = ecdf(CensoredData(waits.repeated, right=waits.waiting)).cdf
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    times = np.linspace(0.0, longest, _POINTS)
    bought = [1.0 - model.purchase_probability(newcomer, 0, time)[0] for time in times]
    axes = prepared(
        axes,
        f"time since the first purchase [{unit_name(time_unit)}]",
        "customers with a repeat purchase [%]",
    )
    reached = np.append(0.0, share.quantiles)
    axes.step(reached, np.append(0.0, share.probabilities), where="post", **ACTUAL)
    axes.plot(times, bought, **EXPECTED)
    axes.set_ylim(bottom=0)
    style._percent_scale(axes.yaxis)
    legend_above(axes)
    return axes


def plot_cohort_retention(transactions: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Share of each cohort (month of the first purchase) that bought in the months after.

    Parameters
    ----------
    transactions : DataFrame
        ``customer_id, timestamp``.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If there are no purchases, all lie in one month, or a column is missing.
    """
    customers, shares = _purchase_tables.cohort_retention(transactions)
    percent = 100.0 * shares.set_axis(range(len(shares)))
    size = (3.0 + 0.4 * percent.shape[1], 1.8 + 0.32 * len(percent))
    axes = prepared(
        axes, "months after that of the first purchase", "month of the first purchase\n(customers)", size
    )
    heat_map(axes, percent, "customers who bought [%]")
    cell_numbers(axes, percent)
    axes.set_xticks(percent.columns)
    names = [f"{cohort} ({number(count)})" for cohort, count in customers.items()]
    axes.set_yticks(percent.index, names)
    axes.invert_yaxis()
    return axes
