"""Embedding of mixed attributes in a space with meaningful distances.

A number is centred at the median, divided by a robust spread (1 for the standard deviation of a normal
distribution) and transformed by the inverse hyperbolic sine: linear near the median, logarithmic in the
tails, so that a few outliers do not form a group, whatever the unit. Two different categories are 1 apart.
Unknown values are placed at the median, or in the centre of all categories, and are neutral.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.attribute_values import IS_DATE, number_or_text, why_useless

Floats = NDArray[np.float64]

_NORMAL_QUARTILES = 1.349  # interquartile range of a standard normal distribution
_NORMAL_DEVIATION = 0.798  # mean absolute deviation of a standard normal distribution
_CATEGORY = 0.5**0.5
_MOST_CATEGORIES = 10
_RAREST = 0.01
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True)
class AttributeSpace:
    """Transformation of attributes to coordinates.

    Attributes
    ----------
    numbers : mapping of str to (float, float)
        Median and spread of each numeric attribute.
    categories : mapping of str to sequence of str
        Categories with a separate coordinate; all others share one.
    """

    numbers: Mapping[str, tuple[float, float]]
    categories: Mapping[str, Sequence[str]]

    def coordinates(self, attributes: pd.DataFrame) -> Floats:
        """Compute coordinates of customers, shape (n, coordinates).

        Parameters
        ----------
        attributes : pandas.DataFrame
            From :func:`readable_attributes`.
        """
        columns = []
        for name, (median, spread) in self.numbers.items():
            values = np.arcsinh((attributes[name].to_numpy(dtype=np.float64) - median) / spread)
            columns.append(np.nan_to_num(values, nan=0.0))
        for name, categories in self.categories.items():
            text = attributes[name]
            columns += [_CATEGORY * (text == category).to_numpy(dtype=np.float64) for category in categories]
            other = text.notna() & ~text.isin(categories)
            columns.append(_CATEGORY * other.to_numpy(dtype=np.float64))
        return np.column_stack(columns)


def readable_attributes(customers: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Convert all columns except ``customer_id`` to numbers or text, and drop uninformative ones.

    Returns
    -------
    attributes : pandas.DataFrame
        float64 (NaN is unknown) or text (None is unknown), sorted by name; the index counts the rows.
    left_out : dict of str to str
        Columns dropped, and why: dates, constant, unknown for more than half, text that identifies customers.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": [1, 2, 3], "age": [30, 40, 50], "country": ["FR"] * 3})
    >>> readable_attributes(customers)[1]
    {'country': "is 'FR' for everyone"}
    """
    columns, left_out = {}, {}
    for name in sorted(set(customers.columns) - {"customer_id"}):
        values = customers[name].reset_index(drop=True)
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            left_out[name] = IS_DATE
            continue
        read = number_or_text(values.astype(object) if pd.api.types.is_bool_dtype(values.dtype) else values)
        unknown = float(read.isna().mean())
        why = why_useless(read)
        if why is None and unknown > _MOST_UNKNOWN:
            why = f"is unknown for {unknown:.0%} of customers"
        if why is None:
            columns[name] = read
        else:
            left_out[name] = why
    return pd.DataFrame(columns), left_out


def learn_space(attributes: pd.DataFrame) -> AttributeSpace:
    """Estimate medians, spreads and categories.

    Categories with less than 1 % of customers, and all but the ten most common, share a coordinate. The
    spread is based on the interquartile range, or on the mean absolute deviation if that is 0.

    Parameters
    ----------
    attributes : pandas.DataFrame
        From :func:`readable_attributes`.
    """
    numbers: dict[str, tuple[float, float]] = {}
    categories: dict[str, Sequence[str]] = {}
    for name, values in attributes.items():
        known = values.dropna()
        if pd.api.types.is_numeric_dtype(values.dtype):
            numbers[str(name)] = _median_and_spread(known)
        else:
            counts = known.value_counts()
            common = sorted(counts.index, key=lambda word: (-counts[word], word))[:_MOST_CATEGORIES]
            categories[str(name)] = [word for word in common if counts[word] >= _RAREST * len(values)]
    return AttributeSpace(numbers, categories)


def _median_and_spread(known: pd.Series[Any]) -> tuple[float, float]:
    lower, median, upper = np.quantile(known, [0.25, 0.5, 0.75])
    spread = (upper - lower) / _NORMAL_QUARTILES
    if spread == 0.0:
        # Sorted, so that the last digits do not depend on the order of the rows.
        spread = float(np.sort(np.abs(known - median)).mean()) / _NORMAL_DEVIATION
    return float(median), float(spread)
