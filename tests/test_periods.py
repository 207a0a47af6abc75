"""Units, rates and days."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.errors import ParamsError
from guanxi.periods import _discount_rate_per_unit, add_days, days_per_unit, discount_period, parse_date

units = st.sampled_from(["D", "W", "M", "Q", "Y"])


@pytest.mark.parametrize(("unit", "days"), [("D", 1), ("W", 7), ("M", 365 / 12), ("Q", 365 / 4), ("Y", 365)])
def test_days_per_unit(unit: str, days: float) -> None:
    assert days_per_unit(unit) == pytest.approx(days)


@pytest.mark.parametrize("unit", ["d", "weeks", "", "H"])
def test_unknown_units(unit: str) -> None:
    with pytest.raises(ParamsError, match=f"time_unit '{unit}' is unknown: use one of D, W, M, Q, Y"):
        days_per_unit(unit)


@given(rate=st.floats(0, 9), unit=units)
def test_a_year_of_the_rate_per_unit_is_the_annual_rate(rate: float, unit: str) -> None:
    per_unit = _discount_rate_per_unit(rate, unit)
    assert (1 + per_unit) ** (365 / days_per_unit(unit)) == pytest.approx(1 + rate, rel=1e-9)


@given(unit=units)
def test_a_discount_period_is_thirty_days(unit: str) -> None:
    assert discount_period(unit) * days_per_unit(unit) == pytest.approx(30.0)


@given(day=st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), days=st.integers(-3650, 3650))
def test_adding_days_there_and_back(day: dt.date, days: int) -> None:
    assert add_days(add_days(day, days), -days) == day
    assert (add_days(day, days) - day).days == days


@pytest.mark.parametrize(
    ("day", "days"), [(dt.date.max, 1), (dt.date.min, -1), (dt.date(2020, 1, 1), 10**12)]
)
def test_days_beyond_the_calendar(day: dt.date, days: int) -> None:
    with pytest.raises(ParamsError, match=f"the calendar has no day .* from {day}: choose another date"):
        add_days(day, days)


@pytest.mark.parametrize(
    "value",
    [
        *("2020-02-29", " 2020-02-29 23:59 ", "2020-02-29T23:59:59.999Z", 20200229),
        *(dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 23, 59), pd.Period("2020-02-29", "D")),
        *(pd.Timestamp("2020-02-29"), pd.Timestamp("2020-02-29 23:59:59.999999999", tz="Asia/Tokyo")),
        *(np.datetime64("2020-02-29"), np.datetime64("2020-02-29T23", "ns")),
    ],
    ids=repr,
)
def test_dates_are_read(value: Any) -> None:
    """The whole day belongs to the past, whatever the time."""
    assert type(found := parse_date(value, what="--as-of")) is dt.date
    assert found == dt.date(2020, 2, 29)


@pytest.mark.parametrize("value", [pd.NaT, np.datetime64("NaT"), None, True, 5, 1.5, ["2020-02-29"], b"x"])
def test_values_that_are_no_dates(value: Any) -> None:
    with pytest.raises(ParamsError, match=r"^--as-of .* is not a date: write it as YYYY-MM-DD$"):
        parse_date(value, what="--as-of")


@pytest.mark.parametrize("text", ["2021-02-29", "1/2/2020", "", "today", "2020-01", "2020-01-01 25:00"])
def test_texts_that_are_no_dates(text: str) -> None:
    with pytest.raises(ParamsError, match=f"--as-of '{text}' is not a date: write it as YYYY-MM-DD"):
        parse_date(text, what="--as-of")
