"""Style of the figures: canvas, palette, and fonts that have every character drawn.

Everything is set on the figure itself, without pyplot or lasting changes to matplotlib's settings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from guanxi.report.words import words
from guanxi.served.texts import Language

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

INK = "#1f2d3a"
MUTED = "#5a6772"
GRID = "#e6e3dc"
TEAL = "#0f766e"
RUST = "#b45309"

_LATIN_FONT = "DejaVu Sans"  # comes with matplotlib: the same on every machine
_CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC", "Heiti SC", "Microsoft YaHei",
    "SimHei", "Droid Sans Fallback",
)  # fmt: skip
_SIZE = (6.2, 4.1)
_LONGEST_LABEL = 30
_CLOSE = 0.5  # shares within less than this are drawn where they are


class Canvas(NamedTuple):
    """An empty figure with one pair of axes, and the texts of its labels."""

    figure: Figure
    axes: Axes
    words: dict[str, str]


def canvas(plot: str, language: Language, texts: Callable[[Language], dict[str, str]] = words) -> Canvas:
    """Start a figure; axis labels are the words `x_<plot>` and `y_<plot>`."""
    from matplotlib.figure import Figure

    text = texts(language if language == "en" or len(_fonts()) > 1 else "en")
    figure = Figure(figsize=_SIZE, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    _plain(axes, labelfontfamily=list(_fonts()))
    axes.set_xlabel(text[f"x_{plot}"], color=INK, fontsize=10.5, fontfamily=_fonts())
    axes.set_ylabel(text[f"y_{plot}"], color=INK, fontsize=10.5, fontfamily=_fonts())
    return Canvas(figure, axes, text)


def _plain(axes: Axes, **ticks: Any) -> None:
    """Hide the top and right of the frame, and style ticks and grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=10, **ticks)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(axes: Axes, location: Literal["upper left", "lower right"]) -> None:
    """Draw a legend without a frame."""
    axes.legend(loc=location, frameon=False, labelcolor=INK, prop={"family": list(_fonts()), "size": 10})


def legend_outside(axes: Axes, columns: int) -> None:
    """Name the series above the axes, where they cover nothing."""
    figure = axes.get_figure()
    assert figure is not None  # every canvas has one
    marks, names = axes.get_legend_handles_labels()
    fonts = {"family": list(axes.xaxis.label.get_fontfamily()), "size": 9.5}
    figure.legend(
        marks, names, loc="outside upper left", frameon=False, labelcolor=INK, prop=fonts, ncols=columns
    )


def note(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float]) -> None:
    """Annotate a data point, with the text `offset` points away."""
    axes.annotate(
        text, at, xytext=offset, textcoords="offset points", color=INK, fontsize=9.5, fontfamily=_fonts()
    )


def nothing(drawing: Canvas) -> Figure:
    """Finish a figure that has no data with a message."""
    axes = drawing.axes
    axes.set(xticks=[], yticks=[])
    centre: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, drawing.words["nothing"], color=MUTED, fontsize=12, fontfamily=_fonts(), **centre)
    return drawing.figure


def _percent_axis(axes: Axes, lowest: float = 0.0, highest: float = 1.0) -> None:
    """Scale both axes alike, labelled in per cent: from 0 to 1, or where the shares are if they are close."""
    if highest - lowest < _CLOSE:
        margin = max(0.05 * (highest - lowest), 0.002)
        ends = max(lowest - margin, -margin), min(highest + margin, 1.0 + margin)
        axes.set(xlim=ends, ylim=ends)
    else:
        ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), xticks=ticks, yticks=ticks)
    _percent_scale(axes.xaxis, axes.yaxis)


def _percent_scale(*scales: Axis) -> None:
    """Label shares in per cent."""
    for scale in scales:
        scale.set_major_formatter(lambda share, _: f"{round(share * 100, 2):g}")


def date_axis(axes: Axes) -> None:
    """Label the x axis with a few full dates."""
    from matplotlib.dates import HOURLY, MONTHLY, AutoDateLocator, DateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    # Its own intervals leave gaps, as from 30 months to 3 years, where it warns and draws too many dates.
    locator.intervald[MONTHLY] = [1, 2, 3, 4, 6, 12]
    locator.intervald[HOURLY] = [1, 2, 3, 4, 6, 12, 24]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelsize=9)


def _mark_day(axes: Axes, day: date, text: str) -> None:
    """Draw a vertical line at a day, labelled at its foot."""
    from matplotlib.dates import date2num

    at = float(date2num(day))  # type: ignore[no-untyped-call]
    axes.axvline(at, color=RUST, linewidth=1.2)
    note(axes, text, (at, 0.0), (5, 4))


def _thousands() -> FuncFormatter:
    """Tick labels with separated thousands."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def data_labels(axes: Axes, labels: list[str]) -> None:
    """Label the rows of the y axis with names from the data, never parsed as formulas."""
    axes.set_yticks(range(len(labels)), [drawable(label) for label in labels])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)


def _label_colour_key(key: Colorbar, ends: list[str], label: str) -> None:
    """Label a colour key and its two ends."""
    key.ax.set_yticklabels(ends, fontfamily=_fonts())
    key.ax.tick_params(length=0, labelcolor=INK, labelsize=9.5)
    key.set_label(label, color=INK, fontsize=9.5, fontfamily=_fonts(), labelpad=-12)
    key.outline.set_visible(False)


def drawable(name: str) -> str:
    r"""Shorten a name from the data; characters that no font has become ``?``.

    Examples
    --------
    >>> drawable("days_since_last\x07")
    'days since last?'
    """
    shown = name.replace("_", " ")
    if len(shown) > _LONGEST_LABEL:
        shown = shown[: _LONGEST_LABEL - 1] + "…"
    return "".join(letter if letter.isprintable() and _has_glyph(letter) else "?" for letter in shown)


def _has_glyph(letter: str) -> bool:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return any(
        get_font(findfont(FontProperties(family=family))).get_char_index(ord(letter)) for family in _fonts()
    )


@cache
def _fonts() -> tuple[str, ...]:
    """Latin first, then the first Chinese font installed, if any."""
    from matplotlib.font_manager import fontManager

    # Chinese fonts often have one weight, and it is the right one.
    logging.getLogger("matplotlib.font_manager").addFilter(
        lambda record: "font weight" not in record.getMessage()
    )
    installed = {font.name for font in fontManager.ttflist}
    return (_LATIN_FONT, *[name for name in _CHINESE_FONTS if name in installed][:1])


def _svg(figure: Figure) -> str:
    """Return a figure as SVG, with letters as paths and no date: the same figure gives the same text."""
    from matplotlib import rc_context

    target = StringIO()
    # matplotlib reads these two from its settings only; they are restored at once.
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "guanxi"}):
        figure.savefig(target, format="svg", dpi=144, metadata={"Date": None, "Creator": None})
    return target.getvalue()
