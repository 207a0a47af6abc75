"""The scorecard by group: by hand, comparable, and with weights of a group's own."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from guanxi.errors import ParamsError
from guanxi.scorecard.targets._roll_up import compare_group_weights, roll_up

CARDS = pd.DataFrame(
    {
        "customer_id": list("abcdef"),
        "score": [40.0, 60.0, 80.0, 90.0, math.nan, 10.0],
        "value_score": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "csat": [0.5, math.nan, 0.25, 0.75, math.nan, 1.0],
        "rank": [4, 3, 2, 1, None, 5],
        "csat_points": [1.0] * 6,
        "tier": ["low", "middle", "high", "high", None, "low"],
        "country": ["DE", "DE", "DE", "CN", "CN", None],
    }
)


def test_means_by_hand():
    means = roll_up(CARDS, "country").means
    assert list(means["measure"].unique()) == ["score", "value_score", "csat"]
    german = means[(means["group"] == "DE") & (means["measure"] == "score")].iloc[0]
    assert german[["customers", "known", "mean", "difference"]].tolist() == [3, 3, 60.0, 4.0]
    ends = stats.t.interval(0.9, 2, loc=60, scale=20 / math.sqrt(3))
    assert german[["lower", "upper"]].tolist() == pytest.approx(list(ends))
    chinese = means[(means["group"] == "CN") & (means["measure"] == "score")].iloc[0]
    assert chinese[["customers", "known", "mean"]].tolist() == [2, 1, 90.0]
    assert math.isnan(chinese["lower"])
    nobody = means[means["group"].isna()]
    assert nobody["customers"].tolist() == [1, 1, 1]
    assert means["small"].all()


def test_tiers_add_up_in_each_group():
    tiers = roll_up(CARDS, "country").tiers
    assert tiers.groupby("group", dropna=False)["share"].sum().tolist() == [1.0] * 3
    assert tiers["customers"].sum() == len(CARDS)
    high = tiers[(tiers["group"] == "DE") & (tiers["tier"] == "high")].iloc[0]
    wilson = stats.binomtest(1, 3).proportion_ci(0.9, method="wilson")
    assert high[["customers", "share", "lower", "upper"]].tolist() == pytest.approx(
        [1, 1 / 3, wilson.low, wilson.high]
    )


def test_ordered_categories_and_numbers_as_groups():
    tiers = pd.Categorical(CARDS["tier"], ["high", "middle", "low"], ordered=True)
    cards = CARDS.assign(tier=tiers, country=[1, 1, 2, 2, 2, 2])
    rolled = roll_up(cards, "country", measures=["csat"])
    assert rolled.means["group"].tolist() == [1, 2]
    assert rolled.tiers["customers"].sum() == len(CARDS)
    assert rolled.tiers["tier"].dropna().unique().tolist() == ["high", "middle", "low"]
    assert roll_up(cards.assign(country=pd.Categorical(cards["country"])), "country").means["known"].sum() > 0


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_customers_changes_nothing(order):
    expected, rolled = roll_up(CARDS, "country"), roll_up(CARDS.iloc[order], "country")
    pd.testing.assert_frame_equal(rolled.means, expected.means)
    pd.testing.assert_frame_equal(rolled.tiers, expected.tiers)


def test_intervals_of_scores_cover_in_small_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(2000), 8)
    cards = pd.DataFrame({"score": 100 * rng.beta(4, 3, len(groups)), "tier": "low", "team": groups})
    means = roll_up(cards, "team").means
    covered = (means["lower"] <= 400 / 7) & (means["upper"] >= 400 / 7)
    assert covered.mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("by", "measures", "message"),
    [
        ("contry", None, r"roll-up: no column 'contry': did you mean country\?"),
        ("country", ["scor"], r"roll-up: no column 'scor': did you mean score\?"),
    ],
)
def test_unknown_columns_are_refused(by, measures, message):
    with pytest.raises(ParamsError, match=message):
        roll_up(CARDS, by, measures)


def score(rows: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    return 100 * sum(weight * rows[name] for name, weight in weights.items())


def test_weights_of_a_group_and_the_difference_they_make():
    rows = pd.DataFrame({"csat": [1.0, 0.5, 0.0, 0.2], "ces": [0.0, 0.5, 0.5, 0.4]})
    groups = pd.Series(["a", "a", "b", None])
    common = {"csat": 0.5, "ces": 0.5}
    own = {"a": {"csat": 0.9, "ces": 0.1}, "b": common}
    table = compare_group_weights(rows, groups, common, own.__getitem__, score)
    first, second = (row for _, row in table.iterrows())
    assert first[["group", "customers", "common", "own", "difference"]].tolist() == ["a", 2, 50.0, 70.0, 20.0]
    ends = stats.t.interval(0.9, 1, loc=20, scale=stats.sem([40, 0]))
    assert first[["lower", "upper"]].tolist() == pytest.approx(list(ends))
    assert second[["common", "own", "difference"]].tolist() == [25.0, 25.0, 0.0]
    assert table["small"].all()


def test_common_weights_for_all_make_no_difference():
    rows = pd.DataFrame(np.random.default_rng(0).random((90, 2)), columns=["csat", "ces"])
    groups = pd.Series(list("abc") * 30)
    weights = {"csat": 0.3, "ces": 0.7}
    table = compare_group_weights(rows, groups, weights, lambda group: weights, score)
    assert table["difference"].abs().max() == 0
    assert not table["small"].any()
