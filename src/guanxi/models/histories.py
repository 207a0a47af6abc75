"""Purchase histories on their way to a fit: checked, distinct, with weights and covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError, FitError
from guanxi.models.inputs import covariate_columns, history_columns, log_gap_column, weight_column
from guanxi.served.numerics.distinct import count_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """Distinct purchase histories.

    Attributes
    ----------
    frequency, recency, T, weight : array, shape (n,)
        ``weight``: how many customers a history stands for, above 0.
    log_gap_sum : array, shape (n,), or None
    covariates : array, shape (n, c)
        Standardised: weighted mean 0, standard deviation 1.
    centre, spread : array, shape (c,)
        What was taken off the covariates, and what they were divided by.
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

    def every(self, step: int) -> Histories:
        """Every step-th history."""
        rows = slice(None, None, step)
        gaps = None if self.log_gap_sum is None else self.log_gap_sum[rows]
        columns = dict(zip(("frequency", "recency", "T", "weight"), self.columns, strict=True))
        taken = {name: column[rows] for name, column in columns.items()}
        return replace(self, **taken, log_gap_sum=gaps, covariates=self.covariates[rows])


def histories_of(
    rfm: pd.DataFrame,
    sample_weight: ArrayLike | None,
    covariates: Sequence[str] = (),
    *,
    log_gaps: bool = False,
) -> Histories:
    """Distinct histories of a customer table, if there is something to learn from them.

    Raises
    ------
    DataError
        If the table is not one of purchase histories, or a covariate is the same for all customers.
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
    z, centre, spread = _standardised(rest, weight, covariates)
    return Histories(frequency, recency, T, weight, log_gap_sum, z, centre, spread)


def _standardised(
    columns: list[Floats], weight: Floats, names: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    z = np.column_stack(columns) if columns else np.empty((len(weight), 0))
    centre = np.average(z, axis=0, weights=weight)
    spread = np.sqrt(np.average((z - centre) ** 2, axis=0, weights=weight))
    for name, each, middle in zip(names, spread, centre, strict=True):
        if each <= 1e-12 * max(1.0, abs(middle)):
            raise DataError(f"covariate {name!r} is {middle:g} for every customer: leave it out")
    return (z - centre) / spread, centre, spread
