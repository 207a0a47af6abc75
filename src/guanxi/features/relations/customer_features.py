"""Customer features from the relation tables as of a cutoff: contacts, answers, tickets, costs, credit.

All are ibis expressions on rows up to the cutoff; unknown values are null.
"""

from __future__ import annotations

import functools
from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.attribute_values import number_or_text
from guanxi.data.engine import execute_in_order, explain_no_space
from guanxi.data.relations.tables import Relations
from guanxi.data.sources.source_table import free_names
from guanxi.features.relations.measures import ATTRIBUTE, COLUMNS, MEASURES, WORDS, _answers, _satisfaction
from guanxi.periods import add_days

_TIMES = {"customers": "acquired_on", "tickets": "opened"}


def relation_features(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Features of all customers who appear in a relation table up to the cutoff.

    Parameters
    ----------
    relations : Relations
    cutoff : date
        The last day used. Customers acquired later are left out; a ticket closed later is open, and its
        satisfaction unknown. Attributes and referrals have no date.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``customer_id``; empty without relations. The columns are

        - ``customer_id``;
        - ``acquired_days`` (since ``acquired_on``), ``acquisition_channel, acquisition_cost, referred_by,
          contract``;
        - ``interactions`` (count), ``days_since_interaction``, ``interaction_channels`` (count),
          ``channel_mix`` (Shannon entropy over its maximum; 0: one channel, 1: all channels equally),
          ``contacts_outbound``, ``responses`` (to these; missing values count as 0 unless all are missing);
        - sums and numbers of answers, rescaled from 0 to 1: ``csat_sum, csat_answers, ces_sum, ces_answers``;
          ``nps_score`` (the latest, 0 to 10; the lowest of simultaneous ones), ``nps_answers``;
          ``servqual_…_gap``, mean of (perception - expectation) / scale;
        - ``satisfaction_earlier, satisfaction_recent``: means of all answers (0 to 1), including those of
          tickets, from before and within the last 365 days;
        - ``tickets, complaints, complaints_closed``, ``complaint_days`` (mean days until closed),
          ``ticket_satisfaction_sum`` (0 to 1), ``ticket_satisfaction_answers``;
        - ``cost_to_serve, cost_to_retain``; ``credit_limit, overdue_days, defaults`` (each the latest known,
          the greatest of simultaneous ones);
        - the attributes, with an underscore if their name is one of these: numbers if all values are numeric,
          else text.

        Numbers are floats. Values are null if a table does not include the customer or was not given.

    Raises
    ------
    OutputError
        If the engine runs out of space.
    """
    names = ["customer_id", *(name for names in COLUMNS.values() for name in names)]
    if not relations.lines.keys() & MEASURES.keys():
        return pd.DataFrame(
            {name: pd.Series(dtype="object" if name in WORDS else "float64") for name in names}
        )
    expression = _all_measures(_rows_until(relations, cutoff), cutoff).order_by("customer_id")
    with explain_no_space():
        table = execute_in_order(relations.connection, expression)
    attributes = {str(name): number_or_text(table[name]) for name in table.columns if name not in names}
    return table.assign(**attributes)


def _all_measures(rows: dict[str, Any], cutoff: date) -> Any:
    parts = {name: MEASURES[name](table, cutoff) for name, table in rows.items()}
    given = [_answers(name, rows[name]) for name in ("surveys", "tickets") if name in rows]
    given = [table for table in given if table is not None]
    if given:
        parts["answers"] = _satisfaction(_union(given), cutoff)
    table = _union([part.select("customer_id") for part in parts.values()]).distinct()
    for part in parts.values():
        table = table.left_join(part, "customer_id").drop("customer_id_right")
    return _complete(table)


def _union(tables: list[Any]) -> Any:
    return functools.reduce(lambda one, other: one.union(other), tables)


def _rows_until(relations: Relations, cutoff: date) -> dict[str, Any]:
    """Keep the rows of each relation up to the end of the cutoff day."""
    end = ibis.literal(add_days(cutoff, 1)).cast("timestamp")
    rows = {}
    for name, lines in relations.lines.items():
        if name not in MEASURES:
            continue
        table, time = lines.table, _TIMES.get(name, "timestamp")
        if name == "customers":
            known = table.acquired_on.isnull() | (table.acquired_on < end) if time in table.columns else True
            rows[name] = table.filter(known)
        else:
            rows[name] = table.filter(table[time] < end)
    if "tickets" in rows and "closed" in rows["tickets"].columns:
        rows["tickets"] = _reopened(rows["tickets"], end)
    return rows


def _reopened(tickets: Any, end: Any) -> Any:
    """Treat tickets closed after the cutoff as open."""
    later = tickets.closed >= end
    hidden = {"closed": ibis.ifelse(later, ibis.null("timestamp"), tickets.closed)}
    if "satisfaction" in tickets.columns:
        hidden["satisfaction"] = ibis.ifelse(later, ibis.null("float64"), tickets.satisfaction)
    return tickets.mutate(**hidden)


def _complete(table: Any) -> Any:
    """Order the columns, add missing ones, and convert numbers to float."""
    known = [name for names in COLUMNS.values() for name in names]
    columns = {"customer_id": table.customer_id}
    for name in known:
        kind = "string" if name in WORDS else "float64"
        if name not in table.columns:
            columns[name] = ibis.null(kind)
        else:
            columns[name] = table[name] if name in WORDS else table[name].cast("float64")
    attributes = {name for name in table.columns if name.startswith(ATTRIBUTE)}
    plain = [name.removeprefix(ATTRIBUTE) for name in table.columns if name in attributes]
    names = free_names(plain, set(columns))
    return table.select(**columns, **{names[name]: table[ATTRIBUTE + name] for name in plain})
