"""The answer of ``guanxi profit``: page, tables, key figures and the lines for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.decisions.answer import Answer
from guanxi.decisions.profit._acquisition_tables import ALL
from guanxi.decisions.profit._profit_notices import notices
from guanxi.decisions.profit._profit_page import chapters, drawings
from guanxi.decisions.profit._profit_result import CustomerProfit, ProfitInputs, customer_profit
from guanxi.decisions.profit._profit_words import profit_words

TABLES = (
    *("customers", "statement", "profit_deciles", "profit_groups", "losses", "distributions"),
    *("changes", "factors", "periods", "cohorts", "acquisition_cost", "acquisition_returns", "payback"),
)


def answer_profit(inputs: ProfitInputs) -> Answer:
    """Compute the profit of all customers, and write it up.

    Raises
    ------
    HistoryError
        If no customer ordered or cost anything in the last period.
    """
    found = customer_profit(inputs)
    language = inputs.params.language
    tables = {
        "customers": found.customers,
        "statement": found.statement,
        "profit_deciles": found.deciles,
        "profit_groups": found.groups,
        "losses": found.losses,
        "distributions": found.audit.distributions,
        "changes": found.audit.changes,
        "factors": found.audit.factors,
        "periods": found.audit.periods,
        "cohorts": found.audit.cohorts,
        "acquisition_cost": found.acquisition,
        "acquisition_returns": found.returns,
        "payback": found.earned.drop(columns="group"),
    }
    return Answer(
        title=profit_words(language)["profit_title"],
        chapters=chapters(found, inputs),
        tables={name: table for name, table in tables.items() if len(table)},
        metrics=_metrics(found),
        settings={
            "months": found.months,
            "margin": None if inputs.has_margins else inputs.params.clv.margin,
            **inputs.params.profit.model_dump(mode="json", exclude={"months"}),
        },
        figures=drawings(found, language),
        summary=_summary(found, inputs),
    )


def _metrics(found: CustomerProfit) -> dict[str, float | None]:
    totals = found.statement.set_index("item")["amount"]
    everyone = found.returns[found.returns["by"] == ALL].iloc[0]
    value = found.customers[["clv", "clv_less_cost"]].sum(min_count=1)
    return {
        "customers": found.active,
        **{
            name: totals[name]
            for name in ("revenue", "margin", "acquire", "serve", "handling", "retain", "profit")
        },
        "customers_at_loss": int((found.customers["profit"] < 0).sum()),
        "losses": found.curve.lost,
        "peak_profit": found.curve.peak,
        "customers_at_peak": found.curve.customers_at_peak,
        "retention": found.retention,
        "steady_value": found.steady,
        "acquisition_cost": everyone["acquisition_cost"],
        "payback_months": everyone["payback_months"],
        "earned_to_cost": everyone["earned_to_cost"],
        "value_to_cost": everyone["value_to_cost"],
        "clv": value["clv"],
        "clv_less_cost": value["clv_less_cost"],
    }


def _summary(found: CustomerProfit, inputs: ProfitInputs) -> str:
    """Lines for the terminal."""
    metrics = _metrics(found)
    lines = [f"{found.active:,} customers from {found.first_day} to {found.last_day}", ""]
    for row in found.statement.to_dict("records"):
        share = f"{row['share']:>8.1%}" if np.isfinite(row["share"]) else ""
        lines.append(f"  {_plain(row['item']):<15} {row['amount']:>16,.2f} {share}".rstrip())
    lines += ["", f"At a loss: {metrics['customers_at_loss']:,} customers, {metrics['losses']:,.2f}"]
    if len(found.losses):
        lines.append(f"Largest burden: {_counts(found.losses, 'reason')}")
    if len(found.audit.changes):
        lines.append(f"Against the {found.months} months before: {_counts(found.audit.changes, 'group')}")
    lines += _acquisition_lines(pd.Series(metrics, dtype=float))
    notes = notices(found, inputs, profit_words("en")).all
    return "\n".join([*lines, "", "Notes:", *(f"  - {note}" for note in notes)] if notes else lines)


def _counts(table: pd.DataFrame, column: str) -> str:
    pairs = zip(table[column], table["customers"], strict=True)
    return ", ".join(f"{_plain(name)} {customers:,}" for name, customers in pairs)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _acquisition_lines(metrics: pd.Series[float]) -> list[str]:
    if not metrics["acquisition_cost"] > 0:
        return []
    paid = metrics["payback_months"]
    back = f"paid back in month {paid:.0f}" if np.isfinite(paid) else "not paid back yet"
    ratio = metrics["value_to_cost"]
    value = f", CLV : CAC {ratio:.1f}" if np.isfinite(ratio) else ""
    return [f"Acquisition cost {metrics['acquisition_cost']:,.2f} a customer, {back}{value}"]
