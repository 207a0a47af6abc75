"""Definition of an indicator, and the input tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.features.relations.measures import COLUMNS

Series = pd.Series  # of float64, one value per customer, in the order of the predictions


@dataclass(frozen=True)
class Indicator:
    """One indicator of a customer's relationship.

    Attributes
    ----------
    name : str
        Its column in the indicator table.
    dimension : str
        ``value``, ``loyalty``, ``satisfaction``, ``interaction``, ``risk`` or ``advocacy``.
    formula : str
        In the columns of the prediction table, the totals and the relation features.
    unit : str
        A key of the texts of ``units``; ``revenue`` and ``margin`` are in the currency of the data.
    period : str
        ``to_date``, ``last_year`` (the 365 days up to the cutoff), ``at_cutoff`` or ``horizon`` (the days
        predicted).
    higher_is_better : bool
    sources : tuple of str
        All sources required: ``predictions``, ``transactions`` (the totals), or a relation table;
        ``surveys or tickets`` requires either of the two.
    missing : str
        Meaning of a missing value, or the value imputed.
    reference : str
        Source of the definition or an application; ``plain counting`` if there is nothing to cite.
    """

    name: str
    dimension: str
    formula: str
    unit: str
    period: str
    higher_is_better: bool
    sources: tuple[str, ...]
    missing: str
    reference: str


class Inputs:
    """Input tables of the indicators, aligned with the customers of the predictions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        The prediction table; missing columns are unknown.
    totals : pandas.DataFrame, optional
        From :func:`guanxi.features.relations.customer_totals.totals_at`.
    relations : pandas.DataFrame, optional
        Relation features, one row per customer who appears in them.

    Attributes
    ----------
    customers : pandas.Index
        ``customer_id`` of the predictions, in their order.
    relations : pandas.DataFrame
        The relation features by ``customer_id``, including customers without a prediction.

    Raises
    ------
    DataError
        If ``customer_id`` is absent, missing or not unique, or there is no customer.
    """

    def __init__(
        self, predictions: pd.DataFrame, totals: pd.DataFrame | None, relations: pd.DataFrame | None
    ) -> None:
        own = _by_customer(predictions, "the predictions")
        if own.empty:
            raise DataError("the predictions have no rows: there are no customers")
        self.customers = own.index
        self.relations = pd.DataFrame() if relations is None else _by_customer(relations, "the relations")
        self._relation_rows = self.relations.index.get_indexer(self.customers)
        self._predictions = own
        self._totals = pd.DataFrame() if totals is None else _by_customer(totals, "the totals")
        self._total_rows = self._totals.index.get_indexer(self.customers)

    def prediction(self, name: str) -> Series[float]:
        """Return a column of the predictions, NaN if absent."""
        return _numbers(self._predictions, name, np.arange(len(self.customers)), self.customers)

    def total(self, name: str) -> Series[float]:
        """Return a column of the totals, NaN if absent."""
        return _numbers(self._totals, name, self._total_rows, self.customers)

    def relation(self, name: str) -> Series[float]:
        """Return a numeric relation feature, NaN if absent."""
        return _numbers(self.relations, name, self._relation_rows, self.customers)

    def count(self, table: str, name: str) -> Series[float]:
        """Return a count: missing values are 0 if the feature is known for other customers."""
        number = self.relation(name)
        known = name in self.relations.columns and self.relations[name].notna().any()
        return number.fillna(0.0) if known and self.has(table) else number

    def unmatched_tables(self) -> Iterator[str]:
        """Yield the tables without any customer of the predictions."""
        for name, table, rows in (
            ("totals", self._totals, self._total_rows),
            ("relations", self.relations, self._relation_rows),
        ):
            if len(table) and (rows < 0).all():
                yield name

    def has(self, source: str) -> bool:
        """Whether a source exists; a relation table does if it has any known value."""
        if " or " in source:
            return any(self.has(each) for each in source.split(" or "))
        if source == "predictions":
            return True
        if source == "transactions":
            return not self._totals.empty
        if source == "customers":
            names = [name for name in self.relations.columns if name not in _OF_OTHER_TABLES]
        else:
            names = [name for name in COLUMNS[source] if name in self.relations.columns]
        return bool(self.relations[names].notna().any(axis=None))

    @property
    def attributes(self) -> pd.DataFrame:
        """Customer attributes with acquisition channel and contract, in the order of the customers."""
        names = [
            name
            for name in self.relations.columns
            if name not in _NO_ATTRIBUTES or name in ("acquisition_channel", "contract")
        ]
        rows = self.relations[names].reset_index(drop=True).reindex(self._relation_rows)
        return rows.set_index(self.customers)


_OF_OTHER_TABLES = {name for table, names in COLUMNS.items() if table != "customers" for name in names}
_NO_ATTRIBUTES = {*_OF_OTHER_TABLES, *COLUMNS["customers"], "share_of_wallet"}


def _by_customer(table: pd.DataFrame, what: str) -> pd.DataFrame:
    if "customer_id" not in table.columns:
        raise DataError(f"{what} have no column customer_id: give a table with one row per customer")
    ids = table["customer_id"]
    if ids.isna().any():
        raise DataError(f"{what} have {ids.isna().sum():,} rows without customer_id: leave them out")
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise DataError(f"{what} list customer {twice!r} twice: give one row per customer")
    return table.set_index("customer_id")


def _numbers(table: pd.DataFrame, name: str, rows: Any, customers: pd.Index[Any]) -> Series[float]:
    values = np.full(len(customers), np.nan)
    if name in table.columns:
        try:
            column = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            raise DataError(f"column {name} contains text or dates: indicators need numbers") from None
        if np.isinf(column).any():
            raise DataError(f"column {name} contains an infinite number: correct it or leave it empty")
        found = rows >= 0
        values[found] = column[rows[found]]
    return pd.Series(values, index=customers, name=name)
