"""The scorecard of a whole company by the parameters: laws that hold whatever they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.params.scorecard import ScorecardParams
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.scoring._relationship import (
    methods_agreement,
    own_weights,
    relationship,
    score_other_day,
)
from guanxi.scorecard.weights._weighting import USUAL_TREE
from guanxi.served.texts import texts

NAMES = [name for names in USUAL_TREE.values() for name in names]
SURVEYED = ["csat", "ces", "servqual_gap", "satisfaction_trend", "promoter"]
JUDGED = {"weights": {"judgements": {"ann": {"advocacy": {"referral_value": {"promoter": 3}}}}}}
WAYS = {
    "usual": {},
    "judged": JUDGED,
    "topsis": {"method": "topsis"},
    "fuzzy": {"method": "fuzzy"},
    "min_max": {"normalisation": "min_max"},
    "by_data": {"weights": {"data": "critic", "share": 0.5}},
    "matched": {"weights": {"match": "variance"}},
    "own_grades": {
        "method": "fuzzy",
        "fuzzy": {
            "operator": "product_or",
            "grades": {
                "a": [60, 80, 100, 100],
                "b": [30, 50, 60, 80],
                "c": [0, 0, 30, 50],
            },
        },
    },
    "pareto": {"tiers": {"method": "pareto"}},
}


@pytest.fixture(scope="module")
def indicators():
    """All indicators of 400 customers, related to one another; of each customer some are unknown."""
    random = np.random.default_rng(11)
    common = random.normal(size=(400, 1))
    values = 0.6 * common + random.normal(size=(400, len(CATALOGUE)))
    table = pd.DataFrame(values.round(2), columns=list(CATALOGUE))
    table = table.mask(random.random(table.shape) < 0.2)
    table["future_value"] = np.exp(values[:, 3]).round(2)
    table.insert(0, "customer_id", [f"c{place:03d}" for place in range(400)])
    return table


def scored(indicators, draws=0, **options):
    return relationship(indicators, ScorecardParams(**{"draws": draws, **options}), seed=2)


@pytest.mark.parametrize("way", WAYS)
def test_points_add_up_to_the_score_and_weights_to_1(indicators, way):
    found = scored(indicators, **WAYS[way])
    table = found.card.table
    assert sum(found.weighting.weights.values()) == pytest.approx(1, abs=1e-9)
    assert sorted(found.weighting.weights) == sorted(NAMES)
    np.testing.assert_allclose(table.filter(like="_points").sum(axis=1), table["score"], atol=1e-7)
    assert set(table["tier"]) == {"high", "middle", "low"}
    assert [f"{branch}_score" for branch in USUAL_TREE] == [
        name for name in table.columns if name.endswith("_score")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_order_of_customers_changes_nothing(indicators, way):
    shuffled = indicators.sample(frac=1, random_state=4).reset_index(drop=True)
    one, other = (scored(table, **WAYS[way]).card.table for table in (indicators, shuffled))
    assert other["customer_id"].tolist() == shuffled["customer_id"].tolist()
    other = other.set_index("customer_id").loc[one["customer_id"]].reset_index()
    pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("way", ["usual", "judged", "topsis", "fuzzy", "min_max"])
def test_a_company_without_surveys_is_one_that_weighs_them_0(indicators, way):
    without = indicators.assign(**dict.fromkeys(SURVEYED, np.nan))
    whole = scored(indicators, **WAYS[way]).weighting.weights
    points = {}
    for names in USUAL_TREE.values():  # every branch keeps its weight: something is known of each
        branch, left = (sum(whole[name] for name in chosen) for chosen in (names, set(names) - set(SURVEYED)))
        points |= {name: 0.0 if name in SURVEYED else whole[name] * branch / left for name in names}
    options = {name: value for name, value in WAYS[way].items() if name != "weights"}
    found = scored(without, **WAYS[way])
    lost = sum(whole[name] for name in SURVEYED)
    listed = ", ".join(SURVEYED[:-1]) + f" and {SURVEYED[-1]}"
    [note] = found.weighting.notes
    assert note.startswith(f"No customer has {listed}: weight 0 instead of {lost:.3g} in all")
    first = found.card
    second = scored(indicators, **options, weights={"method": "direct", "points": points}).card
    pd.testing.assert_frame_equal(first.table, second.table, rtol=0, atol=1e-7)


@pytest.mark.parametrize("way", ["usual", "judged", "topsis", "fuzzy", "min_max"])
def test_a_better_value_never_lowers_a_score(indicators, way):
    before = scored(indicators, **WAYS[way]).card.table
    for place, name in list(enumerate(NAMES))[list(WAYS).index(way) :: 4]:
        customer = int(indicators[name].notna().to_numpy().nonzero()[0][place])
        better = indicators.copy()
        better.loc[customer, name] += 0.7 if CATALOGUE[name].higher_is_better else -0.7
        after = scored(better, **WAYS[way]).card.table
        for column in ("score", f"{CATALOGUE[name].dimension}_score"):
            assert after[column][customer] >= before[column][customer] - 1e-9, name
        assert after["rank"][customer] <= before["rank"][customer], name


def test_an_earlier_day_is_scored_by_the_scale_and_the_cuts_of_today(indicators):
    today = scored(indicators)
    earlier = score_other_day(indicators.head(50), today).table
    columns = ["customer_id", "score", "grade", "tier", "value_score", "known_weight"]
    pd.testing.assert_frame_equal(earlier[columns], today.card.table[columns].head(50))


def test_stability_is_worked_out_where_the_tiers_follow_the_weights(indicators):
    sure = scored(indicators, draws=100).stability
    assert sure.draws == 100
    kept = pd.Series(sure.kept)
    assert kept.between(0, 1).all()
    assert 0.8 < kept.mean() < 1
    # The surer the tier, the further the score from the next one.
    assert scored(indicators, draws=100, **WAYS["pareto"]).stability is None
    assert scored(indicators, draws=0).stability is None


@pytest.mark.parametrize("way", ["usual", "judged", "topsis", "fuzzy", "min_max", "by_data"])
def test_the_tiers_that_are_kept_or_not_are_those_of_the_scores(indicators, way):
    found = scored(indicators, draws=20, **WAYS[way])
    assert list(found.stability.tiers) == found.card.table["tier"].tolist()


def test_the_seed_decides_the_draws_and_nothing_else(indicators):
    options = ScorecardParams(draws=50)
    one, same, other = (relationship(indicators, options, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.stability.kept, same.stability.kept)
    assert (one.stability.kept != other.stability.kept).any()
    pd.testing.assert_frame_equal(one.card.table, other.card.table)


def test_methods_agree_with_one_another(indicators):
    agreement = methods_agreement(scored(indicators))
    assert agreement[["first", "second"]].to_numpy().tolist() == [
        ["weighted_sum", "topsis"], ["weighted_sum", "fuzzy"], ["topsis", "fuzzy"],
    ]  # fmt: skip
    assert agreement["tau"].between(0.7, 1).all()


def test_groups_of_their_own_weights(indicators):
    options = ScorecardParams(draws=0, weights={"data": "critic", "share": 0})
    found = relationship(indicators, options)
    groups = pd.Series(np.where(np.arange(400) < 397, "many", "few"))
    table = own_weights(groups, found, options)
    # Three customers tell no weights.
    assert "many" in set(table["group"])
    alone = own_weights(pd.Series(["all"] * 400), found, options)
    np.testing.assert_allclose(alone["difference"], 0, atol=1e-9)


@pytest.mark.parametrize("method", ["weighted_sum", "topsis", "fuzzy"])
def test_scores_of_groups_are_those_of_the_scorecard(indicators, method):
    options = ScorecardParams(draws=0, method=method, weights={"data": "critic", "share": 0})
    found = relationship(indicators, options)
    table = own_weights(pd.Series(["all"] * 400), found, options)
    assert table["common"].item() == pytest.approx(found.card.table["score"].mean(), abs=1e-8)


def test_reasons_are_in_the_language_asked_for(indicators):
    table = relationship(indicators, ScorecardParams(draws=0), language="zh").card.table
    chinese = texts("guanxi.scorecard.indicators", "zh")["indicators"]
    labels = {chinese[name] for name in NAMES}
    assert set(table["why_1"].str.rsplit(" ", n=1).str[0]) <= labels


def test_nothing_known_of_anybody(indicators):
    nothing = indicators[["customer_id"]].assign(**dict.fromkeys(CATALOGUE, np.nan))
    with pytest.raises(DataError, match="no indicator with a weight is known for any customer: give"):
        scored(nothing)


def test_a_customer_of_whom_nothing_is_known_has_no_score(indicators):
    table = indicators.copy()
    table.loc[5, NAMES] = np.nan
    found = scored(table, draws=50)
    row = found.card.table.loc[5]
    assert row[["score", "grade", "rank", "tier"]].isna().all()
    assert row["known_weight"] == 0
    assert np.isnan(found.stability.kept[5])
    assert found.card.table.drop(index=5)["score"].notna().all()
    assert any(note.startswith("1 of 400 customers have no indicator") for note in found.card.notes)


def test_targets_are_the_scale_where_they_are_asked_for(indicators):
    targets = {
        name: {"target": 0.5 if CATALOGUE[name].higher_is_better else -0.5} for name in ("csat", "complaints")
    }
    tree = {"satisfaction": ["csat", "complaints"]}
    found = scored(indicators, tree=tree, targets=targets, normalisation="target").card.table
    reached = (indicators["csat"] >= 0.5) & (indicators["complaints"] <= -0.5)
    assert reached.sum() > 10
    assert (found.loc[reached, "score"] == 100).all()
    with pytest.raises(ParamsError, match="no target for ces"):
        scored(indicators, tree={"satisfaction": ["csat", "ces"]}, targets=targets, normalisation="target")


def test_entropy_is_measured_on_min_max_values_not_on_ranks(indicators):
    weights = {"data": "entropy", "share": 0.0}
    ranks, plain = (
        scored(indicators, weights=weights, normalisation=each) for each in ("quantile", "min_max")
    )
    assert ranks.weighting.weights == pytest.approx(plain.weighting.weights)
    assert any(note.startswith("entropy weights are measured on min_max") for note in ranks.notes)
    assert not any(note.startswith("entropy") for note in plain.notes)
    assert ranks.card.normalisation.method == "quantile"


def test_matched_weights_make_importance_nominal(indicators):
    found = scored(indicators, draws=50, weights={"match": "variance"})
    own = found.importance.dropna(subset="indicator")
    np.testing.assert_allclose(own["effective"], own["nominal"], atol=0.005)
    assert found.weighting.weights != found.weighting.nominal
    assert sum(found.weighting.weights.values()) == pytest.approx(1)
    assert found.stability.draws == 50


def test_own_grades_and_operator(indicators):
    found = scored(indicators, draws=10, **WAYS["own_grades"])
    memberships = found.card.table.filter(like="_membership")
    assert list(memberships.columns) == ["a_membership", "b_membership", "c_membership"]
    np.testing.assert_allclose(memberships.sum(axis=1), 1.0)
    assert set(found.card.table["grade"]) <= set("abc")
    assert found.stability is None
    assert "stability: not assessed, since this fuzzy evaluation is not a sum over indicators" in found.notes


@pytest.mark.parametrize(
    ("grades", "said"),
    [
        ({"a": 90, "b": [0, 0, 50, 60]}, "give every grade a score, or every grade four corners"),
        ({"a": [60, 80, 100, 100], "b": [0, 0, 30, 50]}, "some scores are in no grade"),
        ({"a": [80, 60, 100, 100], "b": [0, 0, 70, 90]}, "grades.a: corners must not fall"),
        ({"a": 10, "b": 90}, "fall between 100 and 0"),
    ],
)
def test_grades_that_are_none(indicators, grades, said):
    with pytest.raises(ParamsError, match=said):
        scored(indicators, method="fuzzy", fuzzy={"grades": grades})
