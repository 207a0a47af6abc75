"""Naive forecasts, against values computed by hand and on CDNOW."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.evaluation import _baselines
from guanxi.evaluation._baselines import LAST_WINDOW, PAST_RATE, RFM_LOGISTIC, SILENCE, own_past_rate
from guanxi.evaluation.metrics import auc, log_loss
from guanxi.features.snapshots import features_at, outcome_expression, snapshot
from guanxi.periods import add_days

CUTOFF, HORIZON = date(1997, 9, 30), 90


def customers(silence, churned=None, T=100.0) -> pd.DataFrame:
    table = pd.DataFrame({"T": T, "recency": T - np.asarray(silence, dtype=float)})
    return table if churned is None else table.assign(churned=np.asarray(churned, dtype=float))


@pytest.fixture(scope="module")
def cdnow(sample_log):
    """An earlier snapshot, the current features, the last window, and the outcomes."""
    back = add_days(CUTOFF, -HORIZON)
    return (
        snapshot(sample_log, back, HORIZON),
        features_at(sample_log, CUTOFF, HORIZON),
        outcome_expression(sample_log.events, back, HORIZON).execute(),
        snapshot(sample_log, CUTOFF, HORIZON),
    )


def test_own_past_rate_by_hand():
    features = pd.DataFrame(
        {"frequency": [4.0, 0.0, 0.0], "T": [100.0, 50.0, 0.0], "monetary_value": [25.0, 0.0, 0.0]},
        index=[7, 8, 9],
    )
    naive = own_past_rate(features, horizon_days=50)
    assert list(naive.index) == [7, 8, 9]
    # Four repeats in 100 days give two in 50, at 25 each.
    assert naive["purchases"].tolist() == [2.0, 0.0, 0.0]
    assert naive["spend"].tolist() == [50.0, 0.0, 0.0]
    assert naive["churn_probability"].tolist() == pytest.approx([math.exp(-2), 0.99, 0.99])


class TestLastWindow:
    def test_by_hand(self):
        features = pd.DataFrame({"customer_id": ["c", "a", "b"]}, index=[7, 8, 9])
        last = pd.DataFrame({"customer_id": ["a", "b"], "purchases": [1, 6], "spend": [9.5, 80.0]})
        naive = _baselines.last_window_repeated(features, last)
        assert list(naive.index) == [7, 8, 9]
        assert naive["purchases"].tolist() == [0.0, 1.0, 6.0]
        assert naive["spend"].tolist() == [0.0, 9.5, 80.0]
        assert naive["churn_probability"].tolist() == pytest.approx([0.99, math.exp(-1), 0.01])

    def test_nobody_bought(self):
        last = pd.DataFrame({"customer_id": [], "purchases": [], "spend": []})
        naive = _baselines.last_window_repeated(pd.DataFrame({"customer_id": [1, 2]}), last)
        assert naive[["purchases", "spend"]].to_numpy().sum() == 0


class TestSilence:
    def test_by_hand(self):
        past = customers([40, 10, 50, 20, 60, 30, 35], [1, 0, 0, 0, 1, 0, 1])
        rule = _baselines.silence_rule(past, customers([5, 39, 40, 90], T=300.0))
        # Cut at 35 days: none of three below and three of four above churned, so .5 / 4 and 3.5 / 5.
        assert rule["churn_probability"].tolist() == pytest.approx([0.125, 0.7, 0.7, 0.7])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=30))
    def test_no_other_cut_is_better(self, rows):
        silence, churned = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        past = customers(silence, churned)
        loss = log_loss(churned, _baselines.silence_rule(past, past)["churn_probability"])
        for days in range(10):
            sides = [silence >= days, silence < days]
            share = np.zeros(len(silence))
            for side in sides:
                share[side] = (churned[side].sum() + 0.5) / (side.sum() + 1)
            assert loss <= log_loss(churned, share) + 1e-12


class TestForecasts:
    def test_all_four_on_cdnow(self, cdnow):
        past, now, last, after = cdnow
        found = _baselines.baseline_forecasts(past, now, last, HORIZON, HORIZON)
        assert tuple(found) == _baselines.BASELINES
        for name, forecast in found.items():
            assert forecast.index.equals(now.index)
            assert forecast["churn_probability"].between(0, 1, inclusive="neither").all()
            assert ("purchases" in forecast) == (name in (PAST_RATE, LAST_WINDOW))
        # The last window's totals equal those of the log: all buyers are known at the cutoff.
        assert found[LAST_WINDOW]["purchases"].sum() == last["purchases"].sum()
        assert found[LAST_WINDOW]["spend"].sum() == pytest.approx(last["spend"].sum())
        # The regression uses more information than the rule; both take the level from the earlier window.
        scores = {
            name: auc(after["churned"], forecast["churn_probability"]) for name, forecast in found.items()
        }
        assert scores[RFM_LOGISTIC] > scores[SILENCE] > 0.6
        for name in (SILENCE, RFM_LOGISTIC):
            assert found[name]["churn_probability"].mean() == pytest.approx(after["churned"].mean(), abs=0.05)

    def test_without_an_earlier_window_two_remain(self, cdnow):
        _, now, last, _ = cdnow
        assert tuple(_baselines.baseline_forecasts(None, now, last, HORIZON, HORIZON)) == (
            PAST_RATE,
            LAST_WINDOW,
        )

    def test_an_earlier_window_of_one_class_is_not_used(self, cdnow):
        past, now, last, _ = cdnow
        found = _baselines.baseline_forecasts(past.assign(churned=1.0), now, last, HORIZON, HORIZON)
        assert tuple(found) == (PAST_RATE, LAST_WINDOW)

    def test_probabilities_are_squared_for_a_window_of_half_the_length(self, cdnow):
        past, now, last, _ = cdnow
        same = _baselines.baseline_forecasts(past, now, last, HORIZON, HORIZON)
        half = _baselines.baseline_forecasts(past, now, last, HORIZON, 2 * HORIZON)
        for name in (SILENCE, RFM_LOGISTIC):
            np.testing.assert_allclose(half[name], same[name] ** 2)
