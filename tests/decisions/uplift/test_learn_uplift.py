"""Uplift learned from simulated campaigns, and its evaluation on held-out customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.uplift import SEGMENTS, learn_uplift, qini_auc_score
from guanxi.decisions.uplift._heterogeneity import test_statistic as statistic_of
from guanxi.decisions.uplift._resampled_groups import Sums, band
from guanxi.errors import DataError

SIMULATED_FEATURES = [*(f"x{i}" for i in range(5)), "channel", "member"]


@pytest.mark.slow
def test_the_true_uplift_is_found(found, strong_campaign):
    table, truth = strong_campaign
    predicted = found.predict(table)
    assert found.worth_targeting
    assert np.corrcoef(predicted["uplift"], truth)[0, 1] > 0.7
    assert abs(found.test.average - truth.mean()) < 3 * found.test.average_error
    assert found.test.spread == pytest.approx(
        truth.std() * np.corrcoef(predicted["uplift"], truth)[0, 1], abs=0.02
    )


@pytest.mark.slow
def test_what_many_predictions_have_in_common(found, strong_campaign, nothing_found):
    """The errors of average and spread, drawn anew; a customer's own error is larger."""
    test, random = found.test, np.random.default_rng(1)
    predicted = found.predict(strong_campaign[0].head(50))
    z = (predicted["uplift"].to_numpy() - test.average) / test.spread
    average, spread = random.normal(size=(2, 20_000)) * [[test.average_error], [test.spread_error]]
    drawn = (average[:, None] + spread[:, None] * z).std(axis=0)
    common = test.common_error(predicted["uplift"].to_numpy())
    assert common == pytest.approx(drawn, rel=0.03)
    assert (common <= predicted["standard_error"] + 1e-12).all()
    same = nothing_found.test.average * np.ones(2)
    assert nothing_found.test.common_error(same).tolist() == [nothing_found.test.average_error] * 2


def test_every_customer_is_held_out_once(found, strong_campaign):
    table, _ = strong_campaign
    assert found.held_out.index.equals(table.index)
    assert found.held_out.notna().all(axis=None)
    assert found.held_out["segment"].value_counts().to_dict() == {
        name: count
        for name, count in found.comparison.segments[["segment", "customers"]].itertuples(index=False)
        if count
    }
    assert found.held_out["fold"].value_counts().tolist() == [1200] * 5


def test_deciles_and_curve_are_plain_rates(found, strong_campaign):
    table, _ = strong_campaign
    treated, bought = table["arm"] == "voucher", table["bought"]
    effect = bought[treated].mean() - bought[~treated].mean()
    comparison = found.comparison
    assert comparison.curve["gain"].iloc[-1] == pytest.approx(effect)
    assert comparison.curve["by_response"].iloc[-1] == pytest.approx(effect)
    assert comparison.deciles["customers"].tolist() == [600] * 10
    assert comparison.deciles["uplift"].iloc[0] > comparison.deciles["uplift"].iloc[-1]
    everybody = comparison.policies.iloc[-1]
    assert everybody["gain"] == pytest.approx(effect)
    assert comparison.spared.value == pytest.approx(everybody["difference"])


def test_bands_hold_their_values_and_uplift_beats_response(found):
    for interval in (found.comparison.qini, found.comparison.qini_response, found.comparison.qini_difference):
        assert interval.lower < interval.value < interval.upper
    curve = found.comparison.curve
    assert ((curve["gain_lower"] <= curve["gain"]) & (curve["gain"] <= curve["gain_upper"])).all()


def test_held_out_ranks_give_the_coefficient(found, strong_campaign):
    table, _ = strong_campaign
    rank = found.held_out.groupby("fold")["uplift"].rank(pct=True)
    treated = table["arm"] == "voucher"
    assert qini_auc_score(table["bought"], rank, treated) == pytest.approx(
        found.comparison.qini.value, abs=1e-9
    )


def test_segments_follow_their_thresholds(found, strong_campaign):
    predicted = found.predict(strong_campaign[0])
    at = found.model.thresholds
    assert at.uplift == pytest.approx(found.test.average)
    expected = np.where(
        predicted["uplift"] < 0,
        "do_not_disturb",
        np.where(
            predicted["uplift"] > at.uplift,
            "persuadables",
            np.where(predicted["response"] >= at.response, "sure_things", "lost_causes"),
        ),
    )
    assert predicted["segment"].tolist() == expected.tolist()
    segments = found.comparison.segments
    assert segments["segment"].tolist() == list(SEGMENTS)
    assert segments["customers"].sum() == found.customers


