"""Business time: days count for as much as the intensity says, in every year."""

from __future__ import annotations

import numpy as np
import pytest

from guanxi.served._business_time import amount_factor, business_days, calendar_days
from guanxi.served.model import IntensityIndex

#: A year of 13 steps; the last is twice as busy, with amounts half as large.
INDEX = IntensityIndex("2024-01-01", 28, (1.0,) * 12 + (2.0,), (1.0,) * 12 + (0.5,))


def test_calendar_days_invert_business_days():
    index = IntensityIndex("2023-01-01", 28, tuple(np.linspace(0.5, 1.5, 26).tolist()), (1.0,) * 26)
    for days in (1, 17, 200, 731):
        passed = business_days(index, "2024-02-20", days)
        assert calendar_days(index, "2024-02-20", [passed], 1000) == pytest.approx(days)
    assert calendar_days(index, "2024-02-20", [1e6], 1000) == np.inf
    assert calendar_days(None, "2024-02-20", [12.5], 1000) == 12.5


@pytest.mark.parametrize(
    ("day", "days", "expected"),
    [
        ("2024-12-01", 28, 56.0),
        ("2024-11-30", 2, 3.0),
        ("2024-12-28", 2, 3.0),
        ("2024-12-01", 0.5, 1.0),
        ("2025-11-30", 28, 56.0),  # 364 days later the same season
        ("2022-12-04", 28, 56.0),  # and earlier
        ("2024-06-01", 3640, 3920.0),
    ],
)
def test_business_days_count_the_days_after(day, days, expected):
    assert business_days(INDEX, day, days) == expected
    assert business_days(None, day, days) == days


def test_amounts_are_weighed_by_the_purchases():
    assert amount_factor(INDEX, "2024-12-01", 28) == 0.5
    assert amount_factor(INDEX, "2024-11-30", 2) == pytest.approx((1.0 + 2 * 0.5) / 3)
    assert amount_factor(None, "2024-11-30", 2) == 1.0
