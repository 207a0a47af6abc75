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


def scaled(actual, own, factor):
    """Forecast with its total at a factor of the actual one."""
    return factor * actual.sum() / own.sum() * own


class TestTotals:
    @settings(max_examples=5, deadline=None)
    @given(factor=st.floats(1 / 1.14, 1.14))
    def test_a_usual_miss_of_the_total_does_not_matter(self, window, factor):
        actual, signal, scale = window["spend"]
        own, rivals = scale(signal), {PAST_RATE: scale(seen(signal, 2.0, 1))}
        found = _grade_forecast("spend", actual, scaled(actual, own, factor), rivals, seed=1)
        assert (found.letter, found.reason, found.biased) == ("A", None, False)

    @pytest.mark.parametrize("target", ["purchases", "spend"])
    @pytest.mark.parametrize("factor", [1 / 1.4, 1 / 1.2, 1.2, 1.4])
    def test_a_greater_one_withholds_the_a_and_says_so(self, window, target, factor):
        actual, signal, scale = window[target]
        own, rivals = scaled(actual, scale(signal), factor), {PAST_RATE: scale(seen(signal, 2.0, 1))}
        english, chinese = (
            _grade_forecast(target, actual, own, rivals, seed=1, language=language)
            for language in ("en", "zh")
        )
        assert (english.letter, english.lower > 0, english.warning) == ("B", True, None)
        assert english.reason.startswith(f"{target}: grade B, no A: ")
        assert f"({factor - 1:+.0%})" in english.reason
        assert f"{factor - 1:+.0%}" in chinese.reason
        assert "grade" not in chinese.reason

    @pytest.mark.parametrize("target", ["purchases", "spend"])
    @pytest.mark.parametrize("factor", [0.5, 192.65])
    def test_a_total_far_off_is_a_c_however_good_the_ranking(self, window, target, factor):
        actual, signal, scale = window[target]
        own, rivals = scale(signal), {PAST_RATE: scale(seen(signal, 2.0, 1))}
        assert grade(target, actual, own, rivals, seed=1).letter == "A"
        english, chinese = (
            _grade_forecast(target, actual, scaled(actual, own, factor), rivals, seed=1, language=language)
            for language in ("en", "zh")
        )
        assert (english.letter, english.biased, english.lower > 0) == ("C", True, True)
        assert english.reason is None
        assert f"({factor - 1:+,.0%})" in english.warning
        assert f"{factor - 1:+,.0%}" in chinese.warning

    def test_an_error_within_chance_does_not_count(self):
        # 40 purchases by 40 of 4,000 customers: a total of 50 is within 1.645 standard errors of 6.3.
        actual = np.r_[np.ones(40), np.zeros(3_960)]
        own = np.r_[np.full(40, 0.5), np.full(3_960, 30 / 3_960)]
        rivals = {PAST_RATE: np.random.default_rng(1).permutation(own)}
        few = _grade_forecast("purchases", actual, own, rivals, seed=1)
        many = _grade_forecast("purchases", np.tile(actual, 10), np.tile(own, 10), {
            PAST_RATE: np.tile(rivals[PAST_RATE], 10)
        }, seed=1)  # fmt: skip
        assert few.letter == "A"
        assert many.letter == "B"
        assert "500 purchases were forecast, 400 came (+25%)" in many.reason

    @pytest.mark.parametrize(("shift", "letter"), [(0.0, "A"), (-0.45, "B"), (1.5, "C"), (-4.0, "C")])
    def test_churners_and_those_who_stay_are_totals_too(self, window, shift, letter):
        actual, signal, scale = window["churn"]
        rivals = {PAST_RATE: np.full(len(actual), 0.5) + 0.001 * seen(signal, 9.0, 1)}
        found = _grade_forecast("churn", actual, scale(signal + shift), rivals, seed=1)
        assert (found.letter, found.biased) == (letter, letter == "C")

    def test_of_rare_stayers_the_number_counts_though_most_leave(self):
        # 10 % buy again and 17 % were expected to: of the churners only 8 % are missing.
        generator = np.random.default_rng(3)
        signal = generator.normal(size=6_000)
        actual = (generator.random(6_000) < probability(signal + 2.6)).astype(float)
        stays = 1 - actual
        own = 1 - scaled(stays, 1 - probability(signal + 2.6), 1.7)
        found = _grade_forecast("churn", actual, np.clip(own, 0.01, 0.99), {PAST_RATE: own * 0 + 0.9}, seed=1)
        assert found.letter == "C"
        assert "customers who buy again" in found.warning


class TestReasons:
    @settings(max_examples=5, deadline=None)
    @given(shift=st.floats(-0.3, 0.3))
    def test_shifting_probabilities_gains_nothing(self, window, shift):
        actual, signal, scale = window["churn"]
        log_odds = seen(signal, 1.0, 1)
        found = _grade_forecast(
            "churn", actual, scale(log_odds + shift), {PAST_RATE: scale(log_odds)}, seed=1
        )
        assert (found.letter, found.difference) == ("B", 0)
        assert "no clear lead over naive (own past rate)" in found.reason

    def test_a_worse_log_loss_withholds_an_a(self, window):
        actual, signal, scale = window["churn"]
        rivals = {PAST_RATE: scale(seen(signal, 2.0, 1) / 2)}
        overconfident = scale(8 * signal)
        found = _grade_forecast("churn", actual, overconfident, rivals, seed=1)
        assert found.lower > 0
        assert found.letter == "B"
        assert "no A: log loss 1." in found.reason

    def test_a_worse_crps_withholds_an_a(self, window):
        actual, signal, scale = window["purchases"]
        own, rivals = scaled(actual, scale(signal), 1.0), {PAST_RATE: scale(seen(signal, 2.0, 1))}
        naive = np.abs(rivals[PAST_RATE] - actual)
        best = _grade_forecast("purchases", actual, own, rivals, seed=1, crps=naive)
        worse = _grade_forecast("purchases", actual, own, rivals, seed=1, crps=naive + 0.01)
        assert (best.letter, worse.letter) == ("A", "B")
        assert f"CRPS {naive.mean() + 0.01:.4g}, that of {PAST_RATE} {naive.mean():.4g}" in worse.reason

    def test_a_reason_from_outside_withholds_an_a_and_excuses_no_c(self, window):
        actual, signal, scale = window["purchases"]
        rivals = {PAST_RATE: scale(seen(signal, 1.0, 1))}
        found = grade("purchases", actual, scale(signal), rivals, seed=1, shorter=(60, 365))
        assert found.letter == "B"
        assert "60 days" in found.reason
        assert "60" in found.said["zh"].reason
        assert (
            grade("purchases", actual, scale(seen(signal, 4.0, 3)), rivals, seed=1, shorter=(60, 365)).letter
            == "C"
        )

    def test_finding_the_best_tenth_alone_is_not_an_a(self, window):
        # The best fifth is in its true order, all others are reversed.
        actual, signal, _ = window["spend"]
        fair = np.where(signal > np.quantile(signal, 0.8), signal, -10 - signal)
        rivals = {PAST_RATE: seen(signal, 0.5, 1)}
        found = grade("spend", actual, np.exp(fair), rivals, seed=1)
        assert found.lower > 0
        assert found.letter == "B"
        assert "all customers are ranked clearly worse" in found.reason


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
        forecast = np.linspace(0.013, 0.1, len(actual))
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
