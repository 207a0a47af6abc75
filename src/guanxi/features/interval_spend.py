"""Spend and margin of customers in consecutive intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog


def margins_by_interval(log: TransactionLog, bounds: Sequence[date], margin_rate: float) -> pd.DataFrame:
    """Add up each customer's margin in the intervals between consecutive days.

    Parameters
    ----------
    log : TransactionLog
    bounds : sequence of datetime.date
        Ascending; an interval begins on the day after its first bound and includes its last.
    margin_rate : float
        Margin as a share of revenue, where the log has no margins.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, interval`` (from 0)``, margin``, sorted; intervals without a purchase have no row.
    """
    events, first, last = log.events, ibis.literal(bounds[0]), ibis.literal(bounds[-1])
    within = events.filter((events.date > first) & (events.date <= last))
    interval = ibis.literal(0)
    for bound in bounds[1:-1]:
        interval = interval + (within.date > ibis.literal(bound)).cast("int64")
    spent = within.amount.cast("float64") * margin_rate
    earned = within.margin.cast("float64").coalesce(spent) if "margin" in within.columns else spent
    dated = within.mutate(interval=interval.cast("int64"), earned=earned)
    table = dated.group_by("customer_id", "interval").agg(margin=dated.earned.sum())
    return execute_in_order(log.connection, table.order_by("customer_id", "interval"))
