"""The tree of indicators: what YAML may hold, what is refused, and weights multiplied down."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import ParamsError
from guanxi.scorecard.weights._tree import Node, dimensions, global_weights, parse_tree

KNOWN = ("revenue", "margin", "csat", "repeat_rate")


def parse(text):
    return parse_tree(yaml.safe_load(text), KNOWN, "weights.tree")


class TestParse:
    def test_lists_maps_single_names_and_empty_keys_are_the_same_tree(self):
        expected = Node(
            "goal", (Node("value", (Node("revenue"), Node("margin"))), Node("mood", (Node("csat"),)))
        )
        assert parse("{value: [revenue, margin], mood: csat}") == expected
        assert parse("{value: {revenue: , margin: }, mood: [csat]}") == expected
        assert parse("[{value: [revenue, margin]}, {mood: {csat: }}]") == expected

    def test_any_depth_and_branches_beside_indicators(self):
        tree = parse(
            "{value: [revenue, {deep: {deeper: {deepest: [margin]}}}], csat: , loyalty: repeat_rate}"
        )
        assert tree.leaves == ("revenue", "margin", "csat", "repeat_rate")
        assert dimensions(tree) == {
            "revenue": "value",
            "margin": "value",
            "csat": "csat",
            "repeat_rate": "loyalty",
        }
        assert tree.compared == {"goal": ("value", "csat", "loyalty"), "value": ("revenue", "deep")}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{value: [revenu]}", "weights.tree.value: indicator 'revenu' is unknown: did you mean revenue?"),
            ("[zzz]", "known here: revenue, margin, csat, repeat_rate"),
            ("{value: [revenue, csat], mood: [csat]}", "indicator csat appears twice"),
            ("{a: {b: [revenue]}, c: {b: [csat]}}", "branch b appears twice"),
            ("{goal: [csat]}", "goal is the name of the whole tree"),
            ("{csat: [revenue]}", "weights.tree.csat: a branch cannot have the name of an indicator"),
            ("{value: }", "weights.tree.value has no indicator below it and is not one"),
            ("{value: []}", r"weights.tree.value = \[\] is not a tree"),
            ("5", "weights.tree = 5 is not a tree: write a list of indicators"),
            ("", "weights.tree = None is not a tree"),
        ],
    )
    def test_refuses_in_one_line(self, text, message):
        with pytest.raises(ParamsError, match=message) as refused:
            parse(text)
        assert "\n" not in str(refused.value)


class TestGlobalWeights:
    def test_are_products_down_the_tree(self):
        tree = parse("{value: [revenue, {deep: [margin, csat]}], loyalty: repeat_rate}")
        local = {"goal": [0.6, 0.4], "value": [0.5, 0.5], "deep": [0.2, 0.8]}
        found = global_weights(tree, {name: np.array(shares) for name, shares in local.items()})
        np.testing.assert_allclose(found, [0.3, 0.06, 0.24, 0.4], rtol=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
    def test_sum_to_one_for_every_draw(self, firsts):
        tree = parse("{value: [revenue, margin], mood: [csat, repeat_rate]}")
        shares = np.array([[first, 1.0 - first] for first in firsts])
        found = global_weights(tree, {"goal": shares, "value": shares[::-1], "mood": shares})
        assert found.shape == (3, 4)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
