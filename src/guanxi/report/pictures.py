"""The figures of the page, each with title, caption and alternative text."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.data.sources.source_table import first_line
from guanxi.periods import add_days
from guanxi.report import _summaries, figures, style
from guanxi.report.figures import _strongest_drivers
from guanxi.report.words import feature_in_words, words
from guanxi.served.texts import MISSING, Language, number, percent

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.figure import Figure

    from guanxi.report.figures import Explanation


@dataclass(frozen=True)
class Picture:
    """A figure embedded as an image, with its texts; without ``uri`` if it could not be drawn."""

    uri: str
    title: str
    alt: str
    caption: str


def picture(draw: Callable[[], Figure], plot: str, caption: str, t: dict[str, str]) -> Picture:
    """Embed a figure as a data address: in an image, SVG can neither run nor load anything.

    One that cannot be drawn does not stop the page: it says so in its place, and a warning tells why.
    """
    title = t[plot]
    try:
        image = style._svg(draw())
    except Exception as error:
        logging.getLogger("guanxi").warning("the picture %r was not drawn: %s", title, first_line(error))
        return Picture("", title, t["not_drawn"], caption)
    uri = "data:image/svg+xml;base64," + b64encode(image.encode()).decode()
    alt = t["chart"].format(title=title, x=t[f"x_{plot}"], y=t[f"y_{plot}"])
    return Picture(uri, title, alt, caption)


def _value(predictions: pd.DataFrame, language: Language) -> Picture:
    """Draw the concentration of the expected value."""
    t = words(language)
    curve = _summaries.concentration(predictions)
    caption = t["nothing"]
    if curve is not None:
        top10, top20 = percent(curve.held_by(0.1)), percent(curve.held_by(0.2))
        caption = t["concentration_text"].format(top10=top10, top20=top20)
    return picture(lambda: figures.value_concentration(predictions, language), "concentration", caption, t)


def _held_out(
    holdout: pd.DataFrame, first_day: date, tracking: pd.DataFrame, language: Language
) -> list[Picture]:
    """Predictions against outcomes in the holdout window that begins on `first_day`."""
    return [
        _calibration(holdout, language),
        _by_frequency(holdout, language),
        _tracking(tracking, add_days(first_day, -1), language),
        _lift(holdout, language),
    ]


def _calibration(holdout: pd.DataFrame, language: Language) -> Picture:
    t = words(language)
    reliability = _summaries.reliability(holdout)
    caption = t["nothing"]
    if len(reliability):
        weights = reliability["customers"]
        caption = t["calibration_text"].format(
            predicted=percent(float(np.average(reliability["predicted"], weights=weights)), 1),
            observed=percent(float(np.average(reliability["observed"], weights=weights)), 1),
            gap=number(_summaries.calibration_gap(reliability) * 100, 1),
        )
    return picture(lambda: figures.calibration(holdout, language), "calibration", caption, t)


def _by_frequency(holdout: pd.DataFrame, language: Language) -> Picture:
    t = words(language)
    expected, actual = float(holdout["expected_purchases"].sum()), float(holdout["purchases"].sum())
    caption = t["by_frequency_text"].format(
        expected=number(expected), actual=number(actual), difference=_difference(expected, actual, t)
    )
    return picture(lambda: figures.purchases_by_frequency(holdout, language), "by_frequency", caption, t)


def _tracking(tracking: pd.DataFrame, cutoff: date, language: Language) -> Picture:
    t = words(language)
    caption = t["nothing"]
    if len(tracking):
        last = tracking.iloc[-1]
        caption = t["tracking_text"].format(
            date=pd.Timestamp(last["date"]).date(),
            expected=number(last["expected"]),
            actual=number(last["actual"]),
            difference=_difference(float(last["expected"]), float(last["actual"]), t),
        )
    return picture(lambda: figures.tracking(tracking, cutoff, language), "tracking", caption, t)


def _difference(expected: float, actual: float, t: dict[str, str]) -> str:
    return _summaries.difference_in_words(_summaries.relative_difference(expected, actual), t)


def _lift(holdout: pd.DataFrame, language: Language) -> Picture:
    t = words(language)
    sentences = []
    for key, score, outcome in (
        ("lift_churn_text", "churn_probability", "churned"),
        ("lift_spend_text", "expected_spend_total", "spend"),
    ):
        curve = _summaries.gains(holdout[score], holdout[outcome]) if outcome in holdout else None
        if curve is not None:
            held = curve.held_by(0.1)
            sentences.append(t[key].format(share=percent(held), lift=number(held / 0.1, 1)))
    caption = " ".join(sentences) or t["nothing"]
    return picture(lambda: figures.lift(holdout, language), "lift", caption, t)


def _shap(explanation: Explanation | None, language: Language) -> Picture | None:
    """Draw the drivers of churn probability; None without an explanation."""
    if explanation is None:
        return None
    t = words(language)
    names = [
        feature_in_words(str(explanation.feature_names[i]), language)
        for i in _strongest_drivers(explanation, 3)
    ]
    caption = t["shap_text"].format(
        customers=number(len(explanation.values)), features=t["answer_and"].join(names) or MISSING
    )
    return picture(lambda: figures.shap_summary(explanation, language), "shap", caption, t)
