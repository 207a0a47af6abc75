"""Figures of profit: whale curve, losses by reason, acquisition cost by month, and payback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.decisions.profit._acquisition_cost import COSTS
from guanxi.decisions.profit._profit_words import profit_words
from guanxi.report import style
from guanxi.served.texts import number, percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from guanxi.decisions.profit._profit_ranking import WhaleCurve
    from guanxi.served.texts import Language

_POINTS = 400
_SHADES = (style.MUTED, "#c9c3b4", style.TEAL, style.RUST)


def whale(
    curve: WhaleCurve, language: Language = "en", texts: Callable[[Language], dict[str, str]] = profit_words
) -> Figure:
    """Plot cumulative profit against the share of customers, from the most profitable on."""
    drawing = style.canvas("whale", language, texts)
    axes, text = drawing.axes, drawing.words
    count = len(curve.cumulative)
    places = np.unique(np.linspace(0, count, _POINTS).round().astype(int))
    levels = np.append(0.0, curve.cumulative)[places]
    axes.plot(places / count * 100, levels, color=style.TEAL, linewidth=2.2)
    axes.fill_between(places / count * 100, 0, levels, color=style.TEAL, alpha=0.09)
    axes.axhline(curve.total, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    at = curve.customers_at_peak / count * 100
    axes.set_xlim(0, 101)
    axes.margins(y=0.14)
    if levels.min() >= 0:
        axes.set_ylim(bottom=0)
    if curve.lost > 0:
        axes.plot([at], [curve.peak], "o", color=style.RUST, markersize=6)
        note = text["peak_note"].format(peak=number(curve.peak), share=percent(at / 100, 1))
        style.note(axes, note, (at, curve.peak), (-190, 9) if at > 60 else (8, 6))
    total = text["total_note"].format(total=number(curve.total))
    style.note(axes, total, (at if at < 60 else 2, curve.total), (4, -14))
    money_scale(axes.yaxis)
    return drawing.figure


def losses(reasons: pd.DataFrame, language: Language = "en") -> Figure:
    """Plot the sum of losses by the reason that weighs most."""
    drawing = style.canvas("losses", language, profit_words)
    if reasons.empty:
        return style.nothing(drawing)
    axes, text = drawing.axes, drawing.words
    names = [text[f"reason_{reason}"] for reason in reasons["reason"]]
    axes.barh(range(len(names)), reasons["loss"], color=style.RUST, height=0.62)
    for place, (loss, count) in enumerate(zip(reasons["loss"], reasons["customers"], strict=True)):
        style.note(axes, text["losses_note"].format(customers=number(count)), (loss, place), (4, -3))
    axes.set_yticks(range(len(names)), names, fontfamily=axes.xaxis.label.get_fontfamily())
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.24)
    money_scale(axes.xaxis)
    return drawing.figure


def acquisition(costs: pd.DataFrame, language: Language = "en") -> Figure:
    """Plot the four acquisition costs of all channels by month."""
    drawing = style.canvas("acquisition", language, profit_words)
    known = costs.dropna(subset=list(COSTS), how="all")
    if known.empty:
        return style.nothing(drawing)
    axes, text = drawing.axes, drawing.words
    months = [f"{month:%Y-%m}" for month in known["month"]]
    for name, colour in zip(COSTS, _SHADES, strict=True):
        axes.plot(
            months, known[name], "o-", color=colour, linewidth=2, markersize=3.5, label=text[f"cost_{name}"]
        )
    thin_labels(axes)
    axes.set_ylim(bottom=0)
    money_scale(axes.yaxis)
    style.legend_outside(axes, columns=2)
    return drawing.figure


def payback(earned: pd.DataFrame, cost: float, language: Language = "en") -> Figure:
    """Plot the cumulative earnings of a mean customer by month, against the acquisition cost."""
    drawing = style.canvas("payback", language, profit_words)
    if earned.empty:
        return style.nothing(drawing)
    axes, text = drawing.axes, drawing.words
    axes.plot(
        np.append(0, earned["age"] + 1), np.append(0.0, earned["cumulative"]), color=style.TEAL, linewidth=2.2
    )
    if np.isfinite(cost):
        axes.axhline(cost, color=style.RUST, linewidth=1.6)
        note = text["payback_note"].format(cost=number(cost, 2))
        style.note(axes, note, (0.6 * len(earned), cost), (0, 4))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min(0.0, float(earned["cumulative"].min())))
    axes.margins(y=0.12)
    money_scale(axes.yaxis)
    return drawing.figure


def money_scale(scale: Axis) -> None:
    """Separate thousands."""
    scale.set_major_formatter(lambda value, _: number(value) if abs(value) >= 10 else f"{value:g}")


def thin_labels(axes: Axes, most: int = 7) -> None:
    """Keep at most this many of the names below the x axis."""
    ticks, names = axes.get_xticks(), [label.get_text() for label in axes.get_xticklabels()]
    step = max(1, -(-len(ticks) // most))
    axes.set_xticks(ticks[::step], names[::step])
    axes.tick_params(axis="x", labelsize=8.5)
