"""Statistics of a randomised campaign: published and independent values, laws, and coverage in simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from guanxi.decisions.campaign import (
    Inference,
    adjusted_difference,
    customers_needed,
    difference,
    minimum_detectable_effect,
    sample_ratio,
)
from guanxi.decisions.campaign._adjustment import adjusting_columns
from guanxi.errors import ParamsError

# 95 % of 500 repetitions have a standard error of 1 %.
WITHIN = (0.93, 0.97)


@pytest.fixture(scope="module")
def hillstrom(shared_data) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "hillstrom.parquet")


def arms_of(hillstrom, arm):
    return hillstrom[hillstrom["segment"] == arm], hillstrom[hillstrom["segment"] == "No E-Mail"]


class TestPlain:
    def test_visit_rates_of_hillstrom(self, hillstrom):
        found = difference(*(each["visit"] for each in arms_of(hillstrom, "Mens E-Mail")))
        assert [round(100 * value, 1) for value in (found.baseline, found.treated_mean)] == [10.6, 18.3]
        women = difference(*(each["visit"] for each in arms_of(hillstrom, "Womens E-Mail")))
        assert round(100 * women.treated_mean, 1) == 15.1

    @pytest.mark.parametrize("arm", ["Mens E-Mail", "Womens E-Mail"])
    @pytest.mark.parametrize("outcome", ["visit", "conversion", "spend"])
    def test_differences_of_hillstrom_are_those_of_scipy(self, hillstrom, arm, outcome):
        treated, control = (each[outcome] for each in arms_of(hillstrom, arm))
        found = difference(treated, control)
        plain = stats.ttest_ind(treated, control, equal_var=False)
        interval = plain.confidence_interval(0.95)
        assert found.estimate == pytest.approx(treated.mean() - control.mean(), rel=1e-13)
        assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high), rel=1e-11)
        assert found.p_value == pytest.approx(plain.pvalue, rel=1e-8)

    def test_relative_intervals_of_hillstrom_are_those_of_tea_tasting(self, hillstrom):
        """tea-tasting 1.14.0, Mean("visit") and Mean("spend") with their defaults."""
        expected = {
            "visit": (0.721404616781399, 0.6403805754169347, 0.8064307143622151),
            "spend": (1.1792887703620072, 0.6284321111713391, 1.9164860555407217),
        }
        for outcome, values in expected.items():
            found = difference(*(each[outcome] for each in arms_of(hillstrom, "Mens E-Mail")))
            relative = (found.relative, found.relative_lower, found.relative_upper)
            # Its degrees of freedom are those of the ratio, which changes the sixth digit.
            assert relative == pytest.approx(values, rel=1e-5)

    def test_few_cases_have_the_interval_of_newcombe(self):
        """Newcombe (1998), Statistics in Medicine 17, table II, contrasts d and h, method 10."""
        found = difference([1] * 9 + [0], [1] * 3 + [0] * 7)
        assert (found.method, round(found.estimate, 4)) == ("newcombe", 0.6)
        assert (round(found.lower, 4), round(found.upper, 4)) == (0.1705, 0.8090)
        nobody = difference([1] * 10 + [0] * 0, [0] * 20)
        assert (round(nobody.lower, 4), round(nobody.upper, 4)) == (0.6791, 1.0)

    def test_without_any_case_the_interval_is_not_a_point(self):
        found = difference(np.zeros(100), np.zeros(50))
        assert found.estimate == 0
        assert found.lower < -0.03 < 0.03 < found.upper
        assert found.p_value == 1.0
        assert math.isnan(found.relative)

    def test_a_baseline_of_nothing_has_no_ratio(self):
        found = difference([3.0, 1.0, 2.0], [1e-17, 0.0, 0.0])
        assert found.estimate == pytest.approx(2.0)
        assert math.isnan(found.relative)
        rare = difference([3.0, 1.0, 2.0], [1e-6, 0.0, 0.0])
        assert rare.relative_lower < rare.relative < rare.relative_upper

    def test_equal_amounts_tell_nothing(self):
        found = difference(np.full(30, 2.0), np.full(30, 3.0))
        assert found.estimate == -1
        assert math.isnan(found.lower)
        assert math.isnan(found.p_value)

    @given(some.integers(0, 10_000), some.floats(0.1, 100), some.floats(-50, 50))
    @settings(max_examples=30, deadline=None)
    def test_laws(self, seed, scale, shift):
        random = np.random.default_rng(seed)
        treated, control = random.gamma(2, 3, 40), random.gamma(2, 2, 60)
        found, other = difference(treated, control), difference(control, treated)
        assert (found.estimate, found.lower) == pytest.approx((-other.estimate, -other.upper))
        assert 1 + found.relative == pytest.approx(1 / (1 + other.relative))
        scaled = difference(scale * treated + shift, scale * control + shift)
        assert (scaled.lower, scaled.upper) == pytest.approx(
            (scale * found.lower, scale * found.upper), abs=1e-9
        )
        assert scaled.p_value == pytest.approx(found.p_value)
        wider = difference(treated, control, Inference(0.99))
        assert wider.lower < found.lower < found.estimate < found.upper < wider.upper


class TestAdjusted:
    def test_without_covariates_it_is_the_plain_difference(self):
        random = np.random.default_rng(1)
        treated, control = random.normal(1, 1, 80), random.normal(0, 3, 50)
        plain = difference(treated, control)
        found = adjusted_difference(treated, control, np.empty((80, 0)), np.empty((50, 0)))
        for name in ("estimate", "standard_error", "lower", "upper", "p_value", "relative"):
            assert getattr(found, name) == pytest.approx(getattr(plain, name), nan_ok=True)

    @pytest.mark.parametrize("arm", ["Mens E-Mail", "Womens E-Mail"])
    @pytest.mark.parametrize("outcome", ["visit", "conversion", "spend"])
    @pytest.mark.slow
    def test_hillstrom_is_narrower_with_its_centre_inside(self, hillstrom, arm, outcome):
        names = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
        pair = pd.concat(arms_of(hillstrom, arm))
        columns = adjusting_columns(pair[names], pair["segment"])
        chosen = [pair["segment"] == each for each in (arm, "No E-Mail")]
        values = [pair.loc[rows, outcome].to_numpy(float) for rows in chosen]
        plain = difference(*values)
        found = adjusted_difference(*values, *(columns[rows] for rows in chosen))
        assert plain.lower < found.estimate < plain.upper
        assert found.upper - found.lower < plain.upper - plain.lower
        if outcome == "visit":
            assert 0.02 < 1 - (found.standard_error / plain.standard_error) ** 2 < 0.04

    def test_one_covariate_of_hillstrom_is_cuped_of_tea_tasting(self, hillstrom):
        """tea-tasting 1.14.0, Mean("visit", "history"), which has one slope for both arms."""
        treated, control = arms_of(hillstrom, "Mens E-Mail")
        found = adjusted_difference(
            treated["visit"], control["visit"], treated[["history"]], control[["history"]]
        )
        assert found.estimate == pytest.approx(0.07641114745941811, rel=1e-4)
        assert (found.lower, found.upper) == pytest.approx(
            (0.06978948517740646, 0.08303280974142976), rel=1e-4
        )

    def test_it_finds_the_effect_where_the_arms_differ_before(self):
        random = np.random.default_rng(2)
        before = [random.normal(0.2, 1, (300, 2)), random.normal(0, 1, (700, 2))]
        after = [each @ [2.0, -1.0] + random.normal(0, 0.5, len(each)) for each in before]
        found = adjusted_difference(after[0] + 1.0, after[1], *before)
        assert found.lower < 1.0 < found.upper
        assert found.standard_error < difference(after[0] + 1.0, after[1]).standard_error / 3

    def test_columns(self):
        arms = pd.Series(["a", "b"] * 200)
        table = pd.DataFrame(
            {
                "spend": np.arange(400.0),
                "again": 2.0 * np.arange(400.0) + 1.0,
                "same": 1.0,
                "gaps": [np.nan, np.nan, 1.0, 2.0, 5.0, 3.0, 1.0, 4.0] * 50,
                "rare": ["x"] * 390 + ["y"] * 10,
                "place": ["town"] * 170 + ["land"] * 230,
            }
        )
        assert list(adjusting_columns(table, arms)) == ["spend", "gaps", "gaps unknown", "place land"]
        few = adjusting_columns(table.iloc[:80], arms.iloc[:80])
        assert list(few) == ["spend", "gaps"]


@pytest.mark.slow
@pytest.mark.parametrize(("treated", "control"), [(361, 41), (41, 361), (200, 25), (100, 100), (1500, 60)])
def test_small_arms_of_skewed_values_are_covered(treated, control):
    """Redrawn arms of 20 sets of customers whose change of value is skewed, and in proportion to it."""
    held, narrower = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        value = random.lognormal(2.0, 1.0, treated + control)
        rate = random.gamma(2.0, 1.0, treated + control)
        change = value * (random.gamma(1.5, 1 / 1.5, treated + control) - 1.0) + rate * random.exponential(
            5.0
        )
        for _ in range(50):
            order = random.permutation(treated + control)
            arms = order[:treated], order[treated:]
            columns = np.column_stack([value, rate])
            found = adjusted_difference(*(change[rows] for rows in arms), *(columns[rows] for rows in arms))
            held.append(found.lower <= 0 <= found.upper)
            plain = difference(*(change[rows] for rows in arms))
            narrower.append((found.upper - found.lower) / (plain.upper - plain.lower))
    assert 0.93 <= np.mean(held) <= 0.97
    assert np.mean(narrower) < 1.02


def simulated(seed: int, size: int, effect: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Spend after and before of two arms; the campaign multiplies the rates, so that its effect is known."""
    random = np.random.default_rng(seed)
    after, before = [], []
    for lift, count in ((1 + effect, size // 3), (1.0, size - size // 3)):
        rate = random.gamma(1.2, 1.0, count)
        mean = random.gamma(4.0, 5.0, count)
        before.append(np.column_stack([random.poisson(rate), random.poisson(rate) * mean]).astype(float))
        after.append(random.poisson(rate * lift) * mean * random.gamma(5.0, 0.2, count))
    return after, before


MEAN_SPEND = 1.2 * 20.0


def repetitions(count: int, effect: float) -> pd.DataFrame:
    rows = []
    for seed in range(count):
        after, before = simulated(seed, 900, effect)
        for found in (difference(*after), adjusted_difference(*after, *before)):
            rows.append(
                {
                    "method": found.method,
                    "covers": found.lower <= effect * MEAN_SPEND <= found.upper,
                    "relative": found.relative_lower <= effect <= found.relative_upper,
                    "found": found.p_value < 0.05,
                    "variance": found.standard_error**2,
                }
            )
    return pd.DataFrame(rows)


class TestSimulation:
    def test_covers_and_saves_in_a_few_repetitions(self):
        found = repetitions(100, 0.3).groupby("method").mean()
        assert (found[["covers", "relative"]] >= 0.88).all(axis=None)
        assert 0.2 < 1 - found.loc["adjusted", "variance"] / found.loc["difference", "variance"] < 0.5

    @pytest.mark.slow
    @pytest.mark.parametrize("effect", [0.0, 0.3])
    def test_covers_in_93_to_97_per_cent_of_500_repetitions(self, effect):
        found = repetitions(500, effect).groupby("method").mean()
        assert found["covers"].between(*WITHIN).all(), found
        assert found["relative"].between(*WITHIN).all(), found
        if effect == 0:
            assert found["found"].between(0.03, 0.07).all(), found
        else:
            assert found.loc["adjusted", "found"] > found.loc["difference", "found"]

    @pytest.mark.slow
    def test_looks_that_are_corrected_miss_at_most_as_often_as_said(self):
        """Twenty looks at a campaign without effect: plain intervals err in a quarter of campaigns."""
        plain, corrected = (looks(500, sequential) for sequential in (False, True))
        assert plain > 0.2
        assert corrected <= 0.05


def looks(count: int, sequential: bool) -> float:
    """Share of campaigns without effect in which one of twenty looks finds one."""
    wrong = 0
    for seed in range(count):
        random = np.random.default_rng(seed)
        daily = random.exponential(1.0, (2, 200, 20))
        for day in range(1, 21):
            treated, control = daily[:, :, :day].sum(axis=2)
            information = day / 20 if sequential else None
            if difference(treated, control, Inference(0.95, information)).p_value < 0.05:
                wrong += 1
                break
    return wrong / count


class TestInference:
    @given(some.floats(0.8, 0.99), some.floats(0.05, 1.5), some.floats(0, 6))
    @settings(deadline=None)
    def test_interval_and_p_value_agree(self, confidence, information, statistic):
        for inference in (Inference(confidence), Inference(confidence, information)):
            outside = statistic > inference.critical(50.0)
            assert outside == (inference.p_value(statistic, 50.0) < 1 - confidence)

    def test_looking_early_costs_more_width(self):
        widths = [Inference(0.95, share).critical(1e6) for share in (0.1, 0.5, 1.0)]
        assert widths == sorted(widths, reverse=True)
        assert widths[-1] > Inference(0.95).critical(1e6)

    def test_looks_err_seldom_in_a_few_repetitions(self):
        assert looks(40, sequential=True) <= 0.1


class TestPower:
    def test_published_sizes(self):
        """Cohen (1988), table 2.4.1: d .20, .50, .80, power .80, two-sided .05: 393, 64, 26 in each arm."""
        assert [customers_needed(d, 1.0)[0] for d in (0.2, 0.5, 0.8)] == [394, 64, 26]

    @given(some.integers(30, 5000), some.integers(30, 5000), some.floats(0.1, 50))
    @settings(max_examples=8, deadline=None)
    def test_size_and_effect_are_inverse(self, treated, control, deviation):
        effect = minimum_detectable_effect(treated, control, deviation)
        share = control / (treated + control)
        again = customers_needed(effect, deviation, control_share=share)
        assert again == pytest.approx((treated, control), abs=1.01)

    def test_saved_variance_saves_customers(self):
        assert customers_needed(1, 10, variance_saved=0.5)[0] == pytest.approx(
            customers_needed(1, 10)[0] / 2, abs=2
        )

    def test_the_effect_is_found_as_often_as_said(self):
        effect = minimum_detectable_effect(300, 600, 1.0)
        found = 0
        for seed in range(400):
            random = np.random.default_rng(seed)
            found += difference(random.normal(effect, 1, 300), random.normal(0, 1, 600)).p_value < 0.05
        assert found / 400 == pytest.approx(0.8, abs=0.06)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((1, 5, 1.0), "1 treated and 5 control customers"),
            ((10, 10, 0.0), "standard_deviation is 0.0"),
        ],
    )
    def test_errors(self, arguments, message):
        with pytest.raises(ParamsError, match=message):
            minimum_detectable_effect(*arguments)
        with pytest.raises(ParamsError, match="effect is 0"):
            customers_needed(0, 1.0)
        with pytest.raises(ParamsError, match="control_share is 1"):
            customers_needed(1, 1.0, control_share=1.0)
        with pytest.raises(ParamsError, match="variance_saved is 1"):
            customers_needed(1, 1.0, variance_saved=1.0)
        with pytest.raises(ParamsError, match="power is 1"):
            customers_needed(1, 1.0, power=1.0)


class TestSampleRatio:
    def test_published_mismatch(self):
        """Fabijan et al. (2019), section 1: 821,588 against 815,482 planned equal, p below 1e-6."""
        found = sample_ratio({"treated": 821_588, "control": 815_482})
        assert found.suspect
        assert found.p_value == pytest.approx(1.8e-6, rel=0.05)

    def test_planned_shares(self):
        assert not sample_ratio({"a": 803, "b": 197}, {"a": 4, "b": 1}).suspect
        assert sample_ratio({"a": 700, "b": 300}, {"a": 4, "b": 1}).suspect
        with pytest.raises(ParamsError, match=r"campaign\.shares has a: give a share above 0 for each arm"):
            sample_ratio({"a": 803, "b": 197}, {"a": 1})
