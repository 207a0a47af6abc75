"""The picture of a plan: budget against profit, with the plan's point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.decisions.budget._built_plan import Plan
from guanxi.report import style
from guanxi.report.words import words
from guanxi.served.texts import Language, number, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plan_words(language: Language) -> dict[str, str]:
    """Texts of the plan's page and picture, with those that all pages share."""
    return {**words(language), **texts("guanxi.decisions.budget", language)["page"]}


def draw_frontier(plan: Plan, language: Language) -> Figure:
    """Draw the most that each budget can earn, the plan, and what the last unit of its money earns."""
    drawing = style.canvas("frontier", language, plan_words)
    axes, t = drawing.axes, drawing.words
    curve = plan.frontier
    axes.plot(curve["budget"], curve["profit"], color=style.TEAL, linewidth=2.2)
    at = (plan.totals.spend, plan.mean_profit)
    axes.axhline(0.0, color=style.MUTED, linewidth=0.8)
    axes.plot(*at, marker="o", color=style.RUST, markersize=8, linestyle="none")
    price = plan.totals.shadow_price
    told = t["point_price"].format(price=number(price, 2)) if price > 0 else t["point_free"]
    right = at[0] > 0.55 * float(curve["budget"].max())
    style.note(axes, f"{t['point']}\n{told}", at, (-90 if right else 12, -80 if right else -46))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda amount, _: number(amount))
    axes.set_xlim(left=0.0)
    return drawing.figure
