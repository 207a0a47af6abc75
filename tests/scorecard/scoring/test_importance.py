"""Effective importance: what each indicator really decides, and weights that make it what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import ParamsError
from guanxi.params import load_params
from guanxi.scorecard.scoring._branches import MatchedPaths
from guanxi.scorecard.scoring._importance import importance, redundant_pairs
from guanxi.scorecard.scoring._scores import score_table
from guanxi.scorecard.weights._matching import match_variance

PATHS = {name: (branch,) for name, branch in zip("abcde", "xxyyz", strict=True)}
WEIGHTS = {"a": 0.3, "b": 0.2, "c": 0.2, "d": 0.2, "e": 0.1}


def made(customers=4000, seed=3, missing=0.0):
    """Indicators with known spreads and correlations: a and b nearly the same, d hardly varies."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=customers)
    table = pd.DataFrame(
        {
            "a": common,
            "b": common + 0.2 * rng.normal(size=customers),
            "c": rng.normal(size=customers),
            "d": np.where(rng.random(customers) < 0.02, 1.0, 0.0),
            "e": -0.4 * common + rng.normal(size=customers),
        }
    )
    table = table.mask(rng.random(table.shape) < missing)
    table.insert(0, "customer_id", range(customers))
    return table


def found_of(table, weights, nominal=None, **more):
    """The importance, by indicator and by branch, and the normalised indicators."""
    paths = PATHS if nominal is None else MatchedPaths(PATHS, {n: weights[n] / nominal[n] for n in PATHS})
    card = score_table(table, weights, paths, dict.fromkeys(PATHS, True), reasons=0, **more)
    curves = card.normalisation.curves
    normalised = pd.DataFrame({"customer_id": table["customer_id"]}).assign(
        **{name: curves[name].apply(table[name]) for name in PATHS}
    )
    dimensions = {name: path[0] for name, path in PATHS.items()}
    found = importance(normalised, card, weights, dimensions)
    branches = found["indicator"].isna()
    return found[~branches].set_index("indicator"), found[branches].set_index("dimension"), normalised


@pytest.mark.parametrize("normalisation", ["quantile", "min_max"])
def test_it_recovers_the_truth_of_a_made_score(normalisation):
    own, branches, normalised = found_of(made(), WEIGHTS, normalisation=normalisation)
    parts = normalised[list(WEIGHTS)] * pd.Series(WEIGHTS)
    score = parts.sum(axis=1)
    truth = parts.apply(lambda part: part.cov(score)) / score.var()
    np.testing.assert_allclose(own["effective"], truth[own.index], atol=1e-9)
    np.testing.assert_allclose(own["correlation"], normalised[list(WEIGHTS)].corrwith(score), atol=1e-9)
    assert branches["effective"].sum() == pytest.approx(1.0)
    assert branches["nominal"].to_dict() == pytest.approx({"x": 0.5, "y": 0.4, "z": 0.1})


def test_what_hardly_varies_decides_little_and_what_is_counted_twice_much():
    own, branches, _ = found_of(made(), WEIGHTS)
    assert own.loc["d", "effective"] < 0.03
    assert branches.loc["x", "effective"] > 0.7


def test_the_truth_of_independent_indicators_is_weight_squared_times_variance():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.random((200_000, 5)), columns=list(PATHS))
    table.insert(0, "customer_id", range(200_000))
    squares = pd.Series(WEIGHTS) ** 2
    np.testing.assert_allclose(found_of(table, WEIGHTS)[0]["effective"], squares / squares.sum(), atol=0.005)


def test_pairs_that_say_the_same_are_named():
    normalised = found_of(made(), WEIGHTS)[2]
    pairs = redundant_pairs(normalised, WEIGHTS)
    assert pairs[["first", "second"]].to_numpy().tolist() == [["a", "b"]]
    assert pairs["correlation"].item() == pytest.approx(normalised["a"].corr(normalised["b"]))
    assert pairs["weight"].item() == pytest.approx(0.5)
    assert redundant_pairs(normalised, WEIGHTS | {"b": 0.0}).empty
    assert redundant_pairs(normalised.assign(**dict.fromkeys(PATHS, 0.5)), WEIGHTS).empty


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5))
def test_matched_weights_make_effective_importance_nominal(parts):
    nominal = dict(zip(PATHS, (np.array(parts) / sum(parts)).tolist(), strict=True))
    table = made(1500)
    weights, miss = match_variance(found_of(table, nominal)[2], nominal, PATHS)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert miss < 0.001
    own = found_of(table, weights)[0]["effective"]
    np.testing.assert_allclose(own, [nominal[name] for name in own.index], atol=0.001)


def test_matched_weights_allow_for_what_is_missing():
    table = made(3000, missing=0.3)
    weights, miss = match_variance(found_of(table, WEIGHTS)[2], WEIGHTS, PATHS)
    own = found_of(table, weights, WEIGHTS)[0]["effective"]
    np.testing.assert_allclose(own, [WEIGHTS[name] for name in own.index], atol=0.005)
    assert miss < 0.005


def test_an_indicator_that_does_not_vary_keeps_its_weight():
    normalised = found_of(made(500), WEIGHTS)[2].assign(c=0.5)
    weights, _ = match_variance(normalised, WEIGHTS, PATHS)
    assert weights["c"] == 0.2
    assert sum(weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["scorecard.method=topsis"], "match: variance needs the method weighted_sum, not topsis"),
        (['scorecard.weights.accepted={"csat": 1}'], "leave out match, or accepted"),
    ],
)
def test_what_cannot_be_matched(settings, said):
    with pytest.raises(ParamsError, match=said):
        load_params(None, ["scorecard.weights.match=variance", *settings], {})
