"""Contracts as the payments of their periods, for what is built on purchases."""

from __future__ import annotations

from datetime import date

import ibis

from guanxi.data.contracts.calendar import add_periods, literal_day, whole_periods
from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import execute_in_order, explain_no_space
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError
from guanxi.params import DataParams
from guanxi.periods import add_days


def payments(log: ContractLog, until: date) -> TransactionLog:
    """Return a log with one purchase of the amount at the begin of each contract period up to a day.

    Raises
    ------
    DataError
        If no contract has an amount.
    """
    if not log.has_amounts:
        raise DataError(
            f"{log.source}: the contracts have no amounts, without which nothing is worth anything"
        )
    contracts = log.contracts.filter(log.contracts.start <= literal_day(until))
    stop = ibis.least(
        contracts.end.fill_null(literal_day(add_days(until, 1))), literal_day(add_days(until, 1))
    )
    last = (stop - ibis.interval(days=1)).cast("date")
    periods = whole_periods(contracts.start, last, log.params.period) + 1
    rows = contracts.mutate(number=ibis.range(0, periods).unnest())
    paid = rows.select(
        "customer_id",
        timestamp=add_periods(rows.start, rows.number, log.params.period).cast("timestamp"),
        amount=rows.amount,
    )
    with explain_no_space():
        table = execute_in_order(log.connection, paid.order_by("customer_id", "timestamp"))
    return read_transactions(table.dropna(subset="amount"), DataParams())
