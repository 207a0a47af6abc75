"""How figures look: one canvas, one palette, fonts that hold every character drawn.

Everything is set on the figure itself; no pyplot, no lasting change of matplotlib's settings.
"""

from __future__ import annotations

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

_LATIN_FONT = "DejaVu Sans"  # matplotlib brings it: the same picture on every machine
_CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC", "Heiti SC", "Microsoft YaHei",
    "SimHei", "Droid Sans Fallback",
)  # fmt: skip
_SIZE = (6.2, 4.1)
_LONGEST_LABEL = 30


class Canvas(NamedTuple):
    """An empty figure with one pair of axes, and the words to label it with."""

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
    """Keep only the sides of the frame that carry the scales."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=10, **ticks)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(axes: Axes, location: Literal["upper left", "lower right"]) -> None:
    """Name the drawn lines, without a box."""
    axes.legend(loc=location, frameon=False, labelcolor=INK, prop={"family": list(_fonts()), "size": 10})


def note(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float]) -> None:
    """Write a word beside a data point, `offset` points away from it."""
    axes.annotate(
        text, at, xytext=offset, textcoords="offset points", color=INK, fontsize=9.5, fontfamily=_fonts()
    )


def nothing(drawing: Canvas) -> Figure:
    """Finish a figure that has no data to show with a sentence that says so."""
    axes = drawing.axes
    axes.set(xticks=[], yticks=[])
    axes.text(
        0.5,
        0.5,
        drawing.words["nothing"],
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=MUTED,
        fontsize=12,
        fontfamily=_fonts(),
    )
    return drawing.figure


def _percent_axis(axes: Axes) -> None:
    """Let both axes run over shares, written in per cent."""
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), xticks=ticks, yticks=ticks)
    _percent_scale(axes.xaxis, axes.yaxis)


def _percent_scale(*scales: Axis) -> None:
    """Write the shares along a side in per cent."""
    for scale in scales:
        scale.set_major_formatter(lambda share, _: f"{share * 100:.0f}")


def _date_axis(axes: Axes) -> None:
    """Few dates along the bottom, in full."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelsize=9)


def _mark_day(axes: Axes, day: date, text: str) -> None:
    """Draw a line at a day, with a word at its foot."""
    from matplotlib.dates import date2num

    at = float(date2num(day))  # type: ignore[no-untyped-call]
    axes.axvline(at, color=RUST, linewidth=1.2)
    note(axes, text, (at, 0.0), (5, 4))


def _thousands() -> FuncFormatter:
    """Tick labels with separated thousands."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def data_labels(axes: Axes, labels: list[str]) -> None:
    """Label the rows of the y axis with names from the data, drawn as they are and never as formulas."""
    axes.set_yticks(range(len(labels)), [drawable(label) for label in labels])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)


def _label_colour_key(key: Colorbar, ends: list[str], label: str) -> None:
    """Name the two ends of a colour key and what it stands for."""
    key.ax.set_yticklabels(ends, fontfamily=_fonts())
    key.ax.tick_params(length=0, labelcolor=INK, labelsize=9.5)
    key.set_label(label, color=INK, fontsize=9.5, fontfamily=_fonts(), labelpad=-12)
    key.outline.set_visible(False)


def drawable(name: str) -> str:
    r"""Shorten a name from the data to what fits and what the fonts can draw; the rest becomes ``?``.

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
    """Latin first, then the first Chinese font this machine has, if any."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return (_LATIN_FONT, *[name for name in _CHINESE_FONTS if name in installed][:1])


def _svg(figure: Figure) -> str:
    """Write a figure as SVG, letters as shapes (sharp, the same everywhere) and without a date.

    The same figure gives the same text: nothing random or of this moment is in it.
    """
    from matplotlib import rc_context

    target = StringIO()
    # matplotlib takes these two from its settings only; they are put back at once.
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "guanxi"}):
        figure.savefig(target, format="svg", dpi=144, metadata={"Date": None, "Creator": None})
    return target.getvalue()
