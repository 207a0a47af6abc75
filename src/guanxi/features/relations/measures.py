"""Customer measures from each relation table, for rows up to a cutoff."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import ibis

from guanxi.data.relations.rules import SATISFACTION, SCALES, SERVQUAL_DIMENSIONS
from guanxi.data.transactions import ordered_sum

ATTRIBUTE = "attribute "
RECENT_DAYS = 365
WORDS = ("acquisition_channel", "referred_by", "contract")
GAPS = tuple(f"servqual_{dimension}_gap" for dimension in SERVQUAL_DIMENSIONS)
COLUMNS: dict[str, tuple[str, ...]] = {
    "customers": ("acquired_days", "acquisition_channel", "acquisition_cost", "referred_by", "contract"),
    "interactions": (
        *("interactions", "days_since_interaction", "interaction_channels", "channel_mix"),
        *("contacts_outbound", "responses"),
    ),
    "surveys": (
        *("csat_sum", "csat_answers", "nps_score", "nps_answers", "ces_sum", "ces_answers"),
        *GAPS,
    ),
    "answers": ("satisfaction_earlier", "satisfaction_recent"),
    "tickets": (
        *("tickets", "complaints", "complaints_closed", "complaint_days"),
        *("ticket_satisfaction_sum", "ticket_satisfaction_answers"),
    ),
    "costs": ("cost_to_serve", "cost_to_retain"),
    "credit": ("credit_limit", "overdue_days", "defaults"),
}


def _customers(table: Any, cutoff: date) -> Any:
    columns = {name: table[name] for name in COLUMNS["customers"] if name in table.columns}
    if "acquired_on" in table.columns:
        columns["acquired_days"] = _days_since(table.acquired_on, cutoff)
    others = {"customer_id", "acquired_on", *columns}
    attributes = {ATTRIBUTE + name: table[name] for name in table.columns if name not in others}
    return table.select("customer_id", **columns, **attributes)


def _interactions(table: Any, cutoff: date) -> Any:
    channel = {"channel": table.channel if "channel" in table.columns else ibis.null("string")}
    measures = {"n": table.count(), "latest": table.timestamp.max()}
    if "direction" in table.columns:
        outbound = (table.direction == "outbound").fill_null(False)
        measures["outbound"] = outbound.cast("int64").sum()
        if "responded" in table.columns:
            measures["responded"] = table.responded.cast("int64").sum(where=outbound)
    by_channel = table.group_by(customer_id=table.customer_id, **channel).agg(**measures)
    named = by_channel.channel.notnull()
    n = by_channel.n.cast("float64")
    totals = by_channel.group_by("customer_id").agg(
        interactions=n.sum(),
        days_since_interaction=_days_since(by_channel.latest.max(), cutoff),
        interaction_channels=by_channel.channel.count(),
        on_channels=n.sum(where=named),
        weighted=ordered_sum(ibis.ifelse(named, n * n.ln(), ibis.null("float64"))),
        **{
            name: by_channel[part].sum()
            for name, part in (("contacts_outbound", "outbound"), ("responses", "responded"))
            if part in by_channel.columns
        },
    )
    in_use = by_channel.channel.nunique().as_scalar()
    entropy = totals.on_channels.ln() - totals.weighted / totals.on_channels
    mix = (entropy / in_use.cast("float64").nullif(0).ln().nullif(0)).clip(0, 1)
    totals = totals.mutate(
        channel_mix=mix,
        interaction_channels=totals.interaction_channels.nullif(0),
    )
    return totals.drop("on_channels", "weighted")


def _surveys(table: Any, cutoff: date) -> Any:
    table = table.mutate(unit=_unit(table.score, table.scale_low, table.scale_high))
    csat, nps, ces = (table.instrument == name for name in ("csat", "nps", "ces"))
    measures = {
        "csat_sum": ordered_sum(ibis.ifelse(csat, table.unit, ibis.null("float64"))),
        "csat_answers": csat.cast("int64").sum(),
        "nps_score": _latest(ibis.ifelse(nps, -10.0 * table.unit, ibis.null("float64")), table.timestamp),
        "nps_answers": nps.cast("int64").sum(),
        "ces_sum": ordered_sum(ibis.ifelse(ces, table.unit, ibis.null("float64"))),
        "ces_answers": ces.cast("int64").sum(),
    }
    if "expectation" in table.columns:
        gap = (table.score - table.expectation) / (table.scale_high - table.scale_low)
        for name, dimension in zip(GAPS, SERVQUAL_DIMENSIONS, strict=True):
            asked = (table.instrument == "servqual") & (table.dimension == dimension)
            measures[name] = _mean(ibis.ifelse(asked, gap, ibis.null("float64")))
    totals = table.group_by("customer_id").agg(**measures)
    return totals.mutate(nps_score=-totals.nps_score)


def _tickets(table: Any, cutoff: date) -> Any:
    measures = {"tickets": table.count()}
    if "complaint" in table.columns:
        complaint = table.complaint.fill_null(False)
        measures["complaints"] = table.complaint.cast("int64").sum()
        if "closed" in table.columns:
            days = table.closed.date().delta(table.opened.date(), unit="day")
            measures["complaints_closed"] = (table.complaint & table.closed.notnull()).cast("int64").sum()
            measures["complaint_days"] = days.mean(where=complaint)
    if "satisfaction" in table.columns:
        measures["ticket_satisfaction_sum"] = ordered_sum(_unit(table.satisfaction, *SATISFACTION))
        measures["ticket_satisfaction_answers"] = table.satisfaction.count()
    return table.group_by("customer_id").agg(**measures)


def _costs(table: Any, cutoff: date) -> Any:
    sums = {
        f"cost_to_{kind}": ordered_sum(ibis.ifelse(table.kind == kind, table.amount, 0.0))
        for kind in ("serve", "retain")
    }
    return table.group_by("customer_id").agg(**sums)


def _credit(table: Any, cutoff: date) -> Any:
    measures = {
        name: _latest(table[name], table.timestamp) for name in COLUMNS["credit"] if name in table.columns
    }
    return table.group_by("customer_id").agg(**measures)


def _answers(relation: str, table: Any) -> Any:
    """Date and score (0 to 1) of all answers; None if the relation has none."""
    if relation == "surveys":
        table = table.filter(table.instrument.isin(list(SCALES)))  # others may measure anything
        unit = _unit(table.score, table.scale_low, table.scale_high)
        return table.select("customer_id", day=table.timestamp.date(), unit=unit)
    if "satisfaction" not in table.columns:
        return None
    day = ibis.coalesce(table.closed, table.opened) if "closed" in table.columns else table.opened
    answered = table.filter(table.satisfaction.notnull())
    return answered.select("customer_id", day=day.date(), unit=_unit(table.satisfaction, *SATISFACTION))


def _satisfaction(answers: Any, cutoff: date) -> Any:
    """Mean of each customer's answers in the last year, and of those before it."""
    recent = ibis.literal(cutoff).delta(answers.day, unit="day") < RECENT_DAYS
    return answers.group_by("customer_id").agg(
        satisfaction_earlier=_mean(ibis.ifelse(recent, ibis.null("float64"), answers.unit)),
        satisfaction_recent=_mean(ibis.ifelse(recent, answers.unit, ibis.null("float64"))),
    )


MEASURES: dict[str, Callable[[Any, date], Any]] = {
    "customers": _customers,
    "interactions": _interactions,
    "surveys": _surveys,
    "tickets": _tickets,
    "costs": _costs,
    "credit": _credit,
}


def _days_since(time: Any, cutoff: date) -> Any:
    return ibis.literal(cutoff).delta(time.date(), unit="day")


def _unit(score: Any, low: Any, high: Any) -> Any:
    return (score - low) / (high - low)


def _mean(values: Any) -> Any:
    return ordered_sum(values) / values.count()


def _latest(values: Any, time: Any) -> Any:
    """Return the latest non-null value, the greatest of simultaneous ones."""
    dated = ibis.struct({"time": time, "value": values})
    return ibis.ifelse(values.notnull(), dated, ibis.null(dated.type())).max()["value"]
