"""What is known of each customer's acquisition: day, first order, channel and attributes, as of a cutoff."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.attribute_values import to_text
from guanxi.data.engine import execute_in_order
from guanxi.data.relations.tables import Relations
from guanxi.data.sources.source_table import free_names
from guanxi.data.transactions import TransactionLog
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.rfm import purchases_until, rfm_expression

OVERALL, MONTH, CHANNEL = "all", "month", "channel"
_NO_GROUPS = ("acquired_days", "acquisition_cost", "referred_by")
_MOST_LEVELS = 20


def acquisitions(log: TransactionLog, cutoff: date) -> pd.DataFrame:
    """First order and repeat purchases of every customer known at the cutoff, sorted by ``customer_id``.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``; ``frequency, T`` as in :func:`guanxi.features.rfm.rfm_expression`; ``first_day``;
        ``first_amount`` and ``repeat_amount`` (sum), NaN without amounts; ``channel`` of the earliest line,
        None if the log has no such column.
    """
    grain = log.params.event_grain
    past = purchases_until(log.events, cutoff, grain)
    orders = past.group_by("customer_id").agg(
        first_day=past.date.min(), first_amount=past.amount.argmin(past.date), total=past.amount.sum()
    )
    rfm = rfm_expression(log.events, cutoff, grain).select("customer_id", "frequency", "T")
    table = rfm.inner_join(orders, "customer_id").left_join(_first_channels(log, cutoff), "customer_id")
    table = table.select(
        *("customer_id", "frequency", "T", "first_day"),
        first_amount=table.first_amount.cast("float64"),
        repeat_amount=(table.total - table.first_amount).cast("float64").clip(lower=0),
        channel=table.channel,
    )
    found = execute_in_order(log.connection, table.order_by("customer_id"))
    return found.assign(first_day=pd.to_datetime(found["first_day"]))


def _first_channels(log: TransactionLog, cutoff: date) -> Any:
    """Channel of each customer's earliest line; of simultaneous ones the first in the alphabet."""
    lines = log.lines.filter(log.lines.date <= ibis.literal(cutoff))
    if "channel" not in lines.columns:
        return lines.select("customer_id").distinct().mutate(channel=ibis.null("string"))
    order = [lines.timestamp, lines.channel]
    return lines.group_by("customer_id").agg(channel=lines.channel.cast("string").first(order_by=order))


def acquisition_attributes(customers: Relations, cutoff: date) -> pd.DataFrame:
    """Attributes that divide the customers of a customers table into 2 to 20 groups, as text.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``, and ``acquisition_channel``, ``contract`` or an attribute, with an underscore if it
        has the name of another grouping; None where unknown.
    """
    features = relation_features(customers, cutoff)
    names = [str(name) for name in features.columns if name not in ("customer_id", *_NO_GROUPS)]
    free = free_names(names, {OVERALL, MONTH, CHANNEL})
    levels = {free[name]: to_text(features[name]) for name in names}
    few = {name: level for name, level in levels.items() if 2 <= level.nunique() <= _MOST_LEVELS}
    return features[["customer_id"]].assign(**few)
