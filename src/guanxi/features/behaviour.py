"""Behaviour of customers as of a cutoff: purchase gaps, trend, spend, breadth, season.

All are ibis expressions on rows up to the cutoff; unknown values are null.
"""

from __future__ import annotations

import math
from typing import Any

import ibis

from guanxi.features.rfm import (
    Cutoff,
    _as_floats,
    _end,
    _keys,
    _log_gap_sum,
    _rfm_columns,
    _rfm_measures,
    _until,
    purchases_until,
)

WINDOWS = (30, 90, 180, 365)
SEASON_DAYS = 365
HALF_LIVES = (30, 90)
GAP = "gap"


def feature_expression(
    events: Any,
    lines: Any,
    cutoff: Cutoff,
    horizon_days: int,
    event_grain: str = "D",
    *,
    log_gaps: bool = False,
) -> Any:
    """All features of all customers with a purchase up to the cutoff.

    Parameters
    ----------
    events, lines : ibis.Table
        Of a :class:`guanxi.data.transactions.TransactionLog`.
    cutoff : date or None
        The last day used; None: both tables have a column ``cutoff``.
    horizon_days : int
        Length of the prediction window, which determines the same season of last year.
    event_grain : {"D", "W", "M", "Y"}
        Period within which purchases are merged.
    log_gaps : bool
        Whether to add ``log_gap_sum`` as in :func:`guanxi.features.rfm.with_log_gaps`.

    Returns
    -------
    ibis.Table
        ``customer_id``, the RFM columns, and one float column per feature.
    """
    past = purchases_until(events, cutoff, event_grain)
    keys = _keys(past)
    dated = _dated(past, _end(past, cutoff, event_grain))
    behaviour = _rhythm(dated) | _spend(dated) | _trailing(dated) | _season(dated, horizon_days)
    if log_gaps:
        behaviour["log_gap_sum"] = _log_gap_sum(dated.gap)
    customers = dated.group_by(*keys).agg(**_rfm_measures(dated), **behaviour)
    rfm = _rfm_columns(customers, _end(customers, cutoff, event_grain))
    table = customers.select(*keys, **rfm, **{name: customers[name] for name in behaviour})
    past_lines = _until(lines, cutoff)
    for column in ("category", "channel"):
        if column in lines.columns:
            table = table.inner_join(_breadth(past_lines, column), keys)
    return _relative(table)


def _dated(past: Any, end: Any) -> Any:
    """Add the age of each purchase and the ``gap`` before it, in days, unless it is there."""
    dated = past.mutate(age=end.delta(past.date, unit="day"))
    if GAP in past.columns:
        return dated
    window = ibis.window(group_by=_keys(past), order_by="date")
    gap = past.date.delta(past.date.lag().over(window), unit="day").cast("float64")
    return dated.mutate(**{GAP: gap})


def _rhythm(dated: Any) -> dict[str, Any]:
    measures = {
        "gap_mean": dated.gap.mean(),
        "gap_median": dated.gap.median(),
        "gap_spread": dated.gap.std(how="pop"),
        "gap_longest": dated.gap.max(),
        "gap_last": dated.gap.argmax(dated.date),
        "weekend_share": (dated.date.day_of_week.index() >= 5).cast("float64").mean(),
    }
    for half_life in HALF_LIVES:
        decay = (dated.age.cast("float64") * (-math.log(2) / half_life)).exp()
        measures[f"purchases_decayed_{half_life}"] = decay.sum()
    return measures


def _spend(dated: Any) -> dict[str, Any]:
    amount = dated.amount
    measures = {
        "amount_mean": amount.mean(),
        "amount_spread": amount.std(how="pop"),
        "amount_largest": amount.max(),
        "amount_last": amount.argmax(dated.date),
        "lines_mean": dated.lines.mean(),
        "lines_last": dated.lines.argmax(dated.date),
        "orders_mean": dated.orders.mean(),
        "refund_share": dated.refunded.sum() / (amount.sum() + dated.refunded.sum()).nullif(0),
    }
    if "quantity" in dated.columns:
        measures["quantity_mean"] = dated.quantity.mean()
        measures["quantity_last"] = dated.quantity.argmax(dated.date)
    if "margin" in dated.columns:
        measures["margin_share"] = dated.margin.sum() / amount.sum(where=dated.margin.notnull()).nullif(0)
    return measures


def _trailing(dated: Any) -> dict[str, Any]:
    measures, known = {}, dated.amount.count() > 0
    for days in WINDOWS:
        recent = dated.age < days
        before = (dated.age >= days) & (dated.age < 2 * days)
        measures[f"purchases_{days}"] = dated.count(where=recent)
        measures[f"purchases_before_{days}"] = dated.count(where=before)
        for name, when in ((f"spend_{days}", recent), (f"spend_before_{days}", before)):
            spend = ibis.ifelse(when, dated.amount, 0.0).sum()
            measures[name] = ibis.ifelse(known, spend, ibis.null("float64"))
    return measures


def _season(dated: Any, horizon_days: int) -> dict[str, Any]:
    """Purchases in the same calendar window as the horizon, one year earlier."""
    in_season = (dated.age < SEASON_DAYS) & (dated.age >= SEASON_DAYS - horizon_days)
    known = dated.age.max() >= SEASON_DAYS - 1
    return {"purchases_last_season": ibis.ifelse(known, dated.count(where=in_season), ibis.null("int64"))}


def _breadth(lines: Any, column: str) -> Any:
    """Count distinct values and measure their concentration (Herfindahl index; 1: always the same)."""
    keys = _keys(lines)
    counted = lines.filter(lines[column].notnull()).group_by(*keys, column).agg(n=ibis._.count())
    breadth = counted.group_by(*keys).agg(
        **{
            f"{column}_count": counted.count(),
            f"{column}_concentration": (counted.n * counted.n).sum() / (counted.n.sum() * counted.n.sum()),
        }
    )
    everyone = lines.select(*keys).distinct()
    return everyone.left_join(breadth, keys).drop(*(f"{name}_right" for name in keys))


def _relative(table: Any) -> Any:
    """Add features relative to the customer's own past, and convert all features to float."""
    inactive = table.T - table.recency
    usual = ibis.coalesce(table.gap_median, table.gap_mean)
    table = table.mutate(
        days_since_last=inactive,
        silence_ratio=inactive / usual.nullif(0),
        gap_trend=table.gap_last / usual.nullif(0),
        gap_variation=table.gap_spread / table.gap_mean.nullif(0),
        amount_trend=table.amount_last / table.amount_mean.nullif(0),
        purchases_trend_90=table.purchases_90 - table.purchases_before_90,
        spend_trend_90=table.spend_90 - table.spend_before_90,
    )
    return _as_floats(table)
