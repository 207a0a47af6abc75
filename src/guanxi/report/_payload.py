"""What the script of the page works with: customers, stories, charts and texts, compressed."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report.words import words
from guanxi.served.ordering import falling

if TYPE_CHECKING:
    from datetime import date

    from guanxi.report._charts import Chart
    from guanxi.report.stories import Stories
    from guanxi.served.texts import Language

MOST_CUSTOMERS = 5000
_MOST_PURCHASES = 100  # of a customer's timeline, the last ones
_NUMBERS = {
    "past": "past_value", "value": "clv", "lower": "clv_lower", "upper": "clv_upper", "total": "total_value",
    "risk": "value_at_risk", "spent": "spent", "gap": "usual_gap", "expected": "expected_purchases",
}  # fmt: skip
_SHARES = {"churn": "churn_probability", "alive": "probability_alive"}
_COUNTS = {"purchases": "purchases", "silence": "silence"}
_GROUPS = ("stage", "segment", "action", "channel")
_TEXTS = (
    "past_value", "past_value_note", "expected_value", "interval", "total_value_column",
    "at_risk_column", "churn_probability", "silence", "rhythm", "orders_every", "orders_once",
    "silence_days", "silence_day", "action", "drivers", "customer", "slipping", "protect", "raises",
    "lowers", "ends",
    "next_purchase", "next_purchase_note", "found_customers", "page_of", "story_of", "close", "stage",
    "segment", "everyone", "download", "dark", "light", "fold_all", "unfold_all", "timeline",
    "timeline_text", "y_alive", "y_amount", "alive_now", "last_purchases", "waterfall_title",
    "waterfall_text", "x_waterfall", "the_average", "this_one", "all_others", "no_action", "lists",
    "purchase_day", "no_story",
)  # fmt: skip


def most_valuable(table: pd.DataFrame) -> pd.Series[Any]:
    """Choose the customers of the table: by total value (purchases where unknown), those of the lists first.

    Parameters and index are those of :func:`guanxi.report.standing.standing`.
    """
    worth = table["total_value"].fillna(table["purchases"] * 0.0 + table["expected_purchases"])
    listed = table["slipping"] | table["protect"]
    chosen = table.index[falling(worth + listed * (float(worth.abs().max()) + 1.0))[:MOST_CUSTOMERS]]
    order: pd.Series[Any] = worth.loc[chosen]
    return order.iloc[falling(order)]


def packed(
    table: pd.DataFrame,
    relationships: pd.DataFrame | None,
    stories: Stories | None,
    charts: Mapping[str, Chart | None],
    *,
    as_of: date,
    language: Language,
    currency: str,
) -> str:
    """Pack customers (rows of the standing, in their order), stories and charts for the script, as base64."""
    t = words(language)
    content = {
        "texts": {name: t[name] for name in _TEXTS},
        "language": t["lang"],
        "currency": currency,
        "asOf": as_of.isoformat(),
        "customers": _customers(table, relationships),
        "stories": None if stories is None else _stories(stories, table["customer_id"]),
        "charts": {name: _chart(chart) for name, chart in charts.items() if chart is not None},
    }
    return compressed(json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def compressed(text: str) -> str:
    """Compress a text with gzip, as base64; the same text gives the same result."""
    return b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)).decode()


def _customers(table: pd.DataFrame, relationships: pd.DataFrame | None) -> dict[str, Any]:
    columns: dict[str, Any] = {"id": [str(each) for each in table["customer_id"]]}
    for name, column in _NUMBERS.items():
        columns[name] = _rounded(table[column], 2)
    for name, column in _SHARES.items():
        columns[name] = _rounded(table[column], 4)
    for name, column in _COUNTS.items():
        columns[name] = _rounded(table[column], 0)
    columns["next"] = [None if pd.isna(day) else str(day)[:10] for day in table["next_purchase_date"]]
    columns["list"] = np.select([table["slipping"], table["protect"]], [1, 2], 0).tolist()
    if relationships is not None:
        columns |= {name: _coded(relationships.loc[table.index, name]) for name in _GROUPS}
    return columns


def _coded(values: pd.Series[Any]) -> dict[str, Any]:
    """Code labels by their place among those that occur; -1: none."""
    codes, labels = pd.factorize(values)
    return {"codes": codes.tolist(), "labels": [str(label) for label in labels]}


def _rounded(values: Any, decimals: int) -> list[Any]:
    """Round numbers for JSON, which has no NaN; whole ones lose their decimal point."""
    rounded = np.round(np.asarray(values, dtype=np.float64), decimals)
    return [
        None if not np.isfinite(each) else int(each) if each == int(each) else each
        for each in rounded.tolist()
    ]


def _stories(stories: Stories, customer_ids: pd.Series[Any]) -> dict[str, Any]:
    """Pack the stories in the order of the customers, who all have one."""
    place = pd.Index(stories.customer_ids).get_indexer(pd.Index(customer_ids))
    starts = np.searchsorted(stories.number, np.arange(len(stories.customer_ids) + 1))
    days, amounts = [], []
    for each in place:
        last = slice(max(starts[each], starts[each + 1] - _MOST_PURCHASES), starts[each + 1])
        days.append(stories.day[last].tolist())
        amounts.append(_rounded(stories.amount[last], 2))
    return {
        "first": stories.first_days.iloc[place].dt.strftime("%Y-%m-%d").tolist(),
        "days": days,
        "amounts": amounts,
        "alive": np.rint(100.0 * stories.alive[place]).astype(int).tolist(),
        "average": _rounded(100.0 * stories.average[place], 1),
        "drivers": _told(stories.drivers, place),
        "others": _rounded(stories.others[place], 2),
    }


def _told(drivers: Sequence[pd.DataFrame], place: Any) -> list[list[list[Any]]]:
    """Texts and points of the drivers of each customer, strongest first."""
    texts = [each["text"].to_numpy(dtype=object)[place] for each in drivers]
    points = [_rounded(each["points"].to_numpy()[place], 2) for each in drivers]
    ranked = zip(zip(*texts, strict=True), zip(*points, strict=True), strict=True)
    return [
        [[text, point] for text, point in zip(*each, strict=True) if isinstance(text, str)] for each in ranked
    ]


def _chart(chart: Chart) -> dict[str, Any]:
    """Pack a chart: its specification, columns and rows."""
    columns = {
        str(name): _rounded(values, 4)
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        else [str(each) for each in values]
        for name, values in chart.table.items()
    }
    return {"spec": chart.spec, "columns": columns}
