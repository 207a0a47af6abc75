"""Tables of contracts, checked: one row per customer, or counts of survivors by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError
from guanxi.models._covariates import standardised
from guanxi.models._customer_table import covariate_columns, numeric_column, refuse_rows, weight_column
from guanxi.models.likelihoods._retention import RetentionTerms, retention_terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_PERIODS = 1_000_000
RESERVED = ("duration", "churned", "entry", "period", "survivors", "cohort")


@dataclass(frozen=True)
class Contracts:
    """What a retention model is fitted to.

    Attributes
    ----------
    terms : RetentionTerms
        With standardised covariates.
    customers : float
    centre, spread : array, shape (c,)
        Means and standard deviations of the covariates.
    """

    terms: RetentionTerms
    customers: float
    centre: Floats
    spread: Floats

    def without_covariates(self) -> Contracts:
        """Drop the covariates."""
        terms, none = self.terms, np.empty(0)
        z = np.empty((len(terms.start), 0))
        made = terms.start + terms.ahead * (1.0 - terms.lost)
        plain = retention_terms(terms.start, made, terms.lost, terms.weight, z)
        return replace(self, terms=plain, centre=none, spread=none)


def contracts_of_customers(
    durations: pd.DataFrame, sample_weight: ArrayLike | None, names: Sequence[str]
) -> Contracts:
    """Read one row per customer: see :meth:`.RetentionModel.fit`.

    Examples
    --------
    >>> contracts_of_customers(pd.DataFrame({"duration": [4, 2], "churned": [0, 1]}), None, []).customers
    2.0
    """
    duration, churned = numeric_column(durations, "duration"), numeric_column(durations, "churned")
    _refuse_periods(durations, "duration", duration)
    refuse_rows(durations, "duration", duration < 1, "is below 1")
    refuse_rows(durations, "churned", (churned != 0) & (churned != 1), "is neither 0 nor 1")
    entry = np.zeros(len(duration))
    if "entry" in durations.columns:
        entry = numeric_column(durations, "entry")
        refuse_rows(durations, "entry", np.floor(entry) != entry, "is not a whole number of renewals")
        refuse_rows(durations, "entry", entry >= duration, "is not below the duration: nothing was observed")
    columns = covariate_columns(durations, names)
    given = weight_column(sample_weight, durations)
    weight = np.ones(len(duration)) if given is None else given
    z, centre, spread = standardised(columns, weight, names)
    terms = retention_terms(entry, duration - churned, churned, weight, z)
    return Contracts(terms, float(weight.sum()), centre, spread)


def contracts_of_cohorts(table: pd.DataFrame, names: Sequence[str]) -> Contracts:
    """Read counts of survivors by period: see :meth:`.RetentionModel.fit_retention`.

    Examples
    --------
    >>> contracts_of_cohorts(pd.DataFrame({"period": [0, 1], "survivors": [100, 80]}), []).customers
    100.0
    """
    period, survivors = numeric_column(table, "period"), numeric_column(table, "survivors")
    _refuse_periods(table, "period", period)
    cohort = np.zeros(len(table), dtype=np.int64)
    if "cohort" in table.columns:
        cohort = pd.factorize(table["cohort"])[0]
        refuse_rows(table, "cohort", cohort < 0, "is missing")
    order = np.lexsort((period, cohort))
    table, period, survivors = table.iloc[order], period[order], survivors[order]
    follows = np.diff(cohort[order], prepend=-1) == 0
    gap = follows & (np.diff(period, prepend=0.0) != 1)
    refuse_rows(table, "period", gap, "does not follow the period before it in its cohort")
    rises = follows & (np.diff(survivors, prepend=0.0) > 0)
    refuse_rows(table, "survivors", rises, "is greater than in the period before")
    columns = covariate_columns(table, names)
    for name, column in zip(names, columns, strict=True):
        changes = follows & (np.diff(column, prepend=0.0) != 0)
        refuse_rows(table, name, changes, "changes within its cohort")
    later, first = np.flatnonzero(follows), ~follows
    z, centre, spread = standardised([each[first] for each in columns], survivors[first], names)
    z = z[np.cumsum(first)[later] - 1]  # each cohort's
    made, left = period[later - 1], survivors[later]
    renewed, lost = np.ones(len(later)), np.zeros(len(later))
    terms = retention_terms(
        np.concatenate([made, made]),
        np.concatenate([made + 1.0, made]),
        np.concatenate([lost, renewed]),
        np.concatenate([left, survivors[later - 1] - left]),
        np.concatenate([z, z]),
    )
    return Contracts(terms, float(survivors[first].sum()), centre, spread)


def whole_numbers(name: str, values: ArrayLike, least: int = 0) -> Integers:
    """Check counts of periods or renewals and return them, at least 1-d.

    Examples
    --------
    >>> whole_numbers("renewals", 3)
    array([3])
    """
    numbers = np.atleast_1d(np.asarray(values))
    usable = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "iuf"
    if not usable or not ((numbers >= least) & (numbers <= MOST_PERIODS) & (numbers % 1 == 0)).all():
        raise DataError(f"{name} holds {values!r}: give whole numbers from {least} to {MOST_PERIODS:,}")
    return numbers.astype(np.int64)


def _refuse_periods(table: pd.DataFrame, name: str, values: Floats) -> None:
    refuse_rows(table, name, np.floor(values) != values, "is not a whole number of periods")
    refuse_rows(table, name, values > MOST_PERIODS, f"is above {MOST_PERIODS:,}")
