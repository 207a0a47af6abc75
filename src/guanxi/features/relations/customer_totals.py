"""What every customer brought up to a cutoff: revenue, margin, dependence on categories, steadiness.

All are ibis expressions on rows up to the cutoff; unknown values are null.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog, ordered_sum
from guanxi.features.rfm import _period_start, purchases_until

YEAR_DAYS = 365
STEADINESS_DAYS = 90
_FEWEST_STRETCHES, _FEWEST_PURCHASES = 4, 3


def totals_at(log: TransactionLog, cutoff: date) -> pd.DataFrame:
    """Totals of every customer known at the cutoff.

    Parameters
    ----------
    log : TransactionLog
    cutoff : date
        The last day that belongs to the past; no later row is read.

    Returns
    -------
    pandas.DataFrame
        In the order of ``customer_id``, as floats: ``purchases``; ``revenue, revenue_year`` (net of refunds;
        to date, and of the last 365 days); ``margin, margin_year`` (where the log has a margin);
        ``refund_share`` (refunds to what was paid); ``categories`` (distinct) and ``category_concentration``
        (Herfindahl index of what was paid by category, 1: always the same; both where the log has a
        category); ``spend_variation`` (sample standard deviation of the spend of the whole 90-day stretches
        before the cutoff over its mean; null with fewer than 4 stretches or 3 purchases).
    """
    lines, grain = log.lines, log.params.event_grain
    past = purchases_until(log.events, cutoff, grain)
    end = ibis.literal(_period_start(cutoff, grain))
    dated = past.mutate(age=end.delta(past.date, unit="day"))
    table = dated.group_by("customer_id").agg(**_sums(dated))
    table = table.left_join(_steadiness(dated), "customer_id").drop("customer_id_right")
    if "category" in lines.columns:
        past_lines = lines.filter(lines.date <= ibis.literal(cutoff))
        table = table.left_join(_dependence(past_lines), "customer_id").drop("customer_id_right")
    table = table.select(
        "customer_id",
        **{name: table[name].cast("float64") for name in table.columns if name != "customer_id"},
    )
    return execute_in_order(log.connection, table.order_by("customer_id"))


def _sums(dated: Any) -> dict[str, Any]:
    last_year = dated.age < YEAR_DAYS
    amount = dated.amount
    sums = {
        "purchases": dated.count(),
        "revenue": amount.sum(),
        "revenue_year": amount.sum(where=last_year).fill_null(0.0),
        "refund_share": dated.refunded.sum() / (amount.sum() + dated.refunded.sum()).nullif(0),
    }
    if "margin" in dated.columns:
        known = dated.margin.count() > 0
        sums["margin"] = dated.margin.sum()
        sums["margin_year"] = ibis.ifelse(
            known, dated.margin.sum(where=last_year).fill_null(0.0), ibis.null("float64")
        )
    return sums


def _steadiness(dated: Any) -> Any:
    """Measure how the spend of equal stretches of time varies, those without a purchase being 0."""
    history = dated.group_by("customer_id").agg(
        stretches=(dated.age.max() + 1) // STEADINESS_DAYS, purchases=dated.count()
    )
    within = dated.mutate(stretch=dated.age // STEADINESS_DAYS).inner_join(history, "customer_id")
    enough = (within.stretches >= _FEWEST_STRETCHES) & (within.purchases >= _FEWEST_PURCHASES)
    whole = within.filter(enough & (within.stretch < within.stretches))
    spends = whole.group_by("customer_id", "stretches", "stretch").agg(spend=whole.amount.sum())
    moments = spends.group_by("customer_id", "stretches").agg(
        total=spends.spend.sum(), squares=(spends.spend * spends.spend).sum()
    )
    mean = moments.total / moments.stretches
    # Clipped because the difference of equal spends may round below zero.
    variance = (moments.squares - moments.total * mean).clip(lower=0) / (moments.stretches - 1)
    return moments.select("customer_id", spend_variation=variance.sqrt() / mean.nullif(0))


def _dependence(lines: Any) -> Any:
    paid = lines.filter(lines.category.notnull() & (lines.amount >= 0))
    spends = paid.group_by("customer_id", "category").agg(spend=ordered_sum(paid.amount))
    total = ordered_sum(spends.spend)
    return spends.group_by("customer_id").agg(
        categories=spends.count(),
        category_concentration=ordered_sum(spends.spend * spends.spend) / (total * total).nullif(0),
    )
