"""Values of a business's own indicators as of a cutoff: ratings, survey instruments of any name, channels."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import ordered_sum
from guanxi.periods import add_days


def own_values(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Return the values of the table ``indicators``, one row per customer and name.

    The latest value of each expert up to the end of the cutoff day counts, and the mean over experts. Values
    without a time always count, as older than any with one.

    Parameters
    ----------
    relations : Relations
    cutoff : date

    Returns
    -------
    pandas.DataFrame
        ``customer_id, name, value``, sorted; empty without the table.
    """
    table = relations.table("indicators")
    if table is None:
        return pd.DataFrame({"customer_id": [], "name": pd.Series(dtype="str"), "value": []})
    rows = table if {"name", "value"} <= set(table.columns) else _long(table)
    expert = rows.expert.cast("string") if "expert" in rows.columns else ibis.literal("")
    moment = rows.timestamp if "timestamp" in rows.columns else ibis.null("timestamp")
    rows = rows.select("customer_id", "name", "value", expert=expert.fill_null(""), moment=moment)
    end = ibis.literal(add_days(cutoff, 1)).cast("timestamp")
    rows = rows.filter(rows.value.notnull() & (rows.moment.isnull() | (rows.moment < end)))
    first = ibis.literal(date(1, 1, 1)).cast("timestamp")
    dated = ibis.struct({"moment": rows.moment.fill_null(first), "value": rows.value})
    latest = rows.group_by("customer_id", "name", "expert").agg(last=dated.max())
    latest = latest.mutate(value=latest["last"]["value"])
    found = latest.group_by("customer_id", "name").agg(value=ordered_sum(latest.value) / latest.count())
    return execute_in_order(relations.connection, found.order_by("customer_id", "name"))


def _long(table: Any) -> Any:
    """One row per customer and column; columns that are not numbers are left out."""
    kept = [name for name in ("customer_id", "timestamp", "expert") if name in table.columns]
    numbers = [name for name in table.columns if name not in kept and table[name].type().is_numeric()]
    parts = [
        table.select(*kept, name=ibis.literal(name), value=table[name].cast("float64")) for name in numbers
    ]
    if not parts:
        empty = table.select(*kept, name=ibis.literal(""), value=ibis.null("float64"))
        return empty.filter(ibis.literal(False))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def instrument_answers(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Return each customer's answers to each survey instrument up to the cutoff.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, instrument, sum`` (of the answers, each from 0 to 1)``, answers``, sorted; empty
        without surveys.
    """
    table = relations.table("surveys")
    if table is None:
        return pd.DataFrame(
            {"customer_id": [], "instrument": pd.Series(dtype="str"), "sum": [], "answers": []}
        )
    rows = table.filter(table.timestamp < ibis.literal(add_days(cutoff, 1)).cast("timestamp"))
    rows = rows.mutate(level=(rows.score - rows.scale_low) / (rows.scale_high - rows.scale_low))
    found = rows.group_by("customer_id", "instrument").agg(sum=ordered_sum(rows.level), answers=rows.count())
    return execute_in_order(relations.connection, found.order_by("customer_id", "instrument"))


def channel_interactions(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Return each customer's number of interactions on each channel up to the cutoff.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, channel, interactions``, sorted; empty without interactions or their channels.
    """
    table = relations.table("interactions")
    if table is None or "channel" not in table.columns:
        return pd.DataFrame({"customer_id": [], "channel": pd.Series(dtype="str"), "interactions": []})
    rows = table.filter(table.timestamp < ibis.literal(add_days(cutoff, 1)).cast("timestamp"))
    rows = rows.filter(rows.channel.notnull())
    found = rows.group_by("customer_id", "channel").agg(interactions=rows.count())
    return execute_in_order(relations.connection, found.order_by("customer_id", "channel"))
