"""Customer totals up to a cutoff: revenue, margin, concentration on categories, variation of spend.

All are ibis expressions on rows up to the cutoff; unknown values are null.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog, ordered_sum
from guanxi.features.rfm import _as_floats, _period_start, purchases_until

YEAR_DAYS = 365
INTERVAL_DAYS = 90
_FEWEST_INTERVALS, _FEWEST_PURCHASES = 4, 3


def totals_at(log: TransactionLog, cutoff: date) -> pd.DataFrame:
    """Totals of all customers with a purchase up to the cutoff.

    Parameters
    ----------
    log : TransactionLog
    cutoff : date
        The last day used.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``customer_id``, as floats: ``purchases``; ``revenue, revenue_year`` (net of refunds; total,
        and in the last 365 days); ``margin, margin_year`` (if the log has margins); ``refund_share`` (refunds
        over gross spend); ``categories`` (number) and ``category_concentration`` (Herfindahl index of gross
        spend; 1: one category; both if the log has categories); ``spend_variation`` (sample coefficient of
        variation of the spend in complete 90-day intervals before the cutoff; null with fewer than 4
        intervals or 3 purchases).
    """
    lines, grain = log.lines, log.params.event_grain
    past = purchases_until(log.events, cutoff, grain)
    end = ibis.literal(_period_start(cutoff, grain))
    dated = past.mutate(age=end.delta(past.date, unit="day"))
    table = dated.group_by("customer_id").agg(**_sums(dated))
    table = table.left_join(_spend_variation(dated), "customer_id").drop("customer_id_right")
    if "category" in lines.columns:
        past_lines = lines.filter(lines.date <= ibis.literal(cutoff))
        table = table.left_join(_concentration(past_lines), "customer_id").drop("customer_id_right")
    return execute_in_order(log.connection, _as_floats(table).order_by("customer_id"))


def _sums(dated: Any) -> dict[str, Any]:
    last_year = dated.age < YEAR_DAYS
    amount = dated.amount
    sums = {
        "purchases": dated.count(),
        "revenue": amount.sum(),
        "revenue_year": _known_sum(amount, last_year),
        "refund_share": dated.refunded.sum() / (amount.sum() + dated.refunded.sum()).nullif(0),
    }
    if "margin" in dated.columns:
        sums["margin"] = dated.margin.sum()
        sums["margin_year"] = _known_sum(dated.margin, last_year)
    return sums


def _known_sum(column: Any, where: Any) -> Any:
    """Sum of the selected rows, 0 without one; null if no row of the customer has a value."""
    return ibis.ifelse(column.count() > 0, column.sum(where=where).fill_null(0.0), ibis.null("float64"))


def _spend_variation(dated: Any) -> Any:
    """Coefficient of variation of the spend in equal intervals, 0 in those without a purchase."""
    history = dated.group_by("customer_id").agg(
        intervals=(dated.age.max() + 1) // INTERVAL_DAYS, purchases=dated.count()
    )
    within = dated.mutate(interval=dated.age // INTERVAL_DAYS).inner_join(history, "customer_id")
    enough = (within.intervals >= _FEWEST_INTERVALS) & (within.purchases >= _FEWEST_PURCHASES)
    whole = within.filter(enough & (within.interval < within.intervals))
    spends = whole.group_by("customer_id", "intervals", "interval").agg(spend=whole.amount.sum())
    moments = spends.group_by("customer_id", "intervals").agg(
        total=spends.spend.sum(), squares=(spends.spend * spends.spend).sum()
    )
    mean = moments.total / moments.intervals
    # Clipped because the difference of equal spends may round below zero.
    variance = (moments.squares - moments.total * mean).clip(lower=0) / (moments.intervals - 1)
    return moments.select("customer_id", spend_variation=variance.sqrt() / mean.nullif(0))


def _concentration(lines: Any) -> Any:
    paid = lines.filter(lines.category.notnull() & (lines.amount >= 0).fill_null(True))
    spends = paid.group_by("customer_id", "category").agg(spend=ordered_sum(paid.amount))
    total = ordered_sum(spends.spend)
    return spends.group_by("customer_id").agg(
        categories=spends.count(),
        category_concentration=ordered_sum(spends.spend * spends.spend) / (total * total).nullif(0),
    )
