"""The distributions behind the intervals, for those who evaluate them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..purchases.process import Floats
from .posterior_predictive import (
    Adjusted,
    Spend,
    Transactions,
    _count_distributions,
    _parameter_points,
    _Tables,
    _tables,
    interval,
)
from .spend_table import SpendTable


@dataclass(frozen=True)
class PredictiveDistributions:
    """Distributions of each customer's purchases and total spend within a horizon.

    Attributes
    ----------
    transactions, spend, adjusted
        As in :func:`.posterior_predictive.interval`.
    histories : tuple of arrays, shape (n,)
        Frequency, recency, T and monetary value.
    factor : array, shape (n,)
        Corrected over modelled amount of a purchase.
    horizon : float
        In the unit of T.
    """

    transactions: Transactions
    spend: Spend
    adjusted: Adjusted | None
    histories: tuple[Floats, Floats, Floats, Floats]
    factor: Floats
    horizon: float

    @cached_property
    def scale(self) -> Floats:
        """Scale of each customer's total spend, shape (n,), in the unit of the amounts."""
        return self._scale * self.factor

    @cached_property
    def amount(self) -> Floats:
        """Expected amount of a purchase over the scale, shape (n,)."""
        process, params, _ = self.spend
        return process.expected_spend(params, self.histories[0], self.histories[3]) / self._scale

    @cached_property
    def _tables(self) -> _Tables:
        return _tables(self.spend)

    @cached_property
    def _scale(self) -> Floats:
        return self._tables.scale(self.histories[0], self.histories[3])

    def interval(self, level: float) -> dict[str, Floats]:
        """Central intervals of purchases and spend: :func:`.posterior_predictive.interval`."""
        ends = interval(
            self.transactions,
            self.spend,
            *self.histories,
            self.horizon,
            level=level,
            adjusted=self.adjusted,
        )
        return {name: end * self.factor if name.startswith("spend") else end for name, end in ends.items()}

    def counts(self) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
        """Yield rows, increasing purchase counts from 0 and the probabilities of each row.

        Less than 1e-6 of a row's probability lies beyond its last count.
        """
        members, columns = _parameter_points(self.transactions), (*self.histories[:3], *(self.adjusted or ()))
        return _count_distributions(members, columns, self.horizon)

    def spend_table(self, frequency: float, counts: Floats) -> SpendTable:
        """Distribution of log(total / scale) for the counts above 0 that :meth:`counts` yields."""
        return self._tables.table(frequency, counts)
