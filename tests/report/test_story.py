"""One customer's story: the numbers told add up, in both languages."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from guanxi.report import story
from guanxi.report.story import Story

SCORES = pd.Series(
    {
        "as_of": date(1998, 6, 30),
        "horizon_days": 90,
        "frequency": 3.0,
        "expected_purchases": 0.3037,
        "expected_spend": 27.98,
        "clv": 8.366,
        "clv_lower": 0.0,
        "clv_upper": 1049.97,
        "churn_probability": float(expit(-0.2)),
        "model_version": "4",
    },
    dtype=object,
)
PURCHASES = pd.DataFrame(
    {"date": pd.to_datetime(["1997-01-01", "1997-12-12", "1997-06-01"]), "amount": [20.0, 80.0, 0.5]}
)


def story_of(effects, base=1.0, **changed) -> Story:
    given = {
        "customer_id": "0001",
        "scores": SCORES,
        "purchases": PURCHASES,
        "interval": 0.9,
        "base": base,
        "effects": pd.Series(effects, dtype=float),
        "texts": {"rhythm": "200 days of silence"},
        "slope": 1.0,
        "level": 0.0,
        "language": "en",
    }
    return Story(**(given | changed))


@given(
    effects=st.lists(st.floats(-5, 5), min_size=1, max_size=6),
    base=st.floats(-5, 5),
)
def test_points_add_up_and_point_where_the_effects_do(effects, base):
    told = story_of({f"d{i}": effect for i, effect in enumerate(effects)}, base)
    points = told.points()
    expected = 100 * (expit(told.log_odds) - expit(base))
    assert points.sum() == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(np.sign(points), np.sign(told.effects))


def test_points_where_the_drivers_cancel_out():
    points = story_of({"rhythm": 0.4, "loyalty": -0.4}, 0.0).points()
    np.testing.assert_allclose(points, [10.0, -10.0])


def test_tells_who_worth_future_and_why():
    lines = story.text(story_of({"loyalty": 0.1, "rhythm": -1.3, "season": 0.0})).splitlines()
    assert lines == [
        "Customer 0001 (model version 4)",
        "",
        "Who, as of 1998-06-30",
        "  customer since: 1997-01-01",
        "  purchases: 4, the last on 1997-12-12 (days since: 200)",
        "  total spend: 100.50",
        "",
        "Worth, over the next 90 days (to 1998-09-28)",
        "  expected purchases: 0.30",
        "  expected spend per purchase: 27.98",
        "  expected value: 8.37; 90 % likely range: 0.00 to 1,049.97",
        "",
        "Will it last",
        "  probability of no purchase in the next 90 days: 45.0 %",
        "  average customer (mean log odds): 73.1 %",
        "",
        "Why (▲ points to leaving, ▼ to staying; log odds, percentage points)",
        "  ▼  −1.30  −30.4  200 days of silence",
        "  ▲  +0.10   +2.3  loyalty",
        "  log odds: average customer +1.00, with the drivers −1.20 = −0.20, that is 45.0 %",
    ]


def test_many_drivers_end_in_their_sum():
    effects = {f"d{i}": (12 - i) / 10 for i in range(12)}
    lines = story.text(story_of(effects, -8.0)).splitlines()
    assert sum("▲" in line for line in lines) == 11  # the heading, nine drivers and the others
    assert any(line.endswith("+0.60   +3.5  other 3 drivers") for line in lines), lines


def test_calibration_is_told_where_there_is_one():
    assert "calibration" not in story.text(story_of({"rhythm": -1.2}))
    told = story.text(story_of({"rhythm": -1.2}, slope=0.9, level=-0.05))
    assert told.splitlines()[-1] == (
        "  calibration, already in these numbers: slope 0.900, level −0.050 "
        "(effects in the prediction table are before the slope)"
    )


def test_attributes_alone_have_no_value():
    told = story.text(story_of({"rhythm": -1.2}, purchases=None))
    assert "Worth" not in told
    assert "Who" not in told
    assert "  churn probability: 45.0 %" in told.splitlines()


def test_chinese():
    told = story.text(story_of({"rhythm": -1.3, "loyalty": 0.1}, language="zh", level=0.5))
    assert "客户 0001（模型版本 4）" in told
    assert "未来 90 天内不购买的概率：45.0 %" in told
    assert "校准（已含在以上数字中）：斜率 1.000，水平 +0.500" in told


def test_the_picture_is_headed_by_customer_and_window():
    assert story.title(story_of({})) == "0001\n1998-07-01 – 1998-09-28"
    assert story.title(story_of({}, purchases=None)) == "0001"
