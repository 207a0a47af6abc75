"""Checks of tables and arguments for a fitted model; each raises an :class:`InputError`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .document_parts import Language
from .trees._nodes import Coder, Codes

Floats = NDArray[np.float64]

LANGUAGES: tuple[Language, ...] = ("en", "zh")
MOST_DRIVERS = 20
MOST_HORIZON_DAYS = 3650
LAST_YEAR = 2250  # the end of the longest horizon is still a pandas date
#: Largest numbers of a history: beyond any business, and without overflow.
LARGEST = {"frequency": 1e9, "recency": 1e12, "T": 1e12, "monetary_value": 1e100}
_SHOWN = 3


class InputError(ValueError):
    """A table or an argument that a model cannot score."""


def describe_rows(labels: pd.Index[Any], name: str, wrong: NDArray[np.bool_], what: str) -> str:
    """Name a column, the number of wrong rows and the first of them.

    Examples
    --------
    >>> describe_rows(pd.Index(["a", "b"]), "T", np.array([False, True]), "is negative")
    "column 'T' is negative in 1 of 2 rows (first: b): correct or drop them"
    """
    first = ", ".join(str(label) for label in labels[wrong][:_SHOWN])
    count = int(wrong.sum())
    return f"column {name!r} {what} in {count} of {len(wrong)} rows (first: {first}): correct or drop them"


class _FeatureMatrix:
    """A feature table as one block of floats.

    For one customer, finding the columns of a DataFrame would take longer than all formulas.

    Parameters
    ----------
    names : sequence of str
    values : array, shape (n, len(names))
        A missing value is NaN.
    """

    def __init__(self, names: Sequence[str], values: Floats) -> None:
        self._values = values
        self._places = {name: place for place, name in enumerate(names)}
        self._made: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def columns(self, names: Sequence[str]) -> Floats:
        """Columns in the order of the names, shape (n, len(names))."""
        places = [self._places[name] for name in names]
        # No copy of the whole table in its own order.
        whole = places == list(range(self._values.shape[1]))
        return self._values if whole else self._values[:, places]

    def codes(self, name: str, coder: Coder) -> tuple[Codes, Codes]:
        """Codes of a column: :meth:`.Coder.sided`; made once, for all trees that share the coder."""
        found: tuple[Codes, Codes] = self.once(
            coder, lambda: coder.sided(self._values[:, self._places[name]])
        )
        return found

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Compute what several columns of the predictions need at its first use."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


Features = pd.DataFrame | _FeatureMatrix


def _float_columns(features: Features, names: Sequence[str]) -> Floats:
    """Columns of a table as floats, shape (n, len(names)); a missing value is NaN.

    Examples
    --------
    >>> _float_columns(pd.DataFrame({"T": [38], "recency": [30]}), ["recency"])
    array([[30.]])
    """
    if isinstance(features, _FeatureMatrix):
        return features.columns(names)
    return features[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)


def _check_table(features: pd.DataFrame, names: Sequence[str]) -> None:
    """Reject a table without rows, or without a column that the model needs."""
    missing = [name for name in names if name not in features.columns]
    if missing:
        raise InputError(f"the table lacks {', '.join(missing)}: give every column of the model's signature")
    if not len(features):
        raise InputError("the table has no rows: give at least one customer")


def _check_finite(labels: pd.Index[Any], names: Sequence[str], values: Floats) -> None:
    """Reject infinite values; missing ones are left to the model."""
    infinite = np.isinf(values)
    if infinite.any():
        place = int(np.flatnonzero(infinite.any(axis=0))[0])
        raise InputError(describe_rows(labels, names[place], infinite[:, place], "is infinite"))


def _check_histories(labels: pd.Index[Any], columns: Mapping[str, Floats]) -> None:
    """Reject impossible histories, by the rules of :mod:`guanxi.models._customer_table`.

    ``columns`` are ``frequency, recency, T``, and ``monetary_value`` if the model forecasts spend.
    """
    frequency, recency, T = (columns[name] for name in ("frequency", "recency", "T"))
    if np.isnan(columns.get("monetary_value", np.zeros(1))).all():
        raise InputError(
            "monetary_value is missing in every row, but the model was trained on amounts: give amounts, "
            "as in --columns amount=NAME, or train a model on data without"
        )
    rules = [(name, np.isnan(values), "is missing") for name, values in columns.items()]
    rules += [(name, values < 0, "is negative") for name, values in columns.items()]
    rules += [
        (name, values > LARGEST[name], f"is above {LARGEST[name]:g}") for name, values in columns.items()
    ]
    rules += [
        ("frequency", frequency != np.floor(frequency), "is not a whole number"),
        ("recency", recency > T, "is greater than T"),
        ("recency", (frequency == 0) & (recency > 0), "is above 0 though frequency is 0"),
    ]
    for name, wrong, what in rules:
        if wrong.any():
            raise InputError(describe_rows(labels, name, wrong, what))


def _checked_drivers(drivers: int) -> int:
    """Check the number of drivers to name, from 0 to 20."""
    if not 0 <= drivers <= MOST_DRIVERS:
        raise InputError(f"drivers is {drivers}: give 0 (for speed) to {MOST_DRIVERS}")
    return drivers


def _checked_language(language: str) -> str:
    """Check the language of texts: ``en`` or ``zh``."""
    if language not in LANGUAGES:
        raise InputError(f"language is {language!r}: give one of {', '.join(LANGUAGES)}")
    return language


def _checked_horizon_days(horizon_days: int) -> int:
    """Check the whole days to look ahead, from 1 to 3650."""
    if not 1 <= horizon_days <= MOST_HORIZON_DAYS or horizon_days != int(horizon_days):
        raise InputError(f"horizon_days is {horizon_days}: give whole days from 1 to {MOST_HORIZON_DAYS}")
    return int(horizon_days)


def _checked_annual_discount_rate(rate: float) -> float:
    """Check the annual discount rate, 0.1 for 10 %."""
    if not -1.0 < rate < 10.0:
        raise InputError(
            f"annual_discount_rate is {rate}: give a number above -1 and below 10, 0.1 for 10 % a year"
        )
    return rate


def _checked_interval(interval: float) -> float:
    """Check the coverage of the central intervals."""
    if not 0.0 < interval < 1.0:
        raise InputError(f"interval is {interval}: give a probability between 0 and 1, such as 0.9")
    return interval


def _checked_day(as_of: str) -> date:
    """Read the date of the features."""
    try:
        day = date.fromisoformat(as_of)
    except (TypeError, ValueError):
        raise InputError(f"as_of is {as_of!r}: give a date such as 2024-01-31") from None
    if day.year > LAST_YEAR:
        raise InputError(f"as_of is {as_of!r}: give a date up to the year {LAST_YEAR}")
    return day
