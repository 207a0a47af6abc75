"""Waterfall of one customer's churn: from the average log odds, driver by driver, to the customer's."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from guanxi.report import style
from guanxi.served.ordering import falling
from guanxi.served.texts import number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from guanxi.served.texts import Language

_NAMED = 9
_SHOWN = 0.005  # smaller effects would be shown as 0.00
_LETTERS = {"en": 30, "zh": 20}  # per line; Chinese characters are twice as wide
_LINES = 3
# Candidate ticks by priority: one too close to an earlier one is left out.
_PROBABILITIES = (
    0.5, 0.25, 0.75, 0.1, 0.9, 0.01, 0.99, 0.05, 0.95, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.001, 0.999,
)  # fmt: skip
_TICK_DISTANCE = 0.09  # of the width of the axes


class _Step(NamedTuple):
    text: str
    start: float
    end: float


def waterfall(
    effects: pd.Series[float],
    texts: Mapping[str, str],
    base: float,
    title: str,
    language: Language = "en",
) -> Figure:
    """Draw the drivers of one customer's churn, strongest first.

    Parameters
    ----------
    effects
        Effect of each driver on the log odds of churn, by the driver's name. Those without effect are
        omitted; those that would be shown as 0.00, and beyond ten drivers the weakest, are summed.
    texts
        Text of each driver; without one, its name is shown.
    base
        Log odds of the average customer; with the effects it adds up to this customer's.
    title
        Such as the customer's name, below the heading; lines that are too long are shortened.
    language
        Language of the figure and of the texts; English and the drivers' names where no Chinese font is
        installed.

    Examples
    --------
    >>> figure = waterfall(pd.Series({"rhythm": 0.7}), {"rhythm": "90 days of silence"}, -0.7, "C-1")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['average customer: 33 %', '90 days of silence', 'this customer: 50 %']
    """
    drawing = style.canvas("shap", language)
    words = drawing.words
    drawn: Language = "en" if words["lang"] == "en" else "zh"
    axes, fonts = drawing.axes, drawing.axes.xaxis.label.get_fontfamily()
    steps = list(_steps(effects, texts if drawn == language else {}, base, words["other_drivers"]))
    log_odds = base + float(effects.sum())
    labels = [words["average_customer"].format(value=percent(float(expit(base))))]
    labels += [step.text for step in steps]
    labels += [words["this_customer"].format(value=percent(float(expit(log_odds))))]
    _draw(axes, steps, base, log_odds)
    style.data_labels(axes, labels)
    axes.set_yticklabels([_wrapped(label, drawn) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(words["waterfall_effect"])
    axes.set_ylabel("")
    axes.grid(visible=False, axis="y")
    _probability_scale(axes, words["waterfall_probability"], fonts)
    lines = "\n".join([words["waterfall_heading"], *(style.drawable(line) for line in title.splitlines())])
    axes.set_title(lines, color=style.INK, fontsize=12, fontfamily=fonts, parse_math=False, pad=12)
    drawing.figure.set_size_inches(7.4, 1.7 + 0.5 * len(labels))
    return drawing.figure


def _strongest(effects: pd.Series[float]) -> tuple[pd.Series[float], pd.Series[float]]:
    """Split the non-zero effects into those named, strongest first, and those summed.

    Examples
    --------
    >>> named, summed = _strongest(pd.Series({"loyalty": -0.1, "season": 0.0, "rhythm": 0.7}))
    >>> list(named.index), len(summed)
    (['rhythm', 'loyalty'], 0)
    """
    moving = effects[effects != 0.0]
    ordered = moving.iloc[falling(np.abs(moving.to_numpy()))]
    # A single remaining driver is named, since its sum would take as much room.
    named = _NAMED if len(ordered) > _NAMED + 1 else len(ordered)
    shown = int((ordered.abs() >= _SHOWN).sum())
    named = min(named, shown) if len(ordered) - shown > 1 else named
    return ordered.iloc[:named], ordered.iloc[named:]


def _steps(effects: pd.Series[float], texts: Mapping[str, str], base: float, others: str) -> Iterator[_Step]:
    named, summed = _strongest(effects)
    at = base
    for driver, effect in named.items():
        yield _Step(texts.get(str(driver)) or str(driver), at, at + effect)
        at += effect
    if len(summed):
        yield _Step(others.format(count=len(summed)), at, at + float(summed.sum()))


def _draw(axes: Axes, steps: list[_Step], base: float, log_odds: float) -> None:
    last = len(steps) + 1
    for row, step in enumerate(steps, start=1):
        effect = step.end - step.start
        colour = style.RUST if effect > 0 else style.TEAL
        axes.barh(row, effect, left=step.start, height=0.62, color=colour)
        side, align = (5, "left") if effect > 0 else (-5, "right")
        axes.annotate(
            "≈ 0" if abs(effect) < _SHOWN else ("+" if effect > 0 else "") + number(effect, 2),
            (step.end, row),
            xytext=(side, 0),
            textcoords="offset points",
            ha=align,
            va="center",
            color=style.INK,
            fontsize=9.5,
        )
        axes.plot([step.start] * 2, [row - 1, row], color=style.MUTED, linewidth=0.8, zorder=0)
    axes.plot([log_odds] * 2, [last - 1, last], color=style.MUTED, linewidth=0.8, zorder=0)
    axes.plot([base, log_odds], [0, last], "o", color=style.INK, markersize=7)
    ends = [base, log_odds, *(step.end for step in steps)]
    # Room for the numbers next to the bars, and a minimum width if there are no effects.
    room = max(0.14 * (max(ends) - min(ends)), 0.1)
    axes.set_xlim(min(ends) - room, max(ends) + room)


def _probability_scale(axes: Axes, label: str, fonts: list[str]) -> None:
    """Add an upper axis with the probabilities of the log odds."""
    low, high = axes.get_xlim()
    above = axes.secondary_xaxis("top")
    ticks: list[float] = []
    for share in _PROBABILITIES:
        at = float(np.log(share / (1 - share)))
        if low <= at <= high and all(abs(at - tick) > _TICK_DISTANCE * (high - low) for tick in ticks):
            ticks.append(at)
    above.set_xticks(ticks, [f"{100 * float(expit(tick)):.3g}" for tick in ticks])
    above.tick_params(colors=style.MUTED, labelcolor=style.INK, labelsize=10)
    above.spines["top"].set_color(style.MUTED)
    above.set_xlabel(label, color=style.INK, fontsize=10.5, fontfamily=fonts)


def _wrapped(text: str, language: Language) -> str:
    lines = textwrap.wrap(text, _LETTERS[language], max_lines=_LINES, placeholder=" …")
    return "\n".join(style.drawable(line.replace("\u00a0", " ")) for line in lines)
