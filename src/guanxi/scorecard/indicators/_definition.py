"""What an indicator is, and what it is worked out from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.features.relations.measures import COLUMNS

Language = Literal["en", "zh"]
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
    label : mapping of {"en", "zh"} to str
    formula : str
        In the columns of the prediction table, the totals and the relation features.
    unit : str
    higher_is_better : bool
    sources : tuple of str
        What it needs, all of them: ``predictions``, ``transactions`` (the totals), or a relation table. One
        written ``surveys or tickets`` is met by either.
    missing : str
        What a missing value means, or by what it is filled.
    reference : str
        Who defined or used it; ``plain counting`` where there is nothing to cite.
    """

    name: str
    dimension: str
    label: Mapping[Language, str]
    formula: str
    unit: str
    higher_is_better: bool
    sources: tuple[str, ...]
    missing: str
    reference: str


class Inputs:
    """The tables that indicators are worked out from, each brought to the customers of the predictions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        The prediction table; columns that it lacks are unknown.
    totals : pandas.DataFrame, optional
        From :func:`guanxi.features.relations.customer_totals.totals_at`.
    relations : pandas.DataFrame, optional
        Relation features, one row per customer who appears.

    Attributes
    ----------
    customers : pandas.Index
        ``customer_id`` of the predictions, in their order.
    relations : pandas.DataFrame
        The relation features by ``customer_id``, with the customers that no prediction has.

    Raises
    ------
    DataError
        If a table has no ``customer_id``, a missing one, or one twice, or there is no customer.
    """

    def __init__(
        self, predictions: pd.DataFrame, totals: pd.DataFrame | None, relations: pd.DataFrame | None
    ) -> None:
        own = _by_customer(predictions, "the predictions")
        if own.empty:
            raise DataError("the predictions have no row: there is no customer to look at")
        self.customers = own.index
        self.relations = pd.DataFrame() if relations is None else _by_customer(relations, "the relations")
        self._relation_rows = self.relations.index.get_indexer(self.customers)
        self._predictions = own
        self._totals = pd.DataFrame() if totals is None else _by_customer(totals, "the totals")
        self._total_rows = self._totals.index.get_indexer(self.customers)

    def prediction(self, name: str) -> Series[float]:
        """Give a column of the predictions, NaN where it is absent."""
        return _numbers(self._predictions, name, np.arange(len(self.customers)), self.customers)

    def total(self, name: str) -> Series[float]:
        """Give a column of the totals, NaN where it is absent."""
        return _numbers(self._totals, name, self._total_rows, self.customers)

    def relation(self, name: str) -> Series[float]:
        """Give a number of the relation features, NaN where it is absent."""
        return _numbers(self.relations, name, self._relation_rows, self.customers)

    def count(self, table: str, name: str) -> Series[float]:
        """Give a number whose missing value means none: 0 where the table tells it of others."""
        number = self.relation(name)
        told = name in self.relations.columns and self.relations[name].notna().any()
        return number.fillna(0.0) if told and self.has(table) else number

    def unmatched_tables(self) -> Iterator[str]:
        """Name the tables in which no customer of the predictions stands."""
        for name, table, rows in (
            ("totals", self._totals, self._total_rows),
            ("relations", self.relations, self._relation_rows),
        ):
            if len(table) and (rows < 0).all():
                yield name

    def has(self, source: str) -> bool:
        """Whether a source exists: a relation table does if it says anything of anybody."""
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
        """The customers' attributes, with acquisition channel and contract, in the order of the customers."""
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
        raise DataError(f"{what} name customer {twice!r} twice: give one row per customer")
    return table.set_index("customer_id")


def _numbers(table: pd.DataFrame, name: str, rows: Any, customers: pd.Index[Any]) -> Series[float]:
    values = np.full(len(customers), np.nan)
    if name in table.columns:
        try:
            column = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            raise DataError(f"column {name} holds text or dates: indicators take numbers") from None
        if np.isinf(column).any():
            raise DataError(f"column {name} holds an infinite number: correct it, or leave it empty")
        found = rows >= 0
        values[found] = column[rows[found]]
    return pd.Series(values, index=customers, name=name)
