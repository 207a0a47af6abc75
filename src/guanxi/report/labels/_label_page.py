"""Chapters of the page of a model of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.report import _summaries, pictures
from guanxi.report._attribute_groups import leavers_by_group
from guanxi.report._lists import MOST_DRIVERS, drivers_in_words
from guanxi.report._quality import calibration_table, measures_table
from guanxi.report._sections import Tile
from guanxi.report.chapters import Chapter, ShownTable, render_document
from guanxi.served.ordering import falling
from guanxi.served.texts import Language, number, percent, texts

if TYPE_CHECKING:
    from guanxi.report.figures import Explanation

_LISTED = 30


@dataclass(frozen=True)
class LabelReport:
    """Contents of the page.

    Attributes
    ----------
    source, model_version, language, generated_by
        As of :class:`guanxi.report.RunReport`.
    label : str
        Column that tells who left.
    folds : int
        Of the cross-validation.
    customers : pandas.DataFrame
        One row per customer: ``customer_id, churned`` and the prediction of a model that had not seen the
        customer: ``churn_probability``, ``driver_1_text``, ``driver_1_effect`` and so on.
    attributes : pandas.DataFrame
        Of the customers, in the same order: numbers, or text.
    metrics : pandas.DataFrame
        ``target, model, metric, value, standard_deviation``; models are ``guanxi`` and ``share of churners``.
    explanation : shap.Explanation
        Of a sample of customers.
    warnings : sequence of str
        On columns left out, and on columns that may leak the label.
    facts : sequence of (str, str)
        Label and value of facts about the data.
    """

    source: str
    model_version: str
    language: Language
    generated_by: str
    label: str
    folds: int
    customers: pd.DataFrame = field(repr=False)
    attributes: pd.DataFrame = field(repr=False)
    metrics: pd.DataFrame = field(repr=False)
    explanation: Explanation = field(repr=False)
    warnings: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()


def render_labels(content: LabelReport) -> str:
    """Render the page as a complete HTML document without scripts, to be saved as UTF-8."""
    say = texts("guanxi.report.labels", content.language)
    return render_document(
        say["page"]["title"],
        [
            _headline(content, say["page"]),
            _at_risk(content, say["page"]),
            _why(content, say["page"]),
            _trust(content, say["page"]),
            _data(content, say),
        ],
        source=content.source,
        as_of=None,
        model_version=content.model_version,
        language=content.language,
        generated_by=content.generated_by,
    )


def _here(content: LabelReport) -> pd.DataFrame:
    """Select the customers who have not left, the likeliest to leave first."""
    here = content.customers[content.customers["churned"] == 0.0]
    return here.iloc[falling(here["churn_probability"])]


def _headline(content: LabelReport, t: dict[str, str]) -> Chapter:
    customers, here = content.customers, _here(content)
    likely = int((here["churn_probability"] > _summaries.LEAVING).sum())
    left = float(customers["churned"].mean())
    tiles = [
        Tile(t["customers"], number(len(customers)), t["customers_note"].format(here=number(len(here)))),
        Tile(t["left"], percent(left), t["left_note"].format(label=content.label)),
        Tile(
            t["likely"],
            number(likely),
            t["likely_note"].format(share=percent(likely / len(here) if len(here) else 0.0)),
        ),
        *_found(customers, t),
    ]
    return Chapter("headline", t["headline"], [t["headline_text"]], content.warnings, tiles=tiles)


def _found(customers: pd.DataFrame, t: dict[str, str]) -> list[Tile]:
    curve = _summaries.gains(customers["churn_probability"], customers["churned"])
    if curve is None:
        return []
    held = curve.held_by(0.1)
    return [Tile(t["found"], percent(held), t["found_note"].format(lift=number(held / 0.1, 1)))]


def _at_risk(content: LabelReport, t: dict[str, str]) -> Chapter:
    here = _here(content).head(_LISTED)
    drivers = [drivers_in_words(row, content.language)[:MOST_DRIVERS] for row in here.to_dict("records")]
    table = here[["customer_id", "churn_probability"]].assign(drivers=pd.Series(drivers, here.index))
    headings = {"customer_id": t["customer"], "churn_probability": t["churn_probability"]}
    if any(drivers):
        headings["drivers"] = t["drivers"]
    shown = ShownTable(t["at_risk"], table, headings, shares=("churn_probability",))
    text = t["at_risk_text"].format(count=number(len(here)), folds=content.folds)
    return Chapter("at-risk", t["at_risk"], [text], tables=[shown])


def _why(content: LabelReport, t: dict[str, str]) -> Chapter:
    drawn = pictures._shap(content.explanation, content.language)
    groups = leavers_by_group(content.customers, content.attributes, content.explanation, content.language)
    headings = {
        "attribute": t["attribute"],
        "group": t["group"],
        "customers": t["customers"],
        "observed": t["observed"],
        "predicted": t["predicted"],
    }
    shown = ShownTable(t["groups"], groups, headings, shares=("observed", "predicted"), note=t["groups_note"])
    return Chapter("why", t["why"], [t["why_text"]], pictures=[drawn] if drawn else [], tables=[shown])


def _trust(content: LabelReport, t: dict[str, str]) -> Chapter:
    customers = content.customers
    return Chapter(
        "trust",
        t["trust"],
        [t["trust_text"].format(customers=number(len(customers)), folds=content.folds)],
        [t["no_dates"], t["no_cause"]],
        [
            pictures._calibration(customers, content.language),
            pictures._lift(customers, content.language),
        ],
        [measures_table(content.metrics, t, content.language), calibration_table(customers, t)],
    )


def _data(content: LabelReport, say: dict[str, dict[str, str]]) -> Chapter:
    t = say["page"]
    facts = pd.DataFrame(content.facts, columns=["fact", "value"])
    glossary = pd.DataFrame(say["glossary"], columns=["term", "meaning"])
    return Chapter(
        "data",
        t["data"],
        tables=[
            ShownTable(t["facts"], facts, {"fact": t["fact"], "value": t["fact_value"]}),
            ShownTable(t["glossary"], glossary, {"term": t["term"], "meaning": t["meaning"]}),
        ],
    )
