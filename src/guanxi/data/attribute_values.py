"""What the values of an attribute say, read alike from CSV, Parquet and databases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

MISSING = ("", "na", "n/a", "nan", "null")
_ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T].*)?"
_CUSTOMERS_PER_CATEGORY = 2


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


def to_number(values: pd.Series[Any]) -> pd.Series[float]:
    """Read values as float64, NaN where one does not read as a finite number.

    Examples
    --------
    >>> to_number(pd.Series(["1e3", " 2 ", "two", "inf"])).tolist()
    [1000.0, 2.0, nan, nan]
    """
    number = pd.to_numeric(values, errors="coerce").astype("float64")
    return number.where(np.isfinite(number))


def number_or_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Read a column as numbers where every value that is there is one, else as text."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return to_number(values)
    text = to_text(values)
    return to_number(text) if all_numbers(text) else text


def all_numbers(text: pd.Series[Any]) -> bool:
    """Whether every text that is there reads as a number."""
    return bool((to_number(text).notna() | text.isna()).all())


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