def test_drivers_are_those_of_the_simulation(found):
    assert set(found.drivers["feature"].head(2)) == {"x0", "member"}
    assert found.drivers["importance"].is_monotonic_decreasing
    assert found.drivers.set_index("feature").loc["x0", "most_at"].startswith("≥")


def test_without_heterogeneity_there_are_no_segments(nothing_found):
    assert not nothing_found.worth_targeting
    assert nothing_found.comparison.segments is None
    assert nothing_found.drivers is None
    predicted = nothing_found.predict(pd.DataFrame({"x0": [0.0, 3.0], "channel": ["a", "b"]}))
    assert predicted["uplift"].tolist() == [nothing_found.test.average] * 2
    assert predicted["segment"].isna().all()
    assert (predicted["uplift_lower"] < 0.04).all()
    assert (predicted["uplift_upper"] > 0.04).all()


@pytest.fixture(scope="module")
def uninformed(benchmark_of_uplift):
    """Uplift learned without a feature that says anything, and its campaign."""
    table, _ = benchmark_of_uplift.simulate(1000, "linear", 1)
    table = table.assign(same=1.0, unknown=np.nan, empty=pd.Series([None] * len(table), dtype="str"))
    features = ["same", "unknown", "empty"]
    return learn_uplift(table, "treated", "bought", features, randomised=True, seed=1), table


def test_features_that_say_nothing_target_at_random(uninformed):
    found, table = uninformed
    comparison = found.comparison
    assert not found.worth_targeting
    assert comparison.qini.value == pytest.approx(0.0, abs=1e-12)
    assert comparison.deciles["customers"].tolist() == [100] * 10
    away = (comparison.curve["gain"] - comparison.curve["at_random"]).abs()
    assert away.max() < 0.03  # ties by lot: three standard errors at half of the customers
    assert found.predict(table.head(3))["uplift"].tolist() == [found.test.average] * 3


@pytest.mark.slow
def test_the_order_of_the_table_changes_nothing(nothing_found, benchmark_of_uplift):
    table, _ = benchmark_of_uplift.simulate(2000, "same for all", 4)
    shuffled = table.sample(frac=1, random_state=1)
    again = learn_uplift(shuffled, "treated", "bought", ["x0", "channel"], randomised=True, seed=3)
    pd.testing.assert_frame_equal(again.held_out.sort_index(), nothing_found.held_out)
    pd.testing.assert_frame_equal(again.comparison.policies, nothing_found.comparison.policies)


def test_the_statistic_is_standard_normal_for_scores_that_say_nothing():
    random = np.random.default_rng(5)
    drawn = np.array(
        [
            statistic_of([(random.normal(size=80), random.exponential(size=80)) for _ in range(4)])
            for _ in range(2000)
        ]
    )
    assert abs(drawn.mean()) < 0.08
    assert np.mean(drawn > 1.645) == pytest.approx(0.05, abs=0.015)


def test_the_statistic_ignores_the_scale_of_each_fold_and_folds_without_spread():
    random = np.random.default_rng(6)
    folds = [(random.normal(size=50), random.normal(size=50)) for _ in range(4)]
    scaled = [(uplift * 10**place + 3, score) for place, (uplift, score) in enumerate(folds)]
    assert statistic_of(scaled) == pytest.approx(statistic_of(folds))
    flat = [*folds[:3], (np.zeros(50), folds[3][1])]
    assert statistic_of(flat) == pytest.approx(statistic_of(folds[:3]) * np.sqrt(6 / 10))


def _least_squares(X, score, before):
    return X @ np.linalg.lstsq(X[before], score[before], rcond=None)[0]


def _rejections(sequential: bool) -> float:
    """Share of null campaigns in which a test of linear predictions rejects at 5 %, of 1,500."""
    random, fold, rejected = np.random.default_rng(8), np.arange(250) % 5, 0
    for _ in range(1500):
        X, score = random.normal(size=(250, 3)), random.normal(size=250)
        pairs = []
        for number in range(1 if sequential else 0, 5):
            learned_from = fold < number if sequential else fold != number
            held_out = fold == number
            pairs.append((_least_squares(X, score, learned_from)[held_out], score[held_out]))
        rejected += statistic_of(pairs) > 1.645
    return rejected / 1500


def test_folds_in_sequence_keep_the_size_that_crossed_folds_break():
    assert _rejections(sequential=True) == pytest.approx(0.05, abs=0.017)
    assert _rejections(sequential=False) > 0.08


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_test_has_its_size(benchmark_of_uplift):
    same = [benchmark_of_uplift.p_value(2000, "same for all", seed) < 0.05 for seed in range(300)]
    assert 0.02 <= np.mean(same) <= 0.085  # 5 % plus and minus 2.5 standard errors


