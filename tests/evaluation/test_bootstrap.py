"""Bootstrap intervals: known sampling errors, properties, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError
from guanxi.evaluation import _bootstrap as module
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.evaluation.metrics import AMOUNTS, COUNTS, PROBABILITIES

MAE = {"mae": AMOUNTS["mae"]}


@pytest.fixture(scope="module")
def churn():
    """Labels drawn with known probabilities, and a noisier forecast."""
    generator = np.random.default_rng(4)
    log_odds = generator.normal(size=3_000)
    churned = generator.random(3_000) < 1 / (1 + np.exp(-log_odds))
    blurred = log_odds + generator.normal(scale=1.5, size=3_000)
    return churned.astype(float), {
        "true": 1 / (1 + np.exp(-log_odds)),
        "blurred": 1 / (1 + np.exp(-blurred)),
    }


def normal_errors(n):
    """|error| of a standard normal: mean sqrt(2 / pi), variance 1 - 2 / pi."""
    return np.random.default_rng(8).normal(size=n)


class TestIntervals:
    def test_width_is_that_of_a_mean(self):
        errors = normal_errors(2_000)
        row = bootstrap(np.zeros(2_000), {"m": errors}, MAE, seed=1, draws=2_000).intervals().iloc[0]
        spread = np.abs(errors).std() / math.sqrt(2_000)
        # Normal 95 % quantile; with 2,000 draws each end is accurate to a twentieth.
        np.testing.assert_allclose(
            [row["lower"], row["upper"]],
            row["value"] + np.array([-1, 1]) * 1.645 * spread,
            atol=0.15 * spread,
        )

    def test_widths_shrink_with_the_level(self, churn):
        found = bootstrap(*churn, PROBABILITIES, seed=1)
        wide, narrow = found.intervals(level=0.95), found.intervals(level=0.5)
        assert (wide["lower"] < narrow["lower"]).all()
        assert (wide["upper"] > narrow["upper"]).all()

    def test_values_are_those_of_all_customers(self, churn):
        churned, predictions = churn
        table = bootstrap(churned, predictions, PROBABILITIES, seed=1, draws=20).intervals()
        assert list(zip(table["model"], table["metric"], strict=True)) == [
            (model, metric) for model in predictions for metric in PROBABILITIES
        ]
        for row in table.itertuples():
            assert row.value == PROBABILITIES[row.metric](churned, predictions[row.model])

    def test_subsampling_a_large_base_keeps_the_spread(self, monkeypatch):
        actual, predicted = np.zeros(20_000), normal_errors(20_000)
        monkeypatch.setattr(module, "_MOST_ROWS", 1_000)
        row = bootstrap(actual, {"m": predicted}, MAE, seed=1, draws=2_000).intervals().iloc[0]
        spread = np.abs(predicted).std() / math.sqrt(20_000)
        np.testing.assert_allclose(
            [row["lower"], row["upper"]],
            row["value"] + np.array([-1, 1]) * 1.645 * spread,
            atol=0.15 * spread,
        )

    def test_intervals_have_their_nominal_coverage(self):
        # 200 independent samples; bounds are binomial quantiles at .001 about .9.
        held = 0
        for seed in range(200):
            errors = np.random.default_rng(seed).normal(size=300)
            row = bootstrap(np.zeros(300), {"m": errors}, MAE, seed=seed, draws=100).intervals().iloc[0]
            held += row["lower"] <= math.sqrt(2 / math.pi) <= row["upper"]
        assert 0.82 <= held / 200 <= 0.965


def gains(found, reference):
    """Lead of every other model over one, one row per metric."""
    return pd.DataFrame(
        {"model": model, "metric": metric} | found.gain(metric, model, reference)
        for model in found.models
        if model != reference
        for metric in found.metrics
    )


class TestDifferences:
    def test_paired_differences_have_narrower_intervals(self, churn):
        found = bootstrap(*churn, PROBABILITIES, seed=1)
        alone = found.intervals().set_index(["model", "metric"])
        paired = gains(found, "blurred").set_index("metric")
        for metric in ("auc", "log_loss", "brier"):
            assert paired.loc[metric, "lower"] > 0
            widths = (alone["upper"] - alone["lower"]).xs(metric, level="metric")
            assert paired.loc[metric, "upper"] - paired.loc[metric, "lower"] < math.hypot(*widths)

    def test_a_model_against_itself_gains_nothing(self, churn):
        churned, predictions = churn
        same = {"one": predictions["true"], "other": predictions["true"]}
        table = gains(bootstrap(churned, same, PROBABILITIES, seed=1, draws=50), "one")
        assert (table[["gain", "lower", "upper"]] == 0).all(axis=None)

    def test_swapping_the_models_swaps_the_signs(self, churn):
        found = bootstrap(*churn, PROBABILITIES, seed=1)
        one, other = gains(found, "true"), gains(found, "blurred")
        np.testing.assert_allclose(one["gain"], -other["gain"])
        np.testing.assert_allclose(one["lower"], -other["upper"])

    def test_a_bias_nearer_zero_is_a_gain(self):
        actual = np.tile([0.0, 2.0], 200)
        found = bootstrap(actual, {"low": actual * 0.9, "high": actual * 1.3}, COUNTS, seed=1, draws=50)
        bias = gains(found, "high").set_index("metric").loc["bias"]
        assert bias[["gain", "lower", "upper"]].tolist() == pytest.approx([0.2] * 3)

    def test_an_unknown_reference_is_an_error(self, churn):
        found = bootstrap(*churn, MAE, seed=1, draws=2)
        with pytest.raises(DataError, match="model 'naive' was not evaluated: use one of true, blurred"):
            found.gain("mae", "true", "naive")


class TestRandomness:
    def test_seeds(self, churn):
        first, again, other = (
            bootstrap(*churn, PROBABILITIES, seed=seed, draws=30).draws for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).mean() > 0.9

    def test_the_order_of_customers_and_models_changes_nothing(self, churn):
        churned, predictions = churn
        coarse = {name: np.round(p, 1) for name, p in predictions.items()}
        order = np.random.default_rng(0).permutation(len(churned))
        shuffled = {name: coarse[name][order] for name in reversed(coarse)}
        first = bootstrap(churned, coarse, PROBABILITIES, seed=1, draws=30)
        again = bootstrap(churned[order], shuffled, PROBABILITIES, seed=1, draws=30)
        np.testing.assert_allclose(again.draws[:, ::-1], first.draws, rtol=1e-9)


class TestUndefined:
    def test_samples_of_one_class_are_left_out(self):
        # With one churner of five, a third of the resamples contain none.
        churned, probability = [1, 0, 0, 0, 0], [0.9, 0.2, 0.3, 0.4, 0.5]
        found = bootstrap(churned, {"m": probability}, PROBABILITIES, seed=1, draws=100)
        assert 10 < np.isnan(found.draws).any(axis=(1, 2)).sum() < 60
        row = found.intervals().set_index("metric").loc["auc"]
        assert row[["value", "lower", "upper"]].tolist() == [1.0, 1.0, 1.0]

    def test_one_class_gives_no_auc(self):
        table = bootstrap(np.ones(9), {"m": np.full(9, 0.5)}, PROBABILITIES, seed=1, draws=5).intervals()
        row = table.set_index("metric").loc["auc", ["value", "lower", "upper"]]
        assert row.isna().all()

    @pytest.mark.parametrize(
        ("actual", "predictions", "message"),
        [
            ([1.0], {}, "there is no model to evaluate"),
            ([], {"m": []}, "there are no customers to evaluate"),
            ([1.0, 0.0], {"m": [0.5]}, r"actual has shape \(2,\), predicted \(1,\)"),
            ([1.0, 0.0], {"m": [0.5, np.nan]}, "predicted contains a value that is not finite"),
        ],
    )
    def test_bad_input(self, actual, predictions, message):
        with pytest.raises(DataError, match=message):
            bootstrap(actual, predictions, PROBABILITIES, seed=1)

    @pytest.mark.parametrize("level", [0.0, 1.0, 90])
    def test_levels_lie_between_0_and_1(self, churn, level):
        with pytest.raises(DataError, match="the level of an interval is"):
            bootstrap(*churn, MAE, seed=1, draws=2).intervals(level=level)
