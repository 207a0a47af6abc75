"""Figures of contracts: the survival of cohorts, and survival predicted and observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.report import style
from guanxi.report.words import words
from guanxi.served.texts import Language, number, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORECASTS = {"guanxi": ("by_model", style.TEAL, "--"), "constant churn": ("by_constant", style.MUTED, ":")}
_COHORTS = 6
_LABEL_HEIGHT = 1.2  # per cent of the customers; closer lines share a label


def figure_words(language: Language) -> dict[str, str]:
    """Texts of the figures, on top of those of all pages."""
    own: dict[str, str] = texts("guanxi.report.contracts", language)["figures"]
    return words(language) | own


def cohort_survival(cohorts: pd.DataFrame, language: Language) -> Figure:
    """Draw the share of customers who stayed in the later window, with forecasts, and the largest cohorts.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        From :func:`guanxi.evaluation.contracts.forecast_cohorts`: ``cohort, days, customers, actual, guanxi,
        constant churn``.
    language : {"en", "zh"}
    """
    drawing = style.canvas("cohorts", language, figure_words)
    axes, t = drawing.axes, drawing.words
    total = cohorts.groupby("days")[["customers", "actual", *_FORECASTS]].sum()
    shares = 100.0 * total.div(total["customers"], axis=0)
    days = np.append(0, shares.index.to_numpy())
    axes.plot(days, np.append(100.0, shares["actual"]), color=style.INK, linewidth=2.2, label=t["actual"])
    for name, (label, colour, line) in _FORECASTS.items():
        axes.plot(
            days, np.append(100.0, shares[name]), color=colour, linewidth=2.0, linestyle=line, label=t[label]
        )
    largest = cohorts.groupby("cohort")["customers"].max().nlargest(_COHORTS).index
    ends: list[float] = []
    for cohort in sorted(largest):
        own = cohorts[cohorts["cohort"] == cohort]
        left = 100.0 * own["actual"] / own["customers"]
        axes.plot(days, np.append(100.0, left), color=style.INK, linewidth=0.8, alpha=0.35)
        end = float(left.iloc[-1])
        if all(abs(end - other) > _LABEL_HEIGHT for other in ends):
            style.note(axes, str(cohort), (float(days[-1]), end), (3, -3))
            ends.append(end)
    axes.set_xlim(left=0.0)
    style.legend_outside(axes, columns=3)
    return drawing.figure


def survival_calibration(survival: pd.DataFrame, unit: str, language: Language) -> Figure:
    """Draw predicted against observed survival, by tenth of the prediction, at several times.

    Parameters
    ----------
    survival : pandas.DataFrame
        ``time, decile, customers, predicted, observed``.
    unit : {"days", "renewals"}
        Of the times.
    language : {"en", "zh"}
    """
    from matplotlib import colormaps

    drawing = style.canvas("survival", language, figure_words)
    axes, t = drawing.axes, drawing.words
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label=t["ideal"])
    times = sorted(survival["time"].unique())
    shades = colormaps["viridis"](np.linspace(0.05, 0.8, len(times)))
    for time, shade in zip(times, shades, strict=True):
        rows = survival[survival["time"] == time]
        label = t[f"after_{unit}"].format(time=number(float(time)))
        axes.plot(rows["predicted"], rows["observed"], "o", color=shade, markersize=5, label=label)
    style._percent_axis(axes, lowest=float(survival[["predicted", "observed"]].to_numpy().min()))
    style._legend(axes, "upper left")
    return drawing.figure
