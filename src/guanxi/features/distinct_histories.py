"""What the value models are fitted to: histories, and how many customers have each.

The likelihoods depend on a customer's frequency, recency, T and mean amount only, and linearly on the sum of
the logarithms of the gaps. So counts of distinct histories give the fit to all customers, exactly, from a
table that grows with the days of the history and not with the customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import log_gaps_expression, rfm_expression, with_log_gaps

_HISTORY = ("frequency", "recency", "T")


@dataclass(frozen=True)
class DistinctHistories:
    """Histories of all customers known at a cutoff, also of those that a log on Spark has elsewhere.

    Where all customers are here, the tables have a row for each; where not, a row for each distinct history
    with the number of its ``customers``.

    Attributes
    ----------
    log : TransactionLog
    cutoff : date
    features : pandas.DataFrame
        Feature table of the customers in ``log`` at the cutoff.
    """

    log: TransactionLog
    cutoff: date
    features: pd.DataFrame

    @cached_property
    def histories(self) -> pd.DataFrame:
        """Table of ``frequency, recency, T``."""
        return self._counted(*_HISTORY)

    @cached_property
    def amounts(self) -> pd.DataFrame:
        """Table of ``frequency, monetary_value``."""
        return self._counted("frequency", "monetary_value")

    @cached_property
    def with_log_gaps(self) -> pd.DataFrame:
        """The histories with ``log_gap_sum``, the mean of their customers where they are counted."""
        whole, grain = self.log.whole, self.log.params.event_grain
        if whole is None or self._all_here:
            return with_log_gaps(self.features, self.log, self.cutoff)
        gaps = log_gaps_expression(whole.events, self.cutoff, grain)
        known = rfm_expression(whole.events, self.cutoff, grain).inner_join(gaps, "customer_id")
        counted = known.group_by(*_HISTORY).agg(customers=known.count(), log_gap_sum=known.log_gap_sum.mean())
        return whole.fetch(counted).sort_values([*_HISTORY], ignore_index=True)

    @property
    def _all_here(self) -> bool:
        return self.log.weight == 1.0

    def _counted(self, *columns: str) -> pd.DataFrame:
        whole = self.log.whole
        if whole is None or self._all_here:
            return self.features
        known = rfm_expression(whole.events, self.cutoff, self.log.params.event_grain)
        counted = known.group_by(*columns).agg(customers=known.count())
        return whole.fetch(counted).sort_values([*columns], ignore_index=True)


def number_of_customers(histories: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return how many customers have each history; None: one each."""
    return histories["customers"].to_numpy(dtype=np.float64) if "customers" in histories else None
