"""A label column: which of its two values is churn."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guanxi.data.attribute_values import to_text
from guanxi.errors import DataError

MINIMUM_OF_EACH = 10
_PAIRS = ({"0": 0.0, "1": 1.0}, {"false": 0.0, "true": 1.0}, {"no": 0.0, "yes": 1.0})
_NAMED = 5


def split_label(label: str, columns: list[str]) -> tuple[str, str | None]:
    """Split ``COLUMN=VALUE`` unless a column has that whole name; no value where none is named.

    Examples
    --------
    >>> split_label("Status=Left", ["Status"])
    ('Status', 'Left')
    """
    if label in columns or "=" not in label:
        return label, None
    column, _, value = label.rpartition("=")
    return column, value


def read_label(
    source: str, values: pd.Series[Any], ids: pd.Series[Any], churn: str | None = None
) -> pd.Series[float]:
    """Read a label: 1.0 is churn, 0.0 is not.

    Without ``churn``, 1 (of 0 and 1), true (of false and true) and yes (of no and yes) are churn, in any
    capitals; any other two values need it.

    Parameters
    ----------
    source : str
        For messages.
    values : pandas.Series
        Named as the column.
    ids : pandas.Series
        The customers, for messages.
    churn : str, optional
        The value that is churn.

    Raises
    ------
    DataError
        If a label is missing, there are not two values, fewer than ten customers have one of them, or it is
        not known which is churn.
    """
    where = f"{source}: label {str(values.name)!r}"
    text = to_text(values).map(str.casefold, na_action="ignore")
    missing = text.isna()
    if missing.any():
        raise DataError(
            f"{where} is missing for {int(missing.sum()):,} customers (first: {ids[missing].iloc[0]}): "
            "fill it, or leave out customers whose outcome is not known"
        )
    counts = text.value_counts()
    if len(counts) != 2:
        shown = ", ".join(map(repr, sorted(counts.index)[:_NAMED])) + (", …" if len(counts) > _NAMED else "")
        many = "one value" if len(counts) == 1 else f"{len(counts):,} values"
        raise DataError(f"{where} holds {many} ({shown}): it must hold two, churn or not")
    if counts.min() < MINIMUM_OF_EACH:
        raise DataError(
            f"{where} holds {counts.idxmin()!r} only {counts.min()} times: "
            f"at least {MINIMUM_OF_EACH} customers of each kind are needed"
        )
    return text.map(_meaning(where, sorted(counts.index), churn)).astype("float64").rename("churned")


def _meaning(where: str, values: list[str], churn: str | None) -> dict[str, float]:
    held = " and ".join(map(repr, values))
    if churn is not None:
        asked = to_text(pd.Series([churn], dtype=object)).iloc[0]
        if asked is None or asked.casefold() not in values:
            raise DataError(f"{where} never holds {churn!r}: it holds {held}")
        return {value: float(value == asked.casefold()) for value in values}
    for pair in _PAIRS:
        if values == sorted(pair):
            return pair
    raise DataError(f"{where} holds {held}: say which one is churn, as in --label COLUMN={values[0]}")
