"""Figures of uplift: the Qini curve beside simpler policies, and uplift by decile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.report import style
from guanxi.report.words import words
from guanxi.served.texts import Language, texts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def figure_words(language: Language) -> dict[str, str]:
    """Texts of the figures, on top of those of all pages."""
    own: dict[str, str] = texts("guanxi.decisions.uplift", language)["figures"]
    return words(language) | own


def qini_picture(curve: pd.DataFrame, language: Language) -> Figure:
    """Draw what each share of treated customers gains, in responses per 1,000 customers.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``share, gain, gain_lower, gain_upper, by_response, at_random``.
    language : {"en", "zh"}
    """
    drawing = style.canvas("qini", language, figure_words)
    axes, t = drawing.axes, drawing.words
    share, per_thousand = 100.0 * curve["share"], 1000.0 * curve.drop(columns="share")
    band = (share, per_thousand["gain_lower"], per_thousand["gain_upper"])
    axes.fill_between(*band, color=style.TEAL, alpha=0.16, linewidth=0)
    axes.plot(share, per_thousand["gain"], color=style.TEAL, linewidth=2.2, label=t["by_uplift"])
    axes.plot(share, per_thousand["by_response"], color=style.RUST, linewidth=1.8, label=t["by_response"])
    axes.plot(
        share,
        per_thousand["at_random"],
        color=style.MUTED,
        linewidth=1.4,
        linestyle="--",
        label=t["at_random"],
    )
    axes.axhline(0.0, color=style.MUTED, linewidth=0.8)
    axes.set_xlim(0.0, 100.0)
    style.legend_outside(axes, columns=3)
    return drawing.figure


def deciles_picture(deciles: pd.DataFrame, language: Language) -> Figure:
    """Draw observed uplift with bands and predicted uplift, by decile of the prediction.

    Parameters
    ----------
    deciles : pandas.DataFrame
        ``decile, uplift, uplift_lower, uplift_upper, predicted``.
    language : {"en", "zh"}
    """
    drawing = style.canvas("deciles", language, figure_words)
    axes, t = drawing.axes, drawing.words
    points = 100.0 * deciles[["uplift", "uplift_lower", "uplift_upper", "predicted"]]
    reach = [points["uplift"] - points["uplift_lower"], points["uplift_upper"] - points["uplift"]]
    axes.errorbar(
        deciles["decile"], points["uplift"], yerr=reach, fmt="o", color=style.TEAL, capsize=3, markersize=6,
        linewidth=1.8, label=t["observed"],
    )  # fmt: skip
    axes.plot(
        deciles["decile"], points["predicted"], color=style.RUST, marker="_", markersize=14,
        markeredgewidth=2.2, linestyle="none", label=t["predicted"],
    )  # fmt: skip
    axes.axhline(0.0, color=style.MUTED, linewidth=1.2)
    axes.set_xticks(list(deciles["decile"]))
    style.legend_outside(axes, columns=3)
    return drawing.figure
