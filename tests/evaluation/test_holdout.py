"""A twin measured on the window after its day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from guanxi.evaluation.holdout import GUANXI, NAIVE, PURCHASE_MODEL, evaluate_holdout
from guanxi.pipeline.fit import fit_models


@pytest.fixture(scope="module")
def twin(sample_log, quick_params):
    return fit_models(sample_log, sample_log.last_day - timedelta(days=60), quick_params)


@pytest.fixture(scope="module")
def holdout(sample_log, twin):
    return evaluate_holdout(sample_log, twin, 60)


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    """Customer-days of the sample, counted without the package's engine."""
    from guanxi.data.datasets import load_cdnow_sample

    lines = load_cdnow_sample()
    return lines.groupby(["customer_id", lines["timestamp"].dt.date])["amount"].sum().reset_index()


def test_outcomes_are_those_of_the_window(holdout, days):
    assert (holdout.cutoff, holdout.end) == (date(1998, 5, 1), date(1998, 6, 30))
    window = days[(days["timestamp"] > holdout.cutoff) & (days["timestamp"] <= holdout.end)]
    table = holdout.table.set_index("customer_id")
    by_customer = window.groupby("customer_id")["amount"]
    assert len(table) == days["customer_id"].nunique()
    expected = by_customer.size().reindex(table.index, fill_value=0)
    np.testing.assert_array_equal(table["purchases"], expected)
    np.testing.assert_allclose(table["spend"], by_customer.sum().reindex(table.index, fill_value=0))
    np.testing.assert_array_equal(table["churned"], expected == 0)


def test_every_forecast_is_measured(holdout):
    models = holdout.metrics.groupby("target")["model"].unique().map(set).to_dict()
    assert models == {
        "purchases": {GUANXI, NAIVE},
        "spend": {GUANXI, NAIVE},
        "churn": {GUANXI, PURCHASE_MODEL, NAIVE},
    }
    assert holdout.metrics["value"].notna().all()


def test_intervals_and_distributions_are_measured(holdout, twin):
    ends = twin.scorer.interval(twin.features, 60, 0.9)
    for target in ("purchases", "spend"):
        actual = holdout.table[target].to_numpy()
        inside = (ends[f"{target}_lower"] <= actual) & (actual <= ends[f"{target}_upper"])
        assert holdout.value(target, "coverage") == pytest.approx(inside.mean())
        assert holdout.value(target, "coverage") >= 0.88
        width = (ends[f"{target}_upper"] - ends[f"{target}_lower"]).mean()
        assert holdout.value(target, "mean_width") == pytest.approx(width)
        assert holdout.value(target, "interval_score") >= width
    assert 0 < holdout.value("purchases", "pit_ks") < 0.05


def test_mean_absolute_error_is_that_of_the_table(holdout):
    table = holdout.table
    expected = (table["purchases"] - table["expected_purchases"]).abs().mean()
    assert holdout.value("purchases", "mae") == pytest.approx(expected)


def test_tracking_counts_repeat_purchases_up_to_each_day(holdout, days, twin):
    firsts = days.groupby("customer_id")["timestamp"].transform("min")
    repeats = days.loc[days["timestamp"] > firsts, "timestamp"]
    for row in holdout.tracking.iloc[[0, 20, -1]].itertuples():
        assert row.actual == (repeats <= row.date.date()).sum()
    assert holdout.tracking["actual"].is_monotonic_increasing
    assert holdout.tracking["expected"].is_monotonic_increasing
    # The purchase model was fitted to these counts: at the twin's day they agree within a tenth.
    at_twin = holdout.tracking[holdout.tracking["date"] <= pd.Timestamp(twin.as_of)].iloc[-1]
    assert at_twin["expected"] == pytest.approx(at_twin["actual"], rel=0.1)
