"""One function per plot of a run; each takes tables and returns a matplotlib ``Figure``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from guanxi.report import _summaries, style
from guanxi.report.words import feature_in_words
from guanxi.served.ordering import falling
from guanxi.served.texts import number

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from guanxi.served.texts import Language

_SHARES = np.linspace(0, 1, 401)  # points of a curve, whatever the number of customers
_DRIVERS = 12
_SWARM_CUSTOMERS = 1000
_SWARM_BINS = 80
_ROW_HEIGHT = 0.38
_WIDEST_EFFECT = 6.0  # log odds; beyond, probabilities are close to 0 or 1
_COLOURS = ("#2a6fbb", "#c9c5d3", "#c2410c")  # low, middle, high; for colour-blind readers too


class Explanation(Protocol):
    """Parts used of a ``shap.Explanation``: effects (customers x drivers), drivers' values and names."""

    values: Any
    data: Any
    feature_names: Any


def calibration(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Predicted against observed churn by tenth of predicted probability, with 95 % intervals.

    Parameters
    ----------
    holdout
        One row per customer: `churn_probability` (0 to 1) and `churned` (true or false).
    language
        Language of the texts; English if no Chinese font is installed.

    Examples
    --------
    >>> holdout = pd.DataFrame({"churn_probability": [0.2, 0.8], "churned": [False, True]})
    >>> calibration(holdout).axes[0].get_xlabel()
    'predicted churn probability [%]'
    """
    drawing = style.canvas("calibration", language)
    table = _summaries.reliability(holdout)
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
    style._percent_axis(axes, highest=float(table[["predicted", "upper"]].to_numpy().max()))
    style._legend(axes, "upper left")
    return drawing.figure


def purchases_by_frequency(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Actual and expected purchases per customer in the held-out window by past repeat purchases.

    Parameters
    ----------
    holdout
        One row per customer: `frequency`, `purchases`, `expected_purchases`.
    language
        Language of the texts.

    Examples
    --------
    >>> holdout = pd.DataFrame({"frequency": [0, 3], "purchases": [1, 2], "expected_purchases": [0.8, 2.1]})
    >>> [label.get_text().split()[0] for label in purchases_by_frequency(holdout).axes[0].get_xticklabels()]
    ['0', '3']
    """
    drawing = style.canvas("by_frequency", language)
    table = _summaries.purchases_by_frequency(holdout)
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
    style._legend(axes, "upper left")
    return drawing.figure


def tracking(tracking: pd.DataFrame, cutoff: date | None, language: Language = "en") -> Figure:
    """Cumulative repeat purchases of the customer base, actual against the model.

    Parameters
    ----------
    tracking
        `date`, `actual`, `expected` (cumulative counts), by rising date.
    cutoff
        Last day of the calibration period, drawn as a line; None for no line.
    language
        Language of the texts.
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
        style._mark_day(axes, cutoff, words["cutoff"])
    axes.yaxis.set_major_formatter(style._thousands())
    style.date_axis(axes)
    style._legend(axes, "upper left")
    return drawing.figure


def lift(holdout: pd.DataFrame, language: Language = "en") -> Figure:
    """Share of leavers and of spend found among the customers that rank highest (cumulative gains).

    Parameters
    ----------
    holdout
        One row per customer: `churn_probability`, `churned` and, for a curve of spend, `spend` and
        `expected_spend_total`. An outcome that never occurs has no curve.
    language
        Language of the texts.
    """
    drawing = style.canvas("lift", language)
    leavers = _summaries.gains(holdout["churn_probability"], holdout["churned"])
    has_spend = "spend" in holdout
    spend = _summaries.gains(holdout["expected_spend_total"], holdout["spend"]) if has_spend else None
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
    style._percent_axis(axes)
    style._legend(axes, "lower right")
    return drawing.figure


def value_concentration(predictions: pd.DataFrame, language: Language = "en") -> Figure:
    """Share of expected value (`clv`) held by the most valuable customers.

    Examples
    --------
    >>> value_concentration(pd.DataFrame({"clv": [5.0, 1.0]})).axes[0].get_ylabel()
    'share of expected value [%]'
    """
    drawing = style.canvas("concentration", language)
    curve = _summaries.concentration(predictions)
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
    style._percent_axis(axes)
    style._legend(axes, "lower right")
    return drawing.figure


def _draw_gains(axes: Axes, curve: _summaries.Gains, colour: str, label: str | None) -> None:
    captured = np.interp(_SHARES, curve.customers, curve.captured)
    axes.plot(_SHARES, captured, color=colour, linewidth=2.2, label=label)


def _strongest_drivers(explanation: Explanation, count: int = _DRIVERS) -> list[int]:
    """Columns of the drivers with the largest mean absolute effect above zero, strongest first."""
    strength = np.abs(_effects(explanation)).mean(axis=0)
    order = falling(strength)[:count]
    return [int(column) for column in order if strength[column] > 0]


def shap_summary(explanation: Explanation, language: Language = "en") -> Figure:
    """Effect of the strongest drivers on churn, one dot per customer, coloured by the driver's value.

    shap's beeswarm uses pyplot's current figure and sets its size, so the plot is drawn here.

    At most 1,000 customers are drawn, picked at even steps. Values that have no order (text,
    missing) are grey. Effects beyond 6 log odds are drawn at 6.

    Parameters
    ----------
    explanation
        A ``shap.Explanation`` of churn in log odds, values of shape (customers, drivers).
    language
        Language of the texts.
    """
    drawing = style.canvas("shap", language)
    effects = _effects(explanation)
    columns = _strongest_drivers(explanation) if len(effects) else []
    if not columns:
        return style.nothing(drawing)
    axes = drawing.axes
    rows = np.unique(np.linspace(0, len(effects) - 1, min(_SWARM_CUSTOMERS, len(effects))).astype(int))
    data = pd.DataFrame(explanation.data)
    for row, column in enumerate(columns):
        effect = np.clip(effects[rows, column], -_WIDEST_EFFECT, _WIDEST_EFFECT)
        shades = _shades(data.iloc[rows, column])
        # Thousands of vector dots would take megabytes: they are rasterised inside the SVG.
        axes.scatter(effect, row + _spread(effect), c=shades, s=9, linewidths=0, rasterized=True)
    axes.axvline(0, color=style.MUTED, linewidth=1)
    spoken: Language = "zh" if drawing.words["lang"].startswith("zh") else "en"  # that of the fonts
    names = [feature_in_words(str(explanation.feature_names[column]), spoken) for column in columns]
    style.data_labels(axes, names)
    axes.set_ylim(len(columns) - 0.4, -0.6)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="x")
    _colour_key(drawing)
    return drawing.figure


def _effects(explanation: Explanation) -> NDArray[np.float64]:
    return np.asarray(explanation.values, dtype=float)


def _spread(effect: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets that separate overlapping dots, wider where many customers have the same effect."""
    span = np.ptp(effect)
    bins = np.floor((effect - effect.min()) / span * (_SWARM_BINS - 1)) if span > 0 else np.zeros(effect.size)
    place = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    side = np.where(place % 2 == 0, 1, -1) * ((place + 1) // 2)
    return _ROW_HEIGHT * side / max(int(np.abs(side).max()), 5)


def _shades(values: pd.Series) -> NDArray[np.float64]:
    """Colour by rank within the driver, from low to high; grey where there is no order."""
    from matplotlib.colors import to_rgba

    ranks = pd.to_numeric(values, errors="coerce").rank(pct=True, method="average").to_numpy(dtype=float)
    shades = np.asarray(_colour_scale()(np.nan_to_num(ranks)), dtype=float)
    shades[np.isnan(ranks)] = to_rgba("#a8adb3")
    return shades


def _colour_scale() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("driver", _COLOURS)


def _colour_key(drawing: style.Canvas) -> None:
    from matplotlib.cm import ScalarMappable

    words = drawing.words
    key = drawing.figure.colorbar(
        ScalarMappable(cmap=_colour_scale()), ax=drawing.axes, ticks=[0, 1], aspect=40, pad=0.02
    )
    style._label_colour_key(key, [words["low"], words["high"]], words["feature_value"])
