"""The picture of a loyalty programme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.report.style import GRID, MUTED, RUST, TEAL, canvas
from guanxi.report.words import words
from guanxi.served.texts import Language, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture_words(language: Language) -> dict[str, str]:
    """Texts of the picture and of all pictures."""
    own: dict[str, str] = texts("guanxi.decisions.loyalty", language)["picture"]
    return words(language) | own


def draw_fates(by_age: pd.DataFrame, language: Language) -> Figure:
    """Shares of points redeemed, expired and open by age, one above the other."""
    drawing = canvas("fates", language, picture_words)
    axes, t = drawing.axes, drawing.words
    days = np.append(0.0, by_age["days"])
    shares = [
        100 * np.append(start, by_age[name])
        for name, start in (("redeemed", 0.0), ("expired", 0.0), ("open", 1.0))
    ]
    names = [t["legend_redeemed"], t["legend_expired"], t["legend_open"]]
    axes.stackplot(days, shares, colors=[TEAL, RUST, GRID], edgecolor="white", linewidth=0.6)
    fonts = axes.xaxis.label.get_fontfamily()
    tops = np.cumsum([each[-1] for each in shares])
    for name, top, share, colour in zip(names, tops, shares, (TEAL, RUST, MUTED), strict=True):
        if share[-1] > 4:
            end = (days[-1] * 1.02, top - share[-1] / 2)
            axes.text(*end, name, color=colour, va="center", fontsize=10, fontfamily=fonts)
    axes.set(xlim=(0, days[-1]), ylim=(0, 100))
    return drawing.figure
