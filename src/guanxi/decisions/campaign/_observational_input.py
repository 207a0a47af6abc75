"""A table of customers as comparisons of each arm with the control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.campaign._overlap import Covariates, covariate_columns
from guanxi.errors import DataError

Floats = NDArray[np.float64]

CONTROL, TREATED = "control", "treated"
_FEWEST = 10  # customers in an arm


@dataclass(frozen=True)
class Comparison:
    """An arm and the control; all arrays have a row per customer of either.

    Attributes
    ----------
    arm : str
    treated : numpy.ndarray of bool
    outcomes : dict of str to numpy.ndarray of float
    covariates : Covariates
    other_covariates : Covariates
        Without the outcomes before the campaign.
    before : dict of str to (list of str, numpy.ndarray of float, shape (n, periods))
        By outcome: its columns and values before the campaign.
    negative_controls : dict of str to numpy.ndarray of float
        By outcome: the mean of those of its columns before the campaign that are no covariates.
    """

    arm: str
    treated: NDArray[np.bool_] = field(repr=False)
    outcomes: dict[str, Floats] = field(repr=False)
    covariates: Covariates = field(repr=False)
    other_covariates: Covariates = field(repr=False)
    before: dict[str, tuple[list[str], Floats]] = field(repr=False)
    negative_controls: dict[str, Floats] = field(repr=False)

    def row(self, outcome: str, method: str) -> dict[str, object]:
        """Begin a row of a result."""
        return {"outcome": outcome, "arm": self.arm, "method": method}


def comparisons(
    table: pd.DataFrame,
    treated: str,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    before: Mapping[str, Sequence[str]],
) -> Iterator[Comparison]:
    """Check the table and compare each of its arms with the control, in the order of their names.

    Raises
    ------
    DataError
        See :func:`guanxi.decisions.campaign.observational_effects`.
    """
    earlier = [column for columns in before.values() for column in columns]
    used = list(dict.fromkeys([treated, *outcomes, *covariates, *earlier]))
    absent = [name for name in used if name not in table]
    if absent:
        raise DataError(f"there is no column {absent[0]} in the campaign table: add it or do not name it")
    late = sorted({treated, *outcomes} & {*covariates, *earlier})
    if late:
        raise DataError(f"column {late[0]} is no covariate: covariates must be known before the campaign")
    unknown = sorted(set(before) - set(outcomes))
    if unknown:
        raise DataError(
            f"{unknown[0]} has values before the campaign but is no outcome: add it to the outcomes"
        )
    # Folds follow the rows; sorted by content, the table's order changes nothing.
    order = np.argsort(pd.util.hash_pandas_object(table[used], index=False).to_numpy(), kind="stable")
    table = table[used].iloc[order]
    arms = _arms(table[treated])
    values = {name: _numbers(table[name]) for name in dict.fromkeys([*outcomes, *earlier])}
    for arm in sorted(set(arms) - {CONTROL}):
        rows = np.flatnonzero((arms == arm) | (arms == CONTROL))
        own = {name: each[rows] for name, each in values.items()}
        kept = {
            name: [column for column in columns if column not in covariates]
            for name, columns in before.items()
        }
        yield Comparison(
            arm=arm,
            treated=arms[rows] == arm,
            outcomes={name: own[name] for name in outcomes},
            covariates=covariate_columns(table.iloc[rows], covariates),
            other_covariates=covariate_columns(
                table.iloc[rows], [name for name in covariates if name not in earlier]
            ),
            before={
                name: (list(columns), np.column_stack([own[column] for column in columns]))
                for name, columns in before.items()
                if columns
            },
            negative_controls={
                name: np.mean([own[column] for column in columns], axis=0)
                for name, columns in kept.items()
                if columns
            },
        )


def _arms(column: pd.Series[Any]) -> NDArray[np.object_]:
    if column.isna().any():
        raise DataError(
            f"column {column.name} has no arm for {column.isna().sum()} customers: fill or remove them"
        )
    if column.isin([0, 1]).all():
        arms = np.where(column.astype(bool), TREATED, CONTROL).astype(object)
    else:
        arms = column.astype(str).to_numpy(dtype=object)
    counts = pd.Series(arms).value_counts()
    if CONTROL not in counts:
        raise DataError(
            f"there is no control in column {column.name}: name the customers left alone {CONTROL}, "
            "since without them nothing tells what would have happened anyway"
        )
    if len(counts) == 1:
        raise DataError(f"column {column.name} has only the control: no customer was treated")
    if counts.min() < _FEWEST:
        raise DataError(
            f"arm {counts.idxmin()} has {counts.min()} customers, too few to compare: "
            f"at least {_FEWEST} are needed in each arm"
        )
    return arms


def _numbers(column: pd.Series[Any]) -> Floats:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"column {column.name} is no number: give outcomes as numbers or as true and false")
    values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = int((~np.isfinite(values)).sum())
    if missing:
        raise DataError(
            f"outcome {column.name} is missing for {missing} customers: fill in 0 if nothing happened, "
            "or leave these customers out of all arms"
        )
    return values
