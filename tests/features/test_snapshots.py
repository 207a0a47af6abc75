"""Where a model may look back: laws of the plan."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.features.rfm import with_log_gaps
from guanxi.features.snapshots import (
    features_at,
    outcome_expression,
    plan_snapshots,
    snapshot,
    snapshots_at,
)
from guanxi.params import DataParams

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


class TestSeveralCutoffs:
    CUTOFFS = (dt.date(1997, 6, 30), dt.date(1997, 12, 31), dt.date(1998, 3, 31))

    @pytest.mark.parametrize("grain", ["D", "W"])
    def test_as_each_alone(self, grain):
        log = read_transactions("cdnow-sample", DataParams(event_grain=grain))
        for cutoff, table in snapshots_at(log, self.CUTOFFS, 60).items():
            alone = with_log_gaps(features_at(log, cutoff, 60), log, cutoff).set_index("customer_id")
            bought = outcome_expression(log.events, cutoff, 60, grain).execute().set_index("customer_id")
            own = table.set_index("customer_id")
            pd.testing.assert_frame_equal(own[alone.columns], alone, check_exact=True)
            known = own[own["purchases"] > 0]
            pd.testing.assert_frame_equal(
                known[["purchases", "spend"]],
                bought.reindex(known.index).astype("float64"),
                check_exact=True,
            )
            assert (own["churned"] == (own["purchases"] == 0)).all()
        log.close()

    def test_a_sample_has_the_same_customers_everywhere(self, sample_log):
        whole, some = (snapshots_at(sample_log, self.CUTOFFS, 60, most) for most in (10**6, 600))
        chosen = set(some[self.CUTOFFS[-1]]["customer_id"])
        assert 450 < len(chosen) < 750
        for cutoff in self.CUTOFFS:
            expected = whole[cutoff][whole[cutoff]["customer_id"].isin(chosen)].reset_index(drop=True)
            pd.testing.assert_frame_equal(some[cutoff], expected, check_exact=True)

    def test_no_cutoff_is_no_snapshot(self, sample_log):
        assert snapshots_at(sample_log, (), 60) == {}
