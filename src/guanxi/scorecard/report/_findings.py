"""The first chapter of the scorecard's page: whom to see to first, by name, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from guanxi.report.chapters import Chapter, ShownTable, Tile
from guanxi.scorecard._result import ScorecardResult
from guanxi.scorecard.report._content import ScorecardReport
from guanxi.scorecard.watch._watch_list import leaving
from guanxi.segments.summary import TIERS
from guanxi.served.ordering import falling
from guanxi.served.texts import decimals_for, number, percent

_NAMED = 5
_SEGMENTS = ("cannot_lose", "at_risk")
_MOVEMENTS = ("leaving", "fell", "will_fall")
_MISSED = ("missed", "warning")


def findings_chapter(found: ScorecardResult, content: ScorecardReport) -> Chapter:
    """Say at a glance how the customers are, who needs attention, and what to do."""
    t, watch = content.words, found.movements.watch
    watched = {name: watch.loc[watch["movement"] == name, "customer_id"] for name in _MOVEMENTS}
    groups = list(_groups(found.customers, watched))
    tables = [_attention(groups, content), _strategies(found.customers, content)]
    return Chapter(
        "findings",
        t["findings"],
        [*_on_groups(groups, content), *_on_targets(found.targets, content)],
        tiles=list(_tiles(found.customers, content)),
        tables=[table for table in tables if len(table.table)],
    )


def attention_tables(content: ScorecardReport) -> list[ShownTable]:
    """List whom to see to first, as far as one day tells it; empty if nobody needs attention."""
    customers = content.table
    if not {"tier", "churn_probability", "value_at_risk"} <= set(customers.columns):
        return []
    watched = {"leaving": customers.loc[leaving(customers), "customer_id"]}
    groups = list(_groups(customers, watched))
    return [_attention(groups, content)] if groups else []


def _groups(
    customers: pd.DataFrame, watched: Mapping[str, pd.Series[Any]]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the customers of each segment and movement that needs attention, most value at risk first."""
    nobody = pd.Series(index=customers.index, dtype=object)
    segment = customers.get("rfm_segment", customers.get("contract_segment", nobody))
    groups = {name: customers[segment == name] for name in _SEGMENTS[:1]}
    groups |= {name: customers[customers["customer_id"].isin(listed)] for name, listed in watched.items()}
    groups |= {name: customers[segment == name] for name in _SEGMENTS[1:]}
    for name, rows in groups.items():
        if len(rows):
            yield name, _most_first(rows)


def _most_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort by value at risk; customers without a value by churn probability, and else by score."""
    for name in ("value_at_risk", "churn_probability", "score"):
        if rows[name].notna().any():
            return rows.iloc[falling(rows[name].astype(float).fillna(-1.0))]
    return rows


def _who(rows: pd.DataFrame, content: ScorecardReport) -> str:
    return str(content.words["names_between"]).join(str(each) for each in rows["customer_id"].head(_NAMED))


def _at_risk(rows: pd.DataFrame) -> float:
    return float(rows["value_at_risk"].astype(float).sum(min_count=1))


def _tiles(customers: pd.DataFrame, content: ScorecardReport) -> Iterator[Tile]:
    """Headline figures: customers, the high tier, value at risk."""
    t, value = content.words, customers["clv"].astype(float)
    high = customers["tier"] == TIERS[0]
    mean = t["mean_score_note"].format(score=number(customers["score"].mean(), 1))
    yield Tile(t["tier_customers"], number(len(customers)), mean)
    share = value[high].sum() / value.sum() if value.sum() > 0 else float("nan")
    note = t["high_tier_note"].format(share=percent(share)) if value.sum() > 0 else ""
    yield Tile(t["high_tier"], number(int(high.sum())), note)
    if value.sum() > 0:
        at_risk = _at_risk(customers)
        of_all = percent(at_risk / (at_risk + value.sum()))
        label = content.heading("value_at_risk", t["column_value_at_risk"])
        yield Tile(label, number(at_risk), t["value_at_risk_of_all"].format(share=of_all))
    churn = customers["churn_probability"].astype(float)
    if churn.notna().any():
        likely = int((high & (churn > 0.5)).sum())
        yield Tile(t["high_and_leaving"], number(likely), t["high_and_leaving_note"])


def _on_groups(groups: list[tuple[str, pd.DataFrame]], content: ScorecardReport) -> list[str]:
    """Say of the first group how many they are, what is at stake, and who they are."""
    for name, rows in groups[:1]:
        value = _at_risk(rows)
        key = "found_group" if pd.notna(value) else "found_group_counted"
        return [
            content.words[key].format(
                group=_label(name, content),
                count=number(len(rows)),
                value=number(value),
                names=_who(rows, content),
            )
        ]
    return [content.words["found_no_group"]]


def _label(name: str, content: ScorecardReport) -> str:
    return content.words.get(f"attention_{name}") or content.label(name)


def _on_targets(targets: pd.DataFrame, content: ScorecardReport) -> list[str]:
    """Name the targets of all customers that are missed."""
    if targets.empty:
        return []
    missed = targets[targets["verdict"].isin(_MISSED) & targets["by"].isna()]
    if missed.empty:
        return [content.words["found_targets_met"]]
    told = [
        content.words["missed_target"].format(
            name=content.label(row["indicator"]),
            value=number(row["value"], decimals_for(row["target"])),
            target=number(row["target"], decimals_for(row["target"])),
        )
        for row in missed.to_dict("records")
    ]
    return [content.words["found_missed"].format(targets=content.words["between"].join(told))]


def _attention(groups: list[tuple[str, pd.DataFrame]], content: ScorecardReport) -> ShownTable:
    t = content.words
    table = pd.DataFrame(
        {
            "attention": [_label(name, content) for name, _ in groups],
            "customers": [len(rows) for _, rows in groups],
            "value_at_risk": [_at_risk(rows) for _, rows in groups],
            "names": [_who(rows, content) for _, rows in groups],
        }
    )
    headings = {
        "attention": t["column_attention"],
        "names": t["column_names"],
        "customers": t["tier_customers"],
        "value_at_risk": content.heading("value_at_risk", t["column_value_at_risk"]),
    }
    if table["value_at_risk"].isna().all():
        headings.pop("value_at_risk")
    return ShownTable(t["attention"], table, headings, note=t["attention_note"])


def _strategies(customers: pd.DataFrame, content: ScorecardReport) -> ShownTable:
    """List the actions of the playbook with the customers to begin with."""
    t = content.words
    rows = [
        {
            "action": action,
            "action_channel": ", ".join(sorted(set(each["action_channel"].dropna().astype(str)))),
            "customers": len(each),
            "names": _who(_most_first(each), content),
            "cost": float(each["action_cost"].sum()),
            "value_at_risk": _at_risk(each),
        }
        for action, each in customers.groupby("action")
    ]
    table = pd.DataFrame(rows)
    if len(table):
        table = table.iloc[falling(table["value_at_risk"].fillna(-1.0))]
    names = ("action", "action_channel", "names", "customers", "cost", "value_at_risk")
    headings = {name: t[f"column_{name}"] for name in names if name in table and table[name].notna().any()}
    return ShownTable(t["actions"], table, headings)
