"""Doubly robust scores: DoubleML's numbers, and laws that hold for any nuisance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.decisions.campaign._doubly_robust import (
    assignment,
    differences_of_treated,
    doubly_robust,
    from_nuisances,
)
from guanxi.decisions.campaign._nuisances import stratified_folds
from guanxi.decisions.campaign._sensitivity import robustness_value

# DoubleML 0.11.4, DoubleMLIRM(score="ATE" and "ATTE").fit(external_predictions=...) on the data of
# `published`: coef, se, sensitivity_elements sigma2 and nu2, sensitivity_params rv
# (searched numerically there, to about 1e-6).
DOUBLEML = {
    "ate": (0.9902127136681806, 0.13025773425963558, 1.346368841698011, 5.267998053410128, 0.30905992),
    "att": (1.2628252351994271, 0.15219171661430467, 1.346368841698011, 6.517074593657822, 0.34502401),
}


def published():
    i = np.arange(400)
    x = 1.5 * np.sin(0.7 * i)
    treated = (i * 7919 % 1009) / 1009.0 < 1.0 / (1.0 + np.exp(-x))
    noise = (i * 104729 % 997) / 997.0 - 0.5
    y = 3.0 + 2.0 * x + treated * (1.0 + 0.5 * x) + 4.0 * noise
    propensity = np.clip(1.0 / (1.0 + np.exp(-0.9 * x)), 0.01, 0.99)
    return y, treated, propensity, 2.8 + 1.9 * x, 3.9 + 2.4 * x


def confounded(seed, n=600):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 2))
    treated = random.random(n) < 1.0 / (1.0 + np.exp(-x[:, 0]))
    return x, 1.0 + 2.0 * x[:, 0] + treated + random.normal(size=n), treated


@pytest.mark.parametrize("name", DOUBLEML)
def test_scores_are_those_of_doubleml(name):
    value, error, variance, norm, robustness = DOUBLEML[name]
    estimate = from_nuisances(*published())[name]
    assert estimate.value == pytest.approx(value, rel=1e-9)
    assert estimate.standard_error == pytest.approx(error, rel=1e-9)
    assert estimate.residual_variance == pytest.approx(variance, rel=1e-9)
    assert estimate.representer_norm == pytest.approx(norm, rel=1e-9)
    assert robustness_value(value, np.sqrt(variance * norm)) == pytest.approx(robustness, abs=2e-6)


def test_baseline_and_value_are_the_two_means():
    y, treated, *rest = published()
    effects = from_nuisances(y, treated, *rest)
    assert effects["att"].baseline + effects["att"].value == pytest.approx(y[treated].mean())
    for estimate in effects.values():
        assert estimate.influence.mean() == pytest.approx(0.0, abs=1e-12)
        assert estimate.baseline_influence.mean() == pytest.approx(0.0, abs=1e-12)


def test_one_right_nuisance_is_enough():
    random = np.random.default_rng(3)
    x = random.normal(size=200_000)
    propensity = 1.0 / (1.0 + np.exp(-x))
    treated = random.random(len(x)) < propensity
    y = 2.0 * x + 1.5 * treated + random.normal(size=len(x))
    nothing, half = np.zeros(len(x)), np.full(len(x), treated.mean())
    for nuisances in ((propensity, nothing, nothing), (half, 2.0 * x, 2.0 * x + 1.5)):
        for estimate in from_nuisances(y, treated, *nuisances).values():
            assert abs(estimate.value - 1.5) < 4.0 * estimate.standard_error
    wrong = from_nuisances(y, treated, half, nothing, nothing)["ate"]
    assert wrong.value > 2.5


@given(shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_values_follow_the_unit_of_the_outcome(shift, scale):
    y, treated, propensity, without, having = published()
    plain = from_nuisances(y, treated, propensity, without, having)
    moved = [shift + scale * each for each in (y, without, having)]
    changed = from_nuisances(moved[0], treated, propensity, moved[1], moved[2])
    for name, estimate in plain.items():
        assert changed[name].value == pytest.approx(scale * estimate.value, abs=1e-9)
        assert changed[name].standard_error == pytest.approx(scale * estimate.standard_error)
        assert changed[name].baseline == pytest.approx(shift + scale * estimate.baseline, abs=1e-9)


def test_folds_hold_both_arms_alike_and_keep_own_rows_out():
    treated = np.arange(1003) % 4 == 0
    folds = stratified_folds(treated, 5, 1)
    for arm in (treated, ~treated):
        sizes = np.bincount(folds.number[arm])
        assert sizes.max() - sizes.min() <= 1
    own_rows = np.zeros(len(treated), dtype=int)
    for others, own in folds:
        assert not (others & own).any()
        assert (others | own).all()
        own_rows += own
    assert (own_rows == 1).all()


def test_effects_on_the_treated_agree_however_they_are_computed():
    x, y, treated = confounded(1)
    assigned = assignment(x, treated, 1)
    estimate = doubly_robust(x, y, assigned)["att"]
    values, influences = differences_of_treated(x, np.column_stack([y, 2.0 * y]), assigned)
    covariance = influences @ influences.T / len(y) ** 2
    assert values == pytest.approx([estimate.value, 2.0 * estimate.value])
    assert np.sqrt(np.diag(covariance)) == pytest.approx(
        [estimate.standard_error, 2.0 * estimate.standard_error]
    )
    assert covariance[0, 1] == pytest.approx(2.0 * estimate.standard_error**2)


def test_an_outcome_that_never_varies_has_no_effect_and_no_error():
    x, _, treated = confounded(2)
    for constant in (0.0, 1.0, 7.5):
        for estimate in doubly_robust(x, np.full(len(x), constant), assignment(x, treated, 1)).values():
            assert (estimate.value, estimate.standard_error) == pytest.approx((0.0, 0.0), abs=1e-12)
            assert estimate.baseline == pytest.approx(constant)
