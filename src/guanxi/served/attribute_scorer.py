"""Churn probabilities and drivers from customers' attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .attribute_drivers import describe_values, driver_columns
from .corrections import probability
from .input_checks import _check_finite, _check_table, _checked_drivers, _checked_language
from .model import Attribute, ServedLabelModel
from .trees._ensemble import Trees

Floats = NDArray[np.float64]


def matrix(table: pd.DataFrame, attributes: Sequence[Attribute]) -> Floats:
    """Encode attributes for the trees, shape (n, number of attributes).

    Numbers stay; a category becomes its index among the attribute's categories, an unknown one NaN (missing).

    Parameters
    ----------
    table : pandas.DataFrame
        A column per attribute.
    attributes : sequence of Attribute
    """
    columns = [_coded(table[each.name], each.categories) for each in attributes]
    return np.asarray(np.column_stack(columns), dtype=np.float64)


def _coded(values: pd.Series[Any], categories: Sequence[str] | None) -> Floats:
    if categories is None:
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    code = {category: float(place) for place, category in enumerate(categories)}
    return np.asarray(values.astype(object).map(code).to_numpy(dtype=np.float64, na_value=np.nan))


class LabelScorer:
    """Scores customers by their attributes with one fitted model.

    Parameters
    ----------
    model : ServedLabelModel
    trees : mapping of str to sequence of str
        ``churn``: the boosters in LightGBM's text format.
    """

    def __init__(self, model: ServedLabelModel, trees: Mapping[str, Sequence[str]]) -> None:
        self.model = model
        self._trees = Trees(trees["churn"])

    @property
    def features(self) -> list[str]:
        """Columns that a table must have."""
        return [each.name for each in self.model.attributes]

    def score(
        self, features: pd.DataFrame, *, drivers: int | None = None, language: str | None = None
    ) -> pd.DataFrame:
        """Predict every row.

        Parameters
        ----------
        features : pandas.DataFrame
            One row per customer with the columns of :attr:`features`; NaN or None is missing.
        drivers, language : optional
            Default: as trained. The language is that of the drivers' texts.

        Returns
        -------
        pandas.DataFrame
            ``churn_probability`` and, for each of the strongest drivers, ``driver_1``,
            ``driver_1_effect`` (on the log odds) and ``driver_1_text``; in the order of the rows.
        """
        top = _checked_drivers(self.model.drivers.top if drivers is None else drivers)
        _check_table(features, self.features)
        coded = matrix(features, self.model.attributes)
        _check_finite(features.index, self.features, coded)
        table = pd.DataFrame(
            {"churn_probability": probability(self._trees.predict(coded))}, index=features.index
        )
        spoken = _checked_language(self.model.language if language is None else language)
        return table.assign(**self._drivers(coded, top, spoken)) if top else table

    def driver_effects(self, features: pd.DataFrame) -> pd.DataFrame:
        """Effects of the attributes on the log odds of churn, which they and ``base`` add up to."""
        contributions = self._trees.contributions(matrix(features, self.model.attributes))
        effects = pd.DataFrame(contributions[:, :-1], columns=self.features, index=features.index)
        effects.insert(0, "base", contributions[:, -1], allow_duplicates=True)
        return effects

    def _drivers(self, coded: Floats, top: int, language: str) -> dict[str, Any]:
        def describe(place: int, rows: Any) -> NDArray[Any]:
            attribute = self.model.attributes[place]
            return describe_values(attribute.name, attribute, coded[rows, place], language)

        return driver_columns(self._trees.contributions(coded)[:, :-1], self.features, top, describe)
