"""Laws of BG/NBD and of its derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.models.formulas import bg_nbd
from guanxi.models.formulas.bg_nbd_likelihood import BgNbdLikelihood

NAMES = ("r", "alpha", "a", "b")

params = st.fixed_dictionaries(
    {"r": st.floats(0.05, 5), "alpha": st.floats(0.5, 50), "a": st.floats(0.05, 5), "b": st.floats(0.1, 10)}
)


@st.composite
def histories(draw):
    x = draw(st.integers(0, 60))
    T = draw(st.floats(0.5, 400))
    return x, T * draw(st.floats(0.01, 1)) if x else 0.0, T


@settings(deadline=None)
@given(params=params, history=histories())
def test_probability_alive_is_a_probability_and_falls_in_silence(params, history):
    x, t_x, T = history
    values = bg_nbd.probability_alive(params, x, t_x, T + np.arange(5.0) * 10.0)
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values) <= 1e-15).all()


@settings(deadline=None)
@given(params=params, history=histories())
def test_expected_purchases_rise_from_zero_with_the_horizon(params, history):
    values = bg_nbd.expected_purchases(params, *history, np.array([0.0, 1.0, 10.0, 100.0, 1000.0]))
    assert values[0] == 0.0
    assert (np.diff(values) >= 0).all()
    assert np.isfinite(values).all()


@settings(deadline=None, max_examples=50)
@given(
    params=params.filter(lambda p: p["alpha"] > 5 and p["r"] < 3),
    x=st.integers(0, 10),
    horizon=st.floats(0.5, 20),
)
def test_purchase_probabilities_sum_to_one_and_their_mean_is_expected(params, x, horizon):
    history = (x, 30.0 if x else 0.0, 40.0)
    n = np.arange(600)
    probability = bg_nbd.purchase_probability(params, *history, n, horizon)
    assert probability.sum() == pytest.approx(1.0, abs=1e-9)
    expected = bg_nbd.expected_purchases(params, *history, horizon)[0]
    assert (n * probability).sum() == pytest.approx(expected, rel=1e-7)


@settings(deadline=None)
@given(params=params, history=histories(), horizon=st.floats(0.1, 500))
def test_no_purchase_is_a_ratio_of_likelihoods(params, history, horizon):
    x, t_x, T = history
    longer = bg_nbd.log_likelihood(params, x, t_x, T + horizon)
    ratio = np.exp(longer - bg_nbd.log_likelihood(params, x, t_x, T))
    none = bg_nbd.probability_no_purchase(params, x, t_x, T, horizon)
    assert none == pytest.approx(ratio, rel=1e-9)
    assert none == pytest.approx(bg_nbd.purchase_probability(params, x, t_x, T, 0, horizon), rel=1e-9)


@settings(deadline=None)
@given(params=params, history=histories(), horizon=st.floats(0.1, 500))
def test_log_odds_are_the_logit_of_no_purchase(params, history, horizon):
    log_odds = bg_nbd.log_odds_no_purchase(params, *history, horizon)
    probability = bg_nbd.probability_no_purchase(params, *history, horizon)
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize(
    "history", [(5000, 1.0, 20000.0), (5000, 20000.0, 20000.0), (0, 0.0, 20000.0), (1, 0.0, 0.0)]
)
def test_long_histories_stay_finite(history, cdnow_params):
    for horizon in (1e-6, 1.0, 20000.0):
        assert np.isfinite(bg_nbd.log_odds_no_purchase(cdnow_params, *history, horizon))
        assert np.isfinite(bg_nbd.expected_purchases(cdnow_params, *history, horizon))
        assert np.isfinite(bg_nbd.purchase_probability(cdnow_params, *history, 5000, horizon))
    assert np.isfinite(bg_nbd.log_likelihood(cdnow_params, *history))
    assert np.isfinite(bg_nbd.next_purchase_quantile({**cdnow_params, "r": 1e-4}, *history, 0.99))


@settings(deadline=None)
@given(params=params, history=histories(), q=st.floats(0.01, 0.99))
def test_next_purchase_quantile_inverts_the_waiting_time(params, history, q):
    x, t_x, T = history
    wait = bg_nbd.next_purchase_quantile(params, x, t_x, T, q)
    silent = -(params["r"] + x) * np.log1p(wait / (params["alpha"] + T))
    assert np.exp(silent) == pytest.approx(1 - q, rel=1e-9)


@settings(deadline=None)
@given(params=params, history=histories(), factor=st.sampled_from([1 / 7, 7.0, 365.0]))
def test_time_unit_shifts_the_log_likelihood_only(params, history, factor):
    x, t_x, T = history
    rescaled = {**params, "alpha": params["alpha"] * factor}
    shift = -x * np.log(factor)
    value = bg_nbd.log_likelihood(rescaled, x, t_x * factor, T * factor)
    assert value == pytest.approx(bg_nbd.log_likelihood(params, x, t_x, T) + shift, rel=1e-9, abs=1e-9)
    alive = bg_nbd.probability_alive(rescaled, x, t_x * factor, T * factor)
    assert alive == pytest.approx(bg_nbd.probability_alive(params, x, t_x, T), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_likelihood_and_its_derivatives_against_finite_differences(seed, random_histories):
    generator = np.random.default_rng(seed)
    weight = generator.uniform(0.5, 3.0, 40)
    point = generator.uniform(-1.5, 1.5, 4)
    likelihood = BgNbdLikelihood(*random_histories, weight)
    value, gradient, hessian = likelihood(point)
    by_rows = bg_nbd.log_likelihood(dict(zip(NAMES, np.exp(point), strict=True)), *random_histories)
    assert value == pytest.approx(weight @ by_rows, rel=1e-12)
    step = 1e-5
    ups, downs = ([likelihood(point + sign * step * unit) for unit in np.eye(4)] for sign in (1, -1))
    slopes = [(up[0] - down[0]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    curves = [(up[1] - down[1]) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(hessian, curves, rtol=1e-6, atol=1e-5)


def test_formulas_broadcast(cdnow_params):
    horizons = np.array([[1.0], [10.0]])
    assert bg_nbd.expected_purchases(cdnow_params, [1, 2, 3], 5.0, 9.0, horizons).shape == (2, 3)
    assert bg_nbd.probability_alive(cdnow_params, pd.Series([1, 2]), 5, 9).shape == (2,)
