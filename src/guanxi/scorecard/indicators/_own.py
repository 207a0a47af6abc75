"""A business's own indicators: declared in the parameters, from any relation table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.errors import DataError, ParamsError
from guanxi.features.relations.own_values import channel_interactions, instrument_answers, own_values
from guanxi.params.scorecard import OwnIndicator
from guanxi.scorecard._notes import Note, Term
from guanxi.scorecard.indicators._catalogue import CATALOGUE
from guanxi.scorecard.indicators._definition import Indicator
from guanxi.scorecard.indicators._satisfaction import shrunken_mean

Own = Mapping[str, OwnIndicator]
_FORMULAS = {
    "attribute": "attribute {name} of the customers table",
    "survey": "answers to the instrument {name}, each 0–1, shrunk towards the mean of all customers",
    "channel": "number of interactions on the channel {name}",
    "table": "latest value in the table indicators; mean over experts",
}


def catalogue_with(own: Own) -> dict[str, Indicator]:
    """Return the catalogue with a business's own indicators, which are last."""
    return CATALOGUE | {name: _definition(name, each) for name, each in own.items()}


def _definition(name: str, own: OwnIndicator) -> Indicator:
    missing = "unknown" if own.missing is None else f"{own.missing:g}"
    return Indicator(
        name, own.dimension, _FORMULAS[own.origin].format(name=own.column(name)), own.unit,
        "at_cutoff" if own.origin in ("attribute", "table") else "to_date", own.higher_is_better,
        (own.table,), missing, "declared in scorecard.indicators",
    )  # fmt: skip


def refuse_taken(own: Own, columns: Collection[str]) -> None:
    """Refuse own indicators with the name of another, or of a column of the results (ParamsError)."""
    for name in own:
        if name in CATALOGUE:
            raise ParamsError(f"scorecard.indicators: {name} is an indicator of guanxi: give another name")
        if name in columns:
            raise ParamsError(
                f"scorecard.indicators: {name} is a column of the scorecard: give another name, as in "
                f"own_{name}, with the column of its values as attribute if it is one"
            )


def own_labels(own: Own) -> dict[str, str]:
    """Labels of the own indicators, by default their names."""
    return {name: each.label or name.replace("_", " ") for name, each in own.items()}


def own_indicators(
    own: Own, customers: pd.Series[Any], features: pd.DataFrame, relations: Relations, cutoff: date
) -> tuple[pd.DataFrame, list[Note]]:
    """Compute the own indicators of customers as of a day.

    Parameters
    ----------
    own : mapping of str to OwnIndicator
    customers : pandas.Series
        ``customer_id``, unique.
    features : pandas.DataFrame
        Relation features of the day, for attributes.
    relations : Relations
    cutoff : datetime.date

    Returns
    -------
    table : pandas.DataFrame
        One float column per indicator, in the order of the customers; NaN is unknown.
    notes : list of str
        Indicators that nothing in the tables is about.

    Raises
    ------
    DataError
        If a value is not a number, or outside the scale that was declared.
    """
    if not own:
        return pd.DataFrame(index=range(len(customers))), []
    ids: pd.Index[Any] = pd.Index(customers)
    values, answers, channels = (read(relations, cutoff) for read in _READERS)
    columns, notes = {}, list[Note]()
    for name, each in own.items():
        column = each.column(name)
        if each.origin == "attribute":
            found = _attribute(features, column, name)
        elif each.origin == "survey":
            asked = answers[answers["instrument"] == column.strip().lower()].set_index("customer_id")
            found = shrunken_mean(asked["sum"], asked["answers"]) if len(asked) else asked["sum"]
        elif each.origin == "channel":
            found = channels[channels["channel"] == column].set_index("customer_id")["interactions"]
        else:
            found = values[values["name"] == column].set_index("customer_id")["value"]
        if found.notna().any():
            _check_scale(name, each, found)
        else:
            notes.append(Note("own_without_value", name=name, table=Term(each.table)))
        aligned = np.asarray(found.reindex(ids), dtype=np.float64)
        if each.missing is not None and relations.table(each.table) is not None:
            aligned = np.where(np.isnan(aligned), each.missing, aligned)
        columns[name] = aligned
    return pd.DataFrame(columns, index=range(len(customers)), dtype=np.float64), notes


_READERS = (own_values, instrument_answers, channel_interactions)


def _attribute(features: pd.DataFrame, column: str, name: str) -> pd.Series[Any]:
    if column not in features.columns:
        return pd.Series(dtype=np.float64)
    values = features.set_index("customer_id")[column]
    if not pd.api.types.is_numeric_dtype(values):
        raise DataError(f"scorecard.indicators.{name}: attribute {column} is text: give a column of numbers")
    return values.astype(np.float64)


def _check_scale(name: str, own: OwnIndicator, values: pd.Series[Any]) -> None:
    if own.scale is None or own.origin == "survey":
        return
    low, high = own.scale
    off = values[(values < low) | (values > high)]
    if len(off):
        raise DataError(
            f"scorecard.indicators.{name}: {len(off):,} values are outside the scale {low:g} to {high:g} "
            f"(first: {off.iloc[0]:g} of customer {off.index[0]}): correct them, or the scale"
        )
