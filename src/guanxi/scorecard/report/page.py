"""A scorecard as HTML: its section of a page, and its own page with the tables behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from guanxi.report.page import PageSection, environment
from guanxi.scorecard.report.content import ScorecardReport
from guanxi.scorecard.report.listings import Listing, shown_table
from guanxi.scorecard.report.section import section

_PACKAGE = "guanxi.scorecard.report"


def render_section(content: ScorecardReport) -> PageSection:
    """Write the section of a scorecard for another page.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    html = _render("scorecard.html", content)
    return PageSection("scorecard", content.words["scorecard"], html)


def render_scorecard(
    content: ScorecardReport,
    listings: Sequence[Listing],
    *,
    source: str,
    as_of: date,
    model_version: str,
    generated_by: str,
) -> str:
    """Write the page of a scorecard: a whole HTML document without scripts, to be written as UTF-8.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    page = {"source": source, "as_of": as_of, "model_version": model_version, "generated_by": generated_by}
    tables = [shown_table(each, content) for each in listings if len(each.table)]
    return _render("scorecard_page.html", content, page=page, listings=tables)


def _render(template: str, content: ScorecardReport, **shown: Any) -> str:
    words = {"t": content.words, "scorecard": section(content)}
    return environment(_PACKAGE).get_template(template).render(words | shown)
