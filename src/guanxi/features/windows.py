"""What customers bought in a window of their own, and in the one before."""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog


def purchases_in_windows(
    log: TransactionLog, customers: pd.DataFrame, days: int, before: int = 1
) -> pd.DataFrame:
    """Count and sum each customer's purchases in windows of the same length, one after the other.

    Parameters
    ----------
    log : TransactionLog
    customers : pandas.DataFrame
        ``customer_id``, unique; ``day`` (datetime64), the first day of the customer's window.
    days : int
        Length of each window.
    before : int
        Number of windows before ``day``, the last of which ends on the day before it.

    Returns
    -------
    pandas.DataFrame
        One row per customer in the order of ``customers``: ``customer_id``; ``earlier_purchases`` (all before
        ``day``); ``purchase_count, spend, margin`` within the window; the same with ``_before_1`` for the
        window before, ``_before_2`` for the one before that, and so on. Spend and margin are absent where
        the log has none.

    Examples
    --------
    >>> from guanxi.data.transactions import read_transactions
    >>> log = read_transactions("cdnow-sample")
    >>> first = log.lines.customer_id.min().execute()
    >>> customers = pd.DataFrame({"customer_id": [first], "day": pd.to_datetime(["1997-10-01"])})
    >>> list(purchases_in_windows(log, customers, 90)["earlier_purchases"])
    [3]
    """
    given = customers[["customer_id", "day"]].assign(row=range(len(customers)))
    kept = log.connection.create_table("window_customers", given, overwrite=True)
    try:
        table = kept.left_join(log.events, "customer_id")
        found = execute_in_order(log.connection, _totals(log, table, days, before).order_by("row"))
    finally:
        log.connection.drop_table("window_customers", force=True)
    return found.drop(columns="row")


def _totals(log: TransactionLog, table: Any, days: int, before: int) -> Any:
    """Sum within the windows of each row."""
    since = table.date.delta(table.day.cast("date"), unit="day")
    windows = {"": (since >= 0) & (since < days)}
    for number in range(1, before + 1):
        windows[f"_before_{number}"] = (since >= -number * days) & (since < (1 - number) * days)
    known = {"spend": "amount"} if log.has_amounts else {}
    if "margin" in table.columns:
        known["margin"] = "margin"
    totals: dict[str, Any] = {"earlier_purchases": _count(since < 0)}
    for suffix, within in windows.items():
        totals[f"purchase_count{suffix}"] = _count(within)
        for name, column in known.items():
            amount = table[column].cast("float64").fill_null(0.0)
            totals[name + suffix] = ibis.ifelse(within.fill_null(False), amount, 0.0).sum()
    return table.group_by("row", "customer_id").agg(**totals)


def _count(condition: Any) -> Any:
    return condition.fill_null(False).sum().fill_null(0).cast("int64")


def answers_in_windows(surveys: Any, connection: Any, customers: pd.DataFrame, days: int) -> pd.DataFrame:
    """Find each customer's latest answer of each instrument within a window.

    Parameters
    ----------
    surveys : ibis.Table
        Canonical: ``customer_id, timestamp, instrument, score, scale_low, scale_high``.
    connection
        Its engine.
    customers, days
        As in :func:`purchases_in_windows`.

    Returns
    -------
    pandas.DataFrame
        ``customer_id`` and a column per instrument, as in ``score_csat``: a share of its scale, NaN
        without an answer.
    """
    kept = connection.create_table("window_customers", customers[["customer_id", "day"]], overwrite=True)
    try:
        table = kept.inner_join(surveys, "customer_id")
        since = table.timestamp.date().delta(table.day.cast("date"), unit="day")
        asked = table.filter((since >= 0) & (since < days))
        unit = (asked.score - asked.scale_low) / (asked.scale_high - asked.scale_low)
        latest = asked.group_by("customer_id", "instrument").agg(score=unit.argmax(asked.timestamp))
        found = execute_in_order(connection, latest.order_by("customer_id", "instrument"))
    finally:
        connection.drop_table("window_customers", force=True)
    wide = found.pivot(index="customer_id", columns="instrument", values="score").add_prefix("score_")  # noqa: PD010
    return customers[["customer_id"]].merge(wide.reset_index(), on="customer_id", how="left")
