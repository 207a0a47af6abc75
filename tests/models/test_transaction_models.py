"""Properties of all estimators of repeat purchases: conventions, weights, units, JSON, predictions."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi import simulation
from guanxi.errors import DataError, FitError, FitWarning, ParamsError
from guanxi.models import BetaGeoCNBD, BetaGeoNBD, ParetoNBD
from guanxi.models.purchase_models import TRANSACTION_MODELS, transaction_model

TRUTHS = {
    "bg_nbd": {"r": 0.5, "alpha": 4.5, "a": 0.8, "b": 2.5},
    "mbg_nbd": {"r": 0.5, "alpha": 4.5, "a": 0.8, "b": 2.5},
    "bg_cnbd": {"k": 2, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5},
    "mbg_cnbd": {"k": 2, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.5, "alpha": 5.0, "s": 0.8, "beta": 12.0},
    "ggom_nbd": {"r": 0.8, "alpha": 3.0, "b": 0.1, "s": 0.8, "beta": 5.0},
    "nbd": {"r": 0.5, "alpha": 5.0},
}
TIMES = {"alpha": 1, "beta": 1}  # parameters in units of time
TIMES_OF_GGOM = {"alpha": 1, "b": -1}

every_model = pytest.mark.parametrize("name", TRUTHS)


@pytest.fixture(scope="module")
def simulated():
    """A base for each model in whole weeks, with varying T to identify every parameter."""
    T = np.random.default_rng(3).integers(30, 90, 1200).astype(float)
    bases = {}
    for name, truth in TRUTHS.items():
        rfm = getattr(simulation, f"simulate_{name}")(truth, n=len(T), T=T, seed=3)
        if "k" not in truth:  # rounding to weeks would make gaps look too regular
            rfm["recency"] = np.ceil(rfm["recency"])
        bases[name] = rfm[["frequency", "recency", "T"]]
    return bases


@pytest.fixture(scope="module")
def fitted(simulated):
    return {name: transaction_model(name).fit(simulated[name]) for name in TRUTHS}


@pytest.fixture
def cases(fitted, simulated):
    return lambda name: (fitted[name], simulated[name])


def predictions(model, rfm):
    return {
        "alive": model.probability_alive(rfm),
        "alive later": model.probability_alive(rfm, 26.0),
        "purchases": model.expected_purchases(rfm, 39.0),
        "two": model.purchase_probability(rfm, 2, 39.0),
        "none": model.probability_no_purchase(rfm, 39.0),
        "wait": model.next_purchase_quantile(rfm, 0.5),
        "discounted": model.discounted_expected_residual_transactions(rfm, 0.002),
        "discounted in time": model.discounted_expected_residual_transactions(rfm, 0.002, 52.0),
    }


def test_every_model_has_its_name():
    assert list(TRANSACTION_MODELS) == list(TRUTHS)
    for name, model in TRANSACTION_MODELS.items():
        assert model._process.name == name
        assert type(transaction_model(name)) is model
    assert transaction_model("pareto_nbd", "lifetimes").engine == "lifetimes"


@every_model
def test_simulated_truth_is_recovered(cases, name):
    model, _ = cases(name)
    assert model.converged_
    assert model.fit_report_["fallback"] is None
    assert list(model.params_) == list(TRUTHS[name])
    assert model.params_.get("k") == TRUTHS[name].get("k")
    for parameter, error in model.standard_errors_.items():
        away = np.log(model.params_[parameter] / TRUTHS[name][parameter])
        assert abs(away) < 4 * error / model.params_[parameter]


@every_model
def test_predictions_equal_the_formulas_row_by_row(cases, name, small_rfm):
    model, _ = cases(name)
    columns = [small_rfm[column].to_numpy(dtype=float) for column in ("frequency", "recency", "T")]
    process, params = model.process_, model.params_
    wanted = {
        "alive": process.probability_alive(params, *columns),
        "alive later": process.probability_alive(params, *columns, 26.0),
        "purchases": process.expected_purchases(params, *columns, 39.0),
        "two": process.purchase_probability(params, *columns, 2, 39.0),
        "none": process.probability_no_purchase(params, *columns, 39.0),
        "wait": process.next_purchase_quantile(params, *columns, 0.5),
        "discounted": process.discounted_purchases(params, *columns, 0.002),
        "discounted in time": process.discounted_purchases(params, *columns, 0.002, 52.0),
    }
    for formula, values in predictions(model, small_rfm).items():
        np.testing.assert_allclose(values, wanted[formula], rtol=1e-9)
    assert model.expected_purchases_new(39.0) == process.expected_purchases_new(params, 39.0)[0]
    horizons = np.array([[0.0, 1.0], [13.0, 39.0]])
    several = model.expected_purchases_new(horizons)
    assert several.shape == (2, 2)
    assert several[0, 0] == 0.0
    assert several[1, 1] == pytest.approx(model.expected_purchases_new(39.0))


@every_model
def test_predictions_follow_the_order_of_the_rows(cases, name):
    model, rfm = cases(name)
    rfm = rfm[:40]
    order = np.random.default_rng(0).permutation(len(rfm))
    shuffled = predictions(model, rfm.iloc[order])
    for formula, values in predictions(model, rfm).items():
        np.testing.assert_allclose(shuffled[formula], values[order], rtol=1e-10)


@every_model
def test_weights_equal_repetition(cases, name):
    model, rfm = cases(name)
    counted = rfm.groupby(list(rfm.columns)).size().reset_index(name="count").sample(frac=1.0, random_state=0)
    by_weight = transaction_model(name).fit(counted, sample_weight=counted["count"])
    assert by_weight.params_ == pytest.approx(model.params_, rel=1e-6)
    assert by_weight.log_likelihood_ == pytest.approx(model.log_likelihood_, rel=1e-10)
    assert by_weight.standard_errors_ == pytest.approx(model.standard_errors_, rel=1e-5)
    assert by_weight.fit_report_["customers"] == len(rfm)


@every_model
def test_time_unit_shifts_the_log_likelihood_and_changes_no_prediction(cases, name):
    weeks, rfm = cases(name)
    in_days = rfm.assign(recency=rfm["recency"] * 7, T=rfm["T"] * 7)
    days = transaction_model(name).fit(in_days)
    powers = TIMES_OF_GGOM if name == "ggom_nbd" else TIMES
    expected = {
        parameter: value * 7.0 ** powers.get(parameter, 0) for parameter, value in weeks.params_.items()
    }
    assert days.params_ == pytest.approx(expected, rel=1e-3)  # tolerance of the search
    shift = rfm["frequency"].sum() * np.log(7.0)
    assert days.log_likelihood_ == pytest.approx(weeks.log_likelihood_ - shift, abs=1e-5)
    np.testing.assert_allclose(
        days.expected_purchases(in_days, 273.0), weeks.expected_purchases(rfm, 39.0), rtol=1e-4
    )


@every_model
def test_standard_errors_are_the_roots_of_a_symmetric_covariance(cases, name):
    model, _ = cases(name)
    free = [parameter for parameter in TRUTHS[name] if parameter != "k"]
    matrix = model.covariance_
    assert list(matrix.index) == list(matrix.columns) == list(model.standard_errors_) == free
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), list(model.standard_errors_.values()))
    values = np.array([model.params_[parameter] for parameter in free])
    np.testing.assert_allclose(matrix, values[:, None] * model.log_covariance_ * values, rtol=1e-12)


@every_model
def test_the_fit_is_a_local_maximum(cases, name):
    model, rfm = cases(name)
    columns = [rfm[column].to_numpy(dtype=float) for column in ("frequency", "recency", "T")]
    here = model.process_.log_likelihood(model.params_, *columns).sum()
    assert model.log_likelihood_ == pytest.approx(here, rel=1e-9)
    for parameter in model.standard_errors_:
        for factor in (0.99, 1.01):
            moved = {**model.params_, parameter: model.params_[parameter] * factor}
            assert model.process_.log_likelihood(moved, *columns).sum() < here


@pytest.mark.parametrize("name", ["bg_nbd", "pareto_nbd"])
def test_large_data_starts_from_a_sample_and_ends_at_the_same_maximum(name):
    n = 50_000 if name == "bg_nbd" else 4000
    T = np.random.default_rng(1).uniform(1.0, 60.0, n)
    rfm = getattr(simulation, f"simulate_{name}")(TRUTHS[name], n=n, T=T, seed=1)
    model = transaction_model(name).fit(rfm)
    columns = [rfm[column].to_numpy(dtype=float) for column in ("frequency", "recency", "T")]
    assert model.fit_report_["starts"] == 1
    for parameter in TRUTHS[name]:
        for factor in (0.999, 1.001):
            moved = {**model.params_, parameter: model.params_[parameter] * factor}
            assert model.process_.log_likelihood(moved, *columns).sum() < model.log_likelihood_


# --- JSON and pickle ---------------------------------------------------------------------------------------


@every_model
def test_json_round_trip_keeps_everything(cases, name):
    model, rfm = cases(name)
    again = type(model).from_json(model.to_json())
    assert again.get_params() == model.get_params()
    assert again.params_ == model.params_
    assert again.standard_errors_ == model.standard_errors_
    assert again.fit_report_ == model.fit_report_
    assert again.log_likelihood_ == model.log_likelihood_
    pd.testing.assert_frame_equal(again.covariance_, model.covariance_)
    before = predictions(model, rfm[:20])
    for formula, values in predictions(again, rfm[:20]).items():
        np.testing.assert_array_equal(values, before[formula])


def test_json_keeps_a_fallback_and_infinite_errors(small_rfm):
    with pytest.warns(FitWarning):
        model = ParetoNBD().fit(small_rfm.assign(recency=small_rfm["T"] * (small_rfm["frequency"] > 0)))
    again = ParetoNBD.from_json(model.to_json())
    assert again.process_ is model.process_
    assert again.fit_report_["fallback"] == model.fit_report_["fallback"]
    pd.testing.assert_frame_equal(again.log_covariance_, model.log_covariance_)
    assert again.expected_purchases_new(9.0) == model.expected_purchases_new(9.0)


@pytest.mark.parametrize(
    "change",
    [
        {"estimator": "ParetoNBD"},
        {"fit_report": {"model": "excel"}},
        {"params": {"r": 1.0}},
        {"log_covariance": [[1.0]]},
        {"arguments": {"colour": "red"}},
        {"log_likelihood": "high"},
    ],
)
def test_json_of_something_else_is_an_error(cases, change):
    model, _ = cases("bg_nbd")
    wrong = json.dumps(json.loads(model.to_json()) | change)
    with pytest.raises(ParamsError, match="JSON"):
        BetaGeoNBD.from_json(wrong)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "3", "null", '{"estimator": "BetaGeoNBD"}'])
def test_text_that_is_not_a_model_is_an_error(text):
    with pytest.raises(ParamsError, match="this is not the JSON of a fitted BetaGeoNBD"):
        BetaGeoNBD.from_json(text)


# --- conventions -------------------------------------------------------------------------------------------


@every_model
def test_scikit_learn_conventions(cases, name):
    model, rfm = cases(name)
    unfitted = clone(model)
    assert unfitted.get_params() == model.get_params()
    assert not hasattr(unfitted, "params_")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.probability_alive(rfm), model.probability_alive(rfm))
    for call in (
        lambda: unfitted.probability_alive(rfm),
        lambda: unfitted.expected_purchases_new(3.0),
        unfitted.to_json,
        unfitted.to_lifetimes,
    ):
        with pytest.raises(NotFittedError):
            call()


def test_arguments_are_stored_unchanged():
    names = ["age"]
    model = ParetoNBD(covariates=names, penalty=2.0)
    assert model.covariates is names
    assert model.get_params() == {"engine": "guanxi", "covariates": names, "penalty": 2.0}
    assert BetaGeoCNBD(k=3).get_params() == {"k": 3}


@every_model
def test_the_input_table_is_not_modified(cases, name):
    _, rfm = cases(name)
    rfm = rfm[:400].copy()
    before = rfm.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        transaction_model(name).fit(rfm).expected_purchases(rfm[:20], 10.0)
    pd.testing.assert_frame_equal(rfm, before)


@every_model
def test_fit_report_describes_the_fit(cases, name):
    model, rfm = cases(name)
    assert model.fit_report_ == model.fit_report_ | {
        "model": name,
        "engine": "guanxi",
        "fallback": None,
        "warnings": [],
        "customers": len(rfm),
        "repeat_customers": (rfm["frequency"] > 0).sum(),
        "distinct_histories": len(rfm.drop_duplicates()),
        "converged": True,
        "at_limit": [],
        "identified": True,
    }
    assert {"iterations", "starts"} <= set(model.fit_report_)


# --- invalid arguments -------------------------------------------------------------------------------------


@every_model
def test_no_information_is_an_error(small_rfm, name):
    model = transaction_model(name)
    with pytest.raises(FitError, match="no repeat purchases: nothing to learn a purchase rate from"):
        model.fit(small_rfm.assign(frequency=0, recency=0.0))
    with pytest.raises(FitError, match="T is 0 for every customer"):
        model.fit(small_rfm.assign(recency=0.0, T=0.0))


def test_unknown_engine_is_an_error(small_rfm):
    with pytest.raises(ParamsError, match="engine 'excel' is unknown"):
        BetaGeoNBD(engine="excel").fit(small_rfm)


@pytest.mark.parametrize("k", [0, -1, 1.5, np.nan])
def test_invalid_regularity_is_an_error(small_rfm, k):
    with pytest.raises(ParamsError, match=r"k is .*: give a whole number of at least 1"):
        BetaGeoCNBD(k=k).fit(small_rfm)


@pytest.mark.parametrize("horizon", [-1.0, np.nan, np.inf, "39", [39.0, -1.0]])
def test_invalid_horizon_is_an_error(cases, horizon):
    model, rfm = cases("pareto_nbd")
    with pytest.raises(DataError, match="horizon is"):
        model.expected_purchases(rfm, horizon)
    with pytest.raises(DataError, match="later is"):
        model.probability_alive(rfm, horizon)


@pytest.mark.parametrize("horizon", [-1.0, np.nan, np.inf, [1.0, -1.0]])
def test_invalid_horizon_of_a_new_customer_is_an_error(cases, horizon):
    model, _ = cases("bg_nbd")
    with pytest.raises(DataError, match="horizon is"):
        model.expected_purchases_new(horizon)


@pytest.mark.parametrize("n", [-1, 0.5, "2", [1, 2], np.nan])
def test_invalid_count_is_an_error(cases, n):
    model, rfm = cases("bg_nbd")
    with pytest.raises(DataError, match=r"n is .*: give a whole number of at least 0"):
        model.purchase_probability(rfm, n, 39.0)


@pytest.mark.parametrize("q", [-0.1, 1.0, np.nan])
def test_invalid_quantile_is_an_error(cases, q):
    model, rfm = cases("bg_nbd")
    with pytest.raises(DataError, match="probability of at least 0 and below 1"):
        model.next_purchase_quantile(rfm, q)


@pytest.mark.parametrize(("rate", "horizon"), [(-0.1, np.inf), (np.nan, 9.0), (np.inf, 9.0), (0.0, np.inf)])
def test_invalid_discount_rate_is_an_error(cases, rate, horizon):
    model, rfm = cases("bg_nbd")
    with pytest.raises(ParamsError, match="discount_rate is"):
        model.discounted_expected_residual_transactions(rfm, rate, horizon)


@pytest.mark.parametrize("horizon", [-1.0, np.nan, -np.inf])
def test_invalid_discount_horizon_is_an_error(cases, horizon):
    model, rfm = cases("bg_nbd")
    with pytest.raises(DataError, match="horizon is"):
        model.discounted_expected_residual_transactions(rfm, 0.01, horizon)
