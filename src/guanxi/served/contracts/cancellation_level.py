"""Season and level of cancellations at the dates of renewal opportunities."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .document import CancellationLevel

Floats = NDArray[np.float64]

_MONTHS_PER_YEAR = 12


def month_number(day: Any) -> Any:
    """Calendar month of days (numpy datetimes), counted from January 1970."""
    return np.asarray(day, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64)


def level_shifts(level: CancellationLevel | None, as_of: date, days: Floats) -> Any:
    """Differences of log odds at opportunities a number of days after ``as_of``, in the shape of ``days``.

    Months before the first are like those of the first year, months after the last like those of the last.

    Examples
    --------
    >>> level = CancellationLevel("2024-01-01", (0.1,) * 11 + (0.5,))
    >>> level_shifts(level, date(2024, 11, 15), np.array([10.0, 20.0, 400.0]))
    array([0.1, 0.5, 0.5])
    """
    if level is None:
        return 0.0
    # Whole days first: an opportunity counts in the month of its day.
    dates = np.datetime64(as_of, "D") + np.floor(days).astype("timedelta64[D]")
    place = month_number(dates) - month_number(level.first_month)
    return np.asarray(level.log_odds)[_within_years(place, len(level.log_odds))]


def _within_years(place: NDArray[np.int64], months: int) -> NDArray[np.int64]:
    """Places moved by whole years into the months that are known."""
    year = min(_MONTHS_PER_YEAR, months)
    late = np.where(place >= months, months - year + (place - months) % year, place)
    return np.asarray(np.where(late < 0, late % year, late))
