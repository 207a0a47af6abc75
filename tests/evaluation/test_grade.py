"""Grades: the rule, invariances, and the wording."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.evaluation._baselines import PAST_RATE, RFM_LOGISTIC
from guanxi.evaluation.grade import FEWEST, _grade_forecast

TARGETS = ("churn", "purchases", "spend")


def seen(signal, noise, seed):
    """The signal with added noise."""
    return signal + np.random.default_rng(seed).normal(scale=noise, size=len(signal))


def probability(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def grade(target, actual, own, rivals, **given):
    """Grade a forecast whose total is right, so that the ranking decides."""
    level = 1.0 if target == "churn" else np.sum(actual) / np.sum(own)
    return _grade_forecast(target, actual, level * np.asarray(own), rivals, **given)


@pytest.fixture(scope="module")
def window():
    """Outcomes of 2,000 customers and the underlying signal, on the scale of each target."""
    generator = np.random.default_rng(2)
    signal = generator.normal(size=2_000)
    purchases = generator.poisson(np.exp(signal)).astype(float)
    return {
        "churn": ((generator.random(2_000) < probability(2 * signal)).astype(float), 2 * signal, probability),
        "purchases": (purchases, signal, np.exp),
        "spend": (purchases * generator.gamma(2.0, 10.0, 2_000), signal, np.exp),
    }


@pytest.mark.parametrize("target", TARGETS)
class TestLetters:
    def test_clearly_better_is_an_a(self, window, target):
        actual, signal, scale = window[target]
        found = grade(target, actual, scale(signal), {PAST_RATE: scale(seen(signal, 2.0, 1))}, seed=1)
        assert found.letter == "A"
        assert 0 < found.lower < found.difference < found.upper
        assert found.warning is None

    def test_equal_to_a_baseline_is_a_b(self, window, target):
        actual, signal, scale = window[target]
        found = grade(target, actual, scale(signal), {PAST_RATE: scale(signal)}, seed=1)
        assert (found.letter, found.difference, found.lower, found.upper) == ("B", 0, 0, 0)
        assert found.warning is None

    def test_clearly_worse_is_a_c_with_a_warning(self, window, target):
        actual, signal, scale = window[target]
        found = grade(target, actual, scale(seen(signal, 2.0, 1)), {PAST_RATE: scale(signal)}, seed=1)
        assert found.letter == "C"
        assert found.lower < found.difference < found.upper < 0
        assert "grade C" in found.warning
        assert PAST_RATE in found.warning
        assert f"{-found.upper:.3f} to {-found.lower:.3f}" in found.warning

    def test_the_best_baseline_counts(self, window, target):
        actual, signal, scale = window[target]
        methods = {PAST_RATE: scale(seen(signal, 3.0, 1)), RFM_LOGISTIC: scale(seen(signal, 0.1, 2))}
        own = scale(seen(signal, 1.5, 3))
        alone = grade(target, actual, own, {PAST_RATE: methods[PAST_RATE]}, seed=1)
        both = grade(target, actual, own, methods, seed=1)
        assert (alone.letter, alone.baseline) == ("A", PAST_RATE)
        assert (both.letter, both.baseline) == ("C", RFM_LOGISTIC)

    def test_same_seed_same_grade(self, window, target):
        actual, signal, scale = window[target]
        rivals = {PAST_RATE: scale(seen(signal, 0.5, 1))}
        first, again = (grade(target, actual, scale(seen(signal, 0.4, 2)), rivals, seed=4) for _ in range(2))
        assert first == again


class TestLevels:
    @settings(max_examples=15, deadline=None)
    @given(factor=st.floats(1 / 1.49, 1.49))
    def test_the_level_of_values_does_not_matter(self, window, factor):
        actual, signal, scale = window["spend"]
        own, rivals = scale(seen(signal, 0.8, 1)), {PAST_RATE: scale(seen(signal, 1.0, 2))}
        fair = grade("spend", actual, own, rivals, seed=1)
        moved = _grade_forecast("spend", actual, factor * actual.sum() / own.sum() * own, rivals, seed=1)
        assert fair.letter == moved.letter
        assert moved.difference == pytest.approx(fair.difference)
        assert not moved.biased

    @pytest.mark.parametrize("target", ["purchases", "spend"])
    @pytest.mark.parametrize("factor", [0.5, 192.65])
    def test_but_a_total_far_off_is_a_c_however_good_the_ranking(self, window, target, factor):
        actual, signal, scale = window[target]
        own, rivals = scale(signal), {PAST_RATE: scale(seen(signal, 2.0, 1))}
        assert grade(target, actual, own, rivals, seed=1).letter == "A"
        own = factor * actual.sum() / own.sum() * own
        english, chinese = (
            _grade_forecast(target, actual, own, rivals, seed=1, language=language)
            for language in ("en", "zh")
        )
        assert (english.letter, english.biased, english.lower > 0) == ("C", True, True)
        assert f"({factor - 1:+,.0%})" in english.warning
        assert f"{factor - 1:+,.0%}" in chinese.warning

    @settings(max_examples=15, deadline=None)
    @given(shift=st.floats(-4, 4))
    def test_shifting_probabilities_gains_nothing(self, window, shift):
        actual, signal, scale = window["churn"]
        log_odds = seen(signal, 1.0, 1)
        found = _grade_forecast(
            "churn", actual, scale(log_odds + shift), {PAST_RATE: scale(log_odds)}, seed=1
        )
        assert (found.letter, found.difference) == ("B", 0)

    def test_wrong_probabilities_prevent_an_a(self, window):
        actual, signal, scale = window["churn"]
        rivals = {PAST_RATE: scale(seen(signal, 2.0, 1) / 2)}
        assert _grade_forecast("churn", actual, scale(signal), rivals, seed=1).letter == "A"
        assert _grade_forecast("churn", actual, scale(signal + 4), rivals, seed=1).letter == "B"

    def test_finding_the_best_tenth_alone_is_not_an_a(self, window):
        # The best fifth is in its true order, all others are reversed.
        actual, signal, _ = window["spend"]
        fair = np.where(signal > np.quantile(signal, 0.8), signal, -10 - signal)
        rivals = {PAST_RATE: seen(signal, 0.5, 1)}
        found = grade("spend", actual, np.exp(fair), rivals, seed=1)
        assert found.lower > 0
        assert found.letter == "B"


class TestTexts:
    @pytest.mark.parametrize("target", TARGETS)
    def test_rules_explain_every_letter(self, window, target):
        actual, signal, scale = window[target]
        rivals = {PAST_RATE: scale(seen(signal, 1.0, 2))}
        english, chinese = (
            _grade_forecast(target, actual, scale(signal), rivals, seed=1, language=language)
            for language in ("en", "zh")
        )
        assert all(f"{letter}: " in english.rule for letter in "ABC")
        assert all(f"{letter}：" in chinese.rule for letter in "ABC")
        assert "{" not in english.rule + chinese.rule

    def test_chinese_warning(self, window):
        actual, signal, scale = window["churn"]
        rivals = {RFM_LOGISTIC: scale(signal)}
        found = _grade_forecast("churn", actual, scale(seen(signal, 3.0, 1)), rivals, seed=1, language="zh")
        assert "等级为 C" in found.warning
        assert "RFM 逻辑回归" in found.warning
        assert "naive" not in found.warning


class TestWithoutGrade:
    @pytest.mark.parametrize("few", [0, FEWEST - 1])
    def test_too_few_customers_give_no_grade(self, few):
        actual = np.r_[np.ones(few), np.zeros(500)]
        forecast = np.linspace(0.1, 0.9, len(actual))
        for target in TARGETS:
            assert _grade_forecast(target, actual, forecast, {PAST_RATE: forecast}, seed=1) is None
        assert _grade_forecast("churn", 1 - actual, forecast, {PAST_RATE: forecast}, seed=1) is None

    def test_just_enough_customers(self):
        actual = np.r_[np.ones(FEWEST), np.zeros(500)]
        forecast = np.linspace(0.1, 0.9, len(actual))
        for target in TARGETS:
            assert grade(target, actual, forecast, {PAST_RATE: forecast}, seed=1).letter == "B"

    def test_equal_outcomes_give_no_grade(self):
        forecast = np.linspace(0.1, 0.9, 100)
        assert (
            _grade_forecast("purchases", np.full(100, 2.0), forecast, {PAST_RATE: forecast}, seed=1) is None
        )

    def test_bad_input(self):
        actual, forecast = np.tile([0.0, 1.0], 100), np.full(200, 0.5)
        with pytest.raises(DataError, match="churn cannot be graded without a baseline"):
            _grade_forecast("churn", actual, forecast, {}, seed=1)
        with pytest.raises(DataError, match=r"actual has shape \(200,\), predicted \(3,\)"):
            _grade_forecast("churn", actual, forecast, {PAST_RATE: [0.1, 0.2, 0.3]}, seed=1)
