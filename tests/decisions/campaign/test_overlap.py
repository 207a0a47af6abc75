"""Overlap and balance: hand-computed values, laws of weights, and what counts as poor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.campaign._doubly_robust import Assignment
from guanxi.decisions.campaign._nuisances import Folds
from guanxi.decisions.campaign._overlap import (
    assignment_p_value,
    balance_table,
    covariate_columns,
    overlap_of,
    overlap_table,
    propensity_histogram,
    unbalanced,
    weights,
)


def assigned(treated, propensity):
    treated = np.asarray(treated, dtype=bool)
    return Assignment(treated, np.asarray(propensity, float), Folds(np.zeros(len(treated), int), 0), "given")


def skewed(n=20_000, strength=1.0, seed=1):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    propensity = 1.0 / (1.0 + np.exp(-strength * x))
    return pd.DataFrame({"x": x}), assigned(random.random(n) < propensity, propensity)


def test_columns_of_numbers_and_categories():
    table = pd.DataFrame(
        {
            "spend": [1.0, np.nan, 3.0] * 40,
            "channel": ["web", "store", None] * 40,
            "member": [True, False, True] * 40,
            "same": 1,
        }
    )
    made = covariate_columns(table, ["spend", "channel", "member", "same"])
    assert made.covariate_of == {
        "spend": "spend",
        "spend is missing": "spend",
        **{f"channel={kind}": "channel" for kind in ("store", "unknown", "web")},
        "member": "member",
    }
    assert made.columns.iloc[1].to_list() == [2.0, 1.0, 1.0, 0.0, 0.0, 0.0]


def test_hand_computed_overlap():
    table = overlap_table(assigned([1, 1, 0, 0, 0], [0.5, 0.9, 0.5, 0.2, 0.6])).set_index("group")
    assert table["outside_support"].to_dict() == {"treated": 0.5, "control": pytest.approx(1 / 3)}
    # Kish: (sum w)^2 / sum w^2 of 1/.5, 1/.9; of the controls' odds 1, .25, 1.5.
    assert table.loc["treated", "effective_ate"] == pytest.approx((2 + 1 / 0.9) ** 2 / (4 + 1 / 0.81))
    assert table.loc["control", "effective_att"] == pytest.approx(2.75**2 / (1 + 0.0625 + 2.25))
    assert table.loc["treated", "effective_att"] == 2.0
    assert table.loc["control", ["minimum", "median", "maximum"]].to_list() == [0.2, 0.5, 0.6]


def test_true_propensities_balance_all_customers_and_the_treated():
    table, known = skewed()
    balance = balance_table(covariate_columns(table, ["x"]), known)
    assert balance["difference_before"][0] > 0.7
    assert abs(balance["difference_ate"][0]) < 0.05
    assert abs(balance["difference_att"][0]) < 0.05
    assert len(unbalanced(balance, "before")) == 1
    assert unbalanced(balance, "ate").empty


def test_standardised_difference_is_austins():
    random = np.random.default_rng(2)
    table = pd.DataFrame({"x": random.normal(size=500)})
    treated = random.random(500) < 0.3
    row = balance_table(covariate_columns(table, ["x"]), assigned(treated, np.full(500, 0.3))).iloc[0]
    own, other = table.loc[treated, "x"], table.loc[~treated, "x"]
    spread = np.sqrt((own.var(ddof=0) + other.var(ddof=0)) / 2)
    assert row["difference_before"] == pytest.approx((own.mean() - other.mean()) / spread)
    assert row["variance_ratio_before"] == pytest.approx(own.var(ddof=0) / other.var(ddof=0))
    # Equal propensities weigh all alike.
    assert row["difference_ate"] == pytest.approx(row["difference_before"])
    assert row["difference_att"] == pytest.approx(row["difference_before"])


def test_weights_make_arms_as_large_as_what_they_stand_for():
    _, known = skewed(200_000)
    treated = known.treated
    everyone, like_treated = weights(known, "ate"), weights(known, "att")
    for arm in (treated, ~treated):
        assert everyone[arm].sum() / len(treated) == pytest.approx(1.0, abs=0.02)
        assert like_treated[arm].sum() / treated.sum() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("strength", "poor"), [(0.0, False), (1.0, False), (6.0, True)])
def test_strong_selection_is_poor_overlap(strength, poor):
    _, known = skewed(strength=strength)
    table = overlap_table(known)
    assert overlap_of(table, "ate").poor == poor
    assert overlap_of(table, "att").poor == poor


def test_rare_treatment_and_many_other_controls_are_no_poor_overlap():
    random = np.random.default_rng(4)
    x = random.normal(size=50_000)
    propensity = 0.02 / (1.0 + np.exp(-3.0 * (x - 1.5)))
    known = assigned(random.random(len(x)) < propensity, propensity)
    table = overlap_table(known)
    assert not overlap_of(table, "att").poor
    assert overlap_of(table, "ate").poor


def test_histogram_shares_add_up():
    _, known = skewed(1000)
    assert propensity_histogram(known).groupby("group")["share"].sum().to_list() == pytest.approx([1.0, 1.0])


def test_random_assignment_has_uniform_p_values():
    random = np.random.default_rng(5)
    table = pd.DataFrame(random.normal(size=(300, 4)), columns=list("abcd"))
    covariates = covariate_columns(table, list("abcd"))
    values = np.array([assignment_p_value(covariates, random.random(300) < 0.4) for _ in range(1000)])
    assert 0.03 < np.mean(values < 0.05) < 0.07
    assert 0.45 < np.mean(values < 0.5) < 0.55


def test_assignment_by_a_covariate_is_found():
    table, known = skewed(1000)
    assert assignment_p_value(covariate_columns(table, ["x"]), known.treated) < 1e-10
    certain = pd.DataFrame({"x": known.treated.astype(float)})
    assert assignment_p_value(covariate_columns(certain, ["x"]), known.treated) == 0.0
