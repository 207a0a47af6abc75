"""What each customer brought and cost: by customer, by cohort and by age, summed in the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order, explain_no_space
from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError
from guanxi.features.acquisition import _first_channels
from guanxi.periods import add_days

SUMS = ("orders", "returns", "sales", "refunded", "margin", "acquire", "serve", "retain")
COST_KINDS = ("acquire", "serve", "retain")
WITHOUT_CHANNEL, OTHER_CHANNELS = "", "..."
_MOST_CHANNELS = 20
_TABLES = ("customer_flows", "first_purchases")


@dataclass(frozen=True)
class CustomerFlows:
    """Orders, amounts and costs of all customers with a purchase up to a day.

    Months are counted back from that day: a purchase is ``back`` 0 in the month that ends with it. A sum is
    one of ``SUMS``: ``orders`` (days with a purchase), ``returns`` (days with a refund), ``sales`` (before
    refunds), ``refunded, margin``, and the recorded costs to ``acquire, serve, retain``.

    Attributes
    ----------
    as_of : date
    months : int
        Months from the first purchase of all to ``as_of``, the first one included.
    margin_filled : int
        Purchases without a margin in a log that has margins: the mean rate of the others is used.
    unknown_customers, unknown_cost : int, float
        Customers of the relation tables without a purchase, and the costs recorded for them.
    has : frozenset of str
        Kinds of cost on record.
    """

    connection: Any = field(repr=False)
    flows: Any = field(repr=False)
    firsts: Any = field(repr=False)
    as_of: date
    months: int
    margin_filled: int
    unknown_customers: int
    unknown_cost: float
    has: frozenset[str]

    def by_customer(self, months: int) -> pd.DataFrame:
        """Add up each customer in the last ``months`` months, in as many before, and to date.

        Returns
        -------
        pandas.DataFrame
            Sorted by ``customer_id``: ``first_day, back`` (of the first purchase), ``channel``, the sums,
            and the sums with the endings ``_before`` and ``_to_date``.
        """
        flows, period = self.flows, self.flows.back // months
        sums: dict[str, Any] = {}
        for ending, where in (("", period == 0), ("_before", period == 1), ("_to_date", None)):
            sums |= {f"{name}{ending}": flows[name].sum(where=where).fill_null(0.0) for name in SUMS}
        firsts = self.firsts.select("customer_id", "first_day", "first_back", "channel")
        table = flows.group_by("customer_id").agg(**sums).inner_join(firsts, "customer_id")
        names = ["customer_id", "first_day", "channel", *sums]
        found = self._run(table.select(*names, back=table.first_back).order_by("customer_id"))
        return found.assign(first_day=pd.to_datetime(found["first_day"]))

    def by_cohort(self, months: int) -> pd.DataFrame:
        """Add up by ``cohort`` and ``period``, both in periods of ``months`` months, 0 the last one.

        ``customers`` are those with an order.
        """
        flows = self.flows.mutate(cohort=self.flows.first_back // months, period=self.flows.back // months)
        buyers = ibis.ifelse(flows.orders > 0, flows.customer_id, ibis.null(flows.customer_id.type()))
        table = flows.group_by("cohort", "period").agg(customers=buyers.nunique(), **_totals(flows))
        return self._run(table.order_by("cohort", "period"))

    def by_age(self) -> pd.DataFrame:
        """Add up by ``channel``, ``back`` of the first purchase, and ``age`` in whole months since then."""
        flows = self.flows.mutate(first=self.flows.first_back)
        table = flows.group_by("channel", "first", "age").agg(**_totals(flows))
        return self._run(table.rename(back="first").order_by("channel", "back", "age"))

    def acquired(self) -> pd.DataFrame:
        """Count the customers by ``channel``, ``back`` and calendar ``month`` of the first purchase."""
        firsts = self.firsts.mutate(month=self.firsts.first_day.truncate("M"))
        table = firsts.group_by("channel", "first_back", "month").agg(customers=firsts.count())
        found = self._run(table.rename(back="first_back").order_by("month", "channel", "back"))
        return found.assign(month=pd.to_datetime(found["month"]))

    def _run(self, expression: Any) -> pd.DataFrame:
        with explain_no_space():
            return execute_in_order(self.connection, expression)


def _months_back(day: Any, as_of: date) -> Any:
    """Whole months from a day, or a column of days, to the end of the month that ends with ``as_of``.

    Examples
    --------
    >>> [_months_back(day, date(2024, 6, 15)) for day in (date(2024, 5, 16), date(2024, 5, 15))]
    [0, 1]
    """
    last = 31 if add_days(as_of, 1).day == 1 else as_of.day
    if isinstance(day, date):
        return (as_of.year - day.year) * 12 + as_of.month - day.month - int(day.day > last)
    months = ibis.literal(as_of.year * 12 + as_of.month) - day.year() * 12 - day.month()
    return (months - ibis.ifelse(day.day() > last, 1, 0)).cast("int64")


def period_end(as_of: date, months: int) -> date:
    """Last day of the period that ends ``months`` months before the one that ends with ``as_of``.

    Examples
    --------
    >>> period_end(date(2024, 2, 29), 12).isoformat()
    '2023-02-28'
    """
    count = as_of.year * 12 + as_of.month - 1 - months
    first = date(count // 12, count % 12 + 1, 1)
    end = add_days(date((count + 1) // 12, (count + 1) % 12 + 1, 1), -1)
    return end if add_days(as_of, 1).day == 1 else first.replace(day=min(as_of.day, end.day))


@contextmanager
def customer_flows(
    log: TransactionLog, relations: Relations, as_of: date, margin: float
) -> Iterator[CustomerFlows]:
    """Collect what customers brought and cost up to ``as_of``; the tables are dropped at the end.

    Parameters
    ----------
    log : TransactionLog
    relations : Relations
        In the engine of the log; ``costs`` and ``customers`` are used.
    as_of : date
        The last day used.
    margin : float
        Share of the amount that is margin, if the log has no margins.

    Raises
    ------
    DataError
        If costs to acquire are in both tables.
    """
    connection = log.connection
    try:
        with explain_no_space():
            past = log.events.filter(log.events.date <= ibis.literal(as_of))
            firsts = connection.create_table("first_purchases", _firsts(log, relations, past, as_of))
            costs = _costs(relations, firsts, as_of)
            paid, filled = _purchases(past, margin)
            known = _known(costs, firsts)
            flows = connection.create_table("customer_flows", _dated(paid.union(known), firsts, as_of))
            count, amount = _unknown(costs, firsts)
            oldest = int(firsts.first_back.max().execute())
            has = frozenset(kind for kind in COST_KINDS if costs is not None and known[kind].sum().execute())
        yield CustomerFlows(connection, flows, firsts, as_of, oldest + 1, filled, count, amount, has)
    finally:
        for name in _TABLES:
            connection.drop_table(name, force=True)


def _firsts(log: TransactionLog, relations: Relations, past: Any, as_of: date) -> Any:
    """First purchase and channel of every customer: that of the customers table, else of the first line."""
    firsts = past.group_by("customer_id").agg(first_day=past.date.min())
    firsts = firsts.left_join(_first_channels(log, as_of), "customer_id").drop("customer_id_right")
    customers = relations.table("customers")
    if customers is not None and "acquisition_channel" in customers.columns:
        given = customers.select("customer_id", given=customers.acquisition_channel)
        firsts = firsts.left_join(given, "customer_id").drop("customer_id_right")
        firsts = firsts.mutate(channel=ibis.coalesce(firsts.given, firsts.channel)).drop("given")
    firsts = firsts.mutate(
        channel=firsts.channel.fill_null(WITHOUT_CHANNEL), first_back=_months_back(firsts.first_day, as_of)
    )
    counts = firsts.group_by("channel").agg(customers=firsts.count())
    largest = counts.order_by(counts.customers.desc(), counts.channel).limit(_MOST_CHANNELS)
    names = largest.channel.execute().tolist()
    return firsts.mutate(channel=ibis.ifelse(firsts.channel.isin(names), firsts.channel, OTHER_CHANNELS))


def _purchases(past: Any, rate: float) -> tuple[Any, int]:
    """Purchases as flows, and the number whose margin was filled in."""
    amount, filled = past.amount.fill_null(0.0), 0
    margin = amount * rate
    if "margin" in past.columns:
        given = past.margin.notnull()
        facts = past.agg(
            margin=past.margin.sum(), amount=amount.sum(where=given), missing=(~given).sum()
        ).execute()
        filled = int(facts["missing"].iloc[0])
        sold = float(facts["amount"].iloc[0] or 0.0)
        mean = float(facts["margin"].iloc[0]) / sold if sold > 0 else rate
        margin = ibis.coalesce(past.margin, amount * mean)
    nothing = {kind: ibis.literal(0.0) for kind in COST_KINDS}
    return past.select(
        "customer_id",
        date=past.date.cast("date"),
        orders=ibis.literal(1.0),
        returns=ibis.ifelse(past.refunded > 0, 1.0, 0.0),
        sales=(amount + past.refunded.fill_null(0.0)).cast("float64"),
        refunded=past.refunded.fill_null(0.0).cast("float64"),
        margin=margin.cast("float64"),
        **nothing,
    ), filled


def _costs(relations: Relations, firsts: Any, as_of: date) -> Any:
    """Collect the recorded costs up to ``as_of``: ``customer_id, date, kind, amount``; None without any."""
    parts = []
    costs, customers = relations.table("costs"), relations.table("customers")
    if costs is not None:
        parts.append(costs.select("customer_id", "kind", "amount", date=costs.timestamp.date()))
    if customers is not None and "acquisition_cost" in customers.columns:
        dated = customers.left_join(firsts.select("customer_id", "first_day"), "customer_id")
        first = dated.first_day.cast("date")
        day = (
            ibis.coalesce(dated.acquired_on.cast("date"), first) if "acquired_on" in dated.columns else first
        )
        paid = dated.select(
            "customer_id", kind=ibis.literal("acquire"), amount=dated.acquisition_cost, date=day
        )
        parts.append(paid.filter(paid.amount.notnull()))
    if not parts:
        return None
    if len(parts) == 2 and parts[0].filter(parts[0].kind == "acquire").count().execute():
        raise DataError(
            "relations.costs has lines of kind acquire and relations.customers has acquisition_cost, which "
            "would count twice: leave one of them out"
        )
    table = parts[0] if len(parts) == 1 else parts[0].union(parts[1].select(parts[0].columns))
    # A customer without a purchase has no day of a first one.
    return table.filter((table.date <= ibis.literal(as_of)) | table.date.isnull())


def _known(costs: Any, firsts: Any) -> Any:
    """Costs of customers with a purchase as flows; no row without costs."""
    none = ("orders", "returns", "sales", "refunded", "margin")
    if costs is None:
        kinds = {kind: ibis.literal(0.0) for kind in COST_KINDS}
        table = firsts.filter(ibis.literal(False)).mutate(date=firsts.first_day.cast("date"))
    else:
        table = costs.semi_join(firsts, "customer_id")
        kinds = {kind: ibis.ifelse(table.kind == kind, table.amount, 0.0) for kind in COST_KINDS}
    return table.select("customer_id", "date", **{name: ibis.literal(0.0) for name in none}, **kinds)


def _unknown(costs: Any, firsts: Any) -> tuple[int, float]:
    if costs is None:
        return 0, 0.0
    other = costs.anti_join(firsts, "customer_id")
    facts = other.agg(
        customers=other.customer_id.nunique(), amount=other.amount.sum().fill_null(0.0)
    ).execute()
    return int(facts["customers"].iloc[0]), float(facts["amount"].iloc[0])


def _dated(flows: Any, firsts: Any, as_of: date) -> Any:
    """Add months back, the first purchase's months back and channel, and the age in whole months."""
    known = firsts.select("customer_id", "first_day", "first_back", "channel")
    table = flows.inner_join(known, "customer_id")
    first = table.first_day
    months = (table.date.year() - first.year()) * 12 + table.date.month() - first.month()
    age = months - ibis.ifelse(table.date.day() < first.day(), 1, 0)
    # Costs before the first purchase, as to acquire, belong to its month.
    return table.select(
        *("customer_id", "channel", "first_back", *SUMS),
        back=_months_back(table.date, as_of),
        age=age.cast("int64").clip(lower=0),
    )


def _totals(flows: Any) -> dict[str, Any]:
    return {name: flows[name].sum() for name in SUMS}


def monthly_spending(relations: Relations, as_of: date) -> pd.DataFrame | None:
    """Spending of the company up to ``as_of`` by ``month`` (its first day) and ``channel``: ``amount``."""
    table = relations.table("spending")
    if table is None:
        return None
    past = table.filter(table.timestamp.date() <= ibis.literal(as_of))
    sums = past.group_by("channel", month=past.timestamp.date().truncate("M")).agg(amount=past.amount.sum())
    found = execute_in_order(relations.connection, sums.order_by("month", "channel"))
    return found.assign(month=pd.to_datetime(found["month"])) if len(found) else None
