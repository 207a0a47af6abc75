"""Customers who joined a programme, and those who bought in the same month without joining."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import rfm_expression
from guanxi.features.snapshots import outcome_expression
from guanxi.periods import add_days

COVARIATES = (
    *("purchases_so_far", "days_since_first", "days_since_last", "spend_per_purchase"),
    *("purchases_before", "spend_before"),
)
OUTCOMES = ("purchases", "spend")
_MONTHS = 12


def joining_months(log: TransactionLog, points: pd.DataFrame, as_of: date, days: int) -> pd.DataFrame:
    """Rows to compare: customers known before a month who bought in it, and whether they joined in it.

    Joining is a customer's first points. Joiners of a month, and customers who bought in it and had not
    joined by its end, are described by what was known the day before the month began; the outcome is what
    they bought in the ``days`` after its end. Purchases of the month itself count on neither side, since
    customers join as they buy. Others who join later stay in, so that the future decides nothing.

    Parameters
    ----------
    log : TransactionLog
    points : pandas.DataFrame
        ``customer_id, date``.
    as_of : datetime.date
        Months whose outcomes end later are left out; of the rest, the last 12 are used.
    days : int

    Returns
    -------
    pandas.DataFrame
        ``group`` (first day of the month), ``customer_id, member``, the covariates and outcomes; empty
        without such months.
    """
    joined = pd.to_datetime(points.groupby("customer_id")["date"].min()).dt.normalize()
    first = pd.Timestamp(log.first_day) + pd.Timedelta(days=days)
    months = [month for month in sorted(set(joined.dt.to_period("M"))) if month.start_time >= first]
    ends = {month: month.end_time.date() for month in months}
    complete = [month for month in months if add_days(ends[month], days) <= as_of]
    parts = [_month(log, joined, month.start_time.date(), ends[month], days) for month in complete[-_MONTHS:]]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["group", "member"])


def _month(log: TransactionLog, joined: pd.Series, start: date, end: date, days: int) -> pd.DataFrame:
    events, grain, before = log.events, log.params.event_grain, start - timedelta(days=1)
    inside = (events.date >= start) & (events.date <= end)
    buyers = events.filter(inside).select("customer_id").distinct()
    known = rfm_expression(events, before, grain).semi_join(buyers, "customer_id")
    past = outcome_expression(events, add_days(before, -days), days, grain)
    past = past.rename(purchases_before="purchases", spend_before="spend")
    table = known.left_join(past, "customer_id").drop("customer_id_right")
    table = table.left_join(outcome_expression(events, end, days, grain), "customer_id").drop(
        "customer_id_right"
    )
    rows = execute_in_order(log.connection, table.order_by("customer_id"))
    when = joined.reindex(rows["customer_id"]).to_numpy()
    member = (when >= np.datetime64(start)) & (when <= np.datetime64(end))
    rows = rows.assign(
        group=start.isoformat(),
        member=member,
        purchases_so_far=rows["frequency"] + 1,
        days_since_first=rows["T"],
        days_since_last=rows["T"] - rows["recency"],
        spend_per_purchase=rows["monetary_value"],
    )
    numbers = [*COVARIATES, *OUTCOMES]
    rows[numbers] = rows[numbers].astype(np.float64).fillna(0.0)
    earlier = when < np.datetime64(start)
    return rows.loc[~earlier, ["group", "customer_id", "member", *numbers]]
