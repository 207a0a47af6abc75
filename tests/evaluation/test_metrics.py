"""Metrics: properties, values computed by hand, and comparison with scikit-learn."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ConstantInputWarning, spearmanr
from sklearn import metrics as sklearn_metrics

from guanxi.errors import DataError
from guanxi.evaluation import metrics

counts = arrays(np.float64, 30, elements=st.integers(0, 20).map(float))
positive = arrays(np.float64, 30, elements=st.floats(0.01, 100))
labels = arrays(np.float64, 30, elements=st.sampled_from([0.0, 1.0])).filter(lambda y: 0 < y.sum() < 30)
probabilities = arrays(np.float64, 30, elements=st.floats(0.001, 0.999))
distinct = arrays(np.float64, 30, elements=st.floats(0.001, 0.999), unique=True)
tied = arrays(np.float64, 30, elements=st.sampled_from([0.1, 0.2, 0.5, 0.9]))
orders = st.permutations(range(30))
REGISTERED = {**metrics.COUNTS, **metrics.PROBABILITIES}
ORDER_ONLY = ("spearman", "normalised_gini", "top_decile_capture")


class TestAgainstScikitLearn:
    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_counts(self, actual, predicted):
        for own, theirs in (
            (metrics.mean_absolute_error, sklearn_metrics.mean_absolute_error),
            (metrics._root_mean_squared_error, sklearn_metrics.root_mean_squared_error),
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
            (metrics.average_precision, sklearn_metrics.average_precision_score),
        ):
            assert own(actual, probability) == pytest.approx(theirs(actual, probability), rel=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, tied)
    def test_ties(self, actual, probability):
        for own, theirs in (
            (metrics.auc, sklearn_metrics.roc_auc_score),
            (metrics.average_precision, sklearn_metrics.average_precision_score),
        ):
            assert own(actual, probability) == pytest.approx(theirs(actual, probability), rel=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(counts, tied)
    def test_rank_correlation_of_scipy(self, actual, predicted):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantInputWarning)
            theirs = spearmanr(actual, predicted).statistic
        np.testing.assert_allclose(metrics.spearman(actual, predicted), theirs, atol=1e-9)


class TestProperties:
    @settings(max_examples=40, deadline=None)
    @given(counts.filter(lambda y: y.sum() > 0))
    def test_the_truth_is_the_best_forecast(self, actual):
        assert metrics.mean_absolute_error(actual, actual) == 0
        assert metrics._root_mean_squared_error(actual, actual) == 0
        assert metrics.bias(actual, actual) == 0
        assert metrics.poisson_deviance(actual, actual) == pytest.approx(0, abs=1e-9)
        assert metrics.top_decile_capture(actual, actual) == pytest.approx(1)
        assert metrics.normalised_gini(actual, actual) == pytest.approx(1) or np.ptp(actual) == 0

    @settings(max_examples=40, deadline=None)
    @given(counts.filter(lambda y: np.ptp(y) > 0), tied, orders)
    def test_the_order_of_rows_changes_nothing(self, actual, predicted, order):
        label = (actual > actual.min()).astype(float)
        for name, metric in REGISTERED.items():
            y = label if name in metrics.PROBABILITIES else actual
            np.testing.assert_allclose(metric(y[order], predicted[order]), metric(y, predicted), rtol=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(counts.filter(lambda y: np.ptp(y) > 0), tied, st.integers(0, 2**32))
    def test_ties_equal_the_average_over_random_orders(self, actual, predicted, seed):
        # Ties are broken in both directions by the same noise; exact, as the Gini is linear in the ranks.
        noise = np.random.default_rng(seed).permutation(30) * 1e-6
        broken = [metrics.normalised_gini(actual, predicted + sign * noise) for sign in (-1, 1)]
        assert metrics.normalised_gini(actual, predicted) == pytest.approx(np.mean(broken), abs=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, tied)
    def test_the_gini_of_a_label_is_the_auc(self, actual, probability):
        gini = metrics.normalised_gini(actual, probability)
        assert gini == pytest.approx(2 * metrics.auc(actual, probability) - 1, abs=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, tied, st.floats(0.01, 1))
    def test_lift_and_capture_agree(self, actual, probability, k):
        contacted = max(1, math.floor(30 * k + 1e-9))
        capture, lift = (
            metric(actual, probability, k) for metric in (metrics._capture_at_k, metrics._lift_at_k)
        )
        assert 0 <= capture <= 1 + 1e-9
        assert lift == pytest.approx(capture * 30 / contacted)

    @settings(max_examples=40, deadline=None)
    @given(labels, tied)
    def test_contacting_all_customers_captures_everything(self, actual, probability):
        assert metrics._capture_at_k(actual, probability, k=1.0) == pytest.approx(1)
        captured = [metrics._capture_at_k(actual, probability, k=k / 30) for k in range(1, 31)]
        assert (np.diff(captured) >= -1e-9).all()

    @settings(max_examples=40, deadline=None)
    @given(labels, distinct)
    def test_bins_of_probabilities_without_ties(self, actual, probability):
        curve = metrics._reliability_curve(actual, probability)
        order = np.argsort(probability)
        np.testing.assert_allclose(curve["observed"], actual[order].reshape(10, 3).mean(axis=1))
        np.testing.assert_allclose(curve["predicted"], probability[order].reshape(10, 3).mean(axis=1))
        assert curve["customers"].tolist() == [3] * 10

    @settings(max_examples=40, deadline=None)
    @given(labels, tied)
    def test_bins_keep_the_totals(self, actual, probability):
        curve = metrics._reliability_curve(actual, probability)
        assert (curve["observed"] * curve["customers"]).sum() == pytest.approx(actual.sum())
        assert (curve["predicted"] * curve["customers"]).sum() == pytest.approx(probability.sum())
        gaps = (curve["predicted"] - curve["observed"]).abs() * curve["customers"]
        assert metrics._expected_calibration_error(actual, probability) == pytest.approx(gaps.sum() / 30)

    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_errors_are_not_negative(self, actual, predicted):
        for metric in (
            metrics.mean_absolute_error,
            metrics._root_mean_squared_error,
            metrics.poisson_deviance,
        ):
            assert metric(actual, predicted) >= -1e-12

    @settings(max_examples=40, deadline=None)
    @given(counts, positive)
    def test_ranking_metrics_depend_only_on_the_order(self, actual, predicted):
        predicted = np.round(predicted)
        other = 4 * predicted + 1
        for name in ORDER_ONLY:
            metric = metrics.COUNTS[name]
            np.testing.assert_allclose(metric(actual, predicted), metric(actual, other), atol=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(labels, probabilities)
    def test_reversing_the_order_reverses_the_auc(self, actual, probability):
        # Negation keeps values distinct that 1 - probability would round to ties.
        assert metrics.auc(actual, -probability) == pytest.approx(1 - metrics.auc(actual, probability))

    @settings(max_examples=40, deadline=None)
    @given(labels, probabilities)
    def test_calibration_error_is_at_most_one(self, actual, probability):
        assert 0 <= metrics._expected_calibration_error(actual, probability) <= 1


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

    def test_the_last_place_of_the_tenth_is_shared_among_ties(self):
        # Two places: the first is taken, three ties (30, 60, 0) share the second.
        actual = np.r_[100.0, 30.0, 60.0, 0.0, np.zeros(16)]
        predicted = np.r_[9.0, 5.0, 5.0, 5.0, np.zeros(16)]
        assert metrics.top_decile_capture(actual, predicted) == pytest.approx((100 + 90 / 3) / 160)
        assert metrics._capture_at_k(actual, predicted) == pytest.approx((100 + 90 / 3) / 190)
        assert metrics._lift_at_k(actual, predicted) == pytest.approx(10 * (100 + 90 / 3) / 190)

    def test_gini(self):
        # With ranks -1, 0, 1 the values 0, 10, 90 give 90 in actual order and 10 in this one.
        assert metrics.normalised_gini([0, 10, 90], [1, 3, 2]) == pytest.approx(10 / 90)
        assert metrics.normalised_gini([0, 10, 90], [3, 2, 1]) == pytest.approx(-1)
        assert metrics.normalised_gini([0, 10, 90], [7, 7, 7]) == 0

    def test_average_precision(self):
        # Churners at ranks 1 and 3: precisions 1 and 2/3. With the last three tied: 1 and 2/4.
        assert metrics.average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)
        assert metrics.average_precision([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.5]) == pytest.approx((1 + 2 / 4) / 2)

    def test_calibration_error_of_equal_probabilities(self):
        # Twenty rows at .3, ten of them churn: half in each bin, whatever their order.
        for actual in (np.tile([1.0, 0.0], 10), np.repeat([1.0, 0.0], 10)):
            assert metrics._expected_calibration_error(actual, np.full(20, 0.3)) == pytest.approx(0.2)

    def test_bins_of_a_count_that_does_not_divide_evenly(self):
        curve = metrics._reliability_curve(np.tile([0.0, 1.0], 6)[:11], np.linspace(0, 1, 11))
        assert curve["customers"].tolist() == [2] + [1] * 9
        assert curve["predicted"].tolist() == pytest.approx([0.05, *np.linspace(0.2, 1, 9)])
        assert curve["observed"].tolist() == [0.5, 0, 1, 0, 1, 0, 1, 0, 1, 0]

    def test_all_zero_nearly_ties_a_model_in_absolute_error(self):
        # Nine of ten buy nothing, one buys ten times: a forecast of the mean is worse than 0 for all.
        actual = np.r_[np.zeros(9), 10.0]
        assert metrics.mean_absolute_error(actual, np.zeros(10)) == 1.0
        assert metrics.mean_absolute_error(actual, np.ones(10)) == pytest.approx(1.8)

    def test_undefined_metrics_are_nan(self):
        assert math.isnan(metrics.auc([1, 1], [0.2, 0.3]))
        assert math.isnan(metrics.average_precision([0, 0], [0.2, 0.3]))
        assert math.isnan(metrics.bias([0, 0], [1, 1]))
        assert math.isnan(metrics.top_decile_capture([0, 0], [1, 1]))
        assert math.isnan(metrics._lift_at_k([0, 0], [1, 1]))
        assert math.isnan(metrics.normalised_gini([2, 2], [1, 2]))
        assert math.isnan(metrics.spearman([1, 1], [1, 2]))

    @pytest.mark.parametrize("name", REGISTERED)
    def test_one_customer_is_enough(self, name):
        assert not math.isinf(REGISTERED[name]([1.0], [0.4]))

    def test_certain_and_wrong_is_finite(self):
        assert metrics.log_loss([1.0, 0.0], [0.0, 1.0]) == pytest.approx(-math.log(1e-15), rel=1e-3)


class TestDirections:
    @pytest.mark.parametrize("name", REGISTERED)
    def test_the_truth_gains_on_a_poor_forecast(self, name):
        actual = np.r_[np.zeros(12), np.ones(8)]
        metric = REGISTERED[name]
        truth, poor = metric(actual, actual), metric(actual, 0.9 - 0.6 * actual)
        assert metric.gain(truth, poor) > 0 > metric.gain(poor, truth)

    def test_gains_of_arrays(self):
        bias = metrics.COUNTS["bias"]
        np.testing.assert_allclose(bias.gain(np.array([0.1, -0.3]), np.array([-0.2, 0.1])), [0.1, -0.2])


class TestBadInput:
    @pytest.mark.parametrize("name", REGISTERED)
    @pytest.mark.parametrize(
        ("actual", "predicted", "message"),
        [
            ([], [], "there are no customers to evaluate"),
            ([1.0, 0.0], [1.0], r"actual has shape \(2,\), predicted \(1,\)"),
            ([[1.0]], [[1.0]], r"actual has shape \(1, 1\)"),
            ([1.0, math.nan], [1.0, 0.0], "actual contains a value that is not finite"),
            ([1.0, 0.0], [1.0, math.inf], "predicted contains a value that is not finite"),
        ],
    )
    def test_arrays(self, name, actual, predicted, message):
        with pytest.raises(DataError, match=message):
            REGISTERED[name](actual, predicted)

    @pytest.mark.parametrize("k", [0, -0.1, 1.5, 10])
    def test_shares(self, k):
        with pytest.raises(DataError, match="give a number above 0 and up to 1"):
            metrics._capture_at_k([1, 0], [0.3, 0.2], k=k)
