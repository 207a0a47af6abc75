"""Style of the plots of models: axes as in the report's figures, heat maps, legends and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.periods import days_per_unit
from guanxi.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

ACTUAL: dict[str, Any] = {"color": style.INK, "linewidth": 2.0, "label": "actual"}
EXPECTED: dict[str, Any] = {"color": style.TEAL, "linewidth": 2.0, "linestyle": "--", "label": "expected"}

_SIZE = (6.2, 4.1)
_UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
# Darker is more; readable in grey and by the colour-blind.
_SHADES = ("#f3efe4", "#8fc7bb", style.TEAL, "#0b2f3a")
_IMPOSSIBLE = "#d5d5d5"


def unit_name(time_unit: str, count: float = 2.0) -> str:
    """Name a time unit, in the plural except for a count of 1.

    Raises
    ------
    ParamsError
        If the unit is unknown.

    Examples
    --------
    >>> unit_name("W"), unit_name("W", 1)
    ('weeks', 'week')
    """
    days_per_unit(time_unit)
    return _UNITS[time_unit] + ("" if count == 1 else "s")


def prepared(axes: Axes | None, across: str, up: str, size: tuple[float, float] = _SIZE) -> Axes:
    """Label the axes, or those of a new figure, in the style of the report."""
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=size, layout="constrained", facecolor="white").add_subplot()
    style._plain(axes)
    axes.set_xlabel(across, color=style.INK, fontsize=10.5)
    axes.set_ylabel(up, color=style.INK, fontsize=10.5)
    return axes


def heat_map(axes: Axes, cells: pd.DataFrame, label: str, highest: float | None = None) -> None:
    """Colour a cell for each value of a table with numeric labels, from 0 up; missing ones are grey."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("amount", _SHADES)
    axes.set_facecolor(_IMPOSSIBLE)
    axes.grid(visible=False)
    values = np.ma.masked_invalid(cells.to_numpy())
    if highest is None:
        highest = float(values.max()) or 1.0  # a table of zeros needs a scale too
    edges = _edges(cells.columns), _edges(cells.index)
    mesh = axes.pcolormesh(*edges, values, cmap=shades, vmin=0.0, vmax=highest, rasterized=True)
    key = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    key.set_label(label, color=style.INK, fontsize=10)
    key.ax.tick_params(colors=style.MUTED, labelcolor=style.INK, labelsize=9.5)
    key.outline.set_visible(False)


def _edges(centres: pd.Index) -> NDArray[np.float64]:
    """Edges of evenly spaced cells; a single cell has a width of 1."""
    at = centres.to_numpy(dtype=np.float64)
    half = (at[1] - at[0]) / 2 if at.size > 1 else 0.5
    return np.append(at - half, at[-1] + half)


def cell_numbers(axes: Axes, cells: pd.DataFrame) -> None:
    """Write each value into its cell, in white on dark cells."""
    values = cells.to_numpy()
    dark = 0.55 * np.nanmax(values)  # both colours are equally legible there
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        value = values[row, column]
        colour = "white" if value > dark else style.INK
        at = cells.columns[column], cells.index[row]
        axes.text(*at, f"{value:.0f}", ha="center", va="center", fontsize=8.5, color=colour)


def legend_above(axes: Axes) -> None:
    """Draw the legend above the axes, clear of the data."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.1,
        ncols=2,
        frameon=False,
        labelcolor=style.INK,
        fontsize=10,
    )
