"""Pictures of what customers say: topics, reasons, importance and performance, paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report.style import GRID, INK, MUTED, RUST, TEAL, Canvas, canvas, data_labels, drawable
from guanxi.scorecard.voice._voice_words import construct_name, picture_words
from guanxi.served.texts import Language, number

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BARS = 10
_PALE = "#7fb5ae"
_FORMAT = 6.2 / 4.1  # width to height of a picture


def draw_topics(table: pd.DataFrame, language: Language) -> Figure:
    """Plot the share of customers by topic; darker where the predicted churn is clearly higher."""
    shown = table.head(_MOST_BARS)
    higher = shown["churn_clear"] & (shown["churn_difference"] > 0)
    colours = np.where(higher, RUST, _PALE).tolist()
    return _bars("voice_topics", shown["topic"], shown, "share", colours, language)


def draw_reasons(table: pd.DataFrame, language: Language) -> Figure:
    """Plot the share of the value at risk by reason."""
    shown = table.head(_MOST_BARS)
    return _bars("voice_reasons", shown["reason"], shown, "value_share", [_PALE] * len(shown), language)


def _bars(
    plot: str, names: pd.Series[Any], table: pd.DataFrame, column: str, colours: list[str], language: Language
) -> Figure:
    drawing = canvas(plot, language, picture_words)
    axes, places = drawing.axes, np.arange(len(table))
    share = 100 * table[column].to_numpy(dtype=np.float64)
    lower, upper = (100 * table[f"{column}_{end}"].to_numpy(dtype=np.float64) for end in ("lower", "upper"))
    axes.barh(places, share, color=colours, height=0.62)
    axes.hlines(places, lower, upper, color=INK, linewidth=1.2)
    data_labels(axes, [str(name) for name in names])
    for label in axes.get_yticklabels():
        label.set_fontfamily(axes.xaxis.label.get_fontfamily())
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="y")
    return drawing.figure


def draw_map(table: pd.DataFrame, language: Language) -> Figure:
    """Plot the importance (share of R squared) of each driver against its performance."""
    drawing = canvas("voice_map", language, picture_words)
    axes = drawing.axes
    x, y = table["performance"].to_numpy(dtype=np.float64), 100 * table["share"].to_numpy(dtype=np.float64)
    across = np.array([x - table["performance_lower"], table["performance_upper"] - x])
    up = np.array([y - 100 * table["share_lower"], 100 * table["share_upper"] - y])
    first = (table["quadrant"] == "concentrate").to_numpy()
    axes.axvline(x.mean(), color=MUTED, linewidth=1, linestyle=":")
    axes.axhline(y.mean(), color=MUTED, linewidth=1, linestyle=":")
    axes.errorbar(x, y, yerr=np.abs(up), xerr=np.abs(across), fmt="none", ecolor=GRID, elinewidth=2)
    axes.scatter(x, y, c=np.where(first, RUST, TEAL).tolist(), s=55, zorder=3)
    fonts = axes.xaxis.label.get_fontfamily()
    for name, at, height in zip(table["driver"], x, y, strict=True):
        axes.annotate(
            drawable(construct_name(name, _drawn_in(drawing))),
            (at, height),
            xytext=(7, 6),
            textcoords="offset points",
            color=INK,
            fontsize=10,
            fontfamily=fonts,
            parse_math=False,
        )
    axes.margins(0.22, 0.16)
    axes.set_ylim(bottom=0)
    return drawing.figure


def draw_paths(paths: pd.DataFrame, language: Language) -> Figure:
    """Draw the constructs from causes to consequences, with the coefficients on the arrows."""
    drawing = canvas("voice_paths", language, picture_words)
    axes = drawing.axes
    places = _places(paths)
    fonts = axes.xaxis.label.get_fontfamily()
    columns = [x for x, _ in places.values()]
    across, up = max(columns) - min(columns) + 1.2, 2 * (max(y for _, y in places.values()) + 1.6)
    axes.set(xlim=(min(columns) - 0.6, max(columns) + 0.6), ylim=(-up / 2, up / 2))
    for row in paths.to_dict("records"):
        _arrow(axes, places[row["source"]], places[row["target"]], row, fonts, _FORMAT * up / across)
    box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": TEAL, "linewidth": 1.4}
    for name, (x, y) in places.items():
        label = drawable(construct_name(name, _drawn_in(drawing)))
        axes.text(
            x,
            y,
            label,
            ha="center",
            va="center",
            color=INK,
            fontsize=9.5,
            bbox=box,
            fontfamily=fonts,
            zorder=4,
        ).set_parse_math(False)
    axes.set(xticks=[], yticks=[])
    axes.set_ylabel("")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.grid(visible=False)
    return drawing.figure


def _drawn_in(drawing: Canvas) -> Language:
    """Language of a picture: English where no Chinese font is installed."""
    return "zh" if drawing.words["x_voice_paths"] == picture_words("zh")["x_voice_paths"] else "en"


def _places(paths: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Place constructs in columns by the longest way to them, alternating around the middle."""
    depth: dict[str, int] = {}
    for row in paths.to_dict("records"):  # sources stand before their targets
        depth.setdefault(row["source"], 0)
        depth[row["target"]] = max(depth.get(row["target"], 0), depth[row["source"]] + 1)
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    return {
        name: (float(column), 2.0 * ((len(names) - 1) / 2 - place) + (1.1 if column % 2 else -1.1))
        for column, names in columns.items()
        for place, name in enumerate(names)
    }


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    row: Mapping[Hashable, Any],
    fonts: Sequence[str],
    steepness: float,
) -> None:
    """Draw an arrow; one along a row, past other constructs, bends away from the middle.

    ``steepness`` is how many units of the y axis are as long as one of the x axis.
    """
    unclear = row["coefficient_lower"] <= 0 <= row["coefficient_upper"]
    size = abs(row["coefficient"])
    along = start[1] == end[1] and end[0] - start[0] > 1
    bend = -0.22 * np.sign(start[1]) if along else 0.0
    colour = MUTED if unclear else TEAL if row["coefficient"] > 0 else RUST
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 0.8 + 3.0 * size,
            "linestyle": "--" if unclear else "-",
            "shrinkA": 24,
            "shrinkB": 26,
            "alpha": 0.85,
            "connectionstyle": f"arc3,rad={bend}",
        },
    )
    x, y = (0.56 * a + 0.44 * b for a, b in zip(start, end, strict=True))
    y -= 0.5 * bend * (end[0] - start[0]) * steepness
    axes.text(
        x,
        y,
        number(row["coefficient"], 2),
        color=colour,
        fontsize=9,
        ha="center",
        va="center",
        fontfamily=fonts,
        zorder=3,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.9},
    )
