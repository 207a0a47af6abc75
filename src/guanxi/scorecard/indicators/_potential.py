"""Potential value: conditional 90 % quantile of CLV given attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.attribute_values import number_or_text, why_useless
from guanxi.models.boosting import Rows, grow
from guanxi.scorecard.indicators._definition import Series

QUANTILE = 0.9
_FOLDS = 5
FEWEST_CUSTOMERS = 200
_MOST_LEARNT_FROM = 100_000
_TREES = 60
_SETTINGS = {
    "alpha": QUANTILE,
    "learning_rate": 0.1,
    "num_leaves": 8,
    # With fewer similar customers the top tenth would be one or two.
    "min_child_samples": 50,
    "min_data_per_group": 50,
    "reg_lambda": 0.0,
}


def potential_clv(attributes: pd.DataFrame, clv: pd.Series[float]) -> Series[float]:
    """Estimate the 90 % quantile of CLV among customers with similar attributes.

    Boosted trees for the conditional quantile, cross-fitted: customers are divided into five folds by id, and
    each fold is predicted by trees fitted to the other folds.

    Parameters
    ----------
    attributes : pandas.DataFrame
        By ``customer_id``: numeric and categorical.
    clv : pandas.Series
        By ``customer_id``, in the same order.

    Returns
    -------
    pandas.Series
        NaN where no attribute or no CLV is known; all NaN with fewer than 200 customers who have both.

    References
    ----------
    Perlich, C., Rosset, S., Lawrence, R. D. and Zadrozny, B. (2007), High-quantile modeling for customer
    wallet estimation and other applications, KDD 2007.
    """
    X, categorical = _matrix(attributes)
    known = np.flatnonzero(~np.isnan(X).all(axis=1) & clv.notna().to_numpy())
    potential = np.full(len(clv), np.nan)
    if len(known) < FEWEST_CUSTOMERS:
        return pd.Series(potential, index=clv.index)
    keys = pd.util.hash_array(clv.index.astype(str).to_numpy(dtype=object))[known]
    # Sorted by key, so that the result does not depend on the order of the rows.
    ordered = known[np.argsort(keys, kind="stable")]
    part = np.sort(keys, kind="stable") % _FOLDS
    y = clv.to_numpy(dtype=np.float64)
    for fold in range(_FOLDS):
        others, own = ordered[part != fold][:_MOST_LEARNT_FROM], ordered[part == fold]
        trees = grow(Rows(X[others], y[others]), "quantile", _SETTINGS, _TREES, 0, categorical=categorical)
        potential[own] = trees.predict(X[own])
    return pd.Series(potential, index=clv.index)


def _matrix(attributes: pd.DataFrame) -> tuple[NDArray[np.float64], list[int]]:
    """Encode informative attributes as numbers; also return the indices of categorical columns."""
    columns: list[NDArray[np.float64]] = []
    categorical: list[int] = []
    for name in sorted(attributes.columns):
        values: pd.Series[Any] = number_or_text(attributes[name])
        if why_useless(values):
            continue
        if not pd.api.types.is_numeric_dtype(values.dtype):
            categorical.append(len(columns))
            codes = pd.Categorical(values, categories=sorted(values.dropna().unique())).codes
            values = pd.Series(np.where(codes < 0, np.nan, codes), index=values.index)
        columns.append(values.to_numpy(dtype=np.float64))
    empty = np.empty((len(attributes), 0))
    return (np.column_stack(columns) if columns else empty), categorical
