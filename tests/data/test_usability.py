"""The usability report counts everything once, and says what is missing and what to do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.data.usability import assess, holdout_days
from guanxi.errors import HistoryError
from guanxi.params import DataParams

LINES = pd.DataFrame(
    [
        ("a", "2020-01-01", 1.0),
        ("a", "2020-01-01", 1.0),
        ("a", "2020-03-01", 2.0),
        ("b", "2020-02-01", 3.0),
        ("b", "2020-04-09", 4.0),
        ("c", "2020-02-01", -3.0),
        (None, "2020-02-01", 9.0),
    ],
    columns=["customer_id", "timestamp", "amount"],
)


@pytest.fixture(scope="module")
def log() -> Any:
    return read_transactions(LINES)


def test_numbers(log: Any) -> None:
    report = assess(log, dt.date(2020, 3, 31), 30)
    expected = {
        "lines_read": 7,
        "lines_accepted": 5,
        "lines_after_as_of": 1,
        "repeated_lines": 1,
        "customers": 2,
        "customers_without_purchase": 1,
        "repeat_rate": 0.5,
        "purchases": 3,
        "spend": 7.0,
        "history_days": 91,
        "rejected_by_rule": {"missing_customer": 1, "refund_beyond_purchase": 1},
    }
    assert {key: report.numbers[key] for key in expected} == expected


def test_too_few_who_bought_again_are_not_enough(log: Any) -> None:
    report = assess(log, dt.date(2020, 3, 31), 30)
    assert not report.usable
    assert "only 1 of 2 customers had bought again by 2020-03-31, but at least 10" in report.warnings[0]
    assert report.rejected == [("missing_customer", 1, 1 / 7), ("refund_beyond_purchase", 1, 1 / 7)]
    assert any(
        "14.3% of the lines (1) and 39.1% of the value were rejected because no customer is given" in text
        for text in report.warnings
    )
    assert any("1 lines repeat an earlier one" in text for text in report.warnings)
    assert any("3.0 horizons" in text and "--horizon 22 or less" in text for text in report.warnings)


def test_half_of_a_short_history_is_held_out_and_that_is_said(log: Any) -> None:
    assert holdout_days(log, dt.date(2020, 3, 31), 60) == 45
    assert holdout_days(log, dt.date(2020, 3, 31), 45) == 45
    assert holdout_days(log, dt.date(2020, 3, 31), 30) == 30
    text = "the history of 91 days is shorter than two horizons of 60: the forecast is measured on 45 days"
    assert any(text in each for each in assess(log, dt.date(2020, 3, 31), 60).warnings)


def test_a_history_of_days_is_refused(log: Any) -> None:
    assert not assess(log, dt.date(2020, 1, 10), 60).usable
    with pytest.raises(HistoryError, match="DataFrame: the history has 10 days up to 2020-01-10, too few"):
        holdout_days(log, dt.date(2020, 1, 10), 60)


def test_a_day_before_the_first_purchase(log: Any) -> None:
    report = assess(log, dt.date(2019, 12, 31), 30)
    assert "--as-of 2019-12-31 is before the first purchase on 2020-01-01" in report.warnings[0]
    assert report.numbers["customers"] == 0


def test_a_day_after_the_data_ends(log: Any) -> None:
    report = assess(log, dt.date(2020, 5, 9), 30)
    assert any("the data ends on 2020-04-09, 30 days before 2020-05-09" in text for text in report.warnings)


def test_dropped_lines_are_not_warned_about_twice() -> None:
    report = assess(read_transactions(LINES, DataParams(duplicates="drop")), dt.date(2020, 4, 9), 30)
    assert not any("repeat an earlier" in text for text in report.warnings)
