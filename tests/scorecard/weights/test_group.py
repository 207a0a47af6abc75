"""Experts on a tree: aggregation, what is refused, and how weights spread within their uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import ParamsError
from guanxi.scorecard.weights._ahp import priorities
from guanxi.scorecard.weights._group import aggregate, hierarchy_weights, parse_judgements
from guanxi.scorecard.weights._tree import dimensions, parse_tree
from guanxi.scorecard.weights._uncertainty import judgement_factors

TREE = parse_tree({"value": ["a", "b", "c"], "loyalty": ["d"], "mood": ["e", "f"]}, "abcdef")
ANN = """
goal: {value: {loyalty: 3, mood: 2}, loyalty: {mood: 1/2}}
value: [[1, 2, 6], [1/2, 1, 3], [1/6, 1/3, 1]]
mood: {e: {f: 4}}
"""
BOB = """
goal: {value: {loyalty: 1/2, mood: 1}, loyalty: {mood: 2}}
value: {a: {b: 1, c: 1}, b: {c: 1}}
mood: {e: {f: 1/4}}
"""


def judged(text, **options):
    return parse_judgements(TREE, yaml.safe_load(text), "weights.judgements", **options)


class TestOneExpert:
    def test_global_weights_are_products_of_local_ones(self):
        found = hierarchy_weights(TREE, {"ann": judged(ANN)})
        goal = priorities(judged(ANN)["goal"]).weights
        expected = [*goal[0] * np.array([0.6, 0.3, 0.1]), goal[1], *goal[2] * np.array([0.8, 0.2])]
        np.testing.assert_allclose(list(found.weights.values()), expected)
        assert list(found.weights) == list("abcdef") == list(dimensions(found.tree))
        assert dimensions(found.tree)["e"] == "mood"
        assert found.local["mood"] == pytest.approx({"e": 0.8, "f": 0.2})

    def test_consistency_of_every_node(self):
        table = hierarchy_weights(TREE, {"ann": judged(ANN)}).consistency()
        assert table["node"].tolist() == ["goal", "value", "mood"]
        assert table["expert"].unique().tolist() == ["ann"]
        assert table["consistency_ratio"].tolist() == pytest.approx(
            [priorities(judged(ANN)["goal"]).consistency_ratio, 0.0, 0.0], abs=1e-9
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mood": None}, "weights.judgements.mood = None: write a map"),
            (
                {"moood": {}},
                "weights.judgements.moood is not a branch with items to compare: did you mean mood?",
            ),
            ({"loyalty": {}}, "weights.judgements.loyalty is not a branch with items to compare"),
            (
                {"goal": {"value": {"loyalty": 9, "mood": "1/9"}, "loyalty": {"mood": 9}}},
                "goal: the judgements",
            ),
        ],
    )
    def test_refuses_in_one_line(self, change, message):
        with pytest.raises(ParamsError, match=message) as refused:
            parse_judgements(TREE, yaml.safe_load(ANN) | change, "weights.judgements")
        assert "\n" not in str(refused.value)

    def test_names_the_node_that_is_not_judged(self):
        with pytest.raises(ParamsError, match=r"^judgements lacks value: compare a, b, c$"):
            parse_judgements(TREE, {"goal": yaml.safe_load(ANN)["goal"]})
        with pytest.raises(ParamsError, match="judgements = None: write a map from each branch"):
            parse_judgements(TREE, None)

    def test_fuzzy_judgements_are_held_to_their_modal_values(self, published):
        tree = parse_tree(list("abcdefgh"), "abcdefgh")
        with pytest.raises(ParamsError, match="c against g 1/2 instead of 6"):
            parse_judgements(tree, {"goal": published["house"].tolist()}, fuzzy=True)


class TestGroup:
    @pytest.mark.parametrize("method", ["eigenvector", "geometric_mean"])
    def test_identical_experts_are_one_expert(self, method):
        one = hierarchy_weights(TREE, {"ann": judged(ANN)}, method=method)
        three = hierarchy_weights(TREE, {name: judged(ANN) for name in ("x", "y", "z")}, method=method)
        assert three.weights == pytest.approx(one.weights, rel=1e-12)

    def test_weights_of_experts_lead_from_the_one_to_the_other(self):
        experts = {"ann": judged(ANN), "bob": judged(BOB)}
        alone = hierarchy_weights(TREE, {"ann": experts["ann"]}).weights["e"]
        shares = [
            hierarchy_weights(TREE, experts, expert_weights={"ann": w, "bob": 1.0}).weights["e"]
            for w in (1e-6, 0.5, 1.0, 2.0, 1e6)
        ]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(alone, rel=1e-4)
        assert hierarchy_weights(TREE, experts).weights["e"] == pytest.approx(shares[2])

    def test_the_geometric_mean_of_opposite_judgements_is_even(self):
        found = hierarchy_weights(TREE, {"ann": judged(ANN), "bob": judged(BOB)})
        assert found.local["mood"] == pytest.approx({"e": 0.5, "f": 0.5})

    def test_consistency_is_told_for_each_expert_and_the_group(self):
        table = hierarchy_weights(TREE, {"ann": judged(ANN), "bob": judged(BOB)}).consistency()
        assert table["expert"].tolist() == ["ann", "bob", "group"] * 3

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_a_group_is_never_less_consistent_than_its_worst_expert(self, reciprocal, data):
        n = data.draw(st.integers(3, 6))
        matrices = data.draw(st.lists(reciprocal(n, n), min_size=2, max_size=4))
        shares = np.array([data.draw(st.floats(0.05, 1.0)) for _ in matrices])
        group = aggregate(np.stack(matrices), shares / shares.sum())
        np.testing.assert_allclose(group * group.T, 1.0)
        worst = max(priorities(found).consistency_ratio for found in matrices)
        assert priorities(group).consistency_ratio <= worst + 1e-9

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"ann": 1, "bobb": 2}, "weights.expert_weights: 'bobb' gave no judgements: did you mean bob?"),
            ({"ann": 1}, "weights.expert_weights.bob = None: give each expert a number above 0"),
            ({"ann": 1, "bob": 0}, "weights.expert_weights.bob = 0: give each expert a number above 0"),
            ({"ann": float("inf"), "bob": 1}, "ann = inf: give each expert a number above 0"),
        ],
    )
    def test_refuses_expert_weights(self, given, message):
        experts = {"ann": judged(ANN), "bob": judged(BOB)}
        with pytest.raises(ParamsError, match=message):
            hierarchy_weights(TREE, experts, expert_weights=given, where="weights.expert_weights")

    def test_refuses_nobody_and_an_expert_called_group(self):
        with pytest.raises(ParamsError, match="there is no expert"):
            hierarchy_weights(TREE, {})
        with pytest.raises(ParamsError, match="group is the name of all experts together"):
            hierarchy_weights(TREE, {"group": judged(ANN)})


class TestDraws:
    @settings(max_examples=10, deadline=None)
    @given(
        method=st.sampled_from(
            ["eigenvector", "geometric_mean", "fuzzy_geometric_mean", "fuzzy_extent_analysis"]
        ),
        seed=st.integers(0, 9),
    )
    def test_are_weight_vectors_keyed_by_the_seed(self, method, seed):
        fuzzy = method.startswith("fuzzy")
        experts = {"ann": judged(ANN, fuzzy=fuzzy), "bob": judged(BOB, fuzzy=fuzzy)}
        found = hierarchy_weights(TREE, experts, method=method)
        draws = found.draw(50, seed=seed)
        assert draws.shape == (50, 6)
        assert (draws >= 0.0).all()
        np.testing.assert_allclose(draws.sum(axis=1), 1.0)
        np.testing.assert_array_equal(draws, found.draw(50, seed=seed))
        assert (draws != found.draw(50, seed=seed + 1)).any()

    def test_spread_about_the_weights(self):
        found = hierarchy_weights(TREE, {"ann": judged(ANN)})
        draws = found.draw(4_000, seed=1)
        np.testing.assert_allclose(np.median(draws, axis=0), list(found.weights.values()), rtol=0.03)
        relative = draws.std(axis=0) / list(found.weights.values())
        assert ((relative > 0.05) & (relative < 0.4)).all()

    def test_who_disagrees_spreads_more(self):
        alone = hierarchy_weights(TREE, {"ann": judged(ANN)}).draw(2_000, seed=1).std(axis=0)
        agreed = hierarchy_weights(TREE, {n: judged(ANN) for n in "xyz"}).draw(2_000, seed=1).std(axis=0)
        torn = (
            hierarchy_weights(TREE, {"ann": judged(ANN), "bob": judged(BOB)}).draw(2_000, seed=1).std(axis=0)
        )
        assert (agreed < alone).all()
        assert torn[4] > 2.0 * alone[4]

    def test_a_tree_of_one_indicator_has_nothing_to_draw(self):
        tree = parse_tree(["a"], ["a"])
        found = hierarchy_weights(tree, {"ann": parse_judgements(tree, {})})
        assert found.weights == {"a": 1.0}
        assert found.consistency().empty
        np.testing.assert_array_equal(found.draw(3, seed=0), np.ones((3, 1)))


class TestFactors:
    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_keep_a_matrix_reciprocal(self, reciprocal, data):
        judged = data.draw(reciprocal())
        found = judgement_factors(judged, 5, np.random.default_rng(0))
        np.testing.assert_allclose(found * np.swapaxes(found, 1, 2), 1.0)
        np.testing.assert_array_equal(found[:, range(len(judged)), range(len(judged))], 1.0)

    @pytest.mark.parametrize(
        ("value", "ends"), [(3, (2, 4)), (1 / 3, (2, 4)), (1, (1 / 2, 2)), (3 / 2, (2 / 3, 5 / 2))]
    )
    def test_one_judgement_spreads_by_a_step_of_the_scale(self, value, ends):
        found = judgement_factors(np.array([[1, value], [1 / value, 1]]), 20_000, np.random.default_rng(0))
        expected = np.log(ends[1] / ends[0]) / 2 / np.sqrt(6)
        assert np.log(found[:, 0, 1]).std() == pytest.approx(expected, rel=0.03)

    def test_contradictions_spread_by_their_size(self):
        # Judgements e^(3 d) apart from agreeing have residuals of d each, and one degree of freedom.
        n, d = 3, 0.5
        judged = np.exp(d * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]))
        found = judgement_factors(judged, 20_000, np.random.default_rng(0))
        assert np.log(found[:, 0, 1]).std() == pytest.approx(d * np.sqrt(n), rel=0.03)

    def test_fuzzy_judgements_are_drawn_from_their_triangles(self):
        triangles = np.ones((2, 2, 3))
        triangles[0, 1], triangles[1, 0] = (2, 3, 6), (1 / 6, 1 / 3, 1 / 2)
        drawn = 3 * judgement_factors(triangles, 50_000, np.random.default_rng(0))[:, 0, 1]
        assert drawn.min() >= 2.0
        assert drawn.max() <= 6.0
        assert drawn.mean() == pytest.approx((2 + 3 + 6) / 3, rel=0.01)
        assert drawn.var() == pytest.approx((4 + 9 + 36 - 6 - 12 - 18) / 18, rel=0.03)
        np.testing.assert_array_equal(judgement_factors(np.ones((2, 2, 3)), 3, np.random.default_rng(0)), 1.0)
