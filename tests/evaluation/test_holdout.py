"""Evaluation of a twin on the window after its cutoff."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from guanxi.evaluation._baselines import BASELINES, LAST_WINDOW, PAST_RATE
from guanxi.evaluation.holdout import COMPONENTS, GUANXI, evaluate_holdout
from guanxi.evaluation.metrics import COUNTS, PROBABILITIES, SPEND
from guanxi.evaluation.retention_profit import expected_maximum_profit
from guanxi.params import OfferParams
from guanxi.pipeline.correction import ALONE
from guanxi.pipeline.fit import fit_models


@pytest.fixture(scope="module")
def twin(sample_log, quick_params):
    return fit_models(sample_log, sample_log.last_day - timedelta(days=60), quick_params)


@pytest.fixture(scope="module")
def holdout(sample_log, twin):
    return evaluate_holdout(sample_log, twin, 60)


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    """Customer-days of the sample, counted independently of the package."""
    from guanxi.data.datasets import load_cdnow_sample

    lines = load_cdnow_sample()
    return lines.groupby(["customer_id", lines["timestamp"].dt.date])["amount"].sum().reset_index()


@pytest.mark.slow
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
        "purchases": {GUANXI, *COMPONENTS, PAST_RATE, LAST_WINDOW},
        "spend": {GUANXI, *COMPONENTS, PAST_RATE, LAST_WINDOW},
        "churn": {GUANXI, *COMPONENTS, *BASELINES},
    }
    assert not holdout.metrics.duplicated(["target", "model", "metric"]).any()
    for target, functions in (("purchases", COUNTS), ("spend", SPEND), ("churn", PROBABILITIES)):
        for model in models[target]:
            for metric in functions:
                known = not np.isnan(holdout.value(target, metric, model))
                # Spearman is undefined for a constant forecast.
                assert known, (target, metric, model)


def test_a_metric_that_was_not_evaluated_is_nan(holdout):
    assert np.isnan(holdout.value("churn", "mae"))
    assert np.isnan(holdout.value("churn", "auc", "another model"))


def test_own_metrics_have_intervals_around_them(holdout):
    own = holdout.metrics[(holdout.metrics["model"] == GUANXI) & holdout.metrics["lower"].notna()]
    assert set(own["target"]) == {"purchases", "spend", "churn"}
    # Resampling inflates the calibration error: its interval need not contain the value.
    own = own[own["metric"] != "ece"]
    assert (own["lower"] <= own["value"]).all()
    assert (own["value"] <= own["upper"]).all()
    assert (own["lower"] < own["upper"]).all()
    others = holdout.metrics[holdout.metrics["model"] != GUANXI]
    assert others["lower"].isna().all()
    assert holdout.differences.empty


def test_the_profit_of_an_offer_stands_beside_the_auc(sample_log, twin, holdout):
    table = holdout.table
    expected = expected_maximum_profit(table["churned"], table["churn_probability"])
    assert (holdout.value("churn", "empc"), holdout.value("churn", "empc_share")) == pytest.approx(expected)
    assert holdout.value("churn", "empc", BASELINES[0]) > 0
    dearer = evaluate_holdout(sample_log, twin, 60, offer=OfferParams(contact=30))
    assert dearer.value("churn", "empc") < holdout.value("churn", "empc")


def test_thorough_measures_the_lead_over_every_other_model(sample_log, twin, holdout):
    thorough = evaluate_holdout(sample_log, twin, 60, thorough=True)
    for target in ("purchases", "spend", "churn"):
        leads = thorough.differences[thorough.differences["target"] == target]
        assert set(leads["model"]) == {GUANXI}
        others = set(holdout.metrics.loc[holdout.metrics["target"] == target, "model"]) - {GUANXI}
        assert set(leads["reference"]) == others
        assert (leads["lower"] <= leads["upper"]).all()
    lead = thorough.differences.set_index(["target", "reference", "metric"])["gain"]
    auc = holdout.value("churn", "auc") - holdout.value("churn", "auc", ALONE)
    assert lead["churn", ALONE, "auc"] == pytest.approx(auc)
    error = holdout.value("spend", "mae", PAST_RATE) - holdout.value("spend", "mae")
    assert lead["spend", PAST_RATE, "mae"] == pytest.approx(error)


@pytest.mark.slow
def test_the_seed_changes_only_the_intervals(sample_log, twin, holdout):
    other = evaluate_holdout(sample_log, twin, 60, seed=7)
    same = ["target", "model", "metric", "value"]
    pd.testing.assert_frame_equal(other.metrics[same], holdout.metrics[same])
    assert not other.metrics["lower"].equals(holdout.metrics["lower"])
    again = evaluate_holdout(sample_log, twin, 60)
    pd.testing.assert_frame_equal(again.metrics, holdout.metrics)


def test_best_baseline_is_the_best_of_the_naive_ones(holdout):
    aucs = {name: holdout.value("churn", "auc", name) for name in BASELINES}
    assert holdout.best_baseline("churn", "auc") == max(aucs, key=aucs.get)
    errors = {name: holdout.value("spend", "mae", name) for name in (PAST_RATE, LAST_WINDOW)}
    assert holdout.best_baseline("spend", "mae") == min(errors, key=errors.get)


def test_guanxi_ranks_better_than_every_naive_forecast(holdout):
    for name in BASELINES:
        assert holdout.value("churn", "auc") > holdout.value("churn", "auc", name)
        assert holdout.value("churn", "log_loss") < holdout.value("churn", "log_loss", name)


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


def test_crps_of_distributions_is_below_their_absolute_error_and_equals_it_for_naive_forecasts(holdout):
    own = holdout.metrics[(holdout.metrics["model"] == GUANXI) & (holdout.metrics["metric"] == "crps")]
    assert set(own["target"]) == {"purchases", "spend"}
    assert (own["lower"] < own["upper"]).all()
    for target in ("purchases", "spend"):
        for model in (GUANXI, *COMPONENTS):
            assert 0 < holdout.value(target, "crps", model) < holdout.value(target, "mae", model)
        for model in (PAST_RATE, LAST_WINDOW):
            assert holdout.value(target, "crps", model) == holdout.value(target, "mae", model)


def test_totals_by_decile_add_up(holdout):
    for target, forecast in (("purchases", "expected_purchases"), ("spend", "expected_spend_total")):
        deciles = holdout.deciles[holdout.deciles["target"] == target]
        assert deciles["decile"].tolist() == list(range(1, 11))
        assert deciles["customers"].sum() == len(holdout.table)
        assert deciles["forecast"].sum() == pytest.approx(holdout.table[forecast].sum())
        assert deciles["actual"].sum() == pytest.approx(holdout.table[target].sum())
        assert deciles["forecast"].is_monotonic_increasing


def test_a_window_shorter_than_the_horizon_caps_every_grade(sample_log, twin, holdout):
    capped = evaluate_holdout(sample_log, twin, 60, forecast_days=365)
    for target, found in capped.grades.items():
        before = holdout.grades[target]
        assert found.letter == {"A": "B"}.get(before.letter, before.letter)
        assert found.letter == "C" or found.reason.endswith("measured on 60 days, the horizon is 365")


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
    # The purchase model was fitted to these counts, so they agree within a tenth at the cutoff.
    at_twin = holdout.tracking[holdout.tracking["date"] <= pd.Timestamp(twin.as_of)].iloc[-1]
    assert at_twin["expected"] == pytest.approx(at_twin["actual"], rel=0.1)
