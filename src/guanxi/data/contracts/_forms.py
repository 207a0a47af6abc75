"""Each form of contract data as contracts with a start and an end."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis

from guanxi.data._findings import DataFinding, told
from guanxi.data.contracts.calendar import add_periods, literal_day

CANONICAL = ("line_number", "customer_id", "start", "end", "amount", "plan", "channel")


def judge_events(judged: Any) -> Any:
    """Reject events of customers who have no contract at that time, and treat a second start as a change."""
    accepted = judged.rule.isnull()
    position = ibis.row_number().over(
        ibis.window(group_by=["customer_id", accepted], order_by=["timestamp", "line_number"])
    )
    placed = judged.mutate(position=ibis.ifelse(accepted, position, ibis.null("int64")))
    # Starts have odd keys and cancellations even ones, so that the latest of both tells what is true.
    bound = placed.event.isin(["start", "cancel"])
    key = placed.position * 2 + (placed.event == "start").cast("int64")
    placed = placed.mutate(key=ibis.ifelse(bound, key, ibis.null("int64")), accepted=accepted)
    customers = {"group_by": ["customer_id", "accepted"], "order_by": ["position", "line_number"]}
    reached = placed.mutate(reached=placed.key.max().over(ibis.cumulative_window(**customers)))
    earlier = reached.reached.lag().over(ibis.window(**customers))
    running = (earlier % 2 == 1).fill_null(False)
    without = reached.accepted & (reached.event != "start") & ~running
    return reached.mutate(rule=ibis.ifelse(without, "event_without_contract", reached.rule)).drop(
        "position", "key", "accepted", "reached"
    )


def contracts_of_events(accepted: Any) -> Any:
    """Make a contract of each event but a cancellation; it runs until the customer's next event."""
    customers = {"group_by": "customer_id", "order_by": ["timestamp", "line_number"]}
    following = ibis.window(**customers)
    dated = accepted.mutate(
        start=accepted.timestamp,
        end=accepted.timestamp.lead().over(following),
        spell=(accepted.event == "cancel").cast("int64").sum().over(ibis.cumulative_window(**customers)),
    )
    # The cancellation itself belongs to the next spell; it makes no contract.
    dated = dated.filter(dated.event != "cancel")
    for name in ("amount", "plan", "channel"):
        if name in dated.columns:
            dated = _carried(dated, name)
    return dated


def _carried(dated: Any, name: str) -> Any:
    """Carry the last known value of a spell forward."""
    order = ["start", "line_number"]
    same_spell = ibis.cumulative_window(group_by=["customer_id", "spell"], order_by=order)
    known = dated.mutate(known=dated[name].count().over(same_spell))
    value = known[name].max().over(ibis.window(group_by=["customer_id", "spell", "known"]))
    return known.mutate(**{name: value}).drop("known")


def contracts_of_customers(accepted: Any, day: date, unit: str) -> Any:
    """Make a contract of each customer of a file that was written on ``day``.

    Part of a period is one that is over for those who left, and none for those who are there. Who left before
    the first was over left at its end.
    """
    left = accepted.churned
    whole = ibis.ifelse(left, accepted.tenure.ceil().clip(lower=1), accepted.tenure.floor()).cast("int64")
    start = add_periods(literal_day(day), -whole, unit)
    end = add_periods(start, whole, unit)
    return accepted.mutate(start=start, end=ibis.ifelse(left, end, ibis.null("date")))


def contracts_with_ends(accepted: Any) -> tuple[Any, tuple[DataFinding, ...]]:
    """Make the ends of a table of contracts the first days no longer under contract, and say so.

    Ends are last days if more contracts end on the day before the customer's next one begins than on the same
    day. Without a column of ends, a contract runs until the customer's next one.
    """
    customers = ibis.window(group_by="customer_id", order_by=["start", "line_number"])
    following = accepted.start.lead().over(customers)
    if "end" not in accepted.columns:
        return accepted.mutate(end=following), (told("open_lines"),)
    days = accepted.select(days=following.delta(accepted.end, unit="day"))
    counts = days.agg(same=(days.days == 0).sum(), after=(days.days == 1).sum()).execute()
    same, after = (int(counts[name].fillna(0).iloc[0]) for name in ("same", "after"))
    if after <= same:
        return accepted, ()
    end = (accepted.end + ibis.interval(days=1)).cast("date")
    facts = {"count": f"{after:,}", "others": f"{same:,}"}
    return accepted.mutate(end=end), (told("inclusive_ends", facts=facts, lines=after),)


def canonical(contracts: Any) -> Any:
    """Select the canonical columns, absent ones as null. A contract lasts one day at least."""
    kinds = {"end": "date", "amount": "float64", "plan": "string", "channel": "string"}
    columns = {
        name: contracts[name] if name in contracts.columns else ibis.null(kinds[name]) for name in CANONICAL
    }
    # The engine's greatest() would take an open end for the first day.
    short = columns["end"] <= columns["start"]
    columns["end"] = ibis.ifelse(
        short, (columns["start"] + ibis.interval(days=1)).cast("date"), columns["end"]
    )
    return contracts.select(**columns)
