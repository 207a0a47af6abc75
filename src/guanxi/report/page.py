"""The page of a run: one self-contained HTML file that loads nothing."""

from __future__ import annotations

import pkgutil
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from guanxi.errors import DataError
from guanxi.periods import add_days
from guanxi.report import _charts, _lists, _sections, pictures
from guanxi.report._payload import compressed, most_valuable, packed
from guanxi.report.answer import build_answer, sentences
from guanxi.report.standing import longest_silence, standing
from guanxi.report.words import _glossary, words
from guanxi.served.texts import number

if TYPE_CHECKING:
    from datetime import date

    from jinja2 import Environment

    from guanxi.report._charts import Chart
    from guanxi.report.figures import Explanation
    from guanxi.report.stories import Stories
    from guanxi.served.texts import Language

_COLUMNS: dict[str, tuple[str, ...]] = {
    "predictions": (
        "customer_id", "frequency", "recency", "T", "expected_purchases", "clv", "clv_lower", "clv_upper",
        "value_at_risk", "probability_alive", "churn_probability", "next_purchase_date",
    ),
    "holdout": (
        "frequency", "expected_purchases", "purchases", "expected_spend_total", "spend", "churn_probability",
        "churned",
    ),
    "rejected": ("rule", "lines", "share"),
    "metrics": ("target", "model", "metric", "value"),
    "tracking": ("date", "actual", "expected"),
    "relationships": ("spent", "stage", "segment", "action", "channel"),
    "totals": ("target", "segment", "expected", "lower", "upper"),
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
        Sections rendered elsewhere, shown after the value.
    relationships
        Of each customer, in the order of the predictions: `spent` (amount to date), `stage` and `segment` in
        words, `action` and `channel` of the playbook; None if unknown.
    totals
        `target, segment, expected, lower, upper`: forecast totals; a missing segment: all customers.
    interval
        Probability of the ranges.
    margin
        Margin as a share of spend, where the predictions have no `margin_rate`.
    grades
        Letter by target.
    currency
        Shown with amounts.
    stories
        Tells the stories of customers from their identifiers; None: the table has none.
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
    relationships: pd.DataFrame | None = None
    totals: pd.DataFrame | None = None
    interval: float = 0.9
    margin: float = 1.0
    grades: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""
    stories: Callable[[Sequence[Any]], Stories] | None = field(default=None, repr=False)


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
    language, days = content.language, content.horizon_days
    table, actions = _customers(content)
    answer = build_answer(
        table,
        days=days,
        level=content.interval,
        totals=content.totals,
        holdout=content.holdout,
        window=content.holdout_window,
        actions=actions,
        grades=content.grades,
    )
    shown = table.loc[most_valuable(table).index]
    scripts = [Markup(_own("scripts/page.js")), Markup(_own("scripts/vega.min.js"))]
    page = {
        "scripts": scripts,
        "data": packed(
            shown,
            _numbered(content.relationships),
            _stories(content, shown["customer_id"].tolist()),
            _page_charts(content),
            as_of=content.as_of,
            language=language,
            currency=content.currency,
        ),
        "library": compressed(scripts[1]),
        "table_note": _table_note(len(shown), len(table), language),
        "t": words(language),
        "glossary": _glossary(language),
        "content": content,
        "end": add_days(content.as_of, days),
        "sentences": sentences(answer, language, content.currency),
        "tiles": _sections.tiles(table, answer, content.as_of, language, content.currency),
        "slipping": _lists.listed(answer.slipping, actions, language, leaving=True),
        "slipping_count": number(len(answer.slipping)),
        "longest_silence": number(longest_silence(days)),
        "protect": _lists.listed(answer.protect, actions, language, leaving=False),
        "protect_count": number(len(answer.protect)),
        "value": pictures._value(content.predictions, language),
        "value_shares": _sections.value_shares(content.predictions),
        "trust": _trust(content),
        "shap": pictures._shap(content.explanation, language),
        "metric_tables": _sections.metric_tables(content.metrics, language),
        "rejected": _sections.rejected(content.rejected, language),
    }
    return environment().get_template("page.html").render(page)


def _page_charts(content: RunReport) -> dict[str, Chart | None]:
    """Charts of the page by name."""
    language, holdout, window = content.language, content.holdout, content.holdout_window
    found = {"concentration": _charts.concentration(content.predictions, language)}
    if content.explanation is not None:
        found["drivers"] = _charts.drivers(content.explanation, language)
    if holdout is not None and window is not None:
        found |= {
            "calibration": _charts.calibration(holdout, language),
            "by_frequency": _charts.by_frequency(holdout, language),
            "tracking": _charts.tracking(content.tracking, add_days(window[0], -1), language),
            "lift": _charts.lift(holdout, language),
        }
    return found


def _stories(content: RunReport, customer_ids: list[Any]) -> Stories | None:
    return content.stories(customer_ids) if content.stories and customer_ids else None


def _table_note(shown: int, customers: int, language: Language) -> str:
    t = words(language)
    said = t["table_all"] if shown == customers else t["table_some"]
    return said.format(shown=number(shown), customers=number(customers))


def _numbered(table: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if table is None else table.reset_index(drop=True)


def _customers(content: RunReport) -> tuple[pd.DataFrame, pd.Series[Any] | None]:
    """Return where each customer stands, and the action of the playbook for each."""
    predictions, known = content.predictions.reset_index(drop=True), content.relationships
    spent = pd.Series(np.nan, predictions.index) if known is None else known["spent"].reset_index(drop=True)
    table = standing(predictions, spent, content.margin, content.horizon_days)
    return table, None if known is None else known["action"].reset_index(drop=True)


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

    made = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "guanxi.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Ours, and the policy has their hashes: they must stand in the page letter for letter.
    made.globals |= {"style": Markup(_own("templates/page.css")), "policy": _policy}
    return made


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: nothing is loaded, and only these scripts and our style count."""
    sources = " ".join(_hash(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(_own('templates/page.css'))}; "
        f"script-src {sources}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _own(name: str) -> str:
    """Read a file of this package."""
    found = pkgutil.get_data("guanxi.report", name)
    assert found is not None  # packages on disk have files
    return found.decode("utf-8")
