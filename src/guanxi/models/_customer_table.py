"""Validation of customer tables, and distinct histories with their weights, for fitting.

Every DataError names the column, the number of invalid rows and the first of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError, FitError
from guanxi.models._covariates import standardised
from guanxi.served.input_checks import LARGEST, describe_rows
from guanxi.served.numerics import count_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """Distinct purchase histories.

    Attributes
    ----------
    frequency, recency, T, weight : array, shape (n,)
        ``weight``: number of customers with the history, above 0.
    log_gap_sum : array, shape (n,), or None
    covariates : array, shape (n, c)
        Standardised: weighted mean 0, standard deviation 1.
    centre, spread : array, shape (c,)
        Means and standard deviations of the covariates.
    """

    frequency: Floats
    recency: Floats
    T: Floats
    weight: Floats
    log_gap_sum: Floats | None
    covariates: Floats
    centre: Floats
    spread: Floats

    @property
    def columns(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Frequency, recency, T and weight."""
        return self.frequency, self.recency, self.T, self.weight

    @property
    def customers(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    @property
    def repeat_customers(self) -> float:
        """Weight of the histories with a repeat purchase."""
        return float(self.weight[self.frequency > 0].sum())

    def sample(self, size: int) -> Histories:
        """Systematic sample of about ``size`` histories: every n-th one."""
        rows = slice(None, None, len(self.weight) // size)
        names = ("frequency", "recency", "T", "weight", "covariates")
        kept = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **kept, log_gap_sum=None if self.log_gap_sum is None else self.log_gap_sum[rows])


def histories_of(
    rfm: pd.DataFrame,
    sample_weight: ArrayLike | None,
    covariates: Sequence[str] = (),
    *,
    log_gaps: bool = False,
) -> Histories:
    """Distinct histories of a customer table.

    Raises
    ------
    DataError
        If the histories are invalid, or a covariate is the same for all customers.
    FitError
        If no customer bought again, or all ages are 0.

    Examples
    --------
    >>> rfm = pd.DataFrame({"frequency": [2, 2, 0], "recency": [30, 30, 0], "T": [38, 38, 38]})
    >>> histories_of(rfm, None).weight
    array([1., 2.])
    """
    columns = [*history_columns(rfm)]
    gaps = log_gap_column(rfm) if log_gaps and "log_gap_sum" in rfm.columns else None
    columns += ([] if gaps is None else [gaps]) + list(covariate_columns(rfm, covariates))
    rows, weight = count_rows(tuple(columns), weight_column(sample_weight, rfm))
    kept = weight > 0
    if not kept.all():
        rows, weight = tuple(column[kept] for column in rows), weight[kept]
    frequency, recency, T, *rest = rows
    if not frequency.any():
        raise FitError("no repeat purchases: nothing to learn a purchase rate from; give a longer history")
    if not T.any():
        raise FitError(
            "T is 0 for every customer: nothing to learn a purchase rate from; give a later cutoff"
        )
    log_gap_sum = None if gaps is None else rest.pop(0)
    z, centre, spread = standardised(rest, weight, covariates)
    return Histories(frequency, recency, T, weight, log_gap_sum, z, centre, spread)


def history_columns(rfm: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """``frequency``, ``recency`` and ``T`` of a customer table, checked; other columns are ignored.

    Raises
    ------
    DataError
        If a column is missing, not numeric, not finite or negative, a frequency is fractional, a recency is
        greater than T, or is above 0 at frequency 0.

    Examples
    --------
    >>> history_columns(pd.DataFrame({"frequency": [2], "recency": [30], "T": [38]}))
    (array([2.]), array([30.]), array([38.]))
    """
    frequency, recency, T = (numeric_column(rfm, name) for name in ("frequency", "recency", "T"))
    refuse_rows(rfm, "frequency", frequency != np.floor(frequency), "is not a whole number")
    refuse_rows(rfm, "recency", recency > T, "is greater than T")
    refuse_rows(rfm, "recency", (frequency == 0) & (recency > 0), "is above 0 though frequency is 0")
    return frequency, recency, T


def spend_columns(rfm: pd.DataFrame) -> tuple[Floats, Floats]:
    """``frequency`` and ``monetary_value`` of a customer table, checked; other columns are ignored.

    Raises
    ------
    DataError
        If a column is missing, not numeric, not finite or negative, or a frequency is fractional.

    Examples
    --------
    >>> spend_columns(pd.DataFrame({"frequency": [2], "monetary_value": [22.35]}))
    (array([2.]), array([22.35]))
    """
    frequency, monetary_value = (numeric_column(rfm, name) for name in ("frequency", "monetary_value"))
    refuse_rows(rfm, "frequency", frequency != np.floor(frequency), "is not a whole number")
    return frequency, monetary_value


def weight_column(sample_weight: ArrayLike | None, rfm: pd.DataFrame) -> Floats | None:
    """Check the weights of the rows.

    Raises
    ------
    DataError
        If there is not one for each row, one is negative or not finite, or all are 0.

    Examples
    --------
    >>> weight_column([3], pd.DataFrame({"frequency": [2]}))
    array([3.])
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("sample_weight is not numeric: give a number for each row") from None
    if weight.shape != (len(rfm),):
        raise DataError(
            f"sample_weight has shape {weight.shape}: give a number for each of the {len(rfm)} rows"
        )
    refuse_rows(rfm, "sample_weight", ~np.isfinite(weight) | (weight < 0), "is negative, missing or infinite")
    if not weight.any():
        raise DataError("sample_weight is 0 in all rows: give at least one row a weight above 0")
    return weight


def covariate_columns(rfm: pd.DataFrame, names: Sequence[str]) -> tuple[Floats, ...]:
    """Covariates of a customer table, checked: numbers, none missing.

    Raises
    ------
    DataError
        If a column is missing, not numeric or not finite.

    Examples
    --------
    >>> covariate_columns(pd.DataFrame({"age": [31, 57]}), ["age"])
    (array([31., 57.]),)
    """
    return tuple(numeric_column(rfm, name, signed=True) for name in names)


def log_gap_column(rfm: pd.DataFrame) -> Floats:
    """``log_gap_sum`` of a customer table, checked.

    Raises
    ------
    DataError
        If it is not numeric or not finite, or not 0 where the frequency is 0.
    """
    column = numeric_column(rfm, "log_gap_sum", signed=True)
    frequency, recency = numeric_column(rfm, "frequency"), numeric_column(rfm, "recency")
    refuse_rows(rfm, "log_gap_sum", (column != 0) & (frequency == 0), "is not 0 though frequency is 0")
    # Jensen's inequality: the mean of logarithms is at most the logarithm of the mean.
    repeats = np.maximum(frequency, 1.0)
    most = repeats * np.log(np.maximum(recency / repeats, 1e-300)) + 1e-6 * repeats
    wrong = (frequency > 0) & (recency > 0) & (column > most)
    refuse_rows(rfm, "log_gap_sum", wrong, "is more than recency allows (another time unit?)")
    return column


def is_number(value: object) -> bool:
    """Whether a value is a finite number, not a truth value.

    Examples
    --------
    >>> is_number(np.float32(2)), is_number("2"), is_number(np.nan), is_number(True)
    (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-sys.float_info.max <= value <= sys.float_info.max)


def as_given(rfm: pd.DataFrame, values: Floats) -> Any:
    """Return a value per customer; as a Series where the table is indexed by something with a name.

    Examples
    --------
    >>> table = pd.DataFrame({"T": [1.0, 2.0]}, index=pd.Index(["ann", "bob"], name="customer_id"))
    >>> as_given(table, np.array([3.0, 4.0]))["bob"].item()
    4.0
    """
    return values if rfm.index.name is None else pd.Series(values, index=rfm.index)


def by_horizon(rfm: pd.DataFrame, horizon: Any, predict: Callable[[Any], Any]) -> Any:
    """Predict for a horizon; for several, a column for each: an array, or a table where ``as_given`` is one.

    Raises
    ------
    DataError
        If there is no horizon.
    """
    if (
        not isinstance(horizon, list | tuple | range | np.ndarray | pd.Series | pd.Index)
        or np.ndim(horizon) == 0
    ):
        return predict(horizon)
    horizons = list(horizon)
    if not horizons:
        raise DataError("horizon is empty: give a number or several, in the unit of T")
    columns = [predict(each) for each in horizons]
    if rfm.index.name is None:
        return np.column_stack(columns)
    return pd.DataFrame(dict(enumerate(columns))).set_axis(pd.Index(horizons, name="horizon"), axis=1)


def checked_horizon(horizon: float, name: str = "horizon") -> float:
    """Check the horizon and return it as a float.

    Raises
    ------
    DataError
        If it is not a number from 0 to 1e12.

    Examples
    --------
    >>> checked_horizon(182)
    182.0
    """
    if not is_number(horizon) or not 0 <= horizon <= LARGEST["T"]:
        raise DataError(f"{name} is {horizon!r}: give a number from 0 to {LARGEST['T']:g}, in the unit of T")
    return float(horizon)


def numeric_column(rfm: Any, name: str, *, signed: bool = False) -> Floats:
    """Get a column of a table, checked: numbers, none missing, none negative unless ``signed``."""
    if not isinstance(rfm, pd.DataFrame):
        raise DataError(f"the customer table is a {type(rfm).__name__}: give a pandas DataFrame")
    if name not in rfm.columns:
        known = ", ".join(map(str, rfm.columns))
        raise DataError(f"column {name!r} is missing: the customer table has {known}")
    if rfm.empty:
        raise DataError("the customer table has no rows: give at least one customer")
    if (times := list(rfm.columns).count(name)) > 1:
        raise DataError(f"column {name!r} occurs {times} times: keep one")
    column = rfm[name]
    if column.dtype.kind not in ("iufb" if signed else "iuf"):
        wrong = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        refuse_rows(rfm, name, wrong, f"holds {column.dtype}, which is not numeric")
        raise DataError(f"column {name!r} holds {column.dtype}: convert it to numbers")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    refuse_rows(rfm, name, ~np.isfinite(values), "is missing or infinite")
    if not signed:
        refuse_rows(rfm, name, values < 0, "is negative")
    if name in LARGEST:
        refuse_rows(rfm, name, values > LARGEST[name], f"is above {LARGEST[name]:g}")
    return values


def refuse_rows(rfm: pd.DataFrame, name: str, wrong: NDArray[np.bool_], what: str) -> None:
    """Raise a DataError with the column, the number of wrong rows and the first of them, if any."""
    if wrong.any():
        raise DataError(describe_rows(rfm.index, name, wrong, what))
