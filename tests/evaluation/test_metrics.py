"""Metrics: laws, values computed by hand, and scikit-learn where it has the metric."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics

from guanxi.evaluation import metrics

counts = arrays(np.float64, 30, elements=st.integers(0, 20).map(float))
positive = arrays(np.float64, 30, elements=st.floats(0.01, 100))
labels = arrays(np.float64, 30, elements=st.sampled_from([0.0, 1.0])).filter(lambda y: 0 < y.sum() < 30)
probabilities = arrays(np.float64, 30, elements=st.floats(0.001, 0.999))


class TestAgainstScikitLearn:
    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_counts(self, actual, predicted):
        for own, theirs in (
            (metrics.mean_absolute_error, sklearn_metrics.mean_absolute_error),
            (metrics.root_mean_squared_error, sklearn_metrics.root_mean_squared_error),
            (metrics.poisson_deviance, sklearn_metrics.mean_poisson_deviance),
        ):
            assert own(actual, predicted) == pytest.approx(theirs(actual, predicted), rel=1e-9, abs=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, probabilities)
    def test_probabilities(self, actual, probability):
        for own, theirs in (
            (metrics.auc, sklearn_metrics.roc_auc_score),
            (metrics.log_loss, sklearn_metrics.log_loss),
            (metrics.brier, sklearn_metrics.brier_score_loss),
        ):
            assert own(actual, probability) == pytest.approx(theirs(actual, probability), rel=1e-9)


class TestLaws:
    @settings(max_examples=40, deadline=None)
    @given(counts.filter(lambda y: y.sum() > 0))
    def test_the_truth_is_the_best_forecast(self, actual):
        assert metrics.mean_absolute_error(actual, actual) == 0
        assert metrics.root_mean_squared_error(actual, actual) == 0
        assert metrics.bias(actual, actual) == 0
        assert metrics.poisson_deviance(actual, actual) == pytest.approx(0, abs=1e-9)
        assert metrics.top_decile_capture(actual, actual) == 1

    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_errors_are_not_negative(self, actual, predicted):
        for metric in (
            metrics.mean_absolute_error,
            metrics.root_mean_squared_error,
            metrics.poisson_deviance,
        ):
            assert metric(actual, predicted) >= -1e-12

    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_order_metrics_see_only_the_order(self, actual, predicted):
        predicted = np.round(predicted)
        other = 4 * predicted + 1
        for metric in (metrics.spearman, metrics.top_decile_capture):
            np.testing.assert_allclose(metric(actual, predicted), metric(actual, other), atol=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, probabilities)
    def test_turning_the_order_round_turns_the_auc_round(self, actual, probability):
        # The negative keeps apart what 1 - probability would round to one number.
        assert metrics.auc(actual, -probability) == pytest.approx(1 - metrics.auc(actual, probability))

    @settings(max_examples=40, deadline=None)
    @given(labels, probabilities)
    def test_calibration_error_is_at_most_one(self, actual, probability):
        assert 0 <= metrics.expected_calibration_error(actual, probability) <= 1


class TestByHand:
    def test_bias_of_totals(self):
        assert metrics.bias([1, 3], [2, 3]) == pytest.approx(0.25)

    def test_spearman_with_ties_uses_mid_ranks(self):
        # Ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5 over sqrt(1.5 * 2).
        assert metrics.spearman([0, 0, 5], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))

    def test_top_decile_of_twenty_is_two(self):
        actual = np.r_[100.0, 50.0, 30.0, np.zeros(17)]
        predicted = np.r_[9.0, 1.0, 8.0, np.zeros(17)]
        assert metrics.top_decile_capture(actual, predicted) == pytest.approx(130 / 150)

    def test_calibration_error_of_ten_bins(self):
        # Twenty rows at 0.3, six of them churn: as forecast, however the bins are cut, only in total.
        actual, probability = np.tile([1.0, 0.0], 10), np.full(20, 0.3)
        assert metrics.expected_calibration_error(actual, probability) == pytest.approx(0.2)

    def test_one_class_has_no_auc_and_a_total_of_zero_no_bias(self):
        assert math.isnan(metrics.auc([1, 1], [0.2, 0.3]))
        assert math.isnan(metrics.bias([0, 0], [1, 1]))
        assert math.isnan(metrics.top_decile_capture([0, 0], [1, 1]))
        assert math.isnan(metrics.spearman([1, 1], [1, 2]))

    def test_certain_and_wrong_is_finite(self):
        assert metrics.log_loss([1.0, 0.0], [0.0, 1.0]) == pytest.approx(-math.log(1e-15), rel=1e-3)
