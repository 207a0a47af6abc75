"""Where a model may look back: laws of the plan."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import plan_snapshots, snapshot

days = st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1))


@given(
    first=days,
    history=st.integers(-10, 3000),
    horizon=st.integers(1, 3650),
    spacing=st.one_of(st.none(), st.integers(1, 400)),
)
def test_laws_of_the_plan(first: dt.date, history: int, horizon: int, spacing: int | None) -> None:
    training_day = first + dt.timedelta(days=history)
    plan = plan_snapshots(first, training_day, horizon, spacing)
    if plan is None:
        assert history < 3 * min(horizon, 7)
        return
    window = dt.timedelta(days=plan.window_days)
    assert plan.window_days == min(horizon, history // 3)
    assert plan.validation + window == training_day
    assert len(plan.training) >= 1
    assert list(plan.training) == sorted(set(plan.training))
    assert max(plan.training) + window == plan.validation
    assert min(plan.training) >= first + window // 2
    span = (max(plan.training) - first).days - plan.window_days // 2
    step = spacing or max(1, plan.window_days // 2, span // 8)
    assert spacing or len(plan.training) <= 16  # nine and what integer division leaves of short spans
    assert {
        (later - earlier).days for earlier, later in zip(plan.training, plan.training[1:], strict=False)
    } <= {step}
    assert min(plan.training) - dt.timedelta(days=step) < first + window // 2


def test_a_horizon_longer_than_a_third_of_the_history_shrinks_to_it() -> None:
    """CDNOW to 1997-09-30, 272 days of history: windows of 90 days."""
    plan = plan_snapshots(dt.date(1997, 1, 1), dt.date(1997, 9, 30), 273)
    assert plan is not None
    assert (plan.window_days, plan.validation) == (90, dt.date(1997, 7, 2))
    assert plan.training == (dt.date(1997, 2, 17), dt.date(1997, 4, 3))


@pytest.mark.parametrize(
    ("history", "horizon", "planned"), [(20, 90, False), (21, 90, True), (8, 3, False), (9, 3, True)]
)
def test_too_short_a_history_has_no_plan(history: int, horizon: int, planned: bool) -> None:
    first = dt.date(2020, 1, 1)
    assert (plan_snapshots(first, first + dt.timedelta(days=history), horizon) is not None) == planned


def test_a_snapshot_has_one_row_for_each_customer_known_at_its_day() -> None:
    rows = [
        ("b", "2020-01-05", 2.0),
        ("a", "2020-01-01", 1.0),
        ("c", "2020-02-01", 1.0),
        ("a", "2020-02-02", 4.0),
    ]
    log = read_transactions(pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]))
    table = snapshot(log, dt.date(2020, 1, 31), 10)
    assert table["customer_id"].tolist() == ["a", "b"]
    assert table[["purchases", "spend", "churned"]].to_numpy().tolist() == [[1.0, 4.0, 0.0], [0.0, 0.0, 1.0]]
