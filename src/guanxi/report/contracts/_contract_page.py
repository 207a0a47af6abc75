"""Chapters of the page of a model of contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.report import _sections, pictures
from guanxi.report._attribute_groups import leavers_by_group
from guanxi.report._lists import MOST_DRIVERS, drivers_in_words
from guanxi.report._quality import calibration_table, measures_table
from guanxi.report._sections import Tile
from guanxi.report.chapters import Chapter, ShownTable, render_document
from guanxi.report.contracts import _contract_pictures
from guanxi.report.pictures import Picture, picture
from guanxi.served.ordering import falling
from guanxi.served.texts import Language, number, percent, texts

if TYPE_CHECKING:
    from datetime import date

    from guanxi.report.figures import Explanation

_LISTED = 20


@dataclass(frozen=True)
class ContractReport:
    """Contents of the page.

    Attributes
    ----------
    source, as_of, horizon_days, model_version, language, generated_by
        As of :class:`guanxi.report.RunReport`.
    predictions : pandas.DataFrame
        The prediction table of the customers under contract.
    total : mapping of str to float
        ``value, lower, upper`` of all of them within the horizon; empty if there are no amounts.
    interval : float
        Probability between the ends of the intervals.
    equity : pandas.DataFrame
        Of cohorts, the last row of all: :func:`guanxi.pipeline.contracts.equity.base_equity`; may be empty.
    newcomers : mapping of str to pandas.DataFrame
        Value of a new customer by ``plan``, ``channel``:
        :func:`guanxi.pipeline.contracts.equity.new_customer_value`.
    held_out : pandas.DataFrame
        ``churned, churn_probability`` of customers whose future is known.
    attributes : pandas.DataFrame
        Features of these customers, in the same order.
    measured : str
        On which customers and days, in the language of the page.
    by_opportunity : bool
        Whether a row of ``held_out`` is a renewal opportunity, not a customer.
    metrics : pandas.DataFrame
        ``target, model, metric, value, lower, upper``.
    survival : pandas.DataFrame
        ``time, decile, customers, predicted, observed``; may be empty.
    cohorts : pandas.DataFrame
        :func:`guanxi.evaluation.contracts.forecast_cohorts`; may be empty.
    explanation : shap.Explanation
    warnings : sequence of str
    facts : sequence of (str, str)
    rejected : pandas.DataFrame
        ``rule, lines, share``.
    """

    source: str
    as_of: date
    horizon_days: int
    model_version: str
    language: Language
    generated_by: str
    predictions: pd.DataFrame = field(repr=False)
    total: Mapping[str, float]
    interval: float
    equity: pd.DataFrame = field(repr=False)
    newcomers: Mapping[str, pd.DataFrame] = field(repr=False)
    held_out: pd.DataFrame = field(repr=False)
    attributes: pd.DataFrame = field(repr=False)
    measured: str
    metrics: pd.DataFrame = field(repr=False)
    survival: pd.DataFrame = field(repr=False)
    cohorts: pd.DataFrame = field(repr=False)
    explanation: Explanation = field(repr=False)
    warnings: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    rejected: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)
    by_opportunity: bool = False

    @property
    def has_amounts(self) -> bool:
        """Whether anything is known about money."""
        return bool(self.predictions["clv"].notna().any())


def render_contracts(content: ContractReport) -> str:
    """Render the page as a complete HTML document without scripts, to be saved as UTF-8."""
    say = texts("guanxi.report.contracts", content.language)
    t = say["page"]
    chapters = [
        _headline(content, t),
        *([_value(content, t)] if content.has_amounts else []),
        _at_risk(content, t),
        _why(content, t),
        *([_cohorts(content, t)] if len(content.cohorts) or len(content.equity) else []),
        *([_newcomers(content, t)] if content.newcomers else []),
        _trust(content, t),
        _data(content, say),
    ]
    return render_document(
        t["title"],
        chapters,
        source=content.source,
        as_of=content.as_of,
        model_version=content.model_version,
        language=content.language,
        generated_by=content.generated_by,
    )


def _headline(content: ContractReport, t: dict[str, str]) -> Chapter:
    table, days = content.predictions, number(content.horizon_days)
    leaving = float(table["churn_probability"].sum())
    months = float(table["expected_remaining_months"].mean())
    share = percent(leaving / max(1, len(table)))
    tiles = [
        Tile(t["customers"], number(len(table)), t["customers_note"].format(as_of=content.as_of)),
        *(_value_tiles(content, t) if content.has_amounts else []),
        Tile(t["leavers"], number(leaving), t["leavers_note"].format(days=days, share=share)),
        *([_risk_tile(content, t)] if content.has_amounts else []),
        Tile(t["months"], number(months, 1), t["months_note"]),
    ]
    return Chapter(
        "headline", t["headline"], [t["headline_text"].format(days=days)], content.warnings, tiles=tiles
    )


def _value_tiles(content: ContractReport, t: dict[str, str]) -> list[Tile]:
    days, table, total = number(content.horizon_days), content.predictions, content.total
    ends = {end: number(total[end]) for end in ("lower", "upper")}
    note = t["total_value_note"].format(days=days, level=percent(content.interval), **ends)
    monthly = float(table["mrr_expected"].sum())
    return [
        Tile(t["total_value"], number(total["value"]), note),
        Tile(t["mrr"], number(monthly), t["mrr_note"].format(days=days)),
    ]


def _risk_tile(content: ContractReport, t: dict[str, str]) -> Tile:
    at_risk = float(content.predictions["value_at_risk"].sum())
    note = t["value_at_risk_note"].format(days=number(content.horizon_days))
    return Tile(t["value_at_risk"], number(at_risk), note)


def _customers(content: ContractReport, by: str, t: dict[str, str], title: str) -> ShownTable:
    """List the customers with the highest values of a column."""
    table = content.predictions.dropna(subset=by)
    top = table.iloc[falling(table[by])[:_LISTED]]
    drivers = [drivers_in_words(row, content.language)[:MOST_DRIVERS] for row in top.to_dict("records")]
    top = _in_months(top.assign(drivers=pd.Series(drivers, top.index), churn=top["churn_probability"]))
    money = ("monetary_value", "clv") if content.has_amounts else ()
    at_risk = ("value_at_risk",) if content.has_amounts else ()
    plan = ("plan",) if top["plan"].notna().any() else ()
    names = (
        "customer_id",
        *plan,
        *money,
        "churn",
        *at_risk,
        "renewal_probability",
        "expected_remaining_months",
    )
    headings = {name: t[name] for name in (*names, *(("drivers",) if any(drivers) else ()))}
    return ShownTable(title, top, headings, shares=("churn", "renewal_probability"))


def _in_months(table: pd.DataFrame) -> pd.DataFrame:
    """Round lifetimes to whole months."""
    months = [name for name in ("expected_remaining_months", "expected_months") if name in table]
    return table.assign(**{name: table[name].round() for name in months})


def _value(content: ContractReport, t: dict[str, str]) -> Chapter:
    return Chapter(
        "value",
        t["value"],
        [t["value_text"].format(count=_LISTED, days=number(content.horizon_days))],
        pictures=[pictures._value(content.predictions, content.language)],
        tables=[_customers(content, "clv", t, t["top_customers"])],
    )


def _at_risk(content: ContractReport, t: dict[str, str]) -> Chapter:
    by = "value_at_risk" if content.has_amounts else "churn_probability"
    text = t["at_risk_text" if content.has_amounts else "at_risk_text_without_amounts"]
    shown = _customers(content, by, t, t["at_risk"])
    return Chapter("at-risk", t["at_risk"], [text.format(count=_LISTED)], tables=[shown])


def _why(content: ContractReport, t: dict[str, str]) -> Chapter:
    drawn = pictures._shap(content.explanation, content.language)
    groups = leavers_by_group(content.held_out, content.attributes, content.explanation, content.language)
    counted = _counted(content, t)
    headings = {name: counted[name] for name in ("attribute", "group", "customers", "observed", "predicted")}
    note = t["groups_note"].format(measured=content.measured)
    shown = ShownTable(t["groups"], groups, headings, shares=("observed", "predicted"), note=note)
    return Chapter(
        "why",
        t["why"],
        [t["why_text"]],
        pictures=[drawn] if drawn else [],
        tables=[shown] if len(groups) else [],
    )


def _counted(content: ContractReport, t: dict[str, str]) -> dict[str, str]:
    """Head the number of outcomes by what they are of."""
    return t | {"customers": t["opportunity_count"]} if content.by_opportunity else t


def _cohorts(content: ContractReport, t: dict[str, str]) -> Chapter:
    drawn: list[Picture] = []
    if len(content.cohorts):
        words = _contract_pictures.figure_words(content.language)
        last = content.cohorts[content.cohorts["days"] == content.cohorts["days"].max()]
        sums = last[["customers", "actual", "guanxi", "constant churn"]].sum()
        caption = words["cohorts_text"].format(
            days=number(float(last["days"].iloc[0])),
            **{name.split()[0]: number(value) for name, value in sums.items()},
        )
        drawn.append(
            picture(
                lambda: _contract_pictures.cohort_survival(content.cohorts, content.language),
                "cohorts",
                caption,
                words,
            )
        )
    headings = {
        name: t[name]
        for name in ("cohort", "customers", "equity", "value_per_customer", "expected_remaining_months")
    }
    equity = (
        content.equity.replace({"cohort": {"all": t["everyone"]}}) if len(content.equity) else content.equity
    )
    shown = ShownTable(t["equity_table"], _in_months(equity), headings, note=t["equity_note"])
    return Chapter(
        "cohorts", t["cohorts"], [t["cohorts_intro"]], pictures=drawn, tables=[shown] if len(equity) else []
    )


def _newcomers(content: ContractReport, t: dict[str, str]) -> Chapter:
    tables = []
    for by, table in content.newcomers.items():
        headings = {by: t[by]} | {name: t[name] for name in ("customers", "amount", "expected_months")}
        headings["value"] = t["new_value"]
        if (table["acquisition_cost"] > 0).any():
            headings |= {name: t[name] for name in ("acquisition_cost", "value_after_acquisition")}
        tables.append(ShownTable(t["new_by"].format(by=t[by].lower()), _in_months(table), headings))
    return Chapter("new-customers", t["newcomers"], [t["newcomers_text"]], tables=tables)


def _trust(content: ContractReport, t: dict[str, str]) -> Chapter:
    drawn = [
        pictures._calibration(content.held_out, content.language),
        pictures._lift(content.held_out[["churned", "churn_probability"]], content.language),
    ]
    if len(content.survival):
        words = _contract_pictures.figure_words(content.language)
        unit = "days" if len(content.cohorts) else "renewals"
        gap = (content.survival["predicted"] - content.survival["observed"]).abs().max()
        caption = words["survival_text"].format(gap=number(100.0 * float(gap), 1))
        drawn.append(
            picture(
                lambda: _contract_pictures.survival_calibration(content.survival, unit, content.language),
                "survival",
                caption,
                words,
            )
        )
    return Chapter(
        "trust",
        t["trust"],
        [t["trust_text"].format(measured=content.measured)],
        [t["no_cause"]],
        drawn,
        [
            measures_table(content.metrics, t, content.language),
            calibration_table(content.held_out, _counted(content, t)),
        ],
    )


def _data(content: ContractReport, say: dict[str, dict[str, str]]) -> Chapter:
    t = say["page"]
    facts = pd.DataFrame(content.facts, columns=["fact", "fact_value"])
    glossary = pd.DataFrame(say["glossary"], columns=["term", "meaning"])
    rejected = (
        pd.DataFrame(_sections.rejected(content.rejected, content.language))
        if len(content.rejected)
        else None
    )
    lines = {"description": t["rule"], "lines": t["lines"], "share": t["share"]}
    return Chapter(
        "data",
        t["data"],
        tables=[
            ShownTable(t["facts"], facts, {"fact": t["fact"], "fact_value": t["fact_value"]}),
            *([] if rejected is None else [ShownTable(t["rejected"], rejected, lines)]),
            ShownTable(t["glossary"], glossary, {"term": t["term"], "meaning": t["meaning"]}),
        ],
    )
