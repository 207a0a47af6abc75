"""Figures of scenarios: the tornado of the levers, and the scenarios against today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.decisions.scenarios._scenario_words import level_text, scenario_words
from guanxi.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from guanxi.served.texts import Language

_MOST_SCENARIOS = 16


def tornado_figure(bars: pd.DataFrame, language: Language = "en") -> Figure:
    """Plot customer equity with each lever lower and higher, the widest bar on top.

    Parameters
    ----------
    bars
        Of :func:`guanxi.decisions.scenarios._sensitivity.tornado`.
    """
    drawing = style.canvas("tornado", language, scenario_words)
    axes, text = drawing.axes, drawing.words
    shown, places = bars.iloc[::-1], np.arange(len(bars))
    now = float((bars["equity_low"] - bars["change_low"]).iloc[0])
    for side, colour in (("low", style.RUST), ("high", style.TEAL)):
        label = text["lower" if side == "low" else "higher"]
        axes.barh(places, shown[f"change_{side}"], left=now, color=colour, height=0.6, label=label)
        for place, row in zip(places, shown.to_dict("records"), strict=True):
            _label(
                axes, level_text(row["lever"], row[f"level_{side}"]), row[f"equity_{side}"], float(place), now
            )
    axes.axvline(now, color=style.INK, linewidth=1.2)
    style.data_labels(axes, [text[lever] for lever in shown["lever"]])
    axes.set_ylabel("")
    axes.margins(x=0.14)
    _money_axis(axes)
    axes.grid(visible=False, axis="y")
    style._legend(axes, "lower right")
    return drawing.figure


def outcome_figure(scenarios: pd.DataFrame, names: list[str], language: Language = "en") -> Figure:
    """Plot the change of customer equity in each scenario, the first 16 in their order.

    Parameters
    ----------
    scenarios
        Rows of :func:`guanxi.decisions.scenarios._cases.outcome_table`, without today.
    names
        Name of each row.
    """
    drawing = style.canvas("outcome", language, scenario_words)
    if scenarios.empty:
        return style.nothing(drawing)
    axes = drawing.axes
    shown = scenarios.head(_MOST_SCENARIOS)
    places = np.arange(len(shown))[::-1]
    axes.hlines(places, shown["change_lower"], shown["change_upper"], color=style.TEAL, linewidth=3)
    axes.plot(shown["change"], places, "o", color=style.INK, markersize=6)
    axes.axvline(0.0, color=style.MUTED, linewidth=1.0)
    style.data_labels(axes, names[: len(shown)][::-1])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_ylabel("")
    axes.margins(x=0.08)
    _money_axis(axes)
    return drawing.figure


def _money_axis(axes: Axes) -> None:
    """Label a few amounts, so that large ones fit."""
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(style._thousands())


def _label(axes: Axes, text: str, at: float, place: float, now: float) -> None:
    """Write the level at the end of a bar, on the side away from today."""
    left = at < now
    axes.annotate(
        text,
        (at, place),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        color=style.INK,
        fontsize=9,
    )
