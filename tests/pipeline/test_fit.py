"""Everything fitted at one day: nothing later is seen, and the same seed gives the same model."""

from __future__ import annotations

import json
from datetime import timedelta

import lightgbm
import numpy as np
import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, HistoryError
from guanxi.models.drivers import explain_churn
from guanxi.models.scoring import calibrated
from guanxi.params import override
from guanxi.pipeline.fit import _level, fit_models


def text(fitted) -> tuple[str, str]:
    return json.dumps(fitted.model, sort_keys=True), fitted.booster_text


@pytest.fixture(scope="module")
def twin_day(sample_log):
    return sample_log.last_day - timedelta(days=60)


@pytest.fixture(scope="module")
def twin(sample_log, twin_day, quick_params):
    return fit_models(sample_log, twin_day, quick_params)


class TestTwin:
    def test_never_sees_the_held_out_window(self, twin, twin_day, quick_params):
        lines = datasets.load("cdnow-sample")
        later = lines["timestamp"].dt.date > twin_day
        changed = lines[~later | (np.arange(len(lines)) % 3 > 0)].copy()
        later = changed["timestamp"].dt.date > twin_day
        changed.loc[later, "amount"] = 999.0
        changed.loc[later, "timestamp"] = pd.Timestamp(twin_day) + pd.Timedelta(days=1)
        newcomers = changed[later].head(200).assign(customer_id=lambda t: "new" + t["customer_id"])
        log = read_transactions(pd.concat([changed, newcomers]))
        other = fit_models(log, twin_day, quick_params)
        log.close()
        assert text(other) == text(twin)
        pd.testing.assert_frame_equal(other.features, twin.features)

    def test_label_windows_end_by_its_day(self, twin, twin_day):
        plan = twin.plan
        assert plan.validation + timedelta(days=plan.window_days) <= twin_day
        assert max(plan.training) + timedelta(days=plan.window_days) <= plan.validation


class TestSeed:
    def test_same_seed_gives_the_same_bytes(self, sample_log, twin, twin_day, quick_params):
        assert text(fit_models(sample_log, twin_day, quick_params)) == text(twin)

    def test_other_seed_changes_only_what_is_random(self, sample_log, twin, twin_day, quick_params):
        other = fit_models(sample_log, twin_day, override(quick_params, {"seed": 5}))
        assert other.booster_text != twin.booster_text
        for section in ("transactions", "spend"):
            assert other.model[section] == twin.model[section]
        fixed = ["probability_alive", "expected_purchases", "expected_spend", "clv", "clv_lower", "clv_upper"]
        one, two = (fitted.scorer.score(twin.features) for fitted in (twin, other))
        pd.testing.assert_frame_equal(one[fixed], two[fixed])
        assert not one["churn_probability"].equals(two["churn_probability"])


class TestDrivers:
    def test_base_and_all_effects_add_up_to_the_log_odds(self, served):
        top = len(served.scorer.features) + 1
        table = served.scorer.score(served.features, drivers=top)
        effects = table[[f"driver_{k}_effect" for k in range(1, top + 1)]].fillna(0).sum(axis=1)
        mean_of_trees = served.scorer.tree_contributions(served.features)[:, -1]
        log_odds = served.scorer.prior_base(served.model["horizon_days"]) + mean_of_trees + effects
        probability = calibrated(log_odds, **served.model["churn"]["calibration"])
        np.testing.assert_allclose(probability, table["churn_probability"], rtol=1e-9)

    def test_explanation_adds_up_to_the_log_odds(self, served):
        explanation = explain_churn(served.scorer, served.features, seed=0, rows=200)
        log_odds = explanation.base_values + np.sum(explanation.values, axis=1)
        probability = calibrated(log_odds, **served.model["churn"]["calibration"])
        sample = served.features.sample(200, random_state=0).sort_index()
        expected = served.scorer.score(sample)["churn_probability"]
        np.testing.assert_allclose(probability, expected, rtol=1e-9)

    def test_explanation_agrees_with_tree_explainer(self, served):
        import shap

        explanation = explain_churn(served.scorer, served.features, seed=0, rows=200)
        booster = lightgbm.Booster(model_str=served.booster_text)
        own = explanation.values[:, 1:]  # noqa: PD011
        theirs = shap.TreeExplainer(booster)(explanation.data[:, 1:])
        np.testing.assert_allclose(own, theirs.values, atol=1e-6)


