"""Features of the customers under contract on a day, and the renewal opportunities before it."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.chunks import CustomerChunks
from guanxi.data.contracts.calendar import add_periods, literal_day, whole_periods
from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import execute_in_order, explain_no_space
from guanxi.errors import ParamsError
from guanxi.features.contracts._spells import contracts_until, spells_until, states_of
from guanxi.features.snapshots import CUSTOMERS_AT_ONCE, OrderedChunks
from guanxi.params import ContractParams
from guanxi.periods import add_days, parse_date

_FEATURES = (
    "amount",
    "first_amount",
    "amount_changes",
    "last_change",
    "periods_since_change",
    "periods_away",
)
_WORDS = ("plan", "channel")


def contract_features(log: ContractLog, as_of: date | None = None) -> pd.DataFrame:
    """Features of all customers under contract on a day, sorted by ``customer_id``.

    Parameters
    ----------
    log : ContractLog
    as_of : date, optional
        The last day used; default: the last day of the data.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``; ``start`` (of the spell), ``renewals`` (made in it), ``entry`` (of these, before the
        observation began), ``next_opportunity`` (the day on which the contract is renewed or not), ``spells``
        (so far); ``amount`` (per period), ``first_amount``, ``amount_changes``, ``last_change`` (relative),
        ``periods_since_change`` (of the amount; since the start without one), ``periods_away`` (before the
        spell; null in the first), ``plan``, ``channel``, and the attributes.

    Raises
    ------
    ParamsError
        If ``as_of`` is not the day of a file of customers, which tells of no other.
    """
    day = _known_day(log, as_of)
    expression = feature_expression(log.contracts, log.attributes, day, log.params)
    with explain_no_space():
        return execute_in_order(log.connection, expression.order_by("customer_id"))


class ContractChunks(OrderedChunks):
    """The features of :func:`contract_features` in chunks, so that memory does not grow with the customers.

    Parameters
    ----------
    log : ContractLog
    as_of : date
        The last day used.
    customers : int
        Maximum number of customers in a chunk.
    """

    def __init__(self, log: ContractLog, as_of: date, customers: int = CUSTOMERS_AT_ONCE) -> None:
        day = _known_day(log, as_of)
        tables = {"contracts": log.contracts.filter(log.contracts.start <= literal_day(day))}
        if log.attributes is not None:
            tables["attributes"] = log.attributes

        def build(contracts: Any, attributes: Any = None) -> Any:
            return feature_expression(contracts, attributes, day, log.params).order_by("customer_id")

        present = feature_expression(log.contracts, None, day, log.params)
        chunks = CustomerChunks(log.connection, present, lambda known: customers)
        super().__init__(chunks, tables, build)


def feature_expression(contracts: Any, attributes: Any, as_of: date, params: ContractParams) -> Any:
    """Return the query of :func:`contract_features`."""
    known = contracts_until(contracts, as_of, params)
    states = states_of(known, spells_until(known, as_of, params))
    present = states.filter(states.end.isnull() & states.until.isnull())
    since = whole_periods(present.changed, literal_day(as_of), params.period)
    # A customer who came back within the days of grace has one spell, the last.
    following = add_periods(present.start, present.renewals + 1, params.period)
    latest = present.select(
        "customer_id",
        start=present.start.cast("timestamp"),
        renewals=present.renewals,
        entry=ibis.least(present.entry, present.renewals),
        next_opportunity=following.cast("timestamp"),
        spells=present.spell,
        **_features(present, since),
    )
    return _with_attributes(latest, attributes)


def person_periods(
    log: ContractLog, as_of: date | None = None, window: int | None = None, customers: int | None = None
) -> pd.DataFrame:
    """Renewal opportunities up to a day, with the features known before each.

    Parameters
    ----------
    log : ContractLog
    as_of : date, optional
        The last day used; default: the last day of the data.
    window : int, optional
        Only the opportunities of so many days up to ``as_of``.
    customers : int, optional
        Only so many customers, of all who began by then; chosen by their identifiers alone.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``customer_id, spell, renewals``: ``customer_id, spell, renewals`` (made before this
        opportunity), ``opportunity`` (its day), ``churned`` (1: the contract was not renewed), ``start``,
        ``spells`` and the features of :func:`contract_features` on the day before. Attributes have no date,
        and are the same in every row.

    Raises
    ------
    ParamsError
        If ``as_of`` is not the day of a file of customers, which tells of no other.
    """
    day = _known_day(log, as_of)
    contracts = log.contracts
    if customers is not None:
        ids = contracts.filter(contracts.start <= literal_day(day)).select("customer_id").distinct()
        chosen = ids.order_by(ids.customer_id.hash(), "customer_id").limit(customers)
        contracts = contracts.semi_join(chosen, "customer_id")
    expression = opportunity_expression(contracts, log.attributes, day, log.params, window)
    with explain_no_space():
        return execute_in_order(log.connection, expression.order_by("customer_id", "spell", "renewals"))


def opportunity_expression(
    contracts: Any, attributes: Any, as_of: date, params: ContractParams, window: int | None = None
) -> Any:
    """Return the query of :func:`person_periods`."""
    unit = params.period
    known = contracts_until(contracts, as_of, params)
    states = states_of(known, spells_until(known, as_of, params))
    # A stretch is what is known before the opportunities from the day after its first up to the next one's.
    first = whole_periods(states.start, states.since, unit) + 1
    end = whole_periods(states.start, states.until, unit).fill_null(states.last)
    begin, end = ibis.greatest(first, states.entry + 1), ibis.least(end, states.last)
    if window is not None:
        earlier = whole_periods(states.start, literal_day(add_days(as_of, -window)), unit)
        begin = ibis.greatest(begin, earlier + 1)
    stretches = states.mutate(begin=begin, stop=end + 1)
    rows = stretches.filter(stretches.begin < stretches.stop)
    rows = rows.mutate(number=ibis.range(rows.begin, rows.stop).unnest())
    rows = rows.mutate(opportunity=add_periods(rows.start, rows.number, unit))
    yesterday = (rows.opportunity - ibis.interval(days=1)).cast("date")
    since = whole_periods(rows.changed, yesterday, unit)
    chosen = rows.select(
        "customer_id",
        "spell",
        renewals=rows.number - 1,
        opportunity=rows.opportunity.cast("timestamp"),
        churned=(rows.number == rows.left).fill_null(False).cast("int64"),
        start=rows.start.cast("timestamp"),
        spells=rows.spell,
        **_features(rows, since),
    )
    return _with_attributes(chosen, attributes)


def _features(states: Any, periods_since_change: Any) -> dict[str, Any]:
    values = {name: states[name] for name in _FEATURES if name != "periods_since_change"}
    values["periods_since_change"] = periods_since_change
    numbers = {name: values[name].cast("float64") for name in _FEATURES}
    return numbers | {name: states[name] for name in _WORDS}


def _with_attributes(table: Any, attributes: Any) -> Any:
    if attributes is None:
        return table
    return table.left_join(attributes, "customer_id").drop("customer_id_right")


def _known_day(log: ContractLog, as_of: date | None) -> date:
    if as_of is None:
        return log.last_day
    day = parse_date(as_of, what="as_of")
    if log.form == "customers" and day != log.last_day:
        raise ParamsError(
            f"as_of {day}: {log.source} is a file of customers, which tells of {log.last_day} alone: leave "
            "it out, or read contracts with their dates"
        )
    return day
