"""What the values of attributes and labels say, read alike from CSV, Parquet and databases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError

MISSING = ("", "na", "n/a", "nan", "null")
_ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T].*)?"
_CUSTOMERS_PER_CATEGORY = 2
MINIMUM_OF_EACH = 10  # customers with either value of a label
_LABELS = ({"0": 0.0, "1": 1.0}, {"false": 0.0, "true": 1.0}, {"no": 0.0, "yes": 1.0})
_NAMED = 5


def to_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Write values as text, None where missing.

    Text is trimmed, whole numbers lose their point, and where all values are true or false they are small.
    Blank text, the words of ``MISSING`` in any capitals and numbers that are not finite are missing.

    Examples
    --------
    >>> to_text(pd.Series([" True", "FALSE", "n/a"])).tolist()
    ['true', 'false', None]
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        finite = values.where(np.isfinite(values)).dropna().unique()
        words = {value: f"{value:.0f}" if value == round(value) else repr(float(value)) for value in finite}
    else:
        words = {value: str(value).strip() for value in values.dropna().unique()}
        words = {value: word for value, word in words.items() if word.casefold() not in MISSING}
        if {word.lower() for word in words.values()} <= {"true", "false"}:
            words = {value: word.lower() for value, word in words.items()}
    written = values.astype(object).map(words).astype(object)
    return written.where(written.notna(), None)


def _to_number(values: pd.Series[Any]) -> pd.Series[float]:
    """Read values as float64, NaN where one does not read as a finite number.

    Examples
    --------
    >>> _to_number(pd.Series(["1e3", " 2 ", "two", "inf"])).tolist()
    [1000.0, 2.0, nan, nan]
    """
    number = pd.to_numeric(values, errors="coerce").astype("float64")
    return number.where(np.isfinite(number))


def number_or_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Read a column as numbers if every value present is one, else as text."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _to_number(values)
    text = to_text(values)
    return _to_number(text) if _all_numbers(text) else text


def _all_numbers(text: pd.Series[Any]) -> bool:
    """Whether every text present reads as a number."""
    return bool((_to_number(text).notna() | text.isna()).all())


def why_useless(values: pd.Series[Any]) -> str | None:
    """Say why nothing can be learnt from an attribute, None where something might be.

    Parameters
    ----------
    values : pandas.Series
        From :func:`number_or_text`.

    Examples
    --------
    >>> why_useless(pd.Series(["2024-01-31", "2024-02-29"], dtype=object))
    'is a date: give it as a number, such as days until today'
    """
    there = values.dropna()
    if there.empty:
        return "is missing for everyone"
    distinct = there.nunique()
    if distinct == 1 and len(there) == len(values):
        return f"is {to_text(there).iloc[0]!r} for everyone"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return None
    if there.str.fullmatch(_ISO_DATE).all():
        return "is a date: give it as a number, such as days until today"
    if distinct * _CUSTOMERS_PER_CATEGORY > len(there):
        return f"names customers rather than describes them ({distinct:,} texts for {len(there):,} customers)"
    return None


def _split_label(label: str, columns: list[str]) -> tuple[str, str | None]:
    """Split ``COLUMN=VALUE`` unless a column has that whole name; no value where none is named.

    Examples
    --------
    >>> _split_label("Status=Left", ["Status"])
    ('Status', 'Left')
    """
    if label in columns or "=" not in label:
        return label, None
    column, _, value = label.rpartition("=")
    return column, value


def _read_label(
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
    for pair in _LABELS:
        if values == sorted(pair):
            return pair
    raise DataError(f"{where} holds {held}: say which one is churn, as in --label COLUMN={values[0]}")
