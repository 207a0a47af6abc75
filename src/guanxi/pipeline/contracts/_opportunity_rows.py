"""Rows of customers' renewal opportunities, arranged for retention models and trees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.pipeline.labelled import describe
from guanxi.served.document_parts import Attribute

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Columns of the tables that are no attributes of a customer.
NO_ATTRIBUTES = (
    *("customer_id", "spell", "opportunity", "churned"),
    *("renewals", "entry", "start", "next_opportunity", "periods_to_renewal"),
)
_RUN = ("customer_id", "spell")
_FEWEST_SAMPLED, _PER_CHURNED, _MOST_SAMPLED = 50_000, 20, 600_000
_LONGEST_LEAD = 60
_FEWEST_CHURNED = 30
_SHARE, _MOST_SHARE = 0.25, 0.4  # of the customers, or of the history


@dataclass(frozen=True)
class OpportunityRows:
    """Renewal opportunities in the order of customers, spells and renewals.

    Attributes
    ----------
    table : pandas.DataFrame
        From :func:`guanxi.features.contracts.person_periods`.
    attributes : tuple of Attribute
        Attributes known at all opportunities and of the customers to be scored.
    """

    table: pd.DataFrame
    attributes: tuple[Attribute, ...]

    @classmethod
    def arrange(cls, periods: pd.DataFrame, now: pd.DataFrame) -> OpportunityRows:
        """Sort the rows, and find the attributes that vary between them.

        Examples
        --------
        >>> periods = pd.DataFrame({"customer_id": ["a", "a"], "spell": 0, "renewals": [1, 0], "churned": 0})
        >>> rows = OpportunityRows.arrange(periods.assign(seats=[3.0, 2.0]), pd.DataFrame({"seats": [3.0]}))
        >>> rows.table["renewals"].tolist(), [each.name for each in rows.attributes], rows.dynamic
        ([0, 1], ['seats'], True)
        """
        table = periods.sort_values([*_RUN, "renewals"], kind="stable", ignore_index=True)
        names = [name for name in table if name in now and name not in NO_ATTRIBUTES]
        return cls(table, describe(table[_informative(table, names)]))

    def __len__(self) -> int:
        return len(self.table)

    def part(self, chosen: NDArray[np.bool_]) -> OpportunityRows:
        """Select some of the rows, in the same order."""
        return OpportunityRows(self.table[chosen].reset_index(drop=True), self.attributes)

    @property
    def churned(self) -> Floats:
        """1 where the customer left at the opportunity, shape (n,)."""
        return self.table["churned"].to_numpy(dtype=np.float64)

    @cached_property
    def customers(self) -> Places:
        """Number of each row's customer, shape (n,)."""
        return np.asarray(pd.factorize(self.table["customer_id"])[0], dtype=np.int64)

    @cached_property
    def position(self) -> Places:
        """Earlier rows of the same spell without a gap, shape (n,)."""
        starts = np.ones(len(self), dtype=bool)
        starts[1:] = ~self._follows
        run = np.cumsum(starts) - 1
        return np.asarray(np.arange(len(self)) - np.flatnonzero(starts)[run], dtype=np.int64)

    @property
    def _follows(self) -> NDArray[np.bool_]:
        """Whether each row but the first is the opportunity after that of the row before it."""
        spell = pd.factorize(self.table["spell"])[0]
        renewals = self.table["renewals"].to_numpy(dtype=np.int64)
        same = (np.diff(self.customers) == 0) & (np.diff(spell) == 0)
        return np.asarray(same & (np.diff(renewals) == 1))

    @cached_property
    def changing(self) -> frozenset[str]:
        """Attributes that change within a spell."""
        follows = np.flatnonzero(self._follows) + 1
        found = set()
        for each in self.attributes:
            codes = pd.factorize(self.table[each.name], use_na_sentinel=True)[0]
            if (codes[follows] != codes[follows - 1]).any():
                found.add(each.name)
        return frozenset(found)

    @property
    def dynamic(self) -> bool:
        """Whether an attribute changes within a spell."""
        return bool(self.changing)

    @property
    def longest_lead(self) -> int:
        """How far ahead attributes are used; 1 if they do not change within a spell."""
        return min(_LONGEST_LEAD, int(self.position.max()) + 1) if self.dynamic else 1

    def dated(self) -> bool:
        """Whether the dates of the opportunities are known."""
        return "opportunity" in self.table and bool(self.table["opportunity"].notna().all())

    def durations(self, columns: pd.DataFrame) -> pd.DataFrame:
        """Observed stretches with constant covariates for the retention models.

        Parameters
        ----------
        columns : pandas.DataFrame, shape (n, k)
            Covariates of each row.

        Returns
        -------
        pandas.DataFrame
            ``entry`` (renewals made before the first opportunity), ``duration`` (renewals with those of the
            stretch, and the opportunity at which the customer left), ``churned`` and the covariates.
        """
        goes_on = self._follows.copy()
        for name in columns:
            values = columns[name].to_numpy()
            goes_on &= values[1:] == values[:-1]
        first = np.flatnonzero(np.append(True, ~goes_on))
        last = np.append(first[1:], len(self)) - 1
        renewals = self.table["renewals"].to_numpy(dtype=np.int64)
        return (
            columns.iloc[first]
            .assign(entry=renewals[first], duration=renewals[last] + 1, churned=self.churned[last])
            .reset_index(drop=True)
        )


