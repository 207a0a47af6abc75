"""One function per plot of a run; each takes tables and returns a matplotlib ``Figure``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.report import style, summaries
from guanxi.report.beeswarm import shap_summary
from guanxi.served.texts import number

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from guanxi.served.texts import Language

__all__ = [
    "calibration",
    "lift",
    "purchases_by_frequency",
    "shap_summary",
    "tracking",
    "value_concentration",
]

_SHARES = np.linspace(0, 1, 401)  # a million customers are drawn with as many points as the eye can use


def calibration(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Predicted against observed churn by tenth of predicted probability, with 95 % intervals.

    Parameters
    ----------
    holdout
        One row per customer: `churn_probability` (0 to 1) and `churned` (true or false).
    language
        Words of the figure; English where no Chinese font is installed.

    Examples
    --------
    >>> holdout = pd.DataFrame({"churn_probability": [0.2, 0.8], "churned": [False, True]})
    >>> calibration(holdout).axes[0].get_xlabel()
    'predicted churn probability [%]'
    """
    drawing = style.canvas("calibration", language)
    table = summaries.reliability(holdout)
    if table.empty:
        return style.nothing(drawing)
    axes, words = drawing.axes, drawing.words
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label=words["ideal"])
    below, above = table["observed"] - table["lower"], table["upper"] - table["observed"]
    axes.errorbar(
        table["predicted"],
        table["observed"],
        yerr=[below, above],
        fmt="o",
        color=style.TEAL,
        markersize=6,
        elinewidth=1.4,
        label=words["actual"],
    )
    style.percent_axis(axes)
    style.legend(axes, "upper left")
    return drawing.figure


def purchases_by_frequency(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Actual and expected purchases per customer in the held-out window by past repeat purchases.

    Parameters
    ----------
    holdout
        One row per customer: `frequency`, `purchases`, `expected_purchases`.
    language
        Words of the figure.

    Examples
    --------
    >>> holdout = pd.DataFrame({"frequency": [0, 3], "purchases": [1, 2], "expected_purchases": [0.8, 2.1]})
    >>> [label.get_text().split()[0] for label in purchases_by_frequency(holdout).axes[0].get_xticklabels()]
    ['0', '3']
    """
    drawing = style.canvas("by_frequency", language)
    table = summaries.purchases_by_frequency(holdout)
    if table.empty:
        return style.nothing(drawing)
    axes, words = drawing.axes, drawing.words
    rows = range(len(table))
    axes.plot(
        rows, table["actual"], "o-", color=style.INK, markersize=6, linewidth=1.8, label=words["actual"]
    )
    axes.plot(
        rows, table["expected"], "s--", color=style.TEAL, markersize=6, linewidth=1.8, label=words["expected"]
    )
    last = int(holdout["frequency"].max()) > table["frequency"].iloc[-1]
    counts = zip(table["frequency"], table["customers"], strict=True)
    labels = [f"{frequency}\n{number(customers)}" for frequency, customers in counts]
    if last:
        labels[-1] = labels[-1].replace("\n", "+\n", 1)
    axes.set_xticks(rows, labels)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{axes.get_xlabel()}\n({words['customers_below']})")
    axes.grid(visible=False, axis="x")
    style.legend(axes, "upper left")
    return drawing.figure


def tracking(tracking: pd.DataFrame, cutoff: date | None, language: Language = "en") -> Figure:
    """Cumulative repeat purchases of the customer base, actual against the model.

    Parameters
    ----------
    tracking
        `date`, `actual`, `expected` (cumulative counts), by rising date.
    cutoff
        Last day the model has seen, drawn as a line; None draws none.
    language
        Words of the figure.
    """
    drawing = style.canvas("tracking", language)
    if tracking.empty:
        return style.nothing(drawing)
    axes, words = drawing.axes, drawing.words
    days = pd.to_datetime(tracking["date"]).to_numpy()
    axes.plot(days, tracking["actual"], color=style.INK, linewidth=2.2, label=words["actual"])
    axes.plot(
        days, tracking["expected"], color=style.TEAL, linewidth=2.2, linestyle="--", label=words["expected"]
    )
    axes.set_ylim(bottom=0)
    if cutoff is not None:
        _mark(axes, cutoff, words["cutoff"])
    axes.yaxis.set_major_formatter(style.thousands())
    _date_axis(axes)
    style.legend(axes, "upper left")
    return drawing.figure


def _mark(axes: Axes, day: date, text: str) -> None:
    from matplotlib.dates import date2num

    at = float(date2num(day))  # type: ignore[no-untyped-call]
    axes.axvline(at, color=style.RUST, linewidth=1.2)
    style.note(axes, text, (at, 0.0), (5, 4))


def _date_axis(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelsize=9)


def lift(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Share of leavers and of spend found among the customers that rank highest (cumulative gains).

    Parameters
    ----------
    holdout
        One row per customer: `churn_probability`, `churned`, `expected_spend_total`, `spend`. An outcome
        that never happened has no curve.
    language
        Words of the figure.
    """
    drawing = style.canvas("lift", language)
    leavers = summaries.gains(holdout["churn_probability"], holdout["churned"])
    spend = summaries.gains(holdout["expected_spend_total"], holdout["spend"])
    if leavers is None and spend is None:
        return style.nothing(drawing)
    axes, words = drawing.axes, drawing.words
    for curve, colour, name in (
        (spend, style.TEAL, words["spend_by_expected"]),
        (leavers, style.RUST, words["leavers_by_churn"]),
    ):
        if curve is not None:
            _draw_gains(axes, curve, colour, name)
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label=words["chance"])
    style.percent_axis(axes)
    style.legend(axes, "lower right")
    return drawing.figure


def value_concentration(predictions: pd.DataFrame, language: Language = "en") -> Figure:
    """Share of expected value held by the most valuable customers.

    Parameters
    ----------
    predictions
        One row per customer: `clv`.
    language
        Words of the figure.

    Examples
    --------
    >>> value_concentration(pd.DataFrame({"clv": [5.0, 1.0]})).axes[0].get_ylabel()
    'share of expected value [%]'
    """
    drawing = style.canvas("concentration", language)
    curve = summaries.concentration(predictions)
    if curve is None:
        return style.nothing(drawing)
    axes, words = drawing.axes, drawing.words
    _draw_gains(axes, curve, style.TEAL, None)
    axes.fill_between(
        _SHARES, np.interp(_SHARES, curve.customers, curve.captured), color=style.TEAL, alpha=0.08
    )
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label=words["equal"])
    for top in (0.1, 0.2):
        held = curve.held_by(top)
        axes.plot(top, held, "o", color=style.INK, markersize=6)
        label = words["top_hold"].format(top=round(top * 100), share=round(held * 100))
        style.note(axes, label, (top, held), (9, -10))
    style.percent_axis(axes)
    style.legend(axes, "lower right")
    return drawing.figure


def _draw_gains(axes: Axes, curve: summaries.Gains, colour: str, label: str | None) -> None:
    captured = np.interp(_SHARES, curve.customers, curve.captured)
    axes.plot(_SHARES, captured, color=colour, linewidth=2.2, label=label)
