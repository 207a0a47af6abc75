"""The picture of a campaign: its effects with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from guanxi.decisions.campaign._remarks import campaign_texts
from guanxi.report import style
from guanxi.report.words import words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from guanxi.served.texts import Language

_COLOURS = (style.TEAL, style.RUST, "#4f46a5", "#7c2d5e", "#526d0f", "#1d6fa3")
_MOST_ARMS = len(_COLOURS)


def figure_words(language: Language) -> dict[str, str]:
    """Texts of the figures, on top of those of all pages."""
    own: dict[str, str] = campaign_texts(language)["figures"]
    return words(language) | own


def effects_picture(
    told: pd.DataFrame, labels: Mapping[Language, Sequence[str]], language: Language
) -> Figure:
    """Draw relative effects with intervals, a row per outcome and a colour per arm.

    Parameters
    ----------
    told : pandas.DataFrame
        ``outcome, arm, relative, relative_lower, relative_upper``, one row of each outcome and arm.
    labels : mapping of language to sequence of str
        Of the outcomes in their order; English ones too, for machines without a Chinese font.
    language : {"en", "zh"}
    """
    drawing = style.canvas("effects", language, figure_words)
    axes = drawing.axes
    known = told[told["relative"].notna()]
    if known.empty:
        return style.nothing(drawing)
    drawn: Language = "en" if drawing.words == figure_words("en") else language
    outcomes = list(dict.fromkeys(told["outcome"]))
    named = dict(zip(outcomes, labels[drawn], strict=True))
    shown = [name for name in outcomes if name in set(known["outcome"])]
    arms = list(dict.fromkeys(known["arm"]))[:_MOST_ARMS]
    step = 0.7 / len(arms)
    for place, arm in enumerate(arms):
        rows = known[known["arm"] == arm]
        height = [shown.index(name) + (place - (len(arms) - 1) / 2) * step for name in rows["outcome"]]
        centre = 100.0 * rows["relative"].to_numpy()
        below = centre - 100.0 * rows["relative_lower"].to_numpy()
        above = 100.0 * rows["relative_upper"].to_numpy() - centre
        axes.errorbar(
            centre, height, xerr=np.vstack([below, above]), fmt="o", color=_COLOURS[place], capsize=3,
            markersize=6, linewidth=1.8, label=style.drawable(arm),
        )  # fmt: skip
    axes.axvline(0.0, color=style.MUTED, linewidth=1.2)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    style.data_labels(axes, [named[name] for name in shown])
    axes.grid(axis="y", visible=False)
    if len(arms) > 1:
        style.legend_outside(axes, columns=3)
    drawing.figure.set_size_inches(7.2, 1.5 + max(len(shown) * (0.35 + 0.2 * len(arms)), 1.6))
    return drawing.figure
