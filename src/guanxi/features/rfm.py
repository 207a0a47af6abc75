"""Recency, frequency and monetary value (RFM) as of a cutoff."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import HistoryError
from guanxi.params import DataParams, Params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days, days_per_unit, parse_date

COLUMNS = ("frequency", "recency", "T", "monetary_value")
Cutoff = date | None


def _until_each(table: Any, cutoffs: Sequence[date]) -> Any:
    """Repeat the rows for each of the cutoffs that they do not come after: its column is ``cutoff``.

    All expressions on rows up to a cutoff take such tables, with None in place of the cutoff.
    """
    repeated = table.mutate(cutoff=ibis.array([ibis.literal(day) for day in cutoffs]).unnest())
    return repeated.filter(repeated.date <= repeated.cutoff)


def _until(table: Any, cutoff: Cutoff) -> Any:
    """Rows up to the cutoff; all of a table with cutoffs of its own."""
    return table if cutoff is None else table.filter(table.date <= ibis.literal(cutoff))


def _keys(table: Any) -> list[str]:
    """Columns that identify a customer as of a cutoff."""
    return [name for name in ("cutoff", "customer_id") if name in table.columns]


def _end(table: Any, cutoff: Cutoff, event_grain: str) -> Any:
    """First day of the event period that contains the cutoff, in every row."""
    if cutoff is not None:
        return ibis.literal(_period_start(cutoff, event_grain))
    return table.cutoff if event_grain == "D" else table.cutoff.truncate(event_grain)


def purchases_until(events: Any, cutoff: Cutoff, event_grain: str = "D") -> Any:
    """Purchases up to and including the cutoff, merged by customer and period.

    Parameters
    ----------
    events : ibis.Table
        One row per customer and day: ``customer_id, date, amount`` and any totals.
    cutoff : date or None
        The last day used, also within its period; None: the events have a column ``cutoff``.
    event_grain : {"D", "W", "M", "Y"}
        The period: a day, a week from Monday, a calendar month or year.

    Returns
    -------
    ibis.Table
        The columns of ``events``; ``date`` is the first day of the period, the other columns are sums.
    """
    past = _until(events, cutoff)
    if event_grain == "D":
        return past
    keys = _keys(past)
    totals = {name: past[name].sum() for name in past.columns if name not in (*keys, "date")}
    merged = past.group_by(*keys, period=past.date.truncate(event_grain)).agg(**totals)
    return merged.rename(date="period")


def _as_floats(table: Any) -> Any:
    """Cast all columns but the keys to float64."""
    keys = _keys(table)
    return table.mutate(**{name: table[name].cast("float64") for name in table.columns if name not in keys})


def _period_start(day: date, event_grain: str) -> date:
    """First day of the event period that contains ``day``.

    Examples
    --------
    >>> _period_start(date(1997, 9, 30), "W").isoformat()
    '1997-09-29'
    """
    if event_grain == "W":
        return add_days(day, -day.weekday())
    if event_grain == "M":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if event_grain == "Y" else day


def rfm_expression(events: Any, cutoff: Cutoff, event_grain: str = "D") -> Any:
    """RFM of all customers with a purchase up to and including the cutoff.

    Parameters
    ----------
    events : ibis.Table
        Purchases, one row per customer and day: ``customer_id, date, amount``.
    cutoff : date or None
        The last day used; None: the events have a column ``cutoff``.
    event_grain : {"D", "W", "M", "Y"}
        Period within which purchases are merged. Times are measured between the first days of periods,
        including that of the cutoff.

    Returns
    -------
    ibis.Table
        ``customer_id``; ``frequency`` (repeat purchases); ``recency`` (days from first to last purchase);
        ``T`` (days from first purchase to cutoff); ``monetary_value`` (mean amount of the repeat purchases,
        0 if there are none; null if amounts are unknown).

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005), "Counting your customers" the easy way,
    Marketing Science 24(2), section 3.
    """
    past = purchases_until(events, cutoff, event_grain)
    keys = _keys(past)
    customers = past.group_by(*keys).agg(
        first=past.date.min(),
        last=past.date.max(),
        purchases=past.count(),
        total=past.amount.sum(),
        first_amount=past.amount.argmin(past.date),
    )
    frequency = customers.purchases - 1
    repeat_spend = customers.total - customers.first_amount
    end = _end(customers, cutoff, event_grain)
    # Clipped because a sum and a difference of non-negative amounts may round below zero.
    mean = ibis.ifelse(frequency > 0, (repeat_spend / frequency.nullif(0)).clip(lower=0), 0.0)
    return customers.select(
        *keys,
        frequency=frequency.cast("float64"),
        recency=customers.last.delta(customers.first, unit="day").cast("float64"),
        T=end.delta(customers.first, unit="day").cast("float64"),
        monetary_value=ibis.ifelse(customers.total.isnull(), ibis.null("float64"), mean),
    )


def _log_gap_sum(gaps: Any) -> Any:
    """Sum of the logarithms of gaps in days; 0 without any."""
    return gaps.ln().sum().fill_null(0.0)


def log_gaps_expression(events: Any, cutoff: date, event_grain: str) -> Any:
    """Compute ``log_gap_sum`` of every customer; the arguments are those of :func:`rfm_expression`."""
    past = purchases_until(events, cutoff, event_grain)
    before = past.date.lag().over(group_by="customer_id", order_by="date")
    gaps = past.mutate(gap=past.date.delta(before, unit="day").cast("float64"))
    return gaps.group_by("customer_id").agg(log_gap_sum=_log_gap_sum(gaps.gap))


def with_log_gaps(table: pd.DataFrame, log: TransactionLog, cutoff: date) -> pd.DataFrame:
    """Add ``log_gap_sum``, a measure of regularity, to a table of all customers known at the cutoff.

    It is the sum of the logarithms of the days between successive purchases (0 without repeat purchases),
    called ``litt`` in BTYDplus (Platzer & Reutterer 2016, Marketing Science 35(5)).
    """
    sums = log_gaps_expression(log.events, cutoff, log.params.event_grain)
    sums = execute_in_order(log.connection, sums.order_by("customer_id"))
    return table.merge(sums, on="customer_id", how="left", validate="one_to_one")


def _with_columns(params: DataParams | None, given: dict[str, str | None]) -> DataParams | None:
    """Return the parameters with the columns that are given."""
    columns = {name: column for name, column in given.items() if column is not None}
    if not columns or not isinstance(params, DataParams | None):
        return params  # of another type: refused where it is read
    flat = {f"data.columns.{name}": column for name, column in columns.items()}
    return override(Params(data=params or DataParams()), flat).data


@advises_in_python(".data")
def rfm(
    transactions: Source,
    *,
    cutoff: date | datetime | str | None = None,
    time_unit: str = "D",
    customer_id: str | None = None,
    timestamp: str | None = None,
    amount: str | None = None,
    params: DataParams | None = None,
) -> pd.DataFrame:
    """Summarise transactions to one row per customer, for BTYD models.

    Parameters
    ----------
    transactions : str, path or table
        A source as on the command line, or a table of pandas, polars, Arrow, DuckDB or any other that
        narwhals knows.
    cutoff : date or str, optional
        The last day used; default: the last day of the data.
    time_unit : {"D", "W", "M", "Y"}
        Unit of ``recency`` and ``T``. It does not affect the period within which purchases are merged,
        ``params.event_grain``.
    customer_id, timestamp, amount : str, optional
        Columns of the source, by default of these names; an amount may be a product, as in
        ``Quantity*Price``, and ``""`` is for a log without amounts.
    params : DataParams, optional
        Columns and policies.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, frequency, recency, T, monetary_value`` and ``log_gap_sum`` (sum of the logarithms of
        the gaps between purchases, for the CNBD-k models), sorted by ``customer_id``.

    Raises
    ------
    HistoryError
        If there is no purchase up to the cutoff.
    SourceError, DataError
        If the transactions cannot be read.

    Examples
    --------
    >>> rfm("cdnow-sample", cutoff="1997-09-30", time_unit="W").shape
    (2357, 6)
    >>> orders = pd.DataFrame({"Kunde": ["a", "a"], "Tag": ["2024-01-01", "2024-01-31"], "Betrag": [5, 7]})
    >>> rfm(orders, customer_id="Kunde", timestamp="Tag", amount="Betrag").loc[0, "monetary_value"].item()
    7.0
    """
    unit = days_per_unit(time_unit)
    given = {"customer_id": customer_id, "timestamp": timestamp, "amount": amount}
    log = read_transactions(transactions, _with_columns(params, given))
    try:
        day = log.last_day if cutoff is None else parse_date(cutoff, what="cutoff")
        expression = rfm_expression(log.events, day, log.params.event_grain)
        table = with_log_gaps(execute_in_order(log.connection, expression.order_by("customer_id")), log, day)
        if log.rejected_by_rule:
            rejected = ", ".join(f"{rule} {n:,}" for rule, n in log.rejected_by_rule.items())
            warnings.warn(
                f"rfm left out {sum(log.rejected_by_rule.values()):,} lines: {rejected}", stacklevel=2
            )
        if table.empty:
            raise HistoryError(f"no purchase up to the cutoff {day}: the data begins on {log.first_day}")
    finally:
        log.close()
    table[["recency", "T"]] /= unit
    table["log_gap_sum"] -= table["frequency"] * math.log(unit)
    return table