@pytest.mark.slow
def test_confounding_by_a_feature_is_weighted_away(benchmark_of_uplift):
    table, truth = benchmark_of_uplift.simulate(12000, "same for all", 9)
    likelier = 1 / (1 + np.exp(-table["x0"]))  # buyers are treated more often
    random = np.random.default_rng(1)
    treated = random.random(len(table)) < likelier
    bought = np.where(treated == table["treated"], table["bought"], np.nan)
    table = table.assign(treated=treated, bought=bought).dropna()
    naive = table["bought"][table["treated"]].mean() - table["bought"][~table["treated"]].mean()
    adjusted = learn_uplift(table, "treated", "bought", ["x0", "x1"], randomised=False, seed=1)
    assert naive > truth[0] + 0.04
    assert adjusted.test.average == pytest.approx(truth[0], abs=3 * adjusted.test.average_error)
    weighted = adjusted.comparison.policies.iloc[-1]["gain"]
    assert weighted == pytest.approx(truth[0], abs=0.035)


def test_sums_give_effects_and_gains():
    sums = Sums(*(np.array([each], dtype=float) for each in ([10, 20], [10, 10], [1, 4], [3, 2])))
    assert sums.effect()[0] == pytest.approx([0.2, 0.0])
    assert sums.gain()[0] == pytest.approx([(3 - 1) / 20, (5 - 5 * 20 / 30) / 20])


def test_band_of_a_group_without_an_arm_is_unknown():
    ends = band(np.array([[1.0, np.nan], [0.9, np.nan], [1.1, np.nan]]))
    assert np.isnan(ends["lower"][1])
    assert ends["lower"][0] == pytest.approx(0.905)


def rows(treated: int, control: int, responders: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": ["mail"] * treated + ["control"] * control,
            "visit": ([1] * responders + [0] * (treated - responders))
            + ([1] * responders + [0] * (control - responders)),
            "age": range(treated + control),
        }
    )


GOOD = rows(200, 200, 60)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rows(200, 3, 3), "the arm 'control' has 0 of 3 customers without 'visit'"),
        (rows(200, 200, 20), "the arm 'control' has 20 of 200 customers with 'visit'.* at least 50"),
        (rows(200, 200, 0), "all 400 customers have 'visit' = 0: an uplift needs both outcomes"),
        (GOOD.assign(arm="mail"), "there is no 'control' in 'arm', only mail"),
        (GOOD.assign(arm="control"), "there is only 'control' in 'arm'"),
        (GOOD.assign(arm=["a", "b"] * 100 + ["control"] * 200), "has the arms a, b beside 'control'"),
        (GOOD.assign(arm=GOOD["arm"].mask(GOOD["age"] < 2)), "2 customers have no 'arm'"),
        (GOOD.assign(visit=GOOD["visit"].mask(GOOD["age"] < 2)), "2 customers have no 'visit'"),
        (GOOD.assign(visit=GOOD["visit"] * 2), "the outcome 'visit' is not of yes or no"),
        (GOOD.drop(columns="visit"), "the outcome 'visit' is not in the table"),
        (GOOD.drop(columns="arm"), "the arm 'arm' is not in the table"),
    ],
)
def test_campaigns_that_cannot_be_used(table, message):
    with pytest.raises(DataError, match=message):
        learn_uplift(table, "arm", "visit", ["age"], randomised=True, seed=1)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["age", "visit"], "'visit' is among the features"),
        (["age", "age"], "'age' is named twice"),
        ([], "no feature is given"),
    ],
)
def test_features_of_a_campaign(features, message):
    with pytest.raises(DataError, match=message):
        learn_uplift(GOOD, "arm", "visit", features, randomised=True, seed=1)


@pytest.mark.parametrize("arms", [(1, 0), (True, False), ("mail", "control")])
def test_arms_by_name_number_or_truth(arms):
    from guanxi.decisions.uplift._uplift_checks import read_arms

    treated, name = read_arms(pd.DataFrame({"arm": [*arms, arms[0]]}), "arm")
    assert treated.tolist() == [1, 0, 1]
    assert name == ("mail" if "mail" in arms else "treated")


@pytest.mark.slow
def test_hillstrom_in_one_split(benchmark_of_uplift, shared_data):
    """The bars of 20 splits are measured by `python benchmarks/uplift.py hillstrom`."""
    benchmark_of_uplift.HILLSTROM = shared_data / "hillstrom.parquet"
    table = benchmark_of_uplift.hillstrom(benchmark_of_uplift.CAMPAIGNS["women's"])
    scores = benchmark_of_uplift.split_scores(table, 0)
    assert scores["chosen"] > 0.04
    assert scores["chosen"] > scores["likeliest buyers"]
