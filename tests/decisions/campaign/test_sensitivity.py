"""E-values and robustness values: published numbers and laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.decisions.campaign._doubly_robust import from_nuisances
from guanxi.decisions.campaign._overlap import covariate_columns
from guanxi.decisions.campaign._sensitivity import (
    e_value,
    robustness_value,
    strength_needed,
    strongest_covariate,
)


@pytest.mark.parametrize(
    ("ratio", "published"),
    [
        (3.9, 7.26),  # VanderWeele & Ding (2017): infant death by respiratory infection and formula feeding
        (1.8, 3.0),  # its lower limit
        (0.80, 1.81),  # leukaemia and breast-feeding
        (0.91, 1.43),  # its limit
        (10.73, 20.95),  # smoking and lung cancer (Hammond & Horn), R package EValue
        (1.0, 1.0),
    ],
)
def test_published_e_values(ratio, published):
    assert e_value(ratio) == pytest.approx(published, abs=0.005)


@given(st.floats(0.01, 100.0))
def test_e_values_of_a_ratio_and_its_inverse_agree(ratio):
    assert e_value(ratio) == pytest.approx(e_value(1.0 / ratio))
    assert e_value(ratio) >= max(ratio, 1.0 / ratio) - 1e-12


def test_published_robustness_value():
    """Cinelli & Hazlett (2020), Darfur: t 4.184 with 783 degrees of freedom, robustness value 13.9 %.

    In the linear model the value in units of the bias is Cohen's partial f = t / sqrt(df).
    """
    f = 4.184445 / np.sqrt(783.0)
    assert robustness_value(f, 1.0) == pytest.approx(0.139, abs=0.0005)


@given(value=st.floats(0.0, 50.0), scale=st.floats(0.1, 50.0))
def test_a_confounder_of_that_strength_has_the_bias_of_the_value(value, scale):
    r = robustness_value(value, scale)
    assert 0.0 <= r <= 1.0
    assert scale * r == pytest.approx(value * np.sqrt(1.0 - r), abs=1e-6 * (1.0 + value))


def binary(n=4000):
    random = np.random.default_rng(1)
    treated = np.arange(n) % 2 == 0
    y = (random.random(n) < np.where(treated, 0.3, 0.2)).astype(float)
    return y, treated, np.full(n, 0.5)


def test_risk_ratio_of_a_randomised_arm_is_the_plain_one():
    y, treated, half = binary()
    rates = y[treated].mean(), y[~treated].mean()
    estimate = from_nuisances(y, treated, half, np.full(len(y), rates[1]), np.full(len(y), rates[0]))["ate"]
    needed = strength_needed(estimate, y, 1.96)
    # Katz et al. (1978): variance of the logarithm of a risk ratio.
    error = np.sqrt(sum((1.0 - rate) / rate / (len(y) / 2) for rate in rates))
    ratio = rates[0] / rates[1]
    assert needed.e_value == pytest.approx(e_value(ratio))
    assert needed.e_value_limit == pytest.approx(e_value(ratio * np.exp(-1.96 * error)), rel=1e-6)


def test_an_interval_with_zero_needs_no_confounder():
    y, treated, half = binary()
    shuffled = np.random.default_rng(2).permutation(y)
    estimate = from_nuisances(shuffled, treated, half, half, half)["ate"]
    assert abs(estimate.value) < 1.96 * estimate.standard_error
    needed = strength_needed(estimate, shuffled, 1.96)
    assert (needed.e_value_limit, needed.robustness_limit) == (1.0, 0.0)
    assert needed.e_value > 1.0


def test_an_outcome_that_never_varies_has_no_e_value():
    _, treated, half = binary()
    zero = np.zeros(len(half))
    needed = strength_needed(from_nuisances(zero, treated, half, zero, zero)["ate"], zero, 1.96)
    assert np.isnan([needed.e_value, needed.e_value_limit]).all()
    assert (needed.robustness, needed.robustness_limit) == (0.0, 0.0)


def test_the_strongest_covariate_and_its_partial_r2():
    random = np.random.default_rng(5)
    x = random.normal(size=(5000, 3))
    treated = random.random(5000) < 1.0 / (1.0 + np.exp(-1.5 * x[:, 0] - 0.2 * x[:, 1]))
    y = 2.0 * x[:, 0] + x[:, 2] + random.normal(size=5000)
    columns = pd.DataFrame(x, columns=["both", "treatment", "outcome"])
    name, strength = strongest_covariate(covariate_columns(columns, list(columns)), y, treated)
    assert name == "both"
    # Frisch-Waugh: the partial correlation of the residuals.
    others = np.column_stack([np.ones(5000), x[:, 1:]])

    def left(values, design):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    of_treatment = np.corrcoef(left(treated * 1.0, others), left(x[:, 0], others))[0, 1] ** 2
    more = np.column_stack([others, treated])
    of_outcome = np.corrcoef(left(y, more), left(x[:, 0], more))[0, 1] ** 2
    bias = np.sqrt(of_outcome * of_treatment / (1.0 - of_treatment))
    assert strength == pytest.approx(robustness_value(bias, 1.0))
