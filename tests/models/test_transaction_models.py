from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi.errors import DataError, FitError, GuanxiError, ParamsError
from guanxi.models import BetaGeoNBD
from guanxi.models.formulas import bg_nbd
from guanxi.simulation import simulate_bg_nbd

TRUTH = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}


@pytest.fixture(scope="module")
def simulated():
    T = np.random.default_rng(3).uniform(10.0, 60.0, 5000)
    return simulate_bg_nbd(TRUTH, n=5000, T=T, seed=3)


@pytest.fixture(scope="module")
def fitted(simulated):
    return BetaGeoNBD().fit(simulated)


def _predictions(model, rfm):
    yield model.probability_alive(rfm)
    yield model.expected_purchases(rfm, 39.0)
    yield model.purchase_probability(rfm, 2, 39.0)
    yield model.probability_no_purchase(rfm, 39.0)
    yield model.next_purchase_quantile(rfm, 0.5)


def test_simulated_truth_is_recovered(fitted):
    for name, truth in TRUTH.items():
        assert (
            abs(np.log(fitted.params_[name] / truth))
            < 4 * fitted.standard_errors_[name] / fitted.params_[name]
        )


@pytest.mark.slow
def test_intervals_on_the_log_scale_cover_the_truth():
    covered = []
    for seed in range(200):
        model = BetaGeoNBD().fit(simulate_bg_nbd(TRUTH, n=3000, T=52.0, seed=seed))
        relative = [model.standard_errors_[name] / model.params_[name] for name in TRUTH]
        error = [np.log(model.params_[name] / TRUTH[name]) for name in TRUTH]
        covered.append(np.abs(error) <= 1.96 * np.array(relative))
    assert ((np.mean(covered, axis=0) >= 0.90) & (np.mean(covered, axis=0) <= 0.99)).all()
    assert 0.92 <= np.mean(covered) <= 0.98


def test_predictions_equal_the_formulas_row_by_row(fitted, small_rfm):
    columns = [small_rfm[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T")]
    expected = [
        bg_nbd.probability_alive(fitted.params_, *columns),
        bg_nbd.expected_purchases(fitted.params_, *columns, 39.0),
        bg_nbd.purchase_probability(fitted.params_, *columns, 2, 39.0),
        bg_nbd.probability_no_purchase(fitted.params_, *columns, 39.0),
        bg_nbd.next_purchase_quantile(fitted.params_, *columns, 0.5),
    ]
    for values, wanted in zip(_predictions(fitted, small_rfm), expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=1e-12)
    assert fitted.expected_purchases_new(39.0) == bg_nbd.expected_purchases_new(fitted.params_, 39.0)[0]


def test_predictions_follow_the_order_of_the_rows(fitted, simulated):
    order = np.random.default_rng(0).permutation(len(simulated))
    for values, shuffled in zip(
        _predictions(fitted, simulated), _predictions(fitted, simulated.iloc[order]), strict=True
    ):
        np.testing.assert_allclose(shuffled, values[order], rtol=1e-13)


def test_weights_equal_repetition(cdnow_sample):
    columns = ["frequency", "recency", "T"]
    grouped = cdnow_sample.groupby(columns).size().reset_index(name="count")
    by_weight = BetaGeoNBD().fit(grouped, sample_weight=grouped["count"])
    by_rows = BetaGeoNBD().fit(cdnow_sample)
    assert by_weight.params_ == pytest.approx(by_rows.params_, rel=1e-8)
    assert by_weight.log_likelihood_ == pytest.approx(by_rows.log_likelihood_, rel=1e-12)
    assert by_weight.standard_errors_ == pytest.approx(by_rows.standard_errors_, rel=1e-6)


def test_time_unit_changes_alpha_only(cdnow_sample):
    weeks = BetaGeoNBD().fit(cdnow_sample)
    years = cdnow_sample.assign(recency=cdnow_sample["recency"] * 7 / 365, T=cdnow_sample["T"] * 7 / 365)
    rescaled = BetaGeoNBD().fit(years)
    expected = {**weeks.params_, "alpha": weeks.params_["alpha"] * 7 / 365}
    assert rescaled.params_ == pytest.approx(expected, rel=1e-6)


def test_standard_errors_are_the_roots_of_a_symmetric_covariance(fitted):
    matrix = fitted.covariance_
    assert list(matrix.index) == list(matrix.columns) == list(fitted.params_) == ["r", "alpha", "a", "b"]
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), list(fitted.standard_errors_.values()))


