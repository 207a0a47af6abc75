"""The plots by customers' history: frequency, recency and the probability of being alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.report import _summaries, style
from guanxi.report.plots._axes import ACTUAL, EXPECTED, heat_map, legend_above, prepared, unit_name
from guanxi.report.plots._purchase_tables import history_grid, history_so_far
from guanxi.served.texts import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from guanxi.report.plots._purchase_tables import PurchaseModel

    Floats = NDArray[np.float64]

_OPEN_GROUP = 7  # frequencies from here on form one group


def plot_frequency_recency_matrix(
    model: PurchaseModel,
    T: float,
    horizon: float = 1.0,
    max_frequency: int = 30,
    max_recency: float | None = None,
    *,
    time_unit: str = "D",
    axes: Axes | None = None,
) -> Axes:
    """Draw expected purchases within the horizon after T by frequency and recency of the customer.

    Parameters
    ----------
    model : estimator
        Fitted purchase model.
    T : float
        Time from first purchase to now, the same for all cells.
    horizon : float
        In the unit of T.
    max_frequency : int
        Largest number of repeat purchases drawn.
    max_recency : float, optional
        Largest recency drawn; default: T.
    time_unit : {"D", "W", "M", "Y"}
        Unit of T.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If T, the horizon or a largest value is invalid.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> rfm = simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=2000, T=40.0, seed=1)
    >>> plot_frequency_recency_matrix(BetaGeoNBD().fit(rfm), T=40.0, time_unit="W").get_xlabel()
    'frequency [repeat purchases]'
    """
    label = f"expected purchases in the next {horizon:g} {unit_name(time_unit, horizon)}"
    grid = history_grid(T, max_frequency, max_recency)
    return _matrix(grid, model.expected_purchases(grid, horizon), label, None, time_unit, axes)


def plot_probability_alive_matrix(
    model: PurchaseModel,
    T: float,
    max_frequency: int = 30,
    max_recency: float | None = None,
    *,
    time_unit: str = "D",
    axes: Axes | None = None,
) -> Axes:
    """P(alive at T) by frequency and recency; parameters as in :func:`plot_frequency_recency_matrix`."""
    grid = history_grid(T, max_frequency, max_recency)
    percent = 100.0 * model.probability_alive(grid)
    return _matrix(grid, percent, "probability of being alive [%]", 100.0, time_unit, axes)


def _matrix(
    grid: pd.DataFrame, values: Floats, label: str, highest: float | None, time_unit: str, axes: Axes | None
) -> Axes:
    age = grid["T"].iloc[0]
    cells = grid.assign(value=values).pivot_table("value", "recency", "frequency")
    axes = prepared(axes, "frequency [repeat purchases]", f"recency [{unit_name(time_unit)}]")
    heat_map(axes, cells, label, highest)
    axes.set_title(
        f"{age:g} {unit_name(time_unit, age)} after the first purchase", fontsize=10.5, color=style.INK
    )
    return axes


def plot_calibration_by_frequency(
    model: PurchaseModel,
    rfm: pd.DataFrame,
    holdout_purchases: ArrayLike,
    horizon: float,
    *,
    time_unit: str = "D",
    axes: Axes | None = None,
) -> Axes:
    """Mean purchases in the held-out window, actual and expected, by frequency before it (last group open).

    Parameters
    ----------
    model : estimator
        Fitted up to the window.
    rfm : DataFrame, n rows
        ``frequency, recency, T`` before the window.
    holdout_purchases : array or Series, shape (n,)
        Purchases of the same customers within the horizon after T, in the same order.
    horizon : float
        Length of the window, in the unit of T.
    time_unit : {"D", "W", "M", "Y"}
        Unit of T.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If the purchases do not match the rows.
    """
    purchases = np.asarray(holdout_purchases, dtype=np.float64)
    other_rows = isinstance(holdout_purchases, pd.Series) and not rfm.index.equals(holdout_purchases.index)
    if purchases.shape != (len(rfm),) or other_rows:
        raise DataError("holdout_purchases do not match the rows of rfm: give one per row, in the same order")
    expected = model.expected_purchases(rfm, horizon)
    table = _summaries.purchases_by_frequency(
        pd.DataFrame({"frequency": rfm["frequency"], "purchases": purchases, "expected_purchases": expected}),
        last=_OPEN_GROUP,
    )
    axes = prepared(
        axes,
        "repeat purchases before the window\n(number of customers below)",
        f"purchases per customer in {horizon:g} {unit_name(time_unit, horizon)}",
    )
    axes.plot(table["frequency"], table["actual"], marker="o", **ACTUAL)
    axes.plot(table["frequency"], table["expected"], marker="s", **EXPECTED)
    names = [f"{x}+" if x == _OPEN_GROUP else str(x) for x in table["frequency"]]
    counts = [number(count) for count in table["customers"]]
    axes.set_xticks(table["frequency"], [f"{x}\n{n}" for x, n in zip(names, counts, strict=True)])
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    legend_above(axes)
    return axes


def plot_probability_alive_history(
    model: PurchaseModel,
    purchase_times: ArrayLike,
    T: float,
    *,
    time_unit: str = "D",
    axes: Axes | None = None,
) -> Axes:
    """P(alive) of one customer at every time up to T, with purchases marked.

    Parameters
    ----------
    model : estimator
        Fitted purchase model.
    purchase_times : array, shape (purchases,)
        Increasing from 0 (the first purchase), in the unit of T.
    T : float
        Time from first purchase to now.
    time_unit : {"D", "W", "M", "Y"}
        Unit of T.
    axes : Axes, optional
        Where to draw.

    Raises
    ------
    DataError
        If the times do not increase from 0 to at most T.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> rfm = simulate_bg_nbd({"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=2000, T=40.0, seed=1)
    >>> plot_probability_alive_history(BetaGeoNBD().fit(rfm), [0, 3, 9], T=40.0).get_ylabel()
    'probability of being alive [%]'
    """
    history = history_so_far(purchase_times, T)
    times = np.asarray(purchase_times, dtype=np.float64)
    axes = prepared(
        axes, f"time since the first purchase [{unit_name(time_unit)}]", "probability of being alive [%]"
    )
    axes.plot(history["T"], model.probability_alive(history), color=style.TEAL, linewidth=2.0)
    axes.plot(times, np.zeros(times.size), "|", color=style.RUST, markersize=14, label="purchase")
    axes.set_ylim(0.0, 1.03)
    style._percent_scale(axes.yaxis)
    legend_above(axes)
    return axes
