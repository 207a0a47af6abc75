"""The figures of a scorecard, each with its title, its sentence and its description for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.report.pictures import Picture, picture
from guanxi.scorecard.report import figures as figures
from guanxi.scorecard.report import summaries as summaries
from guanxi.scorecard.report.page_words import page_words
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from guanxi.scorecard.report.content import ScorecardReport


def pictures(content: ScorecardReport, language: Language) -> list[Picture]:
    """Draw what there is to show: always tiers and points, value and churn and moves where they are known."""
    drawn = [_radar(content, language), _contributions(content, language)]
    if {"clv", "churn_probability"} <= set(content.table.columns):
        drawn.append(_quadrant(content.table, language))
    if content.migration is not None:
        drawn.append(_migration(content.migration, summaries.tiers_of(content.table), language))
    return drawn


def _named(names: Sequence[str], content: ScorecardReport, language: Language) -> dict[str, str]:
    return {name: content.label(name, language) for name in names}


def _radar(content: ScorecardReport, language: Language) -> Picture:
    t = page_words(language)
    dimensions = [str(name) for name in content.weights["dimension"].unique()]
    means = summaries.dimension_means(content.table, dimensions)
    furthest = summaries.furthest_apart(means)
    caption = t["nothing"]
    if furthest is not None:
        caption = t["radar_text"].format(dimension=content.label(furthest, language))
    figure = figures.radar(means, _named(dimensions, content, language), language)
    return picture(figure, "radar", caption, t)


def _contributions(content: ScorecardReport, language: Language) -> Picture:
    t = page_words(language)
    indicators = [str(name) for name in content.weights["indicator"]]
    points = summaries.mean_points(content.table, indicators)
    furthest = summaries.furthest_apart(points)
    caption = t["nothing"]
    if furthest is not None:
        caption = t["contributions_text"].format(indicator=content.label(furthest, language))
    figure = figures.contributions(points, _named(indicators, content, language), language)
    return picture(figure, "contributions", caption, t)


def _quadrant(table: pd.DataFrame, language: Language) -> Picture:
    t = page_words(language)
    cells = summaries.quadrants(table)
    caption = t["nothing"]
    if cells is not None:
        share = percent(cells.leaving_share)
        caption = t["quadrant_text"].format(count=number(cells.leaving), share=share)
    figure = figures.quadrant(cells, summaries.tiers_of(table), language)
    return picture(figure, "quadrant", caption, t)


def _migration(matrix: pd.DataFrame, tiers: Sequence[str], language: Language) -> Picture:
    t = page_words(language)
    moved = summaries.moves(matrix, tiers)
    both = moved.stayed + moved.up + moved.down
    caption = t["migration_none"]
    if both > 0:
        shares = {name: percent(getattr(moved, name) / both) for name in ("stayed", "up", "down")}
        caption = t["migration_text"].format(**shares)
    return picture(figures.migration(matrix, language), "migration", caption, t)
