"""Controls as columns of a regression, and what of them or of the drivers cannot be told apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError

Floats = NDArray[np.float64]

_FEWEST_OF_A_KIND = 30
_DETERMINED = 1e-6  # share of the variance that nothing else explains


def standardised(values: Floats) -> Floats:
    """Mean 0 and spread 1; a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    # Rounding leaves a trace of spread in a constant column.
    constant = spread <= 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    return np.asarray(np.where(constant, 0.0, centred / np.where(constant, 1.0, spread)))


def logarithms(values: Floats, name: str) -> Floats:
    """``log(1 + x)``; DataError if a value is below 0."""
    if np.nanmin(values, initial=0.0) < 0.0:
        raise DataError(f"{name} has values below 0, which have no logarithm: take it as it is")
    return np.asarray(np.log1p(values))


def control_columns(controls: pd.DataFrame, logarithmic: Collection[str]) -> Floats:
    """Turn controls into independent columns of mean 0, shape (n, columns).

    Numbers: as they are, or their logarithms; where missing the mean, with a column that says so. Anything
    else: a column for each value that at least 30 customers have, but for the most frequent one. Columns that
    the others determine are left out.
    """
    columns: list[Floats] = []
    for name in controls.columns:
        kind = controls[name].dtype
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            values = controls[name].to_numpy(dtype=np.float64, na_value=np.nan)
            columns += _numbers(logarithms(values, name) if name in logarithmic else values)
        else:
            columns += _kinds(controls[name])
    # The column of zeros stands in where there are no controls; like all that says nothing, it is left out.
    return _independent(standardised(np.column_stack([*columns, np.zeros(len(controls))])))


def check_distinct(drivers: Floats, names: Sequence[str], controls: Floats) -> None:
    """Refuse drivers (standardised, shape (n, k)) that the others and the controls determine."""
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
            f"driver {name} says the same as {' and '.join(by) or rest}, so that their parts cannot be told "
            "apart: leave one out"
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
    """Share of the variance of a column (0 of a column of zeros) that the others do not explain."""
    if not moments[number, number]:
        return 0.0
    shared = moments[others, number]
    explained = shared @ np.linalg.lstsq(moments[np.ix_(others, others)], shared, rcond=None)[0]
    return float(1.0 - explained / moments[number, number])
