"""Figures of a scorecard: tier profiles, contributions to the score, tier migration, value and churn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.report import style
from guanxi.scorecard.report._page_words import page_words
from guanxi.scorecard.report._summaries import NO_TIER, Quadrants
from guanxi.served.ordering import falling
from guanxi.served.texts import number, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from guanxi.served.texts import Language

_BETWEEN = "#8794a1"
_RINGS = (25, 50, 75, 100)
_NAMED_RINGS = (25, 50, 75)  # a label on the outermost would overlap the names
_BARS = 8
_DARK = 0.85  # shares from here on are printed in white
_LARGEST_DOT, _SMALLEST_DOT = 260.0, 6.0


def radar(means: pd.DataFrame, labels: Mapping[str, str], language: Language = "en") -> Figure:
    """Plot mean scores by dimension and tier; as bars for fewer than three dimensions.

    Parameters
    ----------
    means
        One row per tier, best first; one column per dimension; scores from 0 to 100. Unknown scores are
        drawn at 0.
    labels
        Label of each dimension.
    language
        Language of the texts; without a Chinese font, English and the names of the dimensions are used.

    Examples
    --------
    >>> means = pd.DataFrame({"value": [90.0], "loyalty": [70.0], "risk": [50.0]}, index=["high"])
    >>> [text.get_text() for text in radar(means, {"value": "Value"}).axes[0].texts][:3]
    ['Value', 'loyalty', 'risk']
    """
    drawing = style.canvas("radar", language, page_words)
    means = means.dropna(axis="columns", how="all")
    if means.empty:
        return style.nothing(drawing)
    names = _labels(means.columns, labels, drawing, language)
    if len(names) < 3:
        _bars(drawing, means, names)
        drawing.axes.set_xlim(0, 105)
        return drawing.figure
    axes, angles = drawing.axes, np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    _web(axes, angles, names)
    for tier, row, colour in zip(
        means.index, means.fillna(0.0).to_numpy(), _colours(len(means)), strict=True
    ):
        x, y = _closed(row * np.sin(angles)), _closed(row * np.cos(angles))
        axes.plot(x, y, "o-", color=colour, linewidth=2, markersize=4, label=_tier(tier, drawing))
        axes.fill(x, y, color=colour, alpha=0.08)
    _tier_legend(drawing)
    return drawing.figure


def contributions(points: pd.DataFrame, labels: Mapping[str, str], language: Language = "en") -> Figure:
    """Plot points of the score by indicator, for each tier or one customer; the smallest are summed.

    Parameters
    ----------
    points
        One row per tier, best first, or a single row; one column per indicator.
    labels
        Label of each indicator.
    language
        Words of the figure.

    Examples
    --------
    >>> figure = contributions(pd.DataFrame({"clv": [30.0], "csat": [12.5]}, index=["C-1"]), {})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['clv', 'csat']
    """
    drawing = style.canvas("contributions", language, page_words)
    if points.empty or not points.notna().any(axis=None):
        return style.nothing(drawing)
    order = points.columns[falling(points.max())]
    # A single remaining indicator is shown by name, since a sum would take the same space.
    named = order if len(order) <= _BARS + 1 else order[:_BARS]
    names = _labels(named, labels, drawing, language)
    shown = points[named]
    if len(named) < len(order):
        rest = points[order[len(named) :]]
        shown = shown.assign(**{"": rest.sum(axis=1)})
        names.append(drawing.words["other_indicators"].format(count=rest.shape[1]))
    _bars(drawing, shown, names)
    return drawing.figure


def migration(matrix: pd.DataFrame, language: Language = "en") -> Figure:
    """Plot customers by earlier and current tier, shaded by share of the earlier tier.

    Parameters
    ----------
    matrix
        Counts: one row per earlier tier, one column per current tier, with ``came`` and ``left``.
    language
        Words of the figure.
    """
    drawing = style.canvas("migration", language, page_words)
    if matrix.empty or not matrix.to_numpy().sum() > 0:
        return style.nothing(drawing)
    axes, counts = drawing.axes, matrix.to_numpy(dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    axes.imshow(shares, cmap=_shades(), vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        share = f"\n{percent(shares[row, column])}" if totals[row] else ""
        ink = "white" if shares[row, column] > _DARK else style.INK
        axes.text(column, row, number(count) + share, ha="center", va="center", color=ink, fontsize=10)
    style.data_labels(axes, [_tier(name, drawing) for name in matrix.index])
    axes.set_xticks(range(matrix.shape[1]), [_tier(name, drawing) for name in matrix.columns])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return drawing.figure


def quadrant(cells: Quadrants | None, tiers: Sequence[str], language: Language = "en") -> Figure:
    """Plot expected value against churn probability, coloured by tier.

    Customers are binned, so that the number of dots does not grow with the number of customers.

    Parameters
    ----------
    cells
        From :func:`guanxi.scorecard.report._summaries.quadrants`.
    tiers
        Tiers, best first.
    language
        Words of the figure.
    """
    drawing = style.canvas("quadrant", language, page_words)
    if cells is None:
        return style.nothing(drawing)
    axes, words, table = drawing.axes, drawing.words, cells.cells
    colours = dict(zip([*tiers, NO_TIER], [*_colours(len(tiers)), style.GRID], strict=True))
    share = np.sqrt(table["customers"] / table["customers"].max())
    sizes = _SMALLEST_DOT + (_LARGEST_DOT - _SMALLEST_DOT) * share**2
    for tier, colour in colours.items():
        of = (table["tier"] == tier).to_numpy()
        if of.any():
            # Hundreds of vector dots would be larger than the rest of the page.
            axes.scatter(
                table["churn"][of] * 100,
                table["value"][of],
                s=sizes[of],
                color=colour,
                linewidths=0,
                label=_tier(tier, drawing),
                rasterized=True,
            )
    low, high = table["value"].min() / 1.6, table["value"].max() * 3.2
    _money_axis(axes, low, high)
    axes.set_xlim(-3, 103)
    axes.axvline(50, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    if low < cells.median < high:
        axes.axhline(cells.median, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    style.note(axes, words["cherish"], (0, high), (2, -13))
    style.note(axes, words["protect"], (50, high), (6, -13))
    _tier_legend(drawing)
    return drawing.figure


def _labels(
    names: Iterable[object], labels: Mapping[str, str], drawing: style.Canvas, language: Language
) -> list[str]:
    """Labels to draw: the names in the data if the font lacks the language."""
    drawable = drawing.words["lang"].startswith(language)
    return [style.drawable(labels.get(str(name), str(name)) if drawable else str(name)) for name in names]


def _tier(name: object, drawing: style.Canvas) -> str:
    words = drawing.words
    key = f"tier_{name}" if name != NO_TIER else "tier_unknown"
    return words.get(key) or (words[str(name)] if name in ("came", "left") else style.drawable(str(name)))


def _colours(count: int) -> list[str]:
    """Colours from the best tier to the worst."""
    if count < 2:
        return [style.TEAL][:count]
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    scale = LinearSegmentedColormap.from_list("tiers", [style.TEAL, _BETWEEN, style.RUST])
    return [to_hex(scale(place)) for place in np.linspace(0, 1, count)]


def _shades() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shares", ["#ffffff", "#a9d6cf", style.TEAL])


def _closed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(values, values[0])


def _web(axes: Axes, angles: NDArray[np.float64], names: Sequence[str]) -> None:
    """Draw rings, spokes and dimension labels of a radar chart."""
    fonts = axes.xaxis.label.get_fontfamily()
    for ring in _RINGS:
        axes.plot(
            _closed(ring * np.sin(angles)), _closed(ring * np.cos(angles)), color=style.GRID, linewidth=1
        )
    for angle, name in zip(angles, names, strict=True):
        x, y = np.sin(angle), np.cos(angle)
        axes.plot([0, 100 * x], [0, 100 * y], color=style.GRID, linewidth=1)
        side = "center" if abs(x) < 0.1 else "left" if x > 0 else "right"
        axes.text(
            108 * x,
            108 * y,
            name,
            ha=side,
            va="center",
            color=style.INK,
            fontsize=10.5,
            fontfamily=fonts,
            parse_math=False,
        )
    for ring in _NAMED_RINGS:
        axes.text(2, ring, str(ring), color=style.MUTED, fontsize=9, va="center")
    axes.set(xlim=(-150, 150), ylim=(-122, 122), aspect="equal")
    axes.set_axis_off()


def _bars(drawing: style.Canvas, values: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw grouped horizontal bars: a group per column, a bar per row."""
    axes, count = drawing.axes, len(values)
    height = 0.8 / count
    for place, (tier, row) in enumerate(values.iterrows()):
        at = np.arange(len(names)) - 0.4 + (place + 0.5) * height
        colour = _colours(count)[place]
        axes.barh(at, row.fillna(0.0), height=height * 0.92, color=colour, label=_tier(tier, drawing))
        if count == 1:
            for y, value in zip(at, row.fillna(0.0), strict=True):
                style.note(axes, number(value, 1), (value, y), (4, -3))
    style.data_labels(axes, list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="y")
    if count > 1:
        _tier_legend(drawing)
    else:
        axes.margins(x=0.1)


def _money_axis(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _tier_legend(drawing: style.Canvas) -> None:
    """Place the legend of the tiers outside the axes, where it covers no dots."""
    from matplotlib.collections import PathCollection

    axes = drawing.axes
    fonts = {"family": list(axes.xaxis.label.get_fontfamily()), "size": 10}
    marks, names = axes.get_legend_handles_labels()
    legend = drawing.figure.legend(
        marks,
        names,
        loc="outside upper right",
        frameon=False,
        labelcolor=style.INK,
        prop=fonts,
        ncols=len(names),
    )
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):  # dots; the size is otherwise that of the first one drawn
            handle.set_sizes([40.0])
