"""Attributes that tell the outcome alone, perhaps because they were recorded after it."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.pipeline.folds import FOLDS, stratified_folds

SUSPICIOUS_AUC = 0.99
_CHANCE = 1e-6  # that all customers with one value churned
_PURE_SHARE = 0.2  # of those who churned
_MOST_LISTED = 3


def find_leaks(attributes: pd.DataFrame, label: NDArray[np.float64], seed: int = 0) -> dict[str, str]:
    """Find attributes that tell the outcome alone, and say what to do.

    There are two signs: the attribute ranks customers almost perfectly (AUC above 0.99), or everybody with
    some of its values churned, too many to be chance, and these values cover a fifth of those who churned.

    Parameters
    ----------
    attributes : pandas.DataFrame
        Numbers or text; NaN and None are missing, which may be the sign: a reason for leaving.
    label : array of shape (n,)
        1.0 is churn.
    seed : int
        Of the folds in which the share of churners by category is measured.

    Returns
    -------
    dict of str to str
        By column: a sentence for the user.

    Examples
    --------
    >>> left = np.tile([0.0, 1.0], 50)
    >>> find_leaks(pd.DataFrame({"final bill": left + 7.0, "age": np.arange(100.0)}), left)
    {'final bill': "column 'final bill' alone tells who churned (AUC 1.000): if it was recorded after the \
outcome, leave it out: --exclude 'final bill'"}
    """
    found = {}
    for name, values in attributes.items():
        sign = _sign(values, label, seed)
        if sign:
            found[str(name)] = (
                f"column {str(name)!r} {sign}: if it was recorded after the outcome, leave it out: "
                f"--exclude {shlex.quote(str(name))}"
            )
    return found


def _sign(values: pd.Series[Any], label: NDArray[np.float64], seed: int) -> str:
    area = _auc_alone(values, label, seed)
    if area > SUSPICIOUS_AUC:
        return f"alone tells who churned (AUC {area:.3f})"
    pure = _all_churned(values, label)
    return pure and f"alone tells who churned: {pure}"


def _all_churned(values: pd.Series[Any], label: NDArray[np.float64]) -> str:
    """Describe the values of which everybody churned, if they are more than chance explains."""
    codes, known = pd.factorize(values, use_na_sentinel=False)
    customers = np.bincount(codes)
    churners = np.bincount(codes, label)
    by_chance = label.mean() ** customers
    pure = np.flatnonzero((churners == customers) & (by_chance < _CHANCE))
    share = customers[pure].sum() / label.sum()
    if share < _PURE_SHARE:
        return ""
    ordered = pure[np.argsort(-customers[pure], kind="stable")]
    count, shown = int(customers[pure].sum()), _any_of([_value_in_words(known[each]) for each in ordered])
    return f"all {count:,} customers with {shown} did ({share:.0%} of those who did)"


def _any_of(values: list[str]) -> str:
    """List up to three values, or two and the number of the others.

    Examples
    --------
    >>> _any_of(["1", "2"]), _any_of(["91", "95", "88", "99"])
    ('1 or 2', '91, 95 or one of 2 more values')
    """
    if len(values) > _MOST_LISTED:
        values = [*values[: _MOST_LISTED - 1], f"one of {len(values) - _MOST_LISTED + 1} more values"]
    return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def _value_in_words(value: Any) -> str:
    if pd.isna(value):
        return "a missing value"
    return f"{value:g}" if isinstance(value, int | float | np.number) else repr(value)


def _auc_alone(values: pd.Series[Any], label: NDArray[np.float64], seed: int) -> float:
    """AUC of one attribute: of a number itself, or of a category's share of churners in other folds."""
    from sklearn.metrics import roc_auc_score

    if not pd.api.types.is_numeric_dtype(values.dtype):
        return float(roc_auc_score(label, _shares_elsewhere(values, label, seed)))
    there = np.asarray(values, dtype=np.float64)
    ends = [np.where(np.isnan(there), end, there) for end in (np.nanmin(there) - 1.0, np.nanmax(there) + 1.0)]
    areas = [float(roc_auc_score(label, filled)) for filled in ends]
    return max(*areas, *(1.0 - area for area in areas))


def _shares_elsewhere(values: pd.Series[Any], label: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Share of churners in the same category in the other folds, so that rare categories do not leak."""
    codes = pd.factorize(values, use_na_sentinel=False)[0]
    fold_of, shares = stratified_folds(label, seed), np.empty(len(label))
    for fold in range(FOLDS):
        elsewhere, here = fold_of != fold, fold_of == fold
        size = codes.max() + 1
        churners = np.bincount(codes[elsewhere], label[elsewhere], size)
        customers = np.bincount(codes[elsewhere], minlength=size)
        mean = label[elsewhere].mean()
        shares[here] = ((churners + mean) / (customers + 1.0))[codes[here]]
    return shares
