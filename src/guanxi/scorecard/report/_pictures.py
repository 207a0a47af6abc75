"""Figures of a scorecard with title, sentence and alternative text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from guanxi.report.pictures import Picture, picture
from guanxi.scorecard.report import _figures, _summaries
from guanxi.scorecard.report._content import ScorecardReport
from guanxi.served.texts import number, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def drawings(content: ScorecardReport) -> dict[str, Callable[[], Figure]]:
    """Available figures by name with their plot functions; value, churn and migration only if known."""
    table, language, moved = content.table, content.language, content.migration
    drawn: dict[str, Callable[[], Figure]] = {
        "radar": lambda: _figures.radar(_means(content), _named(content, "dimension"), language),
        "contributions": lambda: _figures.contributions(
            _points(content), _named(content, "indicator"), language
        ),
    }
    if all(name in table and table[name].notna().any() for name in ("clv", "churn_probability")):
        drawn["quadrant"] = lambda: _figures.quadrant(
            _summaries.quadrants(table), _summaries.tiers_of(table), language
        )
    if moved is not None:
        drawn["migration"] = lambda: _figures.migration(moved, language)
    return drawn


def pictures(content: ScorecardReport) -> list[Picture]:
    """Draw the available figures and describe each in a sentence."""
    t = content.words
    captions = {
        "radar": lambda: _widest_gap(content, _means(content), "radar_text", "dimension"),
        "contributions": lambda: _widest_gap(content, _points(content), "contributions_text", "indicator"),
        "quadrant": lambda: _leaving(content),
        "migration": lambda: _moved(content),
    }
    return [picture(draw, name, captions[name](), t) for name, draw in drawings(content).items()]


def _named(content: ScorecardReport, column: str) -> dict[str, str]:
    return {str(name): content.label(name) for name in content.weights[column].unique()}


def _means(content: ScorecardReport) -> pd.DataFrame:
    return _summaries.dimension_means(content.table, list(_named(content, "dimension")))


def _points(content: ScorecardReport) -> pd.DataFrame:
    return _summaries.mean_points(content.table, list(_named(content, "indicator")))


def _widest_gap(content: ScorecardReport, means: pd.DataFrame, text: str, what: str) -> str:
    furthest = _summaries.furthest_apart(means)
    if furthest is None:
        return content.words["nothing"]
    return content.words[text].format(**{what: content.label(furthest)})


def _leaving(content: ScorecardReport) -> str:
    cells = _summaries.quadrants(content.table)
    if cells is None:
        return content.words["nothing"]
    share = percent(cells.leaving_share)
    return content.words["quadrant_text"].format(count=number(cells.leaving), share=share)


def _moved(content: ScorecardReport) -> str:
    if content.migration is not None:
        moved = _summaries.moves(content.migration, _summaries.tiers_of(content.table))
        both = moved.stayed + moved.up + moved.down
        if both > 0:
            shares = {name: percent(getattr(moved, name) / both) for name in ("stayed", "up", "down")}
            return content.words["migration_text"].format(**shares)
    return content.words["migration_none"]
