"""Chapters of decisions on the page of ``guanxi run``: what they say, and that they never stop the run."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from guanxi.data.relations.tables import read_relations
from guanxi.errors import DataError
from guanxi.jobs import _decision_chapters
from guanxi.jobs._decision_chapters import decision_chapters
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.reporter import Reporter
from guanxi.params import load_params
from guanxi.registry.loaded_model import load_model
from guanxi.report.chapters import render_chapter

CALL = '{"action": "call", "cost": 2, "save_rate": 0.2, "save_rate_interval": [0.1, 0.3]}'
VISIT = '{"action": "<b>visit</b>", "cost": 9}'


class Heard(Reporter):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def chapters(store: Any, sample_log: Any) -> Any:
    """A function from settings to the chapters and the warnings."""
    loaded = load_model("models:/guanxi/1", store).of_transactions()
    day = sample_log.last_day
    predictions = _score_customers(sample_log, loaded, day, drivers=0)

    def write(*given: str, table: pd.DataFrame = predictions) -> Any:
        params, heard = load_params(None, list(given), {}), Heard()
        relations = read_relations(params, sample_log)
        found = decision_chapters(sample_log, relations, loaded, table, day, params, heard)
        return found, heard.warnings

    return write


def test_the_page_of_a_run_says_who_spends_and_where_the_rest_is(first_run):
    page = (first_run.folder / "output" / "report.html").read_text(encoding="utf-8")
    assert '<a href="#customer-base">The customer base: who spends, and what changed</a>' in page
    assert "From 1998-01-01 to 1998-06-30, 515 customers spent 42,867." in page
    assert "guanxi profit SOURCE -o DIR" in page
    assert 'id="plan"' not in page


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["brought a profit of", "at a loss take", "Not planned, since", "The plan treats"]),
        ("zh", ["带来利润", "亏损客户使其减少", "的效果未知", "方案对"]),
    ],
)
def test_with_costs_and_actions_profit_and_plan_open_with_their_answers(chapters, language, texts):
    given = ["clv.margin=0.3", "profit.cost_per_order=6", f"plan.actions=[{CALL}, {VISIT}]"]
    found, warnings = chapters(*given, "plan.budget=300", f"language={language}")
    assert warnings == []
    assert [chapter.anchor for chapter in found] == ["customer-base", "plan"]
    page = "".join(render_chapter(chapter, language).html for chapter in found)
    for text in texts:
        assert text in page
    assert found[0].paragraphs[0].startswith(("From 1998", "自1998"))
    assert found[1].paragraphs[0].startswith(("The plan treats", "方案对"))
    top = found[1].tables[1].table
    assert len(top) == 10
    assert top["gain"].is_monotonic_decreasing
    assert "<b>visit" not in page
    assert all(picture.uri for chapter in found for picture in chapter.pictures)


def test_without_any_known_effect_the_chapter_says_what_to_do(chapters):
    found, warnings = chapters(f"plan.actions=[{VISIT}]")
    assert warnings == []
    assert found[1].paragraphs == ["No action can be planned yet: the effect of none is known."]
    assert "--campaign FILE" in found[1].notices[0]


def test_what_cannot_be_computed_is_a_warning_and_no_chapter(chapters, monkeypatch):
    def refuse(_: Any, **__: Any) -> None:
        raise DataError("costs count twice")

    monkeypatch.setattr(_decision_chapters, "customer_base_chapter", refuse)
    call = '{"action": "call", "cost": 2, "save_rate": 0.2, "minimum": 9999}'
    found, warnings = chapters(f"plan.actions=[{call}]")
    assert found == []
    assert warnings[0] == "no chapter on the customer base: costs count twice"
    assert warnings[1].startswith("no chapter on the plan: ")


def test_a_plan_that_cannot_be_is_refused_before_anything_is_trained(command, tmp_path):
    ended = command("run", "cdnow-sample", "--set", f"plan.actions=[{CALL}]",
                    "--set", 'plan.channels={"fax": {"budget": 1}}')  # fmt: skip
    assert ended.code == 2
    assert "plan.channels names 'fax', which no action uses" in ended.error
    assert list(tmp_path.iterdir()) == []
