"""Tables of the profit page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from guanxi.decisions.profit._acquisition_cost import COSTS
from guanxi.decisions.profit._acquisition_tables import ALL
from guanxi.decisions.profit._profit_result import CustomerProfit
from guanxi.features.customer_flows import OTHER_CHANNELS, WITHOUT_CHANNEL
from guanxi.report.chapters import ShownTable
from guanxi.served.texts import number, percent

Words = Mapping[str, str]
_SHARES = ["share_of_customers", "share_of_profit"]
_GROUP = ["group", "customers", _SHARES[0], "profit", _SHARES[1], "lowest"]
_MOST_AGES = 9  # more columns would not fit on the page


def shown(
    table: pd.DataFrame,
    name: str,
    columns: Sequence[str],
    t: Words,
    shares: Sequence[str] = (),
    note: str = "",
) -> ShownTable:
    """Show columns under the headings ``column_<name>``."""
    return ShownTable(
        t[f"{name}_title"], table, {column: t[f"column_{column}"] for column in columns}, shares, note=note
    )


def statement(found: CustomerProfit, t: Words) -> ShownTable:
    """Profit and loss of all active customers."""
    table = _worded(found.statement, "item", lambda name: t[f"item_{name}"])
    return shown(table, "statement", ["item", "amount", "share", "per_customer"], t, ["share"])


def deciles(found: CustomerProfit, t: Words) -> ShownTable:
    """Tenths of the customers."""
    return shown(found.deciles, "deciles", _GROUP, t, _SHARES, t["deciles_note"])


def ranking(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """Tenths of customers and of profit, and who loses money."""
    tables = [deciles(found, t)]
    if len(found.groups):
        tables.append(shown(found.groups, "groups", _GROUP, t, _SHARES, t["groups_note"]))
    if len(found.losses):
        table = _worded(found.losses, "reason", lambda name: t[f"reason_{name}"])
        columns = ["reason", "customers", "loss", "burden", "alone"]
        tables.append(shown(table, "losses", columns, t, note=t["losses_table_note"]))
    return tables


def changes(found: CustomerProfit, columns: Sequence[str], t: Words) -> ShownTable:
    """Show what became of the customers."""
    table = _worded(found.audit.changes, "group", lambda name: t[f"change_{name}"])
    return shown(table, "changes", ["group", "customers", *columns, "change"], t, note=t["changes_note"])


def two_periods(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """Show what became of the customers, and the change of the profit by factor."""
    if found.audit.changes.empty:
        return []
    factors = _worded(found.audit.factors, "factor", lambda name: t[f"factor_{name}"])
    factors = _worded(factors, "customers", lambda name: t[f"customers_{name}"])
    factors = factors.rename(columns={"customers": "of_customers"})
    for when in ("before", "after"):
        factors[when] = [
            _factor(name, value)
            for name, value in zip(found.audit.factors["factor"], factors[when], strict=True)
        ]
    return [
        changes(found, ["orders_before", "orders_after", "profit_before", "profit_after"], t),
        shown(
            factors,
            "factors",
            ["of_customers", "factor", "before", "after", "change"],
            t,
            note=t["factors_note"],
        ),
    ]


def cohorts(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """All periods, and the share of each cohort that is active by age."""
    factors = ["orders", "spend", "profit", "orders_per_customer", "spend_per_order", "profit_per_spend"]
    table = found.audit.cohorts
    ages = table.pivot_table(index="cohort", columns="age", values="share_active").iloc[:, :_MOST_AGES]
    sizes = table[table["age"] == 0].set_index("cohort")["customers"]
    ages.columns = pd.Index([str(age) for age in ages.columns])
    headings = {name: t[f"column_{name}"] for name in ("cohort", "customers")} | {
        age: age for age in ages.columns
    }
    active = ages.assign(customers=sizes).reset_index()
    active["cohort"] = _unbroken(active["cohort"])
    note = t["cohorts_note"]
    return [
        shown(found.audit.periods, "periods", ["period", "customers", *factors], t, ["profit_per_spend"]),
        ShownTable(t["cohorts_title"], active, headings, list(ages.columns), note=note),
    ]


def acquisition(found: CustomerProfit, days: int | None, t: Words) -> list[ShownTable]:
    """Show returns by channel and cohort, and the cost by month, latest first."""
    note = t["returns_note_no_value"] if days is None else t["returns_note"].format(days=days)
    columns = ["by", "group", "customers", "acquisition_cost", "earned", "value", "earned_to_cost"]
    columns += ["value_to_cost", "payback_months"]
    if days is None:
        columns = [name for name in columns if name not in ("value", "value_to_cost")]
    table = _worded(found.returns, "by", lambda name: t[f"by_{name}"])
    table = table.assign(group=channel_names(table["group"], t))
    tables = [shown(table, "returns", columns, t, note=note)]
    if len(found.acquisition):
        costs = found.acquisition[found.acquisition["channel"] == ALL].iloc[::-1]
        costs = costs.assign(month=[f"{month:%Y-%m}" for month in costs["month"]])
        headings = {name: t[f"column_{name}"] for name in ("month", "customers")}
        headings |= {name: t[f"cost_{name}"] for name in COSTS}
        tables.append(ShownTable(t["acquisition_title"], costs, headings, note=t["acquisition_note"]))
    return tables


def channel_names(groups: pd.Series[str], t: Words) -> pd.Series[str]:
    """Name the groups that are not a channel of the data."""
    return groups.replace(
        {WITHOUT_CHANNEL: t["no_channel"], OTHER_CHANNELS: t["other_channels"], ALL: t["everybody"]}
    )


def _factor(name: str, value: float) -> str:
    if name == "profit_per_spend":
        return percent(value, 1)
    return number(value, 0 if name == "customers" else 2)


def _unbroken(days: pd.Series[str]) -> pd.Series[str]:
    """Keep dates on one line."""
    return days.str.replace("-", "\u2011")


def _worded(table: pd.DataFrame, column: str, word: Callable[[str], str]) -> pd.DataFrame:
    return table.assign(**{column: table[column].map(word)})
