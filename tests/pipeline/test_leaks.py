"""Attributes that tell the outcome alone are named; others are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.pipeline.leaks import find_leaks

LABEL = np.repeat([0.0, 1.0], 200)


@pytest.mark.parametrize(
    "values",
    [
        np.where(LABEL == 1, 5.0, 3.0),
        np.where(LABEL == 1, 1.0, 2.0),
        np.where(LABEL == 1, 7.0, np.nan),
        np.where(LABEL == 1, np.nan, 7.0),
        np.where(LABEL == 1, "moved", None).astype(object),
        np.where(LABEL == 1, np.resize(["price", "moved"], 400), "none").astype(object),
    ],
    ids=["higher", "lower", "known", "missing", "a reason given", "several reasons"],
)
def test_an_attribute_that_ranks_perfectly_is_named(values):
    found = find_leaks(pd.DataFrame({"reason": values}), LABEL)
    assert found["reason"].startswith("column 'reason' alone tells who churned (AUC 1.000)")
    assert found["reason"].endswith("leave it out: --exclude reason")


def satisfaction(share: float) -> pd.Series:
    """A score of 1 only for a share of those who churned, else the same for everyone."""
    score = np.random.default_rng(0).integers(2, 6, len(LABEL)).astype(float)
    score[200 : 200 + round(200 * share)] = 1.0
    return pd.Series(score)


@pytest.mark.parametrize("kind", ["number", "text"])
def test_a_value_of_which_everybody_churned_is_named(kind):
    score = satisfaction(0.3) if kind == "number" else satisfaction(0.3).map({1.0: "angry"}).fillna("calm")
    shown = "1" if kind == "number" else "'angry'"
    found = find_leaks(pd.DataFrame({"the score": score}), LABEL)
    assert f"all 60 customers with {shown} did (30% of those who did)" in found["the score"]
    assert found["the score"].endswith("--exclude 'the score'")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([8.0, 9.0], "8 or 9"),
        ([8.0, np.nan], "8 or a missing value"),
        ([6.0, 7.0, 8.0], "6, 7 or 8"),
        ([5.0, 6.0, 7.0, 8.0], "5, 6 or one of 2 more values"),
    ],
)
def test_several_values_of_which_everybody_churned_are_listed(values, shown):
    score = np.random.default_rng(0).integers(1, 4, len(LABEL)).astype(float)
    score[200:320] = np.repeat(values, 120 // len(values))
    found = find_leaks(pd.DataFrame({"score": score}), LABEL)
    assert f"all 120 customers with {shown} did (60% of those who did)" in found["score"]


def test_a_value_of_few_who_churned_is_not_named():
    assert find_leaks(pd.DataFrame({"score": satisfaction(0.1)}), LABEL) == {}


def test_chance_is_not_named():
    """Nearly everybody churns: small groups without one who stays are no sign."""
    label = np.random.default_rng(1).random(600) < 0.9
    town = np.random.default_rng(2).integers(0, 40, 600).astype(str)
    assert find_leaks(pd.DataFrame({"town": town}, dtype=object), label.astype(float)) == {}


def test_a_rare_category_does_not_leak():
    town = np.array([f"t{i // 2}" for i in np.random.default_rng(3).permutation(400)], dtype=object)
    assert find_leaks(pd.DataFrame({"town": town, "number": np.arange(400.0) % 7}), LABEL) == {}
