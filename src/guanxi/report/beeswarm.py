"""The SHAP summary: one dot per customer and driver.

shap's own beeswarm draws through pyplot's current figure and sets its size, so it is drawn here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from guanxi.report import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from guanxi.served.texts import Language

_DRIVERS = 12
_CUSTOMERS = 1000
_BINS = 80
_ROW_HEIGHT = 0.38
_WIDEST = 6.0  # log odds: further out a probability is 0 or 1 to the eye
_COLOURS = ("#2a6fbb", "#c9c5d3", "#c2410c")  # low, middle, high; apart for colour-blind readers too


class Explanation(Protocol):
    """What is read of a ``shap.Explanation``: effects (customers x drivers), drivers' values and names."""

    values: Any
    data: Any
    feature_names: Any


def strongest_drivers(explanation: Explanation, count: int = _DRIVERS) -> list[int]:
    """Columns of the drivers with the largest mean absolute effect above zero, strongest first."""
    strength = np.abs(_effects(explanation)).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:count]
    return [int(column) for column in order if strength[column] > 0]


def shap_summary(explanation: Explanation, language: Language = "en") -> Figure:
    """Effect of the strongest drivers on churn, one dot per customer, coloured by the driver's value.

    At most 1,000 customers are drawn, evenly picked from those given. Values that have no order (text,
    missing) are grey. Effects beyond 6 log odds are drawn at 6.

    Parameters
    ----------
    explanation
        A ``shap.Explanation`` of churn in log odds, values of shape (customers, drivers).
    language
        Words of the figure.
    """
    drawing = style.canvas("shap", language)
    effects = _effects(explanation)
    columns = strongest_drivers(explanation) if len(effects) else []
    if not columns:
        return style.nothing(drawing)
    axes = drawing.axes
    rows = np.unique(np.linspace(0, len(effects) - 1, min(_CUSTOMERS, len(effects))).astype(int))
    data = pd.DataFrame(explanation.data)
    for row, column in enumerate(columns):
        effect = np.clip(effects[rows, column], -_WIDEST, _WIDEST)
        shades = _shades(data.iloc[rows, column])
        # Thousands of dots as vectors would weigh megabytes: they become one picture inside the SVG.
        axes.scatter(effect, row + _spread(effect), c=shades, s=9, linewidths=0, rasterized=True)
    axes.axvline(0, color=style.MUTED, linewidth=1)
    style.data_labels(axes, [str(explanation.feature_names[column]) for column in columns])
    axes.set_ylim(len(columns) - 0.4, -0.6)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="x")
    _colour_key(drawing)
    return drawing.figure


def _effects(explanation: Explanation) -> NDArray[np.float64]:
    return np.asarray(explanation.values, dtype=float)


def _spread(effect: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets that lay crowded dots side by side: wide where many customers have the same effect."""
    span = np.ptp(effect)
    bins = np.floor((effect - effect.min()) / span * (_BINS - 1)) if span > 0 else np.zeros(effect.size)
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
    style.label_colour_key(key, [words["low"], words["high"]], words["feature_value"])
