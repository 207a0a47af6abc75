"""The page of a run: one self-contained HTML file without scripts or external resources."""

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
        "customer_id", "recency", "T", "expected_purchases", "clv", "clv_lower", "clv_upper", "value_at_risk",
        "probability_alive", "churn_probability", "next_purchase_date",
    ),
    "holdout": (
        "frequency", "expected_purchases", "purchases", "expected_spend_total", "spend", "churn_probability",
        "churned",
    ),
    "rejected": ("rule", "lines", "share"),
    "metrics": ("target", "model", "metric", "value"),
    "tracking": ("date", "actual", "expected"),
}  # fmt: skip


@dataclass(frozen=True)
class PageSection:
    """A section rendered elsewhere: its ``id``, heading and HTML, already escaped."""

    anchor: str
    heading: str
    html: str


@dataclass(frozen=True)
class RunReport:
    """Contents of the page.

    Attributes
    ----------
    source, as_of, horizon_days, model_version, generated_by
        Source of the data, cutoff and horizon of the predictions, version of the model, and the program that
        wrote the page.
    language
        Language of the page: ``en`` or ``zh``.
    data_facts
        Label and value of facts about the data (lines read, customers, span).
    rejected
        `rule, lines, share` (of the lines read) of the lines not used.
    warnings
        Warnings about the data, in sentences.
    predictions
        The prediction table, one row per customer; with `driver_<k>_text` and `driver_<k>_effect` if drivers
        were requested.
    holdout
        One row per customer known at the earlier cutoff: `frequency, expected_purchases, purchases,
        expected_spend_total, spend, churn_probability, churned`; None without a holdout window.
    holdout_window
        First and last day of the holdout window.
    metrics
        `target, model, metric, value`; the model named ``guanxi`` is shown first.
    tracking
        `date, actual, expected`: cumulative repeat purchases.
    explanation
        A ``shap.Explanation`` of churn for a sample of customers.
    sections
        Sections rendered elsewhere, shown after the customers at risk.
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
    """Render the page of a run.

    All text from the data is escaped; figures are embedded images, and the content security policy forbids
    scripts and external resources.

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
        "at_risk": _sections.customers(_still_active(content.predictions), "value_at_risk", 10, language),
        "trust": _trust(content),
        "shap": pictures._shap(content.explanation, language),
        "metric_tables": _sections.metric_tables(content.metrics, language),
        "rejected": _sections.rejected(content.rejected, language),
    }
    return environment().get_template("page.html").render(page)


def _still_active(predictions: pd.DataFrame) -> pd.DataFrame:
    """Select customers who are more likely active than not: those who left cannot be kept any more."""
    return predictions[predictions["probability_alive"] > 0.5]


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
    """Return the Jinja environment with the templates of the packages named and of this one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "guanxi.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