def test_large_data_starts_from_a_sample_and_ends_at_the_same_maximum():
    T = np.random.default_rng(1).uniform(1.0, 60.0, 60_000)
    rfm = simulate_bg_nbd(TRUTH, n=60_000, T=T, seed=1)
    model = BetaGeoNBD().fit(rfm)
    columns = [rfm[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T")]
    for name in TRUTH:
        for factor in (0.999, 1.001):
            moved = {**model.params_, name: model.params_[name] * factor}
            assert bg_nbd.log_likelihood(moved, *columns).sum() < model.log_likelihood_


def test_scikit_learn_conventions(fitted, simulated):
    model = BetaGeoNBD(engine="lifetimes")
    assert model.get_params() == {"engine": "lifetimes"}
    assert clone(model).engine == "lifetimes"
    assert not hasattr(clone(fitted), "params_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.probability_alive(simulated), fitted.probability_alive(simulated))
    with pytest.raises(NotFittedError):
        model.probability_alive(simulated)
    with pytest.raises(NotFittedError):
        model.expected_purchases_new(3.0)


def test_the_table_given_is_left_alone(simulated):
    before = simulated.copy()
    BetaGeoNBD().fit(simulated).expected_purchases(simulated, 10.0)
    pd.testing.assert_frame_equal(simulated, before)


def test_nothing_to_learn_from_is_said(small_rfm):
    message = "no repeat purchases: nothing to learn a purchase rate from"
    with pytest.raises(FitError, match=message):
        BetaGeoNBD().fit(small_rfm.assign(frequency=0, recency=0.0))
    with pytest.raises(FitError, match="T is 0 for every customer"):
        BetaGeoNBD().fit(small_rfm.assign(recency=0.0, T=0.0))


def test_no_dropout_is_fitted_and_reported():
    never = {"r": 2.0, "alpha": 10.0, "a": 1e-9, "b": 1.0}
    model = BetaGeoNBD().fit(simulate_bg_nbd(never, n=2000, T=100.0, seed=0))
    assert model.converged_
    assert model.params_["r"] / model.params_["alpha"] == pytest.approx(0.2, rel=0.1)
    newcomer = model.expected_purchases_new(100.0)
    assert newcomer == pytest.approx(20.0, rel=0.1)


def test_unknown_engine_is_refused(small_rfm):
    with pytest.raises(ParamsError, match="engine 'excel' is unknown"):
        BetaGeoNBD(engine="excel").fit(small_rfm)


@pytest.mark.parametrize("horizon", [-1.0, np.nan, np.inf, "39", [39.0]])
def test_unusable_horizon_is_refused(fitted, simulated, horizon):
    with pytest.raises(DataError, match="horizon is"):
        fitted.expected_purchases(simulated, horizon)


@pytest.mark.parametrize("n", [-1, 0.5])
def test_unusable_count_is_refused(fitted, simulated, n):
    with pytest.raises(DataError, match="whole number of purchases"):
        fitted.purchase_probability(simulated, n, 39.0)


@pytest.mark.parametrize("q", [-0.1, 1.0, np.nan])
def test_unusable_quantile_is_refused(fitted, simulated, q):
    with pytest.raises(DataError, match="probability of at least 0 and below 1"):
        fitted.next_purchase_quantile(simulated, q)


@st.composite
def small_bases(draw):
    n = draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = np.minimum(generator.geometric(draw(st.floats(0.02, 0.9)), n) - 1, draw(st.integers(0, 400)))
    T = generator.uniform(0, draw(st.sampled_from([1.0, 50.0, 20000.0])), n).round(draw(st.integers(0, 3)))
    share = 1.0 if draw(st.booleans()) else generator.random(n)
    return pd.DataFrame({"frequency": x, "recency": np.where(x > 0, T * share, 0.0), "T": T})


@settings(deadline=None, max_examples=150)
@given(rfm=small_bases())
def test_small_bases_end_in_finite_predictions_or_an_error_of_ours(rfm):
    try:
        model = BetaGeoNBD().fit(rfm)
    except GuanxiError:
        return
    for values in _predictions(model, rfm):
        assert np.isfinite(values).all()
    assert np.isfinite(model.log_likelihood_)
