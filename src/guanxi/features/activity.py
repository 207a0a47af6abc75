"""Activity by month or quarter: buyers, acquired customers, contacts, NPS answers.

All are ibis expressions on rows up to the cutoff, with one row per period that has any; ``period`` is its
first day.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import ibis

from guanxi.data.transactions import ordered_sum
from guanxi.features.rfm import purchases_until
from guanxi.periods import add_days

PeriodUnit = Literal["M", "Q"]
PROMOTER_FROM, DETRACTOR_TO = 9.0, 6.0
_DAY_SECONDS = 86_400


def buyers_by_period(events: Any, cutoff: date, unit: PeriodUnit, event_grain: str = "D") -> Any:
    """Count the buyers of each period.

    Parameters
    ----------
    events : ibis.Table
        Of a :class:`guanxi.data.transactions.TransactionLog`.
    cutoff : date
        The last day used.
    unit : {"M", "Q"}
        Calendar months or quarters.
    event_grain : {"D", "W", "M", "Y"}
        Period within which purchases are merged; a week belongs to the month of its Monday.

    Returns
    -------
    ibis.Table
        ``period``; ``buyers``, of whom ``new`` (first purchase) and ``retained`` (also bought in the previous
        period); ``second`` (customers whose second purchase was in the period); ``purchases, revenue``.
    """
    past = purchases_until(events, cutoff, event_grain)
    place = ibis.row_number().over(group_by="customer_id", order_by="date")
    dated = past.mutate(period=past.date.truncate(unit), place=place)
    active = dated.group_by("customer_id", "period").agg(
        first=(dated.place == 0).any(),
        second=(dated.place == 1).any(),
        purchases=dated.count(),
        revenue=dated.amount.sum(),
    )
    before = active.period.lag().over(group_by="customer_id", order_by="period")
    last = (active.period - ibis.interval(days=1)).truncate(unit)
    active = active.mutate(retained=(before == last).fill_null(False))
    return active.group_by("period").agg(
        buyers=active.count(),
        new=active.first.sum(),
        retained=active.retained.sum(),
        second=active.second.sum(),
        purchases=active.purchases.sum(),
        revenue=active.revenue.sum(),
    )


def acquired_by_period(customers: Any, cutoff: date, unit: PeriodUnit) -> Any:
    """Count the customers acquired in each period, with their mean acquisition cost.

    Parameters
    ----------
    customers : ibis.Table
        Canonical, with ``acquired_on`` and optionally ``acquisition_cost``.

    Returns
    -------
    ibis.Table
        ``period, acquired, acquisition_cost`` (mean of the known costs).
    """
    day = customers.acquired_on.cast("date")
    past = customers.mutate(period=day.truncate(unit)).filter(day <= ibis.literal(cutoff))
    if "acquisition_cost" not in past.columns:
        past = past.mutate(acquisition_cost=ibis.null("float64"))
    return past.group_by("period").agg(acquired=past.count(), acquisition_cost=past.acquisition_cost.mean())


def contacts_by_period(
    interactions: Any, lines: Any, cutoff: date, unit: PeriodUnit, conversion_days: int
) -> Any:
    """Count the outbound contacts of each period, the responses and the conversions.

    Parameters
    ----------
    interactions : ibis.Table
        Canonical, with ``direction`` and optionally ``responded``; in the same engine as the lines.
    lines : ibis.Table
        Of a :class:`guanxi.data.transactions.TransactionLog`.
    conversion_days : int
        A contact converts if a purchase follows within this many days.

    Returns
    -------
    ibis.Table
        ``period, contacts, responses``; ``observed`` (contacts whose conversion window ends by the cutoff),
        of which ``converted``; ``by_chance`` (conversions expected of the same customers from moments drawn
        at random in the same period).
    """
    sent = interactions.filter(interactions.direction == "outbound")
    sent = sent.filter(sent.timestamp.date() <= ibis.literal(cutoff))
    responded = sent.responded if "responded" in sent.columns else ibis.null("boolean")
    contacts = sent.select("customer_id", "timestamp", responded=responded, contact=ibis.literal(1))
    bought = lines.filter((lines.date <= ibis.literal(cutoff)) & (lines.amount >= 0).fill_null(True))
    purchases = bought.select(
        "customer_id",
        timestamp=bought.timestamp.cast(contacts.timestamp.type()),
        responded=ibis.null("boolean"),
        contact=ibis.literal(0),
    )
    moments = contacts.union(purchases)
    # Sort simultaneous purchases before contacts, so that only later purchases follow a contact.
    following = ibis.window(
        group_by="customer_id", order_by=[moments.timestamp, moments.contact], preceding=0, following=None
    )
    purchased = ibis.ifelse(moments.contact == 0, moments.timestamp, ibis.null(moments.timestamp.type()))
    moments = moments.mutate(next_purchase=purchased.min().over(following))
    judged = moments.filter(moments.contact == 1)
    limit = judged.timestamp + ibis.interval(days=conversion_days)
    judged = judged.mutate(
        period=judged.timestamp.date().truncate(unit),
        observed=judged.timestamp.date() <= ibis.literal(add_days(cutoff, -conversion_days)),
        converted=(judged.next_purchase <= limit).fill_null(False),
    )
    counts = judged.group_by("period").agg(
        contacts=judged.count(),
        responses=judged.responded.sum().fill_null(0),
        observed=judged.observed.sum(),
        converted=(judged.observed & judged.converted).sum(),
    )
    chance = _by_chance(judged.filter(judged.observed), purchases, cutoff, unit, conversion_days)
    return counts.left_join(chance, "period").drop("period_right").fill_null({"by_chance": 0.0})


def _by_chance(observed: Any, purchases: Any, cutoff: date, unit: PeriodUnit, conversion_days: int) -> Any:
    """Conversions expected if the customers had been contacted at random moments of the period.

    A moment converts if it lies in the days before a purchase: the share of the period that the union of
    these spans covers, customer by customer.
    """
    per_customer = observed.group_by("customer_id", "period").agg(contacts=observed.count())
    length = ibis.interval(months=1 if unit == "M" else 3)
    last = ibis.literal(add_days(cutoff, 1 - conversion_days)).cast("timestamp").epoch_seconds()
    asked = per_customer.select(
        "customer_id",
        "period",
        "contacts",
        begin=per_customer.period.cast("timestamp").epoch_seconds(),
        end=ibis.least((per_customer.period + length).cast("timestamp").epoch_seconds(), last),
    )
    bought = purchases.select("customer_id", moment=purchases.timestamp.epoch_seconds())
    before = bought.moment.lag().over(group_by="customer_id", order_by="moment")
    first = bought.moment - conversion_days * _DAY_SECONDS
    spans = bought.select("customer_id", until=bought.moment, since=ibis.greatest(first, before))
    joined = asked.inner_join(
        spans,
        [
            asked.customer_id == spans.customer_id,
            spans.until > asked.begin,
            spans.since < asked.end,
        ],
    )
    covered = ibis.least(joined.until, joined.end) - ibis.greatest(joined.since, joined.begin)
    share = covered / (joined.end - joined.begin)
    return joined.group_by("period").agg(by_chance=ordered_sum(joined.contacts * share))


def satisfaction_by_period(surveys: Any, cutoff: date, unit: PeriodUnit) -> Any:
    """Summarise the CSAT answers of each period: one mean per customer, from the answers of that period only.

    Parameters
    ----------
    surveys : ibis.Table
        Canonical, with ``scale_low, scale_high``.

    Returns
    -------
    ibis.Table
        ``period, customers, mean, deviation`` (sample standard deviation over customers), from 0 to 1.
    """
    asked = surveys.filter(
        (surveys.instrument == "csat") & (surveys.timestamp.date() <= ibis.literal(cutoff))
    )
    answered = asked.mutate(
        period=asked.timestamp.date().truncate(unit),
        level=(asked.score - asked.scale_low) / (asked.scale_high - asked.scale_low),
    )
    own = answered.group_by("customer_id", "period").agg(level=ordered_sum(answered.level) / answered.count())
    mean = ordered_sum(own.level) / own.count()
    squares = ordered_sum(own.level * own.level) / own.count() - mean * mean
    variance = squares.clip(lower=0) * own.count() / (own.count() - 1).nullif(0)
    return own.group_by("period").agg(customers=own.count(), mean=mean, deviation=variance.sqrt())


def promoters_by_period(surveys: Any, cutoff: date, unit: PeriodUnit) -> Any:
    """Count promoters, passives and detractors by each customer's latest NPS answer in each period.

    Parameters
    ----------
    surveys : ibis.Table
        Canonical; ``scale_low, scale_high`` give a scale other than 0 to 10.

    Returns
    -------
    ibis.Table
        ``period, promoters, passives, detractors``.
    """
    asked = surveys.filter((surveys.instrument == "nps") & (surveys.timestamp.date() <= ibis.literal(cutoff)))
    score = asked.score
    if {"scale_low", "scale_high"} <= set(asked.columns):
        low, high = asked.scale_low.fill_null(0.0), asked.scale_high.fill_null(10.0)
        score = 10.0 * (asked.score - low) / (high - low)
    dated = asked.mutate(period=asked.timestamp.date().truncate(unit), rating=score)
    last = dated.group_by("customer_id", "period").agg(rating=dated.rating.argmax(dated.timestamp))
    promoter, detractor = last.rating >= PROMOTER_FROM, last.rating <= DETRACTOR_TO
    return last.group_by("period").agg(
        promoters=promoter.sum(), passives=(~promoter & ~detractor).sum(), detractors=detractor.sum()
    )
