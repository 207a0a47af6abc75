"""Features of customers as the matrices that trees and logistic regressions take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from guanxi.errors import DataError, did_you_mean

Floats = NDArray[np.float64]
_FEWEST_OF_A_LEVEL = 20  # a rarer level counts as missing, as does one first met in a prediction
_MOST_LEVELS = 50


@dataclass(frozen=True)
class Coded:
    """Features of n customers.

    Attributes
    ----------
    trees : array of shape (n, n_features)
        Numbers and category codes; NaN is missing.
    design : array of shape (n, n_terms)
        Standardised numbers with missing ones at the mean, their missing indicators, and one indicator for
        each level.
    categorical : tuple of int
        Columns of ``trees`` with category codes.
    """

    trees: Floats
    design: Floats
    categorical: tuple[int, ...]

    def part(self, rows: NDArray[np.int64]) -> Coded:
        """Take some customers, again if a row is named again."""
        return Coded(self.trees[rows], self.design[rows], self.categorical)


@dataclass(frozen=True)
class _Feature:
    """How one feature is coded: by its levels, or else as a number with a mean and a standard deviation."""

    name: str
    levels: tuple[str, ...] | None
    mean: float = 0.0
    sd: float = 1.0
    gaps: bool = False

    def codes(self, column: pd.Series) -> Floats:
        if self.levels is None:
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        places = pd.Index(self.levels).get_indexer(pd.Index(_texts(column)))
        return np.asarray(np.where(places < 0, np.nan, places), dtype=np.float64)

    def terms(self, codes: Floats) -> Floats:
        if self.levels is not None:
            # A feature of rare levels only has one term, 0 for everybody: a regression needs one.
            return np.asarray(codes[:, None] == np.arange(max(1, len(self.levels))), dtype=np.float64)
        missing = np.isnan(codes)
        number = np.where(missing, 0.0, (codes - self.mean) / self.sd)
        return np.column_stack([number, missing]) if self.gaps else number[:, None]


@dataclass(frozen=True)
class Coding:
    """The coding of a feature table, learned from one campaign and applied to other customers."""

    features: tuple[_Feature, ...]

    @cached_property
    def names(self) -> list[str]:
        """Names of the features."""
        return [each.name for each in self.features]

    def code(self, table: pd.DataFrame) -> Coded:
        """Code a feature table.

        Raises
        ------
        DataError
            If a feature is missing or a number has become text.
        """
        _check_columns(table, self.names)
        codes = np.empty((len(table), len(self.features)))
        for place, each in enumerate(self.features):
            if each.levels is None and not types.is_numeric_dtype(table[each.name]):
                raise DataError(
                    f"the feature {each.name!r} was a number in the campaign and is "
                    f"{table[each.name].dtype} here: give numbers"
                )
            codes[:, place] = each.codes(table[each.name])
        return self.from_codes(codes)

    def from_codes(self, codes: Floats) -> Coded:
        """Complete numbers and category codes, shape (n, n_features), by the terms of the regression."""
        design = [each.terms(values) for each, values in zip(self.features, codes.T, strict=True)]
        categorical = tuple(i for i, each in enumerate(self.features) if each.levels is not None)
        return Coded(codes, np.column_stack(design), categorical)


def learn_coding(table: pd.DataFrame, names: Sequence[str]) -> Coding:
    """Learn how features are coded: text, categories and booleans by levels, numbers as they are.

    Raises
    ------
    DataError
        If no feature is given, one is not in the table, is infinite, or is neither number nor text.
    """
    if not names:
        raise DataError("no feature is given: uplift by customer needs at least one column known beforehand")
    _check_columns(table, names)
    return Coding(tuple(_feature(table[name], name) for name in names))


def _feature(column: pd.Series, name: str) -> _Feature:
    kind = column.dtype
    if types.is_bool_dtype(kind) or isinstance(kind, pd.CategoricalDtype) or _is_text(column):
        counts = pd.Series(_texts(column)).value_counts()
        common = counts[counts >= _FEWEST_OF_A_LEVEL].index[:_MOST_LEVELS]
        return _Feature(name, tuple(sorted(common)))
    if not types.is_numeric_dtype(kind):
        raise DataError(f"the feature {name!r} is {kind}: give a number, such as days, a text or a category")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(f"the feature {name!r} has an infinite value: give a finite or a missing one")
    known = values[~np.isnan(values)]
    sd = float(known.std()) if len(known) else 0.0
    return _Feature(
        name, None, float(known.mean()) if len(known) else 0.0, sd or 1.0, len(known) < len(values)
    )


def _is_text(column: pd.Series) -> bool:
    return types.is_string_dtype(column.dtype) or types.is_object_dtype(column.dtype)


def _texts(column: pd.Series) -> NDArray[np.object_]:
    """Levels as text, so that a category and the same text have one code; missing ones stay missing."""
    return column.astype("object").map(str, na_action="ignore").to_numpy()


def _check_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise DataError(f"the feature {absent[0]!r} is not in the table: {did_you_mean(absent[0], table)}")
