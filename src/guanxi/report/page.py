"""The page of a run: one self-contained HTML file that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guanxi.errors import DataError
from guanxi.periods import add_days
from guanxi.report import _sections, pictures
from guanxi.report.words import _glossary, words
from guanxi.served.texts import number

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from jinja2 import Environment

    from guanxi.report.figures import Explanation
    from guanxi.served.texts import Language

_COLUMNS: dict[str, tuple[str, ...]] = {
    "predictions": (
        "customer_id",
        "recency",
        "T",
        "expected_purchases",
        "clv",
        "clv_lower",
        "clv_upper",
        "churn_probability",
        "next_purchase_date",
    ),
    "holdout": (
        "frequency",
        "expected_purchases",
        "purchases",
        "expected_spend_total",
        "spend",
        "churn_probability",
        "churned",
    ),
    "rejected": ("rule", "lines", "share"),
    "metrics": ("target", "model", "metric", "value"),
    "tracking": ("date", "actual", "expected"),
}


@dataclass(frozen=True)
class PageSection:
    """A section of the page that was written elsewhere: its ``id``, heading and HTML, all of it escaped."""

    anchor: str
    heading: str
    html: str


@dataclass(frozen=True)
class RunReport:
    """What a run has to show.

    Attributes
    ----------
    source, as_of, horizon_days, model_version, generated_by
        Where the data is from, the cutoff of the predictions, how many days they look ahead, the model
        that made them and the program that made the page.
    language
        Words of the page: ``en`` or ``zh``.
    data_facts
        Label and value of what is known about the data (lines read, customers, span).
    rejected
        `rule, lines, share` (of the lines read) of the lines not used.
    warnings
        Sentences on the data that a reader should know.
    predictions
        The prediction table, one row per customer; with `driver_<k>_text` and `driver_<k>_effect` where
        drivers were asked for.
    holdout
        One row per customer known at the earlier cutoff: `frequency, expected_purchases, purchases,
        expected_spend_total, spend, churn_probability, churned`; None without a held-out window.
    holdout_window
        First and last day held out.
    metrics
        `target, model, metric, value`; the model named ``guanxi`` is shown first.
    tracking
        `date, actual, expected`: cumulative repeat purchases.
    explanation
        A ``shap.Explanation`` of churn for a sample of customers.
    sections
        What other parts of guanxi have to show, after the customers at risk.
    """

    source: str
    as_of: date
    horizon_days: int
    model_version: str
    language: Language
    generated_by: str
    data_facts: list[tuple[str, str]]
    rejected: pd.DataFrame
    warnings: list[str]
    predictions: pd.DataFrame
    holdout: pd.DataFrame | None
    holdout_window: tuple[date, date] | None
    metrics: pd.DataFrame
    tracking: pd.DataFrame
    explanation: Explanation | None
    sections: Sequence[PageSection] = ()


def render(content: RunReport) -> str:
    """Write the page of a run.

    Everything that comes from the data is escaped; figures are images inside the page, and its content
    security policy forbids scripts and anything from outside.

    Returns
    -------
    str
        A whole HTML document, to be written as UTF-8.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    check_columns(content, _COLUMNS, "report")
    language = content.language
    page = {
        "t": words(language),
        "glossary": _glossary(language),
        "content": content,
        "end": add_days(content.as_of, content.horizon_days),
        "tiles": _sections.tiles(content.predictions, content.as_of, content.horizon_days, language),
        "value": pictures._value(content.predictions, language),
        "value_shares": _sections.value_shares(content.predictions),
        "top_customers": _sections.customers(content.predictions, "clv", 20, language),
        "at_risk": _sections.customers(content.predictions, "value_at_risk", 10, language),
        "trust": _trust(content),
        "shap": pictures._shap(content.explanation, language),
        "metric_tables": _sections.metric_tables(content.metrics, language),
        "rejected": _sections.rejected(content.rejected, language),
    }
    return environment().get_template("page.html").render(page)


def _trust(content: RunReport) -> dict[str, Any] | None:
    if content.holdout is None or content.holdout_window is None:
        return None
    start, end = content.holdout_window
    note = words(content.language)["trust_note"]
    return {
        "note": note.format(start=start, end=end, customers=number(len(content.holdout))),
        "pictures": pictures._held_out(content.holdout, start, content.tracking, content.language),
        "reliability": _sections.reliability(content.holdout),
    }


def check_columns(content: object, columns: Mapping[str, Sequence[str]], where: str) -> None:
    """Check that the tables of a page, attributes of ``content``, have the columns given by table name.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    for name, needed in columns.items():
        table = getattr(content, name)
        missing = [column for column in needed if table is not None and column not in table]
        if missing:
            raise DataError(f"{where}: {name} lacks the column {missing[0]!r}; it has {list(table.columns)}")


def environment(*packages: str) -> Environment:
    """Make the engine of the templates: those of the packages named, and of this one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "guanxi.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
