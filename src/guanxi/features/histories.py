"""Purchase histories of a sample of customers, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import _period_start, purchases_until

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PurchaseHistories:
    """Purchases of customers numbered from 0, ordered by customer and time.

    Attributes
    ----------
    customer : array of int, shape (purchases,)
    day : array of int, shape (purchases,)
        Days since the first day of the log.
    amount : array, shape (purchases,)
    """

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    amount: Floats

    @cached_property
    def repeat(self) -> NDArray[np.bool_]:
        """Whether each purchase is a repeat purchase."""
        return np.append(False, self.customer[1:] == self.customer[:-1])

    def rfm(self, cutoff: int, end: int | None = None) -> pd.DataFrame:
        """RFM of the customers with a purchase by the ``cutoff`` day, and their number as index.

        ``end`` is the day to which T is measured, by default the cutoff. The columns are those of
        :func:`.rfm.rfm`, in days, without ``customer_id``.
        """
        known = self.day <= cutoff
        table = pd.DataFrame({"day": self.day, "amount": self.amount, "log_gap": self._log_gaps})[known]
        grouped = table.groupby(self.customer[known])
        first, last = grouped["day"].min(), grouped["day"].max()
        frequency = grouped["day"].count() - 1.0
        spend = grouped["amount"].sum() - grouped["amount"].first()
        mean = (spend / frequency.where(frequency > 0)).fillna(0.0).clip(lower=0.0)
        return pd.DataFrame(
            {
                "frequency": frequency,
                "recency": (last - first).astype(np.float64),
                "T": ((cutoff if end is None else end) - first).astype(np.float64),
                "monetary_value": mean.where(spend.notna()),
                "log_gap_sum": grouped["log_gap"].sum(),
            }
        )

    @cached_property
    def _log_gaps(self) -> Floats:
        """Logarithm of the days since the previous purchase, 0 for the first."""
        gaps = np.append(1, np.diff(self.day))
        return np.log(np.where(self.repeat, gaps, 1).astype(np.float64))


def sample_histories(log: TransactionLog, as_of: date, most: int) -> PurchaseHistories:
    """Histories up to and including ``as_of`` of at most ``most`` customers, evenly spaced by identifier."""
    past = purchases_until(log.events, as_of, log.params.event_grain)
    customers = past.select("customer_id").distinct()
    stride = max(1, -(-int(customers.count().execute()) // most))
    numbered: Any = customers.mutate(number=ibis.row_number().over(order_by="customer_id"))
    sampled = past.inner_join(numbered.filter(numbered.number % stride == 0), "customer_id")
    day = sampled.date.delta(ibis.literal(_period_start(log.first_day, log.params.event_grain)), unit="day")
    table = sampled.select("number", day=day, amount=sampled.amount)
    found = execute_in_order(log.connection, table.order_by("number", "day"))
    return PurchaseHistories(
        pd.factorize(found["number"])[0].astype(np.int64),
        found["day"].to_numpy(dtype=np.int64),
        found["amount"].to_numpy(dtype=np.float64, na_value=np.nan),
    )


def histories_of(log: TransactionLog, as_of: date, customer_ids: Sequence[Any]) -> PurchaseHistories:
    """Histories up to and including ``as_of`` of these customers, numbered in their order.

    Each must have bought by then.
    """
    past = purchases_until(log.events, as_of, log.params.event_grain)
    wanted = past.filter(past.customer_id.isin(list(customer_ids)))
    day = wanted.date.delta(ibis.literal(_period_start(log.first_day, log.params.event_grain)), unit="day")
    found = wanted.select("customer_id", day=day, amount=wanted.amount).execute()
    found["number"] = pd.Index(customer_ids).get_indexer(pd.Index(found["customer_id"]))
    found = found.sort_values(["number", "day"])
    return PurchaseHistories(
        found["number"].to_numpy(dtype=np.int64),
        found["day"].to_numpy(dtype=np.int64),
        found["amount"].to_numpy(dtype=np.float64, na_value=np.nan),
    )
