"""What the relation tables tell of every customer as of a cutoff: contacts, answers, tickets, costs, credit.

All are ibis expressions on rows up to the cutoff; what a table does not tell is null.
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
    """Features of every customer who appears in a relation table up to the cutoff.

    Parameters
    ----------
    relations : Relations
    cutoff : date
        The last day that belongs to the past; no later row is read. Of customers acquired later nothing is
        known; a ticket closed later is open, and its satisfaction unknown. Attributes and referrals have no
        time of their own.

    Returns
    -------
    pandas.DataFrame
        In the order of ``customer_id``; without any relation no row. The columns are

        - ``customer_id``;
        - ``acquired_days`` (since ``acquired_on``), ``acquisition_channel, acquisition_cost, referred_by,
          contract``;
        - ``interactions`` (count), ``days_since_interaction``, ``interaction_channels`` (count),
          ``channel_mix`` (0: one channel; 1: all channels in use alike; Shannon's entropy over that of all),
          ``contacts_outbound``, ``responses`` (of these; what is not told is none, unless nothing is told);
        - sums of answers between the ends of their scales (0 to 1) and how many: ``csat_sum, csat_answers,
          ces_sum, ces_answers``; ``nps_score`` (the latest, 0 to 10; of several at once the lowest),
          ``nps_answers``; ``servqual_…_gap``, mean of (perception - expectation) / scale;
        - ``satisfaction_earlier, satisfaction_recent``: means of all answers (0 to 1), those of tickets
          included, older than and within the last 365 days;
        - ``tickets, complaints, complaints_closed``, ``complaint_days`` (mean days until closed),
          ``ticket_satisfaction_sum`` (0 to 1), ``ticket_satisfaction_answers``;
        - ``cost_to_serve, cost_to_retain``; ``credit_limit, overdue_days, defaults`` (each the latest known,
          of several at once the greatest);
        - the attributes, with an underscore where their name is one of these.

        Every number is a float, an attribute a number where every value reads as one, else text; a table that
        does not know a customer, or was not given, leaves null.

    Raises
    ------
    OutputError
        If there is no room for the engine's tables.
    """
    names = ["customer_id", *(name for names in COLUMNS.values() for name in names)]
    if not relations.lines:
        return pd.DataFrame(
            {name: pd.Series(dtype="object" if name in WORDS else "float64") for name in names}
        )
    expression = _all_measures(_seen(relations, cutoff), cutoff).order_by("customer_id")
    with explain_no_space():
        table = execute_in_order(relations.connection, expression)
    attributes = {str(name): number_or_text(table[name]) for name in table.columns if name not in names}
    return table.assign(**attributes)


def _all_measures(seen: dict[str, Any], cutoff: date) -> Any:
    parts = {name: MEASURES[name](table, cutoff) for name, table in seen.items()}
    given = [_answers(name, seen[name]) for name in ("surveys", "tickets") if name in seen]
    given = [table for table in given if table is not None]
    if given:
        parts["answers"] = _satisfaction(_union(given), cutoff)
    table = _union([part.select("customer_id") for part in parts.values()]).distinct()
    for part in parts.values():
        table = table.left_join(part, "customer_id").drop("customer_id_right")
    return _complete(table)


def _union(tables: list[Any]) -> Any:
    return functools.reduce(lambda one, other: one.union(other), tables)


def _seen(relations: Relations, cutoff: date) -> dict[str, Any]:
    """Keep the rows of each relation that were there by the end of the cutoff day."""
    end = ibis.literal(add_days(cutoff, 1)).cast("timestamp")
    seen = {}
    for name, lines in relations.lines.items():
        table, time = lines.table, _TIMES.get(name, "timestamp")
        if name == "customers":
            known = table.acquired_on.isnull() | (table.acquired_on < end) if time in table.columns else True
            seen[name] = table.filter(known)
        else:
            seen[name] = table.filter(table[time] < end)
    if "tickets" in seen and "closed" in seen["tickets"].columns:
        seen["tickets"] = _as_open(seen["tickets"], end)
    return seen


def _as_open(tickets: Any, end: Any) -> Any:
    """Undo what happened to a ticket after the cutoff."""
    later = tickets.closed >= end
    hidden = {"closed": ibis.ifelse(later, ibis.null("timestamp"), tickets.closed)}
    if "satisfaction" in tickets.columns:
        hidden["satisfaction"] = ibis.ifelse(later, ibis.null("float64"), tickets.satisfaction)
    return tickets.mutate(**hidden)


def _complete(table: Any) -> Any:
    """Put the columns in order, add those that no table has, and make numbers floats."""
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
