"""Tree scores and SHAP values, against the definition of the Shapley value and LightGBM's TreeSHAP."""

from __future__ import annotations

import sys
from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guanxi.served.trees import _shap
from guanxi.served.trees._ensemble import Trees
from guanxi.served.trees._shap import TreeShap
from guanxi.served.trees._text import roots

FEATURES = 12
_NAMES = (
    "split_feature", "decision_type", "threshold", "default_left", "missing_type", "internal_count",
    "left_child", "right_child", "leaf_value", "leaf_count",
)  # fmt: skip
CATEGORICAL = [0, 1]


def customers(n, seed, missing=0.1):
    """Rows with categories, numbers, zeros and missing values, and a label that needs interactions."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, FEATURES))
    X[:, 0], X[:, 1] = random.integers(0, 40, n), random.integers(0, 3, n)
    X[:, 4] = np.round(X[:, 4])
    log_odds = X[:, 2] * X[:, 3] + X[:, 4] + (X[:, 0] % 5 == 2) + X[:, 5:].sum(axis=1) / 3
    X[random.random(X.shape) < missing] = np.nan
    return X, (log_odds + random.logistic(size=n) > 0).astype(float)


def grown(seed=0, trees=25, rows=1500, missing=0.1, **settings_):
    X, y = customers(rows, seed, missing)
    chosen = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "seed": seed}
    data = lightgbm.Dataset(X, y, categorical_feature=CATEGORICAL)
    return lightgbm.train(chosen | settings_, data, trees)


def odd_rows(seed=99):
    """Unusual rows: unseen, negative and fractional categories, infinities, tiny numbers."""
    X, _ = customers(400, seed)
    X[:8, 0] = [77, -1, 2.7, -0.4, 1e20, np.inf, -np.inf, 39]
    X[8:16, 2] = [np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e300, -1e300]
    X[16], X[17] = np.nan, 0.0
    return X


def table_shap(*boosters):
    return TreeShap([tree["tree_structure"] for b in boosters for tree in b.dump_model()["tree_info"]])


def agrees(booster, X):
    expected = booster.predict(X, pred_contrib=True)
    trees = table_shap(booster)
    np.testing.assert_allclose(trees.values(X), expected[:, :-1], rtol=0, atol=1e-10)
    np.testing.assert_allclose(trees.mean, expected[0, -1], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "settings_",
    [
        {"num_leaves": 5},
        {"num_leaves": 31},
        {"num_leaves": 2},
        {"num_leaves": 31, "use_missing": False},
        {"num_leaves": 31, "zero_as_missing": True},
        {"num_leaves": 31, "max_cat_to_onehot": 50},
        {"num_leaves": 15, "bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.3},
        {"num_leaves": 15, "objective": "poisson"},
        {"num_leaves": 31, "boosting": "dart"},
    ],
    ids=str,
)
def test_tables_agree_with_lightgbm(settings_):
    agrees(grown(**settings_), odd_rows())


def test_missing_values_unseen_in_training_are_treated_as_in_lightgbm():
    agrees(grown(num_leaves=15, missing=0.0), odd_rows())


def test_leaves_below_many_features(monkeypatch):
    """Deep, narrow trees, whose leaves have too many patterns for a table."""
    booster = grown(num_leaves=60, rows=6000, trees=10, min_data_in_leaf=1, min_sum_hessian_in_leaf=0)
    agrees(booster, odd_rows())
    monkeypatch.setattr(_shap, "_GROUP_BITS", 3)
    monkeypatch.setattr(_shap, "_TABLE_BITS", 4)
    agrees(booster, odd_rows())


def test_trees_without_a_split_have_only_a_mean():
    X = np.ones((300, 2))
    settings_ = {"objective": "binary", "verbose": -1}
    booster = lightgbm.train(settings_, lightgbm.Dataset(X, np.arange(300) % 3 == 0), 4)
    trees = table_shap(booster)
    assert trees.mean == pytest.approx(booster.predict(X[:1], raw_score=True)[0], abs=1e-12)
    assert np.array_equal(trees.values(X), np.zeros((300, 2)))


@settings(max_examples=15, deadline=None)
@example(seed=8914, leaves=27, fraction=0.375)  # infinity at a threshold of infinity
@example(seed=2164, leaves=7, fraction=0.3125)  # a leaf of exactly 0, which LightGBM writes without a point
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 40), fraction=st.floats(0.2, 1.0))
def test_any_trees_agree_with_lightgbm(seed, leaves, fraction):
    agrees(grown(seed, trees=4, rows=400, num_leaves=leaves, feature_fraction=fraction), odd_rows(seed + 1))


def conditional_mean(node, row, known):
    """Mean of the leaves that a row may reach given only some of its features."""
    if "split_feature" not in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        goes_left = row[node["split_feature"]] <= node["threshold"]
        return conditional_mean(left if goes_left else right, row, known)
    counts = [c.get("internal_count", c.get("leaf_count")) for c in (left, right)]
    means = [conditional_mean(child, row, known) for child in (left, right)]
    return np.dot(counts, means) / sum(counts)


def test_values_are_shapley_values_by_definition():
    """Lundberg et al. (2020), equation 2, over all subsets of four features."""
    random = np.random.default_rng(3)
    X = random.normal(size=(500, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2 + X[:, 3]
    booster = lightgbm.train({"num_leaves": 12, "verbose": -1}, lightgbm.Dataset(X, y), 1)
    root = booster.dump_model()["tree_info"][0]["tree_structure"]
    for row, values in zip(X[:10], TreeShap([root]).values(X[:10]), strict=True):
        for feature in range(4):
            others = [k for k in range(4) if k != feature]
            expected = sum(
                factorial(size) * factorial(3 - size) / factorial(4)
                * (conditional_mean(root, row, {*known, feature}) - conditional_mean(root, row, known))
                for size in range(4)
                for known in combinations(others, size)
            )  # fmt: skip
            assert values[feature] == pytest.approx(expected, abs=1e-12)


@pytest.fixture(scope="module")
def boosters():
    return [grown(seed, num_leaves=7, trees=8 + seed) for seed in range(3)]


@pytest.mark.parametrize("rows", [1, 50, 2000, 40_000])
def test_scores_are_the_mean_of_the_boosters(boosters, rows):
    X, _ = customers(rows, 7)
    trees = Trees([booster.model_to_string() for booster in boosters])
    assert trees.predict(X) == pytest.approx(
        np.mean([b.predict(X, raw_score=True) for b in boosters], axis=0)
    )
    contributions = trees.contributions(X)
    assert contributions.shape == (rows, FEATURES + 1)
    np.testing.assert_allclose(contributions.sum(axis=1), trees.predict(X), rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        contributions[:500],
        np.mean([b.predict(X[:500], pred_contrib=True) for b in boosters], axis=0),
        rtol=0,
        atol=1e-10,
    )


def test_contributions_do_not_depend_on_the_number_of_rows(boosters):
    X, _ = customers(20_000, 8)
    trees = Trees([booster.model_to_string() for booster in boosters])
    many = trees.contributions(X)
    np.testing.assert_allclose(trees.contributions(X[16_000:16_100]), many[16_000:16_100], rtol=0, atol=1e-12)
    assert np.array_equal(trees.contributions(X[::-1])[::-1], many)


def test_no_rows(boosters):
    trees = Trees([booster.model_to_string() for booster in boosters])
    assert trees.contributions(np.empty((0, FEATURES))).shape == (0, FEATURES + 1)
    assert trees.predict(np.empty((0, FEATURES))).shape == (0,)


@pytest.mark.parametrize(
    "settings_",
    [
        {"num_leaves": 5},
        {"num_leaves": 2},
        {"num_leaves": 9},
        {"num_leaves": 9, "use_missing": False},
        {"num_leaves": 9, "zero_as_missing": True},
        {"num_leaves": 9, "max_cat_to_onehot": 50},
        {"num_leaves": 5, "boosting": "dart"},
    ],
    ids=str,
)
def test_tables_of_small_trees_agree_with_lightgbm(settings_):
    booster, X = grown(**settings_), odd_rows()
    trees = Trees([booster.model_to_string()])
    assert trees.are_small
    for rows in (X, X[:200]):
        np.testing.assert_allclose(
            trees.predict(rows), booster.predict(rows, raw_score=True), rtol=0, atol=1e-12
        )
        expected = booster.predict(rows, pred_contrib=True)
        np.testing.assert_allclose(trees.contributions(rows), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("leaves", [5, 31])
def test_scores_do_not_depend_on_the_number_of_rows(leaves):
    trees = Trees([grown(seed, num_leaves=leaves).model_to_string() for seed in (0, 1)])
    X = np.tile(odd_rows(), (6, 1))
    for rows in (1, 200, 400):
        np.testing.assert_array_equal(trees.predict(X)[:rows], trees.predict(X[:rows]))


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"use_missing": False},
        {"zero_as_missing": True},
        {"max_cat_to_onehot": 50},
        {"boosting": "dart"},
    ],
    ids=str,
)
def test_text_is_read_as_lightgbm_dumps_it(settings_):
    def known(node):
        return {
            name: known(value) if name.endswith("_child") else value
            for name, value in node.items()
            if name in _NAMES
        }

    booster = grown(num_leaves=31, **settings_)
    dumped = [known(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    assert roots(booster.model_to_string()) == dumped


def test_more_thresholds_than_a_byte_holds():
    booster = grown(num_leaves=9, trees=600, rows=3000, max_bin=1500)
    trees = Trees([booster.model_to_string()])
    X = odd_rows()
    assert max(coder._n for coder in trees.coders.values()) > 255
    np.testing.assert_allclose(trees.predict(X), booster.predict(X, raw_score=True), rtol=0, atol=1e-12)


def test_large_trees_miss_lightgbm_when_they_are_read(monkeypatch):
    text = grown(num_leaves=31).model_to_string()
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ImportError):
        Trees([text])
