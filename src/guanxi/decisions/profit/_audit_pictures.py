"""Figures of the customer-base audit: distributions, change of the profit, and cohorts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.decisions.profit._customer_base_audit import CHANGES
from guanxi.decisions.profit._distributions import MOST_ORDERS
from guanxi.decisions.profit._profit_pictures import money_scale, thin_labels
from guanxi.decisions.profit._profit_words import profit_words
from guanxi.report import style
from guanxi.served.texts import number, percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from guanxi.served.texts import Language

_MOST_COHORTS = 12
_NAMED = ("first", "last")


def spread(distributions: pd.DataFrame, measure: str, language: Language = "en") -> Figure:
    """Plot the share of customers by orders, spend or profit.

    Parameters
    ----------
    distributions
        Of :func:`guanxi.decisions.profit._customer_base_audit.one_period`.
    measure
        A ``measure`` of it.
    """
    drawing = style.canvas(f"spread_{measure}", language, profit_words)
    axes, part = drawing.axes, distributions[distributions["measure"] == measure]
    names = _classes(part, measure)
    below = (part["upper"] <= 0).to_numpy()
    colours = np.where(below, style.RUST, style.TEAL)
    axes.bar(range(len(part)), part["share"], color=list(colours), width=0.82)
    axes.set_xticks(range(len(part)), names)
    if len(part) > MOST_ORDERS:
        axes.tick_params(axis="x", labelrotation=60, labelsize=8.5)
    axes.yaxis.set_major_formatter(lambda share, _: percent(share))
    axes.grid(visible=False, axis="x")
    return drawing.figure


def _classes(part: pd.DataFrame, measure: str) -> list[str]:
    if measure == "orders":
        return [
            number(low) + ("" if np.isfinite(up) else "+")
            for low, up in zip(part["lower"], part["upper"], strict=True)
        ]
    step = float(np.diff(part["lower"].to_numpy()[1:3])[0]) if len(part) > 3 else 1.0
    decimals = 0 if step >= 1 else 2
    return [
        f"< {number(up, decimals)}"
        if not np.isfinite(low)
        else number(low, decimals) + ("" if np.isfinite(up) else "+")
        for low, up in zip(part["lower"], part["upper"], strict=True)
    ]


def bridge(
    changes: pd.DataFrame,
    language: Language = "en",
    texts: Callable[[Language], dict[str, str]] = profit_words,
) -> Figure:
    """Plot the way from the profit of one period to that of the next, by group of customers."""
    drawing = style.canvas("bridge", language, texts)
    if changes.empty:
        return style.nothing(drawing)
    axes, text = drawing.axes, drawing.words
    groups = changes.set_index("group").loc[[name for name in CHANGES if name != "same"][::-1]]
    before, after = changes["profit_before"].sum(), changes["profit_after"].sum()
    levels = before + groups["change"].cumsum()
    starts = levels - groups["change"]
    axes.bar([0, len(groups) + 1], [before, after], color=style.MUTED, width=0.66)
    colours = [style.TEAL if change >= 0 else style.RUST for change in groups["change"]]
    axes.bar(range(1, len(groups) + 1), groups["change"], bottom=starts, color=colours, width=0.66)
    tops = [before, *np.maximum(starts, levels), after]
    values = [before, *groups["change"], after]
    for place, (top, value) in enumerate(zip(tops, values, strict=True)):
        axes.annotate(
            number(value), (place, max(top, 0)), xytext=(0, 4), textcoords="offset points", ha="center",
            color=style.INK, fontsize=8,
        )  # fmt: skip
    names = [text["bridge_before"], *(text[f"change_{name}"] for name in groups.index), text["bridge_after"]]
    axes.set_xticks(range(len(names)), names, fontfamily=axes.xaxis.label.get_fontfamily())
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.grid(visible=False, axis="x")
    # Without the sticky ends of the bars there is room for the numbers above them.
    axes.use_sticky_edges = False
    axes.margins(y=0.12)
    if min(before, after, levels.min()) >= 0:
        axes.set_ylim(bottom=0)
    money_scale(axes.yaxis)
    return drawing.figure


def cohort_profit(cohorts: pd.DataFrame, language: Language = "en") -> Figure:
    """Plot the profit of each period, stacked by cohort; beyond 12 cohorts the oldest are one."""
    drawing = style.canvas("cohort_profit", language, profit_words)
    names = sorted(cohorts["cohort"].unique())
    kept = names[-_MOST_COHORTS:]
    merged = cohorts.assign(cohort=cohorts["cohort"].where(cohorts["cohort"].isin(kept), kept[0]))
    grid = merged.pivot_table(
        index="period", columns="cohort", values="profit", aggfunc="sum", fill_value=0.0
    )
    axes, places = drawing.axes, np.arange(len(grid))
    above, below = np.zeros(len(grid)), np.zeros(len(grid))
    for cohort, colour in zip(grid.columns, _scale(len(grid.columns)), strict=True):
        values = grid[cohort].to_numpy()
        base = np.where(values >= 0, above, below)
        axes.bar(places, values, bottom=base, color=colour, width=0.84, label=str(cohort))
        above += np.clip(values, 0, None)
        below += np.clip(values, None, 0)
    axes.set_xticks(places, [str(period) for period in grid.index])
    thin_labels(axes, 5)
    axes.grid(visible=False, axis="x")
    money_scale(axes.yaxis)
    _cohort_names(drawing, drawing.words["cohort_older"] if len(names) > len(kept) else "")
    return drawing.figure


def cohort_lines(cohorts: pd.DataFrame, measure: str, language: Language = "en") -> Figure:
    """Plot a measure of each cohort by period, with the mean of all buyers as a thick line."""
    drawing = style.canvas(f"cohort_{measure}", language, profit_words)
    axes = drawing.axes
    periods = sorted(cohorts["period"].unique())
    grid = cohorts.pivot_table(index="period", columns="cohort", values=measure).reindex(periods)
    for cohort, colour in zip(grid.columns, _scale(len(grid.columns)), strict=True):
        axes.plot(
            range(len(grid)), grid[cohort], "-", marker=".", color=colour, linewidth=1.3, label=str(cohort)
        )
    axes.set_xticks(range(len(grid)), [str(period) for period in grid.index])
    thin_labels(axes, 5)
    axes.set_ylim(bottom=0)
    money_scale(axes.yaxis)
    _cohort_names(drawing, "")
    return drawing.figure


def _scale(count: int) -> list[str]:
    """Colours from the oldest cohort to the newest."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    scale = LinearSegmentedColormap.from_list("cohorts", ["#c9d6d3", style.TEAL, "#0b2f4a", style.RUST])
    return [to_hex(scale(place)) for place in np.linspace(0, 1, max(count, 2))][:count]


def _cohort_names(drawing: style.Canvas, first: str) -> None:
    """Name the oldest and the newest cohort; the colours between run from one to the other."""
    axes = drawing.axes
    marks, names = axes.get_legend_handles_labels()
    ends = [(marks[0], f"{first}{names[0]}"), (marks[-1], names[-1])][: len(marks)]
    drawing.figure.legend(
        [mark for mark, _ in ends],
        [
            drawing.words[f"cohort_{place}"].format(cohort=name)
            for place, (_, name) in zip(_NAMED, ends, strict=False)
        ],
        loc="outside upper left",
        frameon=False,
        labelcolor=style.INK,
        prop={"family": list(axes.xaxis.label.get_fontfamily()), "size": 9.5},
        ncols=2,
    )