class TestWithoutEnough:
    """A source that cannot carry the models is refused with what is missing."""

    @staticmethod
    def log(customers: int, amounts) -> object:
        days = pd.date_range("2024-01-01", periods=4, freq="30D")
        rows = [
            (f"c{i}", day + pd.Timedelta(days=i % 7), amounts(i, k))
            for i in range(customers)
            for k, day in enumerate(days)
        ]
        return read_transactions(pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]))

    def test_few_repeaters(self, quick_params):
        log = self.log(5, lambda i, k: 10.0 + i + k)
        with pytest.raises(DataError, match="only 5 of 5 customers had bought again"):
            fit_models(log, log.last_day, quick_params)

    def test_constant_amounts(self, quick_params):
        log = self.log(50, lambda i, k: 7.5)
        with pytest.raises(DataError, match=r"amounts to 7\.5.*clv\.spend=mean"):
            fit_models(log, log.last_day, quick_params)

    def test_constant_amounts_with_the_mean_for_everyone(self, quick_params):
        log = self.log(50, lambda i, k: 7.5)
        fitted = fit_models(log, log.last_day, override(quick_params, {"clv.spend": "mean"}))
        spend = fitted.scorer.score(fitted.features)["expected_spend"]
        np.testing.assert_allclose(spend, 7.5, rtol=1e-3)

    def test_nobody_yet(self, sample_log, quick_params):
        with pytest.raises(HistoryError, match="no customer had bought by"):
            fit_models(sample_log, sample_log.first_day - timedelta(days=1), quick_params)

    def test_history_too_short_for_trees_leaves_the_purchase_model_alone(self, sample_log, quick_params):
        fitted = fit_models(sample_log, sample_log.first_day + timedelta(days=20), quick_params)
        assert fitted.churn is None
        assert fitted.booster_text is None
        assert "no earlier window" in fitted.churn_reason
        table = fitted.scorer.score(fitted.features)
        expected = calibrated(fitted.scorer.log_odds_prior(fitted.features, 60), slope=1.0, intercept=0.0)
        np.testing.assert_allclose(table["churn_probability"], expected)
        assert set(table["driver_1"].dropna()) <= {"purchase_pattern"}


def test_level_moves_the_mean_probability_to_the_observed_one():
    log_odds = np.linspace(-3, 4, 50)
    shift = _level(log_odds, 0.6)
    assert calibrated(log_odds + shift, slope=1.0, intercept=0.0).mean() == pytest.approx(0.6)
    assert _level(log_odds, 1.0) == 0.0


class TestReference:
    def test_the_average_customer_is_the_base_at_any_horizon(self, served):
        for horizon in (7, 60, 365):
            mean = served.scorer.log_odds_prior(served.features, horizon).mean()
            # 200 customers stand for all: off by less than the least effect that the page shows.
            assert served.scorer.prior_base(horizon) == pytest.approx(mean, abs=0.05)


def test_trees_without_a_clear_gain_are_left_out(sample_log, quick_params, served, monkeypatch):
    monkeypatch.setattr("guanxi.pipeline.fit._CLEAR_GAIN", 100.0)
    alone = fit_models(sample_log, served.as_of, quick_params)
    assert alone.churn is None
    assert "is not clear" in alone.churn_reason
    scores = alone.scorer.score(alone.features, drivers=2)
    prior = calibrated(alone.scorer.log_odds_prior(alone.features, 60), slope=1.0, intercept=0.0)
    np.testing.assert_allclose(scores["churn_probability"], prior, rtol=1e-12)
    assert scores["driver_2"].isna().all()
