"""Weights as the parameters ask for them: each method, each combination, and what is refused."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.params.scorecard import WeightsParams
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.weights._weighting import BY_DATA, USUAL_TREE, scorecard_tree, weight_indicators

TREE = {"value": ["future_value", "profit"], "loyalty": ["tenure_days"], "satisfaction": ["csat", "ces"]}
LEAVES = ["future_value", "profit", "tenure_days", "csat", "ces"]
GOAL = {"value": {"loyalty": 2, "satisfaction": 4}, "loyalty": {"satisfaction": 2}}
CONSISTENT = {"goal": GOAL, "value": {"future_value": {"profit": 3}}, "satisfaction": {"csat": {"ces": 1}}}
# 4 : 2 : 1 at the top, 3 : 1 and 1 : 1 below.
BY_HAND = [4 / 7 * 3 / 4, 4 / 7 / 4, 2 / 7, 1 / 14, 1 / 14]
FUZZY = {
    "goal": {
        "value": {"loyalty": [1, 2, 3], "satisfaction": [3, 4, 5]},
        "loyalty": {"satisfaction": [1, 2, 3]},
    }
}
POINTS = {"future_value": 40, "profit": 20, "tenure_days": 20, "csat": 15, "ces": 5}
ROUNDS = [
    {
        "ann": dict(zip(LEAVES, [9, 5, 4, 2, 1], strict=True)),
        "bob": dict(zip(LEAVES, [6, 4, 6, 3, 1], strict=True)),
    },
    {
        "ann": dict(zip(LEAVES, [8, 5, 4, 2, 1], strict=True)),
        "bob": dict(zip(LEAVES, [8, 4, 5, 2, 1], strict=True)),
    },
]
METHODS = {
    "eigenvector": {"judgements": {"ann": CONSISTENT}},
    "geometric_mean": {"judgements": {"ann": CONSISTENT}},
    "fuzzy_geometric_mean": {"judgements": {"ann": FUZZY}},
    "fuzzy_extent_analysis": {"judgements": {"ann": FUZZY}},
    "direct": {"points": POINTS},
    "delphi": {"rounds": ROUNDS},
}


@pytest.fixture(scope="module")
def normalised():
    """Five indicators of 300 customers that have something in common; some of csat and ces is unknown."""
    random = np.random.default_rng(5)
    common = random.random((300, 1))
    table = pd.DataFrame(0.5 * common + 0.5 * random.random((300, 5)) ** [1, 2, 1, 3, 1], columns=LEAVES)
    table[["csat", "ces"]] = table[["csat", "ces"]].mask(random.random((300, 2)) < 0.3)
    table.insert(0, "customer_id", [f"c{place}" for place in range(300)])
    return table


def weighed(normalised, tree=TREE, draws=0, **options):
    return weight_indicators(WeightsParams(**options), scorecard_tree(tree), normalised, draws=draws, seed=3)


def test_each_method_of_the_parameters_is_tried():
    assert set(METHODS) == set(get_args(WeightsParams.model_fields["method"].annotation))
    by_data, none = get_args(WeightsParams.model_fields["data"].annotation)
    assert set(BY_DATA) == set(get_args(by_data))
    assert none is type(None)


def test_the_usual_tree_names_indicators_of_its_branches():
    assert all(CATALOGUE[name].dimension == branch for branch, names in USUAL_TREE.items() for name in names)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", [None, *BY_DATA])
def test_weights_and_their_draws_add_up_to_1(normalised, method, data):
    for combine in ("multiplicative", "least_squares", "linear") if data else ("multiplicative",):
        found = weighed(normalised, draws=50, method=method, data=data, combine=combine, **METHODS[method])
        assert list(found.weights) == LEAVES
        assert sum(found.weights.values()) == pytest.approx(1, abs=1e-12)
        assert sum(found.judged.values()) == pytest.approx(1, abs=1e-12)
        assert found.drawn.shape == (50, 5)
        np.testing.assert_allclose(found.drawn.sum(axis=1), 1, atol=1e-12)
        assert found.drawn.min() >= 0
        # Draws lie about the weights, and are not all the same.
        assert np.abs(found.drawn.mean(axis=0) - list(found.weights.values())).max() < 0.1
        assert found.drawn.std(axis=0).max() > 0.001


@pytest.mark.parametrize("method", ["eigenvector", "geometric_mean"])
def test_consistent_judgements_by_hand(normalised, method):
    found = weighed(normalised, method=method, **METHODS[method])
    np.testing.assert_allclose(list(found.weights.values()), BY_HAND, atol=1e-9)
    assert found.consistency["node"].tolist() == ["goal", "value", "satisfaction"]
    np.testing.assert_allclose(found.consistency["consistency_ratio"], 0, atol=1e-9)


def test_points_are_divided_by_their_sum_and_none_is_0(normalised):
    found = weighed(normalised, method="direct", points={"future_value": 3, "csat": 1})
    assert found.weights == {"future_value": 0.75, "profit": 0, "tenure_days": 0, "csat": 0.25, "ces": 0}


def test_a_panel_weighs_by_its_last_round_and_says_how_it_ended(normalised):
    found = weighed(normalised, method="delphi", rounds=ROUNDS)
    # Each expert's ratings of the last round over their sum, 20 for both, on average.
    np.testing.assert_allclose(list(found.weights.values()), np.array([16, 9, 9, 4, 2]) / 40, atol=1e-12)
    assert found.notes[0].startswith("Delphi panel, 2 rounds: ")


@pytest.mark.parametrize("data", BY_DATA)
def test_data_alone_and_judgement_alone(normalised, data):
    both = {"data": data, **METHODS["eigenvector"]}
    alone = BY_DATA[data](normalised[LEAVES]).weights
    for combine in ("multiplicative", "linear"):
        by_data = weighed(normalised, **both, combine=combine, share=0)
        assert by_data.weights == pytest.approx(alone, abs=1e-12)
        judged = weighed(normalised, **both, combine=combine, share=1)
        np.testing.assert_allclose(list(judged.weights.values()), BY_HAND, atol=1e-9)


def test_combinations_by_hand(normalised):
    both = {"data": "critic", **METHODS["eigenvector"]}
    measured = np.array(list(BY_DATA["critic"](normalised[LEAVES]).weights.values()))
    found = weighed(normalised, **both, combine="linear", share=0.3)
    np.testing.assert_allclose(list(found.weights.values()), 0.3 * np.array(BY_HAND) + 0.7 * measured)
    found = weighed(normalised, **both, share=0.3)
    product = np.array(BY_HAND) ** 0.3 * measured**0.7
    np.testing.assert_allclose(list(found.weights.values()), product / product.sum())
    found = weighed(normalised, **both, combine="least_squares")
    share = (found.weights["csat"] - measured[3]) / (BY_HAND[3] - measured[3])
    assert 0 < share < 1
    np.testing.assert_allclose(
        list(found.weights.values()), share * np.array(BY_HAND) + (1 - share) * measured
    )


def test_a_branch_that_nobody_judged_counts_its_parts_alike(normalised):
    found = weighed(normalised, judgements={"ann": {"value": {"future_value": {"profit": 3}}}})
    expected = [1 / 3 * 3 / 4, 1 / 3 / 4, 1 / 3, 1 / 6, 1 / 6]
    np.testing.assert_allclose(list(found.weights.values()), expected, atol=1e-9)
    assert found.consistency["node"].tolist() == ["value"]
    nobody = weighed(normalised)
    np.testing.assert_allclose(list(nobody.weights.values()), [1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6], atol=1e-9)
    assert nobody.consistency.empty


def test_the_branches_of_the_usual_tree_count_as_usual_until_somebody_judges_them():
    names = [name for names in USUAL_TREE.values() for name in names]
    known = pd.DataFrame(0.5, index=range(3), columns=names)

    def of_branches(**options):
        found = weighed(known, tree=None, **options)
        return {branch: sum(found.weights[name] for name in names) for branch, names in USUAL_TREE.items()}

    usual = {branch: 0.3 if branch in ("value", "loyalty") else 0.1 for branch in USUAL_TREE}
    assert of_branches() == pytest.approx(usual)
    assert of_branches(judgements={"ann": {"advocacy": [[1, 2], [0.5, 1]]}}) == pytest.approx(usual)
    alike = {"ann": {"goal": [[1] * 6] * 6}}
    assert of_branches(judgements=alike) == pytest.approx(dict.fromkeys(USUAL_TREE, 1 / 6))


def test_experts_who_judged_nothing_of_a_branch_have_no_say_in_it(normalised):
    """Ann judges the branches, bob one of them: together they are one expert who judged both."""
    ann, bob = {"goal": GOAL}, {"value": CONSISTENT["value"], "satisfaction": CONSISTENT["satisfaction"]}
    found = weighed(normalised, judgements={"ann": ann, "bob": bob}, draws=20)
    np.testing.assert_allclose(list(found.weights.values()), BY_HAND, atol=1e-9)
    np.testing.assert_allclose(found.drawn.sum(axis=1), 1, atol=1e-12)
    said = found.consistency.loc[found.consistency["expert"] != "group", ["node", "expert"]]
    assert said.to_numpy().tolist() == [["goal", "ann"], ["value", "bob"], ["satisfaction", "bob"]]


def test_expert_weights_decide_between_two(normalised):
    apart = {
        "ann": {"value": {"future_value": {"profit": 9}}},
        "bob": {"value": {"future_value": {"profit": "1/9"}}},
    }
    alike = weighed(normalised, judgements=apart).weights
    assert alike["future_value"] == pytest.approx(alike["profit"])
    heard = weighed(normalised, judgements=apart, expert_weights={"ann": 3, "bob": 1}).weights
    # 9 ** (3/4 - 1/4) = 3
    assert heard["future_value"] == pytest.approx(3 * heard["profit"])


@pytest.mark.parametrize("method", METHODS)
def test_what_nobody_has_gives_its_weight_to_all_others_in_proportion(normalised, method):
    whole = weighed(normalised, method=method, draws=20, **METHODS[method])
    for without in (normalised.drop(columns=["csat", "ces"]), normalised.assign(csat=np.nan, ces=np.nan)):
        found = weighed(without, method=method, draws=20, **METHODS[method])
        left = sum(whole.weights[name] for name in LEAVES[:3])
        expected = {name: whole.weights[name] / left for name in LEAVES[:3]}
        assert found.weights == pytest.approx(expected, abs=1e-12)
        drawn = whole.drawn[:, :3]
        np.testing.assert_allclose(found.drawn, drawn / drawn.sum(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("data", BY_DATA)
def test_order_of_customers_changes_no_weight(normalised, data):
    shuffled = normalised.sample(frac=1, random_state=1)
    one, other = (weighed(table, data=data).weights for table in (normalised, shuffled))
    assert one == pytest.approx(other, abs=1e-9)


def test_an_indicator_that_is_the_same_for_all_counts_nothing_by_data(normalised):
    found = weighed(normalised.assign(ces=0.5), data="critic", share=0)
    assert found.weights["ces"] == 0
    assert any("ces" in note for note in found.notes)


def test_nothing_known(normalised):
    nothing = normalised.assign(**dict.fromkeys(LEAVES, np.nan))
    with pytest.raises(
        DataError, match=r"no indicator with a weight is known for any customer: give the tables"
    ):
        weighed(nothing)
    # Points for what nobody has are no weights either.
    with pytest.raises(DataError, match="no indicator with a weight is known"):
        weighed(normalised.assign(csat=np.nan), method="direct", points={"csat": 1})


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            {"value": ["futur_value"]},
            r"scorecard\.tree\.value: indicator 'futur_value' is unknown.*future_value\?",
        ),
        ({"value": ["profit"], "more": ["profit"]}, r"scorecard\.tree: indicator profit appears twice"),
        ({"value": []}, r"scorecard\.tree\.value = \[\] is not a tree"),
        ({"csat": ["ces"]}, r"scorecard\.tree\.csat: a branch cannot have the name of an indicator"),
        (7, r"scorecard\.tree = 7 is not a tree"),
    ],
)
def test_refused_trees(tree, said):
    with pytest.raises(ParamsError, match=said):
        scorecard_tree(tree)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"judgements": {"ann": {"gaol": GOAL}}}, r"judgements\.ann\.gaol .*did you mean goal\?"),
        ({"judgements": {"ann": {"goal": {"value": {"loyalti": 2}}}}}, r"loyalti.*did you mean loyalty\?"),
        ({"judgements": {"ann": {"goal": {"value": {"loyalty": 12}}}}}, r"judgements\.ann\.goal.*12"),
        ({"judgements": {"ann": {"goal": {"value": {"loyalty": 0}}}}}, r"judgements\.ann\.goal.*0"),
        (
            {"judgements": {"ann": {"goal": {"value": {"loyalty": 3}}}}},
            r"judgements\.ann\.goal.*satisfaction",
        ),
        (
            {"judgements": {"ann": {}}, "expert_weights": {"bob": 1}},
            r"expert_weights: 'bob' gave no judgements",
        ),
        ({"method": "direct", "points": {"csatt": 1}}, r"weights\.points: 'csatt'.*did you mean csat\?"),
        ({"method": "direct", "points": {"csat": -1}}, r"weights\.points: .*csat is -1"),
        ({"method": "direct", "points": {"csat": 0}}, r"weights\.points: no weight is above 0"),
        (
            {"method": "delphi", "rounds": [{"ann": {"csat": 1}, "bob": {"csat": 1}}]},
            r"weights\.rounds\[1\]\.ann",
        ),
        ({"method": "delphi", "rounds": [ROUNDS[0] | {"bob": {"csatt": 1}}]}, r"csatt.*did you mean csat\?"),
    ],
)
def test_refused_weights_say_where(normalised, options, said):
    with pytest.raises(ParamsError, match=said):
        weighed(normalised, **options)


def test_contradictions_are_named_with_what_would_mend_them(normalised):
    goal = {"value": {"loyalty": 9, "satisfaction": "1/9"}, "loyalty": {"satisfaction": 9}}
    with pytest.raises(ParamsError, match=r"judgements\.ann\.goal.*consistency ratio") as refused:
        weighed(normalised, judgements={"ann": {"goal": goal}})
    assert "\n" not in str(refused.value)
    assert "value" in str(refused.value)
    assert "satisfaction" in str(refused.value)
