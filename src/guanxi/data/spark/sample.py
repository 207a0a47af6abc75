"""A sample of the customers of a log on Spark, as a log in this process.

It has few enough customers and purchases for this machine, however many there are on the cluster.
"""

from __future__ import annotations

import functools
import operator
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd

from guanxi.data.engine import _connect
from guanxi.data.spark.engine import _SparkEngine
from guanxi.data.spark.transactions import SparkLog
from guanxi.data.transactions import TransactionLog

MOST_PURCHASES = 20_000_000  # about 1 GB in DuckDB
_OF_LINES = ("category", "channel")  # all that features take from lines rather than purchases
_SEVERAL = (2, 4, 8, 16)  # purchases from which a customer is in the next group


def sample_customers(
    whole: SparkLog, as_of: date, most_customers: int, most_purchases: int = MOST_PURCHASES
) -> TransactionLog:
    """Bring a sample of the customers known at ``as_of`` here, with their purchases up to then.

    Customers are grouped by the quarter of their first purchase and their number of purchases (1, 2 to 3, 4
    to 7, 8 to 15, more). Of each group the same share is chosen: those whose identifiers have the lowest MD5.
    So each stands for as many customers, ``weight``, and the same are chosen again from the same log.

    Parameters
    ----------
    whole : SparkLog
        Its engine must run as long as the sample is used.
    as_of : date
    most_customers, most_purchases : int
        Limits of the sample; if neither is exceeded, it has all customers.
    """
    engine = whole.engine
    events = whole.events.filter(whole.events.date <= ibis.literal(as_of))
    customers = engine.keep("customers", _grouped(events))
    groups = engine.rows(
        customers.group_by("group").agg(customers=customers.count(), purchases=customers.purchases.sum())
    ).sort_values("group", ignore_index=True)
    known, purchases = int(groups["customers"].sum()), int(groups["purchases"].sum())
    share = min(1.0, most_customers / max(known, 1), most_purchases / max(purchases, 1))
    lines = whole.lines.filter(whole.lines.date <= ibis.literal(as_of))
    chosen = known
    if share < 1.0:
        kept = engine.keep("chosen", _lowest(customers, _allotted(groups, share)))
        events, lines = (table.semi_join(kept, "customer_id") for table in (events, lines))
        chosen = int(engine.rows(kept.agg(n=kept.count()))["n"].iloc[0])
    connection = _connect(whole.params.timezone)
    try:
        events = _fetched(connection, engine, "events", events)
        others = [name for name in _OF_LINES if name in lines.columns]
        if others:
            lines = _fetched(connection, engine, "lines", lines.select("customer_id", "date", *others))
        else:
            lines = events.select("customer_id", "date")
    except BaseException:
        connection.disconnect()
        raise
    return TransactionLog(
        source=whole.source,
        params=whole.params,
        connection=connection,
        lines=lines,
        events=events,
        rejected=None,
        lines_read=whole.lines_read,
        lines_accepted=whole.lines_accepted,
        rejected_by_rule=whole.rejected_by_rule,
        repeated_lines=whole.repeated_lines or 0,
        has_amounts=whole.has_amounts,
        customers=chosen,
        customers_without_purchase=whole.customers_without_purchase,
        first_day=whole.first_day,
        last_day=whole.last_day,
        value=whole.value,
        findings=whole.findings,
        whole=whole,
        weight=known / max(chosen, 1),
    )


def _grouped(events: Any) -> Any:
    """Count each customer's purchases, and number the group."""
    customers = events.group_by("customer_id").agg(purchases=events.count(), first=events.date.min())
    quarter = customers.first.year() * 4 + customers.first.quarter()
    level = functools.reduce(
        operator.add, ((customers.purchases >= least).cast("int64") for least in _SEVERAL)
    )
    group = (quarter * (len(_SEVERAL) + 1) + level).cast("int64")
    return customers.select("customer_id", "purchases", group=group)


def _allotted(groups: pd.DataFrame, share: float) -> dict[int, int]:
    """Allot customers of the sample to groups: the share of each, and of all, up to one customer."""
    reached = np.rint(groups["customers"].cumsum().to_numpy() * share).astype(int)
    return dict(zip(groups["group"].tolist(), np.diff(reached, prepend=0).tolist(), strict=True))


def _lowest(customers: Any, allotted: dict[int, int]) -> Any:
    """Choose the customers of each group whose identifiers have the lowest MD5."""
    key = customers.customer_id.cast("string").hexdigest("md5")
    window = ibis.window(group_by="group", order_by=[key, customers.customer_id])
    numbered = customers.mutate(number=ibis.row_number().over(window))
    most = ibis.cases(*((numbered.group == group, count) for group, count in allotted.items()), else_=0)
    return numbered.filter(numbered.number < most).select("customer_id")


def _fetched(connection: Any, engine: _SparkEngine, name: str, expression: Any) -> Any:
    """Copy a table to the engine of this process, sorted by customer and day."""
    kept = engine.keep(f"sample_{name}", expression)
    rows = int(engine.rows(kept.agg(n=kept.count()))["n"].iloc[0])
    for number, part in enumerate(engine.parts(kept, rows)):
        into = "INSERT INTO unsorted" if number else "CREATE TABLE unsorted AS"
        connection.con.register("part", part)
        connection.con.execute(f"{into} SELECT * FROM part")
        connection.con.unregister("part")
    table = connection.create_table(name, connection.table("unsorted").order_by("customer_id", "date"))
    connection.drop_table("unsorted")
    return table
