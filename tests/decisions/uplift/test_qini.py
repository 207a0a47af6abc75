"""Qini curve and coefficient: values of scikit-uplift, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guanxi.decisions.uplift import qini_auc_score, qini_curve
from guanxi.errors import DataError

# From scikit-uplift 0.5.1: qini_curve and qini_auc_score of these ten customers, two of them tied twice.
OUTCOME = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0, 1])
TREATED = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1, 0])
SCORE = np.array([0.9, 0.8, 0.8, 0.7, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1])

customers = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 1), st.integers(1, 3)),
    min_size=4,
    max_size=40,
).map(lambda rows: np.array(rows, dtype=float).T)


def both_arms_and_outcomes(y, t) -> bool:
    return 0 < t.sum() < len(t) and 0 < y.sum() < len(y)


def test_curve_of_scikit_uplift():
    curve = qini_curve(OUTCOME, SCORE, TREATED)
    assert curve.customers.tolist() == [0, 1, 3, 4, 6, 7, 8, 9, 10]
    assert curve.gain == pytest.approx([0, 1, -1, -1, 1, 5 / 3, 2, 1.75, 1], abs=1e-12)


def test_coefficients_of_scikit_uplift():
    assert qini_auc_score(OUTCOME, SCORE, TREATED) == pytest.approx(0.049549549549549564, abs=1e-12)
    i = np.arange(500)
    outcome, treated, score = (i * 7) % 5 == 0, (i * 13) % 7 < 3, np.round(np.sin(i), 2)
    assert qini_auc_score(outcome, score, treated) == pytest.approx(-0.009470628787411851, abs=1e-12)


@given(customers)
def test_only_the_order_of_the_scores_counts(rows):
    y, s, t, _ = rows
    assume(both_arms_and_outcomes(y, t))
    assert qini_auc_score(y, s, t) == pytest.approx(qini_auc_score(y, np.exp(s) - 7, t), nan_ok=True)


@given(customers)
def test_a_weight_of_two_is_a_customer_twice(rows):
    y, s, t, w = rows
    assume(both_arms_and_outcomes(y, t))
    times = w.astype(int)
    repeated = qini_auc_score(*(np.repeat(each, times) for each in (y, s, t)))
    assert qini_auc_score(y, s, t, w) == pytest.approx(repeated, nan_ok=True)


@given(customers)
def test_equal_scores_are_random_targeting_and_the_perfect_order_is_one(rows):
    y, _, t, _ = rows
    assume(both_arms_and_outcomes(y, t))
    best = qini_auc_score(y, y * (2 * t - 1), t)
    assume(np.isfinite(best))
    assert best == pytest.approx(1.0)
    assert qini_auc_score(y, np.zeros(len(y)), t) == pytest.approx(0.0, abs=1e-12)


def test_the_curve_ends_at_the_effect_on_the_treated():
    gain = qini_curve(OUTCOME, SCORE, TREATED).gain[-1]
    effect = OUTCOME[TREATED == 1].mean() - OUTCOME[TREATED == 0].mean()
    assert gain == pytest.approx(TREATED.sum() * effect)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1, 0], [0.1, 0.2], [1, 1]), "an arm is empty"),
        (([1, 0], [0.1, 0.2, 0.3], [1, 0]), "give one value a customer"),
    ],
)
def test_bad_arrays(arrays, message):
    with pytest.raises(DataError, match=message):
        qini_auc_score(*arrays)


def test_one_outcome_only_has_no_coefficient():
    assert np.isnan(qini_auc_score([0, 0, 0], [1, 2, 3], [1, 0, 1]))
