"""Checks of indicators and weights: which indicators are used, and notes on the others."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from guanxi.errors import DataError, ParamsError, did_you_mean
from guanxi.scorecard._notes import Names, Note
from guanxi.scorecard.scoring._branches import Paths, branches_of
from guanxi.scorecard.scoring._normalisation import Floats, Normalisation, finite_column
from guanxi.scorecard.weights._objective import CUSTOMER

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class UsedIndicators:
    """The indicators used.

    Attributes
    ----------
    weights : dict of str to float
        Above 0, adding up to 1 over the indicators known for some customer.
    columns : dict of str to array, shape (n,)
        Their values; NaN is missing.
    absent : dict of str to float
        Weight of the indicators unknown for all, reallocated to the others.
    """

    weights: dict[str, float]
    columns: dict[str, Floats]
    absent: dict[str, float]


def check_weights(
    weights: Mapping[str, float], dimensions: Collection[str], higher_is_better: Mapping[str, bool]
) -> None:
    """Refuse weights that are negative, do not add up to 1, or name an unknown indicator."""
    if not weights:
        raise ParamsError("no weights are given; give at least one indicator a weight")
    for name, weight in weights.items():
        if name not in higher_is_better:
            hint = did_you_mean(name, higher_is_better, "see the catalogue of indicators")
            raise ParamsError(f"weights: {name} is not an indicator; {hint}")
        if not (math.isfinite(weight) and weight >= 0):
            raise ParamsError(f"weights: {name} has {weight}, but a weight must be a number of at least 0")
        if name not in dimensions:
            raise ParamsError(f"weights: {name} belongs to no dimension; place it in the tree of weights")
    total = math.fsum(weights.values())
    if abs(total - 1.0) > _TOLERANCE:
        remedy = f"divide each by {total:g}" if total else "give one above 0"
        raise ParamsError(f"weights add up to {total:g}, not 1; {remedy}")


def check_customers(indicators: pd.DataFrame) -> None:
    """Refuse a table without customers, or with a customer twice or unnamed."""
    if CUSTOMER not in indicators.columns:
        raise DataError(f"the table of indicators has no column {CUSTOMER}")
    customers = indicators[CUSTOMER]
    if not len(customers):
        raise DataError("the table of indicators has no customers to score")
    if customers.isna().any():
        raise DataError(f"the table of indicators has {int(customers.isna().sum())} rows without {CUSTOMER}")
    if not customers.is_unique:
        twice = customers[customers.duplicated()].iloc[0]
        raise DataError(
            f"customer {twice} appears more than once in the table of indicators; keep one row each"
        )


def select_indicators(
    indicators: pd.DataFrame, weights: Mapping[str, float], normalisation: Normalisation, paths: Paths
) -> UsedIndicators:
    """Leave out indicators without values or without a scale; others of the branch get their weight first.

    Raises DataError if no indicator is left, or a value is infinite or not a number.
    """
    columns, absent = {}, {}
    for name, weight in weights.items():
        if weight == 0:
            continue
        if name in indicators.columns and name in normalisation.curves:
            values = finite_column(indicators, name)
            if not pd.isna(values).all():
                columns[name] = values
                continue
        absent[name] = weight
    if not columns:
        raise DataError(
            f"no customer has any indicator with a weight ({', '.join(absent)}): "
            f"add a table with one, or weight others"
        )
    return UsedIndicators(reallocated(weights, columns, paths), columns, absent)


def reallocated(
    weights: Mapping[str, float], known: Collection[str], paths: Paths | None
) -> dict[str, float]:
    """Weights of the known indicators, adding up to 1: see :mod:`._branches`."""
    given = {name: weight for name, weight in weights.items() if weight > 0}
    own = branches_of(list(given), paths).reallocate(
        np.array(list(given.values())), np.array([[name in known for name in given]])
    )
    found = dict(zip(given, (own[0] / own[0].sum()).tolist(), strict=True))
    return {name: found.get(name, 0.0) for name in weights if name in known}


def notes_on(found: UsedIndicators, normalisation: Normalisation, known_weight: Floats) -> list[str]:
    """Sentences on indicators that are absent, constant or partly known."""
    notes = []
    if found.absent:
        notes.append(note_on_absent(found.absent))
    constant = [name for name in found.columns if normalisation.curves[name].constant]
    if constant:
        notes.append(Note("constant", names=Names(constant)))
    n, partly = len(known_weight), (known_weight > 0) & (known_weight < 1 - _TOLERANCE)
    if partly.any():
        least = float(known_weight[partly].min())
        notes.append(Note("partly_known", some=int(partly.sum()), customers=n, least=least))
    unknown = int((known_weight == 0).sum())
    if unknown:
        notes.append(Note("without_score", some=unknown, customers=n))
    return notes


def note_on_absent(absent: Mapping[str, float]) -> str:
    """Sentence on the indicators unknown for all, whose weight was reallocated."""
    return Note("absent", names=Names(absent), weight=math.fsum(absent.values()))
