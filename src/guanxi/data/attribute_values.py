"""Values of attributes and labels, read the same way from CSV, Parquet and databases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.data._numbers import CURRENCY
from guanxi.errors import DataError

MISSING = ("", "na", "n/a", "nan", "null")
_ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T].*)?"
IS_DATE = "is a date: convert it to a number, such as days before today"
# Digits with signs of currency, grouping or percent around and between them.
_WRITTEN_NUMBER = r"[^\w,.]{0,3}\d[\d\s,.'’]*[^\w,.]{0,3}"
_DIGITS_AND_SIGNS = rf"(?i)(?:{CURRENCY}|[^\w%])*\d(?:{CURRENCY}|[^\w%]|\d)*"
_CUSTOMERS_PER_CATEGORY = 2
MINIMUM_OF_EACH = 10  # customers with each value of a label
_LABELS = ({"0": 0.0, "1": 1.0}, {"false": 0.0, "true": 1.0}, {"no": 0.0, "yes": 1.0})
_SHOWN = 5


def to_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Convert values to text, None where missing.

    Text is trimmed, whole numbers have no decimal point, and a column of true and false is in lower case.
    Blank text, the words of ``MISSING`` (ignoring case) and numbers that are not finite are missing.

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
    """Convert values to float64, NaN where a value is not a finite number.

    Examples
    --------
    >>> _to_number(pd.Series(["1e3", " 2 ", "two", "inf"])).tolist()
    [1000.0, 2.0, nan, nan]
    """
    number = pd.to_numeric(values, errors="coerce").astype("float64")
    return number.where(np.isfinite(number))


def number_or_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Convert a column to numbers if all its non-missing values are numeric, else to text."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _to_number(values)
    text = to_text(values)
    return _to_number(text) if _all_numbers(text) else text


def _may_be_written_numbers(values: pd.Series[Any]) -> bool:
    """Whether all values have digits, signs and currencies only, and some are not plain numbers.

    Examples
    --------
    >>> [_may_be_written_numbers(pd.Series(values)) for values in (["$12.30", "1,430"], ["1", "2"])]
    [True, False]
    """
    text = to_text(values)
    return not _all_numbers(text) and bool(text.dropna().str.fullmatch(_DIGITS_AND_SIGNS).all())


def _all_numbers(text: pd.Series[Any]) -> bool:
    """Whether all non-missing values are numeric; infinite ones are, too."""
    return bool((pd.to_numeric(text, errors="coerce").notna() | text.isna()).all())


def why_useless(values: pd.Series[Any]) -> str | None:
    """Explain why an attribute (from :func:`number_or_text`) carries no information; None if it may.

    Examples
    --------
    >>> why_useless(pd.Series(["2024-01-31", "2024-02-29"], dtype=object))
    'is a date: convert it to a number, such as days before today'
    >>> why_useless(pd.Series(["12.3 %", "14.0 %"], dtype=object))
    "looks like numbers ('12.3 %'): write them plainly, as in 1234.50"
    """
    present = values.dropna()
    if present.empty:
        return "is missing for everyone"
    distinct = present.nunique()
    if distinct == 1 and len(present) == len(values):
        return f"is {to_text(present).iloc[0]!r} for everyone"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return None
    if present.str.fullmatch(_ISO_DATE).all():
        return IS_DATE
    if distinct * _CUSTOMERS_PER_CATEGORY > len(present):
        if present.str.fullmatch(_WRITTEN_NUMBER).all():
            return f"looks like numbers ({present.iloc[0]!r}): write them plainly, as in 1234.50"
        return (
            "identifies customers rather than describing them "
            f"({distinct:,} distinct values for {len(present):,} customers)"
        )
    return None


def _split_label(label: str, columns: list[str]) -> tuple[str, str | None]:
    """Split ``COLUMN=VALUE``, unless a column has that whole name; the value is None if absent.

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

    Without ``churn``, the value that means churn, labels must be 0 and 1, false and true, or no and yes,
    ignoring case, of which the second is churn. ``source`` and ``ids`` are for messages.

    Raises
    ------
    DataError
        If a label is missing, there are not exactly two values, fewer than ten customers have one of them, or
        it is unknown which means churn.
    """
    where = f"{source}: label {str(values.name)!r}"
    text = to_text(values).map(str.casefold, na_action="ignore")
    missing = text.isna()
    if missing.any():
        raise DataError(
            f"{where} is missing for {int(missing.sum()):,} customers (first: {ids[missing].iloc[0]}): "
            "fill it in, or leave out customers whose outcome is unknown"
        )
    counts = text.value_counts()
    if len(counts) != 2:
        shown = ", ".join(map(repr, sorted(counts.index)[:_SHOWN])) + (", …" if len(counts) > _SHOWN else "")
        many = "one value" if len(counts) == 1 else f"{len(counts):,} values"
        raise DataError(f"{where} has {many} ({shown}): it must have two, churn and no churn")
    if counts.min() < MINIMUM_OF_EACH:
        raise DataError(
            f"{where} has the value {counts.idxmin()!r} only {counts.min()} times: "
            f"at least {MINIMUM_OF_EACH} customers with each value are needed"
        )
    return text.map(_meaning(where, sorted(counts.index), churn)).astype("float64").rename("churned")


def _meaning(where: str, values: list[str], churn: str | None) -> dict[str, float]:
    held = " and ".join(map(repr, values))
    if churn is not None:
        asked = to_text(pd.Series([churn], dtype=object)).iloc[0]
        if asked is None or asked.casefold() not in values:
            raise DataError(f"{where} has no value {churn!r}: its values are {held}")
        return {value: float(value == asked.casefold()) for value in values}
    for pair in _LABELS:
        if values == sorted(pair):
            return pair
    raise DataError(f"{where} has the values {held}: name the churn value, as in --label COLUMN={values[0]}")
