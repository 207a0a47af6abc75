"""Weights of missing indicators stay in their branch as long as anything of it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guanxi.scorecard.scoring._branches import Branches
from guanxi.scorecard.scoring._scores import SCORING_METHODS, score_table
from guanxi.scorecard.scoring._tier_stability import tier_stability

PATHS = {
    "clv": ("value",),
    "margin": ("value",),
    "csat": ("satisfaction", "answers"),
    "nps": ("satisfaction", "answers"),
    "complaints": ("satisfaction", "service"),
    "overdue": ("risk",),
}
NAMES = list(PATHS)
WEIGHTS = np.array([0.4, 0.2, 0.05, 0.05, 0.1, 0.2])
TREE = Branches.of(list(PATHS.values()))
known_cells = arrays(np.bool_, st.tuples(st.integers(1, 8), st.just(6)))


def by_hand(node, known, weights):
    """Weights of one customer, from the definition: down the tree, branch by branch."""
    shares = np.zeros(len(weights))
    below = [*((place,) for place in node.leaves), *(child.below for child in node.children)]
    subtrees = [*(None for _ in node.leaves), *node.children]
    there = [any(known[place] for place in places) for places in below]
    total = sum(weights[list(places)].sum() for places, some in zip(below, there, strict=True) if some)
    for places, subtree, some in zip(below, subtrees, there, strict=True):
        if not some:
            continue
        share = weights[list(places)].sum() / total
        shares += share * (
            np.eye(len(weights))[places[0]] if subtree is None else by_hand(subtree, known, weights)
        )
    return shares


@settings(max_examples=60, deadline=None)
@given(known_cells, st.randoms(use_true_random=False))
def test_the_weights_are_those_of_the_definition(known, random):
    weights = np.array([random.uniform(0.01, 1) for _ in NAMES])
    weights /= weights.sum()
    found = TREE.reallocate(weights, known)
    for row, own in zip(known, found, strict=True):
        if row.any():
            np.testing.assert_allclose(own, by_hand(TREE, row, weights), atol=1e-12)


def test_one_answer_of_three_keeps_the_weight_of_satisfaction():
    known = np.array([[True, True, True, False, False, True]])
    np.testing.assert_allclose(TREE.reallocate(WEIGHTS, known)[0], [0.4, 0.2, 0.2, 0, 0, 0.2])


def test_a_wholly_unknown_branch_gives_its_weight_to_its_siblings():
    known = np.array([[True, True, False, False, False, True], [True, False, True, False, False, False]])
    np.testing.assert_allclose(
        TREE.reallocate(WEIGHTS, known), [[0.5, 0.25, 0, 0, 0, 0.25], [0.75, 0, 0.25, 0, 0, 0]]
    )


@pytest.mark.parametrize("method", ["weighted_sum", "topsis", "fuzzy"])
def test_the_score_of_many_weights_is_that_of_the_scorecard(method):
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.random((60, 6)), columns=NAMES).mask(rng.random((60, 6)) < 0.4)
    table.insert(0, "customer_id", range(60))
    weights = dict(zip(NAMES, WEIGHTS.tolist(), strict=True))
    card = score_table(table, weights, PATHS, dict.fromkeys(NAMES, True), method=method, reasons=0)
    normalised = pd.DataFrame({name: card.normalisation.curves[name].apply(table[name]) for name in NAMES})
    chosen = SCORING_METHODS[method].on(card.normalisation)
    np.testing.assert_allclose(
        chosen.score(normalised, weights, PATHS), card.table["score"], atol=1e-8, equal_nan=True
    )
    stable = tier_stability(
        normalised, weights, lambda scores: scores > 50, WEIGHTS[None, :], method=chosen, paths=PATHS
    )
    assert set(stable.kept[~np.isnan(stable.kept)]) == {1.0}


def test_a_drawn_weight_of_0_leaves_the_only_known_indicator_its_branch():
    normalised = pd.DataFrame({"clv": [1.0], "margin": [1.0], "csat": [0.5], "nps": [np.nan]})
    sets = np.array([[0.5, 0.5], [0.0, 0.0], [0.0, 0.5], [0.5, 0.0]], dtype=np.float32)
    found = SCORING_METHODS["weighted_sum"].score_sets(normalised, sets, PATHS)
    np.testing.assert_allclose(found, [[75.0, 75.0]], atol=1e-3)
