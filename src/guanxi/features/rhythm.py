"""Recent purchases compared with the earlier purchase pattern, for the stage of a relationship."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import _as_floats, _period_start, purchases_until


def rhythm_at(log: TransactionLog, cutoff: date, window_days: int) -> pd.DataFrame:
    """Purchase pattern of all customers with a purchase up to the cutoff.

    Parameters
    ----------
    log : TransactionLog
    cutoff : date
        The last day used.
    window_days : int
        Length of the recent window, and of the earlier one before it.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``customer_id``: ``purchases_recent, purchases_earlier`` (counts in the two windows);
        ``gap_longest`` (days between two purchases); ``gap_usual`` (median of the other gaps);
        ``days_since_return`` (from the purchase that ended the longest gap to the cutoff). All are floats;
        null if there are too few gaps.

    Examples
    --------
    >>> from guanxi.data.transactions import read_transactions
    >>> log = read_transactions("cdnow-sample")
    >>> rhythm_at(log, log.last_day, 90).loc[0, ["purchases_recent", "gap_longest"]].tolist()
    [0.0, 196.0]
    """
    grain = log.params.event_grain
    past = purchases_until(log.events, cutoff, grain)
    window = ibis.window(group_by="customer_id", order_by="date")
    dated = past.mutate(
        age=ibis.literal(_period_start(cutoff, grain)).delta(past.date, unit="day"),
        gap=past.date.delta(past.date.lag().over(window), unit="day"),
    )
    # The first purchase has no gap and is sorted last.
    size = dated.gap.fill_null(-1)
    order = ibis.window(group_by="customer_id", order_by=[size.desc(), dated.date.desc()])
    ranked = dated.mutate(longest=ibis.row_number().over(order) == 0)
    table = ranked.group_by("customer_id").agg(
        purchases_recent=(ranked.age < window_days).sum(),
        purchases_earlier=((ranked.age >= window_days) & (ranked.age < 2 * window_days)).sum(),
        gap_longest=ranked.gap.max(),
        gap_usual=ranked.gap.median(where=~ranked.longest),
        days_since_return=ranked.age.min(where=ranked.longest & ranked.gap.notnull()),
    )
    return execute_in_order(log.connection, _as_floats(table).order_by("customer_id"))
