"""Model fitting at a cutoff: no later data are used, and the same seed gives the same model."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta

import lightgbm
import numpy as np
import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, HistoryError
from guanxi.models.drivers import explain_churn
from guanxi.params import override
from guanxi.pipeline._base_learners import CHURN, MODELLED_OUTCOMES, PURCHASES, SPEND, TREES
from guanxi.pipeline.correction import ALONE, CORRECTED
from guanxi.pipeline.fit import fit_models
from guanxi.served.corrections import probability
from guanxi.served.input_checks import MOST_DRIVERS
from guanxi.served.model import to_json


def text(fitted) -> str:
    """All fitted models as text, chosen or not."""
    return json.dumps(
        [
            to_json(fitted.model),
            fitted.trees,
            [[each.chosen, each.reason, each.levels] for each in fitted.corrections.values()],
            [
                {name: (asdict(model), texts) for name, (model, texts) in each.options.items()}
                for each in fitted.corrections.values()
            ],
            [each.losses.to_csv() for each in fitted.corrections.values()],
        ],
        sort_keys=True,
    )


@pytest.fixture(scope="module")
def twin_day(sample_log):
    return sample_log.last_day - timedelta(days=60)


@pytest.fixture(scope="module")
def twin(sample_log, twin_day, quick_params):
    return fit_models(sample_log, twin_day, quick_params)


class TestTwin:
    def test_does_not_use_the_holdout_window(self, twin, twin_day, quick_params):
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

    def test_label_windows_end_by_its_cutoff(self, twin, twin_day):
        plan = twin.plan
        assert plan.validation + timedelta(days=plan.window_days) <= twin_day
        assert max(plan.training) + timedelta(days=plan.window_days) <= plan.validation


class TestSeed:
    def test_same_seed_gives_the_same_bytes(self, sample_log, twin, twin_day, quick_params):
        assert text(fit_models(sample_log, twin_day, quick_params)) == text(twin)

    @pytest.mark.slow
    def test_other_seed_changes_only_what_is_random(self, sample_log, twin, twin_day, quick_params):
        other = fit_models(sample_log, twin_day, override(quick_params, {"seed": 5}))
        assert other.trees != twin.trees
        for part in ("purchases", "spend", "drivers"):
            assert getattr(other.model, part) == getattr(twin.model, part)
        one, two = (fitted.scorer.score(twin.features, drivers=0) for fitted in (twin, other))
        fixed = ["probability_alive", "next_purchase_date"]
        pd.testing.assert_frame_equal(one[fixed], two[fixed])
        assert not one["churn_probability"].equals(two["churn_probability"])
        one, two = (fitted.contender(ALONE).score(twin.features) for fitted in (twin, other))
        pd.testing.assert_frame_equal(one, two)


class TestDrivers:
    def test_base_and_all_effects_add_up_to_the_log_odds(self, served):
        top = MOST_DRIVERS
        assert served.scorer.driver_effects(served.features.head(1), 60).shape[1] - 1 <= top
        for horizon in (60, 200):
            table = served.scorer.score(served.features, drivers=top, horizon_days=horizon)
            effects = table[[f"driver_{k}_effect" for k in range(1, top + 1)]].fillna(0).sum(axis=1)
            base = served.scorer.churn_contributions(served.features, horizon)["base"]
            scale = served.scorer.churn_scale()
            log_odds = scale["slope"] * (base + effects) + scale["level"]
            np.testing.assert_allclose(probability(log_odds), table["churn_probability"], rtol=1e-9)

    def test_explanation_adds_up_to_the_log_odds(self, served):
        explanation = explain_churn(served.scorer, served.features, seed=0, rows=200)
        scale = served.scorer.churn_scale()
        total = explanation.base_values + np.sum(explanation.values, axis=1)
        sample = served.features.sample(200, random_state=0).sort_index()
        expected = served.scorer.score(sample, drivers=0)["churn_probability"]
        got = probability(scale["slope"] * total + scale["level"])
        np.testing.assert_allclose(got, expected, rtol=1e-9)

    def test_explanation_of_trees_agrees_with_tree_explainer(self, served):
        import shap

        corrected = served.contender(CORRECTED)
        explanation = explain_churn(corrected, served.features, seed=0, rows=200)
        (booster,) = served.corrections["churn"].options[CORRECTED][1]
        own = explanation.values[:, 1:]  # noqa: PD011
        theirs = shap.TreeExplainer(lightgbm.Booster(model_str=booster))(explanation.data[:, 1:])
        np.testing.assert_allclose(own, theirs.values, atol=1e-6)


class TestTooFewData:
    """A source to which the models cannot be fitted is an error that names what is missing."""

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

    @pytest.mark.slow
    def test_constant_amounts_with_the_mean_for_everyone(self, quick_params):
        log = self.log(50, lambda i, k: 7.5)
        fitted = fit_models(log, log.last_day, override(quick_params, {"clv.spend": "mean"}))
        spend = fitted.scorer.score(fitted.features)["expected_spend"]
        np.testing.assert_allclose(spend, 7.5, rtol=1e-3)

    def test_no_customers_yet(self, sample_log, quick_params):
        with pytest.raises(HistoryError, match="no customer had bought by"):
            fit_models(sample_log, sample_log.first_day - timedelta(days=1), quick_params)

    def test_history_too_short_for_trees_leaves_the_purchase_model_alone(self, sample_log, quick_params):
        fitted = fit_models(sample_log, sample_log.first_day + timedelta(days=20), quick_params)
        assert fitted.plan is None
        assert fitted.trees == {}
        for correction in fitted.corrections.values():
            assert correction.chosen == ALONE
            assert "no earlier window" in correction.reason
        table = fitted.scorer.score(fitted.features)
        expected = probability(fitted.scorer.base("churn", fitted.features, 60))
        np.testing.assert_array_equal(table["churn_probability"], expected)
        assert set(table["driver_1"].dropna()) <= {"purchase_pattern"}


class TestLevel:
    def test_moves_the_mean_probability_to_the_observed_one(self):
        log_odds = np.linspace(-3, 4, 50)
        shift = CHURN.level(log_odds, np.ones(50), 0.6)
        assert probability(log_odds + shift).mean() == pytest.approx(0.6)

    def test_is_zero_if_no_level_exists(self):
        log_odds = np.linspace(-3, 4, 50)
        for mean in (0.0, 1.0):
            assert CHURN.level(log_odds, np.ones(50), mean) == 0.0
        assert PURCHASES.level(log_odds, np.ones(50), 0.0) == 0.0

    @pytest.mark.parametrize("target", [PURCHASES, SPEND], ids=lambda target: target.name)
    def test_moves_the_weighted_mean_to_the_given_one(self, target):
        score, weight = np.linspace(-3, 4, 50), np.arange(1.0, 51.0)
        shift = target.level(score, weight, 7.0)
        assert np.average(np.exp(score + shift), weights=weight) == pytest.approx(7.0)


class TestReference:
    def test_the_average_customer_is_the_base_at_any_horizon(self, served):
        alone = served.contender(ALONE)
        for horizon in (7, 60, 365):
            mean = alone.base("churn", served.features, horizon).mean()
            base = alone.churn_contributions(served.features.head(3), horizon)["base"]
            # 200 reference customers represent all: the error is below the smallest effect displayed.
            np.testing.assert_allclose(base, mean, atol=0.05)


@pytest.mark.slow
def test_trees_without_a_clear_gain_are_dropped(sample_log, quick_params, served, monkeypatch):
    monkeypatch.setattr("guanxi.pipeline.correction._CLEAR_GAIN", 100.0)
    monkeypatch.setattr(
        "guanxi.pipeline.correction.SECOND_OPINION", {each.name: TREES for each in MODELLED_OUTCOMES}
    )
    alone = fit_models(sample_log, served.as_of, quick_params)
    assert alone.trees == {}
    for target in MODELLED_OUTCOMES:
        correction = alone.corrections[target.name]
        assert correction.chosen == ALONE
        assert "no clear gain" in correction.reason
        # The level is not estimated from fewer than three windows.
        assert correction.model.level == 0.0
    scores = alone.scorer.score(alone.features, drivers=2)
    prior = probability(alone.scorer.base("churn", alone.features, 60))
    np.testing.assert_array_equal(scores["churn_probability"], prior)
    assert scores["driver_2"].isna().all()
