"""Fuzzy AHP against a published example and its laws; why Chang's method is not the default."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.scorecard.weights._ahp import (
    extent_analysis_weights,
    fuzzy_geometric_mean_weights,
    fuzzy_weights,
    geometric_mean_weights,
)
from guanxi.scorecard.weights._group import hierarchy_weights, parse_judgements
from guanxi.scorecard.weights._pairwise import fuzzified
from guanxi.scorecard.weights._tree import parse_tree

# Kilic, Zaim & Delen (2014), Development of a hybrid methodology for ERP system selection: the case of
# Turkish Airlines, Decision Support Systems 66, 82-92, tables 2-5; its table 1 is the scale of plain numbers.
ERP_TREE = {
    "technical": ["functionality", "compatibility", "usability", "accessibility", "security"],
    "corporate": ["references", "adequacy", "after sales", "know-how"],
    "financial": ["license", "consultancy", "maintenance"],
}
ERP = {
    "goal": {"technical": {"corporate": 2, "financial": 1}, "corporate": {"financial": 1}},
    "technical": [
        [1, 3, 2, 3, 3],
        ["1/3", 1, "1/2", "1/2", "1/2"],
        ["1/2", 2, 1, 2, 2],
        ["1/3", 2, "1/2", 1, "1/2"],
        ["1/3", 2, "1/2", 2, 1],
    ],
    "corporate": [[1, "1/2", "1/2", 2], [2, 1, "1/2", 2], [2, 2, 1, 2], ["1/2", "1/2", "1/2", 1]],
    "financial": [[1, "1/2", 2], [2, 1, 2], ["1/2", "1/2", 1]],
}


@pytest.fixture(scope="module")
def airline():
    tree = parse_tree(ERP_TREE, [leaf for leaves in ERP_TREE.values() for leaf in leaves])
    judged = parse_judgements(tree, ERP, fuzzy=True)
    return judged, hierarchy_weights(tree, {"panel": judged}, method="fuzzy_geometric_mean")


def blurred(judged):
    """Judgements with a triangle of one step either way."""
    return np.array([[fuzzified(cell) for cell in row] for row in judged])


class TestGolden:
    def test_fuzzy_weights(self, airline):
        judged, _ = airline
        printed = [(0.29, 0.41, 0.54), (0.20, 0.26, 0.37), (0.29, 0.33, 0.37)]  # table 6
        np.testing.assert_allclose(fuzzy_weights(judged["goal"]), printed, atol=0.005)
        printed = [(0.15, 0.31, 0.66), (0.22, 0.49, 0.96), (0.11, 0.20, 0.46)]  # table 7
        np.testing.assert_allclose(fuzzy_weights(judged["financial"]), printed, atol=0.005)
        centroids = fuzzy_weights(judged["corporate"]).mean(axis=1)
        np.testing.assert_allclose(centroids, [0.254, 0.340, 0.457, 0.189], atol=0.0005)  # table 9

    def test_local_weights(self, airline):
        printed = {  # tables 8 and 11
            "goal": [0.405, 0.272, 0.323],
            "technical": [0.369, 0.103, 0.233, 0.130, 0.165],
            "corporate": [0.205, 0.274, 0.368, 0.153],
            "financial": [0.317, 0.469, 0.214],
        }
        for node, weights in airline[1].local.items():
            np.testing.assert_allclose(list(weights.values()), printed[node], atol=0.0005)

    def test_global_weights(self, airline):
        printed = [0.149, 0.042, 0.094, 0.053, 0.067, 0.056, 0.075, 0.100, 0.042, 0.102, 0.151, 0.069]
        # Table 11 multiplies rounded numbers.
        np.testing.assert_allclose(list(airline[1].weights.values()), printed, atol=0.001)


class TestGeometricMean:
    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_of_crisp_judgements_is_that_of_ahp(self, reciprocal, data):
        judged = data.draw(reciprocal())
        crisp = np.repeat(judged[..., None], 3, axis=-1)
        np.testing.assert_allclose(fuzzy_geometric_mean_weights(crisp), geometric_mean_weights(judged))

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_weights_are_above_zero_and_sum_to_one(self, reciprocal, data):
        judged = data.draw(reciprocal())
        weights = fuzzy_geometric_mean_weights(blurred(judged))
        assert (weights > 0.0).all()
        assert weights.sum() == pytest.approx(1.0)

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_triangles_rise_about_the_crisp_weights(self, reciprocal, data):
        judged = data.draw(reciprocal())
        triangles = fuzzy_weights(blurred(judged))
        assert (np.diff(triangles, axis=1) >= -1e-12).all()
        np.testing.assert_allclose(triangles[:, 1], geometric_mean_weights(judged))


class TestExtentAnalysis:
    def test_by_hand(self):
        # Row sums (2, 3, 4) and (4/3, 3/2, 2), total (10/3, 9/2, 6): extents (1/3, 2/3, 6/5) and
        # (2/9, 1/3, 3/5); the second is at least the first by (3/5 - 1/3) / (3/5 - 1/3 + 2/3 - 1/3) = 4/9.
        judged = np.array([[[1, 1, 1], [1, 2, 3]], [[1 / 3, 1 / 2, 1], [1, 1, 1]]])
        np.testing.assert_allclose(extent_analysis_weights(judged), [9 / 13, 4 / 13])

    def test_can_give_zero_to_what_was_judged_to_matter(self):
        tree = parse_tree(list("abc"), "abc")
        judged = parse_judgements(tree, {"goal": {"a": {"b": 3, "c": 7}, "b": {"c": 3}}}, fuzzy=True)
        chang = hierarchy_weights(tree, {"x": judged}, method="fuzzy_extent_analysis").weights
        buckley = hierarchy_weights(tree, {"x": judged}, method="fuzzy_geometric_mean").weights
        assert chang["c"] == 0.0
        assert buckley["c"] > 0.08

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_weights_sum_to_one(self, reciprocal, data):
        judged = data.draw(reciprocal())
        for found in (blurred(judged), np.repeat(judged[..., None], 3, axis=-1)):
            weights = extent_analysis_weights(found)
            assert (weights >= 0.0).all()
            assert weights.sum() == pytest.approx(1.0)
