"""Pictures of a programme: cost and gain to date, and owners with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.report.style import MUTED, RUST, TEAL, canvas, data_labels, date_axis
from guanxi.report.words import words
from guanxi.served.texts import Language, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_OWNERS = 25


def picture_words(language: Language) -> dict[str, str]:
    """Texts of the pictures and of all pictures."""
    own: dict[str, str] = texts("guanxi.decisions.programme", language)["picture"]
    return words(language) | own


def draw_payback(timeline: pd.DataFrame, language: Language) -> Figure:
    """Cost to date as steps, and gain to date with its interval."""
    drawing = canvas("payback", language, picture_words)
    axes, t = drawing.axes, drawing.words
    days = timeline["date"].to_numpy()
    axes.fill_between(days, timeline["gain_lower"], timeline["gain_upper"], color=TEAL, alpha=0.18, lw=0)
    axes.plot(days, timeline["gain"], color=TEAL, lw=2, label=t["legend_gain"])
    axes.step(days, timeline["cost"], color=RUST, lw=2, where="post", label=t["legend_cost"])
    fonts = list(axes.xaxis.label.get_fontfamily())
    axes.legend(loc="upper left", frameon=False, prop={"family": fonts, "size": 10})
    date_axis(axes)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return drawing.figure


def draw_owners(table: pd.DataFrame, language: Language) -> Figure:
    """Shrunk ratios with intervals, in the order of the table; of many the first 25."""
    drawing = canvas("owners", language, picture_words)
    axes, shown = drawing.axes, table.head(_MOST_OWNERS).iloc[::-1]
    places = np.arange(len(shown))
    colours = shown["verdict"].map({"above": TEAL, "below": RUST}).fillna(MUTED)
    for place, row, colour in zip(places, shown.to_dict("records"), colours, strict=True):
        axes.plot([row["shrunk_lower"], row["shrunk_upper"]], [place, place], color=colour, lw=2)
        axes.plot(row["shrunk"], place, "o", color=colour, ms=6)
    axes.axvline(1.0, color=MUTED, lw=1, ls="--")
    data_labels(axes, [str(name) for name in shown["name"]])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    return drawing.figure
