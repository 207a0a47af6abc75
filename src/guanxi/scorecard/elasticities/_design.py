"""Design columns for controls, and checks for collinear controls and drivers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError

Floats = NDArray[np.float64]

_FEWEST_OF_A_KIND = 30
_DETERMINED = 1e-6  # share of the variance unexplained by other columns


def standardised(values: Floats) -> Floats:
    """Standardise to mean 0 and standard deviation 1; a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    # Rounding leaves some variance in a constant column.
    constant = spread <= 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    return np.asarray(np.where(constant, 0.0, centred / np.where(constant, 1.0, spread)))


def logarithms(values: Floats, name: str) -> Floats:
    """``log(1 + x)``; DataError if a value is below 0."""
    if np.nanmin(values, initial=0.0) < 0.0:
        raise DataError(f"{name} has values below 0, which have no logarithm: use it untransformed")
    return np.asarray(np.log1p(values))


def control_columns(controls: pd.DataFrame, logarithmic: Collection[str]) -> Floats:
    """Convert controls to linearly independent columns of mean 0, shape (n, columns).

    Numbers are used as they are or as logarithms, with missing values imputed by the mean and a missingness
    indicator. Other types get a dummy column for each value of at least 30 customers, except the most
    frequent one. Collinear columns are dropped.
    """
    columns: list[Floats] = []
    for name in controls.columns:
        kind = controls[name].dtype
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            values = controls[name].to_numpy(dtype=np.float64, na_value=np.nan)
            columns += _numbers(logarithms(values, name) if name in logarithmic else values)
        else:
            columns += _kinds(controls[name])
    # The column of zeros allows for no controls; it is dropped like any uninformative column.
    return _independent(standardised(np.column_stack([*columns, np.zeros(len(controls))])))


def check_distinct(drivers: Floats, names: Sequence[str], controls: Floats) -> None:
    """Refuse drivers (standardised, shape (n, k)) collinear with the other drivers and the controls."""
    columns = np.hstack([drivers, controls])
    moments = columns.T @ columns
    for number, name in enumerate(names):
        others = [other for other in range(len(moments)) if other != number]
        if _unexplained_share(moments, number, others) > _DETERMINED:
            continue
        by = [
            other
            for place, other in enumerate(names)
            if place != number and abs(moments[place, number]) > 0.99 * len(drivers)
        ]
        rest = "the controls" if len(names) == 1 else "the other drivers and the controls together"
        raise DataError(
            f"driver {name} is collinear with {' and '.join(by) or rest}, so effects cannot be separated: "
            "leave one out"
        )


def _numbers(values: Floats) -> list[Floats]:
    missing = ~np.isfinite(values)
    if missing.all():
        return []
    return [np.where(missing, values[~missing].mean(), values), missing.astype(np.float64)]


def _kinds(values: pd.Series) -> list[Floats]:
    named = values.astype("str").fillna("")
    counts = named.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    kinds = counts.index[1:][counts.to_numpy()[1:] >= _FEWEST_OF_A_KIND]
    return [(named == kind).to_numpy(dtype=np.float64) for kind in kinds]


def _independent(columns: Floats) -> Floats:
    moments = columns.T @ columns
    kept: list[int] = []
    for number in range(len(moments)):
        if _unexplained_share(moments, number, kept) > _DETERMINED:
            kept.append(number)
    return columns[:, kept]


def _unexplained_share(moments: Floats, number: int, others: list[int]) -> float:
    """Share of the variance of a column not explained by the others; 0 for a column of zeros."""
    if not moments[number, number]:
        return 0.0
    shared = moments[others, number]
    explained = shared @ np.linalg.lstsq(moments[np.ix_(others, others)], shared, rcond=None)[0]
    return float(1.0 - explained / moments[number, number])
