"""A scorecard as HTML: a section for another page, and a full page with all tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from guanxi.report.chapters import Chapter, render_chapter, shown_cells
from guanxi.report.page import PageSection, environment
from guanxi.scorecard.report import _summaries
from guanxi.scorecard.report._content import ScorecardReport
from guanxi.scorecard.report._findings import attention_tables
from guanxi.scorecard.report._listings import Listing, shown_table
from guanxi.scorecard.report._pictures import pictures
from guanxi.served.texts import number, percent

_PACKAGE = "guanxi.scorecard.report"


def render_section(content: ScorecardReport) -> PageSection:
    """Render the section of a scorecard for another page; DataError if a table lacks a column."""
    attention = [shown_cells(table, content.language) for table in attention_tables(content)]
    html = _render("scorecard.html", content, attention=attention)
    return PageSection("scorecard", content.words["scorecard"], html)


def render_scorecard(
    content: ScorecardReport,
    listings: Sequence[Listing],
    *,
    chapters: Sequence[Chapter] = (),
    source: str,
    as_of: date,
    model_version: str,
    generated_by: str,
) -> str:
    """Render the page of a scorecard: a complete HTML document without scripts, to be saved as UTF-8.

    The first chapter comes first, before the tiers; what the score is made of comes last. Raises DataError if
    a table lacks a column.
    """
    page = {"source": source, "as_of": as_of, "model_version": model_version, "generated_by": generated_by}
    known = [each for each in listings if len(each.table)]
    shown = {
        "results": [shown_table(each, content) for each in known if not each.of_method],
        "method": [shown_table(each, content) for each in known if each.of_method],
        "sections": [render_chapter(chapter, content.language) for chapter in chapters],
    }
    return _render("scorecard_page.html", content, page=page, **shown)


def _render(template: str, content: ScorecardReport, **shown: Any) -> str:
    words = {"t": content.words, "scorecard": section_content(content)}
    return environment(_PACKAGE).get_template(template).render(words | shown)


def section_content(content: ScorecardReport) -> dict[str, Any]:
    """Collect the values for the template of the section; DataError if a table lacks a column."""
    content.check()
    t = content.words
    known = content.table["score"].notna()
    used = content.weights[content.weights["weight"] > 0]
    note = t["scorecard_note"].format(
        indicators=len(used),
        dimensions=used["dimension"].nunique(),
        customers=number(known.sum()),
        score=number(content.table["score"].mean(), 1),
    )
    unknown = t["scorecard_unknown"].format(count=number((~known).sum()))
    return {
        "note": note if known.all() else f"{note} {unknown}",
        "notices": list(content.notes),
        "tiers": _tier_rows(content),
        "stability": content.stability_text(),
        "pictures": pictures(content),
        "method": content.method_text(),
        "consistency": content.consistency_text(),
        "methods": content.methods,
        "weights": weight_rows(content),
    }


def _tier_rows(content: ScorecardReport) -> list[dict[str, str]]:
    """Summarise the tiers for a table."""
    t = content.words
    return [
        {
            "tier": t["tier_unknown"] if tier == _summaries.NO_TIER else t.get(f"tier_{tier}", str(tier)),
            "customers": number(row["customers"]),
            "share": percent(row["share"]),
            "score": number(row["score"], 1),
            "value": number(row["value"]),
            "value_share": percent(row["value_share"]),
            "churn": percent(row["churn"]),
        }
        for tier, row in _summaries.by_tier(content.table).iterrows()
    ]


def weight_rows(content: ScorecardReport) -> list[dict[str, Any]]:
    """Rows of the table of weights, by dimension and indicator in descending order."""
    return [
        {
            "indicator": content.label(row["indicator"]),
            "dimension": content.label(row["dimension"]),
            "unit": content.unit(row["indicator"]),
            "period": content.period(row["indicator"]),
            "weight": percent(row["weight"], 1),
            "own": [percent(row[name], 1) for name in content.methods],
        }
        for row in content.ordered_weights().to_dict("records")
    ]