def ahead_of_time(rows: OpportunityRows, longest: int, generator: Any) -> tuple[Places, Places]:
    """Choose for each row the earlier row whose attributes are used for it.

    Features of today predict opportunities far ahead, so the trees must learn from features as old as that
    (a landmark model with the lead as a feature: van Houwelingen 2007, Dynamic prediction by landmarking in
    event history analysis, Scandinavian Journal of Statistics 34(1)).

    Returns
    -------
    origin : array of int, shape (n,)
    lead : array of int, shape (n,)
        1 if it is the row itself; the logarithm is uniform.
    """
    most = np.minimum(rows.position, longest - 1)
    lead = np.floor(np.exp(generator.random(len(rows)) * np.log(most + 2.0))).astype(np.int64)
    lead = np.clip(lead, 1, most + 1)
    return np.arange(len(rows)) - (lead - 1), lead


@dataclass(frozen=True)
class SampledRows:
    """Opportunities with attributes as old as in forecasts.

    Attributes
    ----------
    table : pandas.DataFrame
        ``renewals`` made before the opportunity, and the attributes known at an earlier one.
    churned : array, shape (n,)
    lead : array of int, shape (n,)
        1 if the attributes are those before the opportunity itself.
    offset : float
        Added to all log odds by the sampling.
    places : array of int, shape (n,)
        The rows they are from.
    """

    table: pd.DataFrame
    churned: Floats
    lead: Places
    offset: float
    places: Places

    @property
    def weight(self) -> Floats:
        """Opportunities that each stands for, shape (n,)."""
        return np.where(self.churned == 1.0, 1.0, math.exp(self.offset))


def sampled_rows(rows: OpportunityRows, seed: int) -> SampledRows:
    """Sample opportunities: all at which a customer left, and a part of the others.

    20 others for each hold 95 % of the information. Sampling by the outcome moves all log odds by minus the
    logarithm of the share kept (Prentice & Pyke 1979, Logistic disease incidence models and case-control
    studies, Biometrika 66(3)).
    """
    generator = np.random.default_rng(seed)
    origin, lead = ahead_of_time(rows, rows.longest_lead, generator)
    left = rows.churned == 1.0
    share, chosen = 1.0, np.arange(len(rows))
    most = min(max(_FEWEST_SAMPLED, (_PER_CHURNED + 1) * int(left.sum())), _MOST_SAMPLED)
    if len(rows) > most:
        share = min(1.0, max(most - left.sum(), most / 2) / (~left).sum())
        chosen = np.flatnonzero(left | (generator.random(len(rows)) < share))
    table = rows.table.iloc[origin[chosen]].reset_index(drop=True)
    table["renewals"] = rows.table["renewals"].to_numpy()[chosen]
    return SampledRows(table, rows.churned[chosen], lead[chosen], -float(np.log(share)), chosen)


def _informative(table: pd.DataFrame, names: Sequence[Any]) -> list[Any]:
    """Leave out constant columns, and copies of the renewals or of an earlier column."""
    kept: list[Any] = []
    for name in names:
        same = (table[name].equals(table[other]) for other in kept)
        if not _is_constant(table[name]) and not _counts_renewals(table, name) and not any(same):
            kept.append(name)
    return kept


def _counts_renewals(table: pd.DataFrame, name: str) -> bool:
    """Whether a number is that of the renewals, as the periods at an amount that never changed."""
    return pd.api.types.is_numeric_dtype(table[name].dtype) and bool((table[name] == table["renewals"]).all())


def _is_constant(values: pd.Series[Any]) -> bool:
    codes = pd.factorize(values, use_na_sentinel=True)[0]
    return bool((codes == codes[0]).all())


def later_parts(rows: OpportunityRows, horizon_days: int, seed: int) -> list[NDArray[np.bool_]]:
    """Parts of the rows on which models are compared, each with rows to learn from before it.

    The last window of the history and the one before it; without dates, two quarters of the customers.
    """
    if not rows.dated():
        drawn = np.random.default_rng(seed).random(int(rows.customers.max()) + 1)[rows.customers]
        return [drawn < _SHARE, (drawn >= _SHARE) & (drawn < 2.0 * _SHARE)]
    days = pd.to_datetime(rows.table["opportunity"])
    last, length = days.max(), (days.max() - days.min()).days
    window = pd.Timedelta(days=round(min(max(horizon_days, _SHARE * length), _MOST_SHARE * length)))
    parts = [((days > last - (back + 1) * window) & (days <= last - back * window)) for back in range(2)]
    return [part.to_numpy() for part in parts]


def learnt_from(rows: OpportunityRows, later: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows before a part: earlier ones, or without dates those of the other customers."""
    if not rows.dated():
        return ~later
    days = pd.to_datetime(rows.table["opportunity"])
    return np.asarray(days < days[later].min())


def usable_parts(rows: OpportunityRows, horizon_days: int, seed: int) -> list[NDArray[np.bool_]]:
    """Those of :func:`later_parts` with enough customers who left in them and before; at least the first."""
    first, *others = later_parts(rows, horizon_days, seed)
    return [first, *(part for part in others if enough_churned(rows, part))]


def enough_churned(rows: OpportunityRows, part: NDArray[np.bool_]) -> bool:
    """Whether enough customers left in a part of the rows, and before it."""
    counts = rows.churned[part].sum(), rows.churned[learnt_from(rows, part)].sum()
    return bool(min(counts) >= _FEWEST_CHURNED)
