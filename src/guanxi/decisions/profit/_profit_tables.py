"""Tables of the profit page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from guanxi.decisions.profit._acquisition_cost import COSTS
from guanxi.decisions.profit._profit_result import ALL, CustomerProfit
from guanxi.features.customer_flows import OTHER_CHANNELS, WITHOUT_CHANNEL
from guanxi.report.chapters import ShownTable

Words = Mapping[str, str]


def shown(
    table: pd.DataFrame, name: str, columns: Sequence[str], t: Words, shares: Sequence[str] = (), note: str = ""
) -> ShownTable:
    """Show columns under the headings ``column_<name>``."""
    return ShownTable(
        t[f"{name}_title"], table, {column: t[f"column_{column}"] for column in columns}, shares, note=note
    )


def statement(found: CustomerProfit, t: Words) -> ShownTable:
    """Profit and loss of all active customers."""
    table = _worded(found.statement, "item", "item", t)
    return shown(table, "statement", ["item", "amount", "share", "per_customer"], t, ["share"])


def ranking(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """Tenths of customers and of profit, and who loses money."""
    columns = ["group", "customers", "share_of_customers", "profit", "share_of_profit", "lowest"]
    shares = ["share_of_customers", "share_of_profit"]
    tables = [shown(found.deciles, "deciles", columns, t, shares, t["deciles_note"])]
    if len(found.groups):
        tables.append(shown(found.groups, "groups", columns, t, shares, t["groups_note"]))
    if len(found.losses):
        table = _worded(found.losses, "reason", "reason", t)
        columns = ["reason", "customers", "loss", "burden", "alone"]
        tables.append(shown(table, "losses", columns, t, note=t["losses_table_note"]))
    return tables


def two_periods(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """What became of the customers, and the change of the profit by factor."""
    if found.audit.changes.empty:
        return []
    changes = _worded(found.audit.changes, "group", "change", t)
    columns = ["group", "customers", "orders_before", "orders_after", "profit_before", "profit_after", "change"]
    factors = _worded(_worded(found.audit.factors, "factor", "factor", t), "customers", "customers", t)
    factors = factors.rename(columns={"customers": "of_customers"})
    return [
        shown(changes, "changes", columns, t, note=t["changes_note"]),
        shown(
            factors, "factors", ["of_customers", "factor", "before", "after", "change"], t, note=t["factors_note"]
        ),
    ]


def cohorts(found: CustomerProfit, t: Words) -> list[ShownTable]:
    """All periods, and the cohorts in each."""
    factors = ["orders", "spend", "profit", "orders_per_customer", "spend_per_order", "profit_per_spend"]
    newest_first = found.audit.cohorts.sort_values(["period", "cohort"], ascending=[False, True])
    return [
        shown(found.audit.periods, "periods", ["period", "customers", *factors], t, ["profit_per_spend"]),
        shown(
            newest_first,
            "cohorts",
            ["period", "cohort", "customers", "share_active", *factors],
            t,
            ["share_active", "profit_per_spend"],
            t["cohorts_note"],
        ),
    ]


def acquisition(found: CustomerProfit, days: int | None, t: Words) -> list[ShownTable]:
    """Returns by channel and cohort, and the cost by month, latest first."""
    note = t["returns_note_no_value"] if days is None else t["returns_note"].format(days=days)
    columns = ["by", "group", "customers", "acquisition_cost", "earned", "value", "earned_to_cost"]
    columns += ["value_to_cost", "payback_months"]
    if days is None:
        columns = [name for name in columns if name not in ("value", "value_to_cost")]
    table = _worded(found.returns.assign(group=channel_names(found.returns["group"], t)), "by", "by", t)
    tables = [shown(table, "returns", columns, t, note=note)]
    if len(found.acquisition):
        costs = found.acquisition.sort_values(["month", "channel"], ascending=[False, True])
        costs = costs.assign(
            channel=channel_names(costs["channel"], t), month=[f"{month:%Y-%m}" for month in costs["month"]]
        )
        headings = {name: t[f"column_{name}"] for name in ("month", "channel", "customers")}
        headings |= {name: t[f"cost_{name}"] for name in COSTS}
        tables.append(ShownTable(t["acquisition_title"], costs, headings, note=t["acquisition_note"]))
    return tables


def channel_names(groups: pd.Series[str], t: Words) -> pd.Series[str]:
    """Name the groups that are not a channel of the data."""
    return groups.replace({WITHOUT_CHANNEL: t["no_channel"], OTHER_CHANNELS: t["other_channels"], ALL: t["everybody"]})


def _worded(table: pd.DataFrame, column: str, prefix: str, t: Words) -> pd.DataFrame:
    return table.assign(**{column: [t[f"{prefix}_{value}"] for value in table[column]]})
