from __future__ import annotations

import os
import pickle
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import betaln, hyp2f1
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi.errors import DataError, FitError, FitWarning, GuanxiError, ParamsError
from guanxi.models.beta_geo_beta_binomial import BetaGeoBetaBinomial
from guanxi.models.likelihoods import _bg_bb
from guanxi.models.likelihoods._bg_bb import BgBbLikelihood
from guanxi.served.purchases import bg_bb_process
from guanxi.served.purchases.bg_bb_process import BG_BB
from guanxi.simulation import simulate_bg_bb

NAMES = ("alpha", "beta", "gamma", "delta")
TRUTH = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}
# As printed in the BTYD walkthrough, whose search stops slightly short of the maximum.
DONATIONS = {"alpha": 1.203528, "beta": 0.749726, "gamma": 0.656781, "delta": 2.783796}
SMALLEST = 1e-300  # rounding errors dominate below
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


@pytest.fixture(scope="module")
def donations():
    source = SHARED / "donations_rf_summary.parquet"
    if not source.exists():
        pytest.skip(f"{source.name} is not there: set GUANXI_SHARED_DATA to the folder that holds it")
    return pd.read_parquet(source).rename(columns={"periods": "T"})


@pytest.fixture(scope="module")
def donors(donations):
    return BetaGeoBetaBinomial().fit(donations, sample_weight=donations["weights"])


@pytest.fixture(scope="module")
def simulated():
    T = np.random.default_rng(3).integers(1, 25, 4000)
    return simulate_bg_bb(TRUTH, n=4000, T=T, seed=3)


@pytest.fixture(scope="module")
def fitted(simulated):
    return BetaGeoBetaBinomial().fit(simulated)


def _columns(rfm):
    return [rfm[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T")]


def per(params):
    """Times in opportunities."""
    return {**params, "period": 1.0}


def _predictions(model, rfm):
    yield model.probability_alive(rfm)
    yield model.probability_alive(rfm, later=4)
    yield model.expected_purchases(rfm, 13)
    yield model.purchase_probability(rfm, 2, 13)
    yield model.probability_no_purchase(rfm, 13)
    yield model.discounted_expected_residual_transactions(rfm, 0.1)
    yield model.discounted_expected_residual_transactions(rfm, 0.1, horizon=13)


# --- published numbers -----------------------------------------------------------------------------------


def test_parameters_fader_hardie_shang_2010(donors, donations):
    assert list(donors.params_) == list(NAMES)
    assert [round(value, 3) for value in donors.params_.values()] == [1.204, 0.750, 0.657, 2.783]
    assert donors.log_likelihood_ == pytest.approx(-33225.58, abs=5e-3)
    assert donors.fit_report_["customers"] == donations["weights"].sum() == 11104


def test_log_likelihood_is_no_worse_than_at_the_btyd_walkthrough(donors, donations):
    theirs = donations["weights"].to_numpy() @ BG_BB.log_likelihood(per(DONATIONS), *_columns(donations))
    assert theirs == pytest.approx(-33225.58, abs=5e-3)
    assert donors.log_likelihood_ >= theirs
    assert donors.params_ == pytest.approx(DONATIONS, rel=2e-4)


def test_ten_periods_btyd_walkthrough():
    values = BG_BB.expected_purchases(per(DONATIONS), [0, 4, 0], [0, 5, 0], [6, 6, 0], 10)
    assert values == pytest.approx([0.1302169, 3.627858, 3.179805], rel=1e-6)


def test_five_period_total_lifetimes_tests(donors, donations):
    total = donors.expected_purchases(donations, 5) @ donations["weights"].to_numpy()
    assert round(float(total), 1) == 12884.2


def test_probability_alive_table_6_lifetimes_tests(donors):
    rfm = pd.DataFrame({"frequency": [0, 2, 6], "recency": [0, 4, 6], "T": [6, 6, 6]})
    assert donors.probability_alive(rfm).round(2).tolist() == [0.11, 0.59, 0.93]


def test_expected_counts_in_sample_lifetimes_tests(donors):
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0], "T": [0]})
    counts = [11104 * donors.purchase_probability(newcomer, n, 6)[0] for n in (0, 6)]
    assert [round(float(count), 1) for count in counts] == [3454.9, 1253.1]


# --- against independent computations ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def some():
    return simulate_bg_bb(TRUTH, n=60, T=np.random.default_rng(0).integers(1, 30, 60), seed=0)


@pytest.mark.parametrize("seed", range(4))
def test_lifetimes_at_random_points(lifetimes, seed):
    # lifetimes adds 1e-15 to a factor of the likelihood, which only short histories do not reveal.
    short = simulate_bg_bb(TRUTH, n=60, T=np.random.default_rng(seed).integers(1, 8, 60), seed=seed)
    params = dict(zip(NAMES, np.exp(np.random.default_rng(seed).uniform(-1.5, 1.5, 4)), strict=True))
    fitter = lifetimes.BetaGeoBetaBinomFitter()
    fitter.params_ = pd.Series(params)
    x, t_x, T = (column.astype(int) for column in _columns(short))
    log_likelihood = fitter._loglikelihood(list(params.values()), x, t_x, T)
    np.testing.assert_allclose(BG_BB.log_likelihood(per(params), x, t_x, T), log_likelihood, rtol=1e-8)
    alive = fitter.conditional_probability_alive(4, x, t_x, T)
    np.testing.assert_allclose(BG_BB.probability_alive(per(params), x, t_x, T, later=4), alive, rtol=1e-7)
    expected = fitter.conditional_expected_number_of_purchases_up_to_time(9, x, t_x, T)
    np.testing.assert_allclose(BG_BB.expected_purchases(per(params), x, t_x, T, 9), expected, rtol=1e-7)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.5])
def test_residual_transactions_equal_equation_14_with_its_hypergeometric_function(some, rate):
    x, t_x, T = _columns(some)
    alpha, beta, gamma, delta = TRUTH.values()
    log = betaln(alpha + x + 1, beta + T - x) - betaln(alpha, beta)
    log += betaln(gamma, delta + T + 1) - betaln(gamma, delta) - BG_BB.log_likelihood(per(TRUTH), x, t_x, T)
    expected = np.exp(log) / (1 + rate) * hyp2f1(1, delta + T + 1, gamma + delta + T + 1, 1 / (1 + rate))
    np.testing.assert_allclose(_bg_bb.discounted_purchases(TRUTH, x, t_x, T, rate), expected, rtol=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    log_params=st.lists(st.floats(-2.5, 2.5), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
def test_gradient_and_hessian_equal_finite_differences(log_params, seed):
    rfm = simulate_bg_bb(TRUTH, n=12, T=np.random.default_rng(seed).integers(0, 40, 12), seed=seed)
    likelihood = BgBbLikelihood(*_columns(rfm), np.linspace(0.5, 2.0, 12))
    at = np.array(log_params)
    value, gradient, hessian = likelihood(at)
    params = dict(zip(NAMES, np.exp(at), strict=True))
    by_row = BG_BB.log_likelihood(per(params), *_columns(rfm))
    assert value == pytest.approx(np.linspace(0.5, 2.0, 12) @ by_row, rel=1e-12)
    steps = 1e-4 * np.eye(4)
    slope = [(likelihood(at + step)[0] - likelihood(at - step)[0]) / 2e-4 for step in steps]
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-5)
    curve = [(likelihood(at + step)[1] - likelihood(at - step)[1]) / 2e-4 for step in steps]
    np.testing.assert_allclose(hessian, curve, rtol=1e-5, atol=1e-5)


def test_chunks_change_nothing(simulated, monkeypatch):
    columns, at = _columns(simulated), np.log(list(TRUTH.values()))
    whole = BgBbLikelihood(*columns, np.ones(len(simulated)))(at)
    counts = BG_BB.purchase_probability(per(TRUTH), *columns, 2, 9)
    monkeypatch.setattr(_bg_bb, "_CHUNK", 100)
    monkeypatch.setattr(bg_bb_process, "_ENTRIES", 100)
    cut = BgBbLikelihood(*columns, np.ones(len(simulated)))(at)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    np.testing.assert_allclose(BG_BB.purchase_probability(per(TRUTH), *columns, 2, 9), counts, rtol=1e-13)


# --- properties ------------------------------------------------------------------------------------------


@st.composite
def points(draw):
    """Parameters over eight orders of magnitude, and a few histories."""
    exponents = draw(st.lists(st.floats(-4.0, 4.0), min_size=4, max_size=4))
    params = dict(zip(NAMES, (10.0**exponent for exponent in exponents), strict=True))
    T = draw(st.lists(st.integers(0, 300), min_size=1, max_size=5))
    rfm = simulate_bg_bb(TRUTH, n=len(T), T=T, seed=draw(st.integers(0, 10_000)))
    return params, _columns(rfm)


@settings(deadline=None, max_examples=60)
@given(point=points())
def test_probabilities_lie_between_0_and_1_and_fall_with_time(point):
    params, (x, t_x, T) = point
    alive = [BG_BB.probability_alive(per(params), x, t_x, T, later=later + 1) for later in (0, 1, 7)]
    none = [BG_BB.probability_no_purchase(per(params), x, t_x, T, horizon) for horizon in (0, 1, 7)]
    for earlier, later in zip([*alive[:-1], *none[:-1]], [*alive[1:], *none[1:]], strict=True):
        assert ((later >= 0) & (later <= earlier + 1e-12) & (earlier <= 1 + 1e-12)).all()
    silent = BG_BB.probability_alive(per(params), x, t_x, T + 1, later=1)
    assert (silent <= alive[0] * (1 + 1e-9) + SMALLEST).all()


@settings(deadline=None, max_examples=60)
@given(point=points())
def test_expected_purchases_rise_with_the_horizon_from_0(point):
    params, (x, t_x, T) = point
    values = [BG_BB.expected_purchases(per(params), x, t_x, T, horizon) for horizon in (0, 1, 7, 50)]
    assert (values[0] == 0).all()
    # The sums may differ in the last digit.
    assert all((later >= earlier * (1 - 1e-14)).all() for earlier, later in pairwise(values))
    assert (values[-1] <= 50 * (1 + 1e-12)).all()


@settings(deadline=None, max_examples=60)
@given(point=points(), horizon=st.integers(0, 40))
@example(  # no customer can be dead here, and a purchase is almost certain
    point=(
        {"alpha": 1000.0, "beta": 10.0, "gamma": 1.0, "delta": 10_000.0},
        [np.array([221]), np.array([227]), np.array([227])],
    ),
    horizon=3,
)
def test_the_distribution_sums_to_1_and_has_the_expected_purchases_as_mean(point, horizon):
    params, (x, t_x, T) = point
    counts = np.arange(horizon + 1)
    each = np.array([BG_BB.purchase_probability(per(params), x, t_x, T, n, horizon) for n in counts])
    assert ((each >= 0) & (each <= 1 + 1e-12)).all()
    np.testing.assert_allclose(each.sum(axis=0), 1.0, rtol=1e-9)
    mean = BG_BB.expected_purchases(per(params), x, t_x, T, horizon)
    np.testing.assert_allclose(counts @ each, mean, rtol=1e-9, atol=SMALLEST)
    none = BG_BB.probability_no_purchase(per(params), x, t_x, T, horizon)
    np.testing.assert_allclose(each[0], none, rtol=1e-9)
    assert (BG_BB.purchase_probability(per(params), x, t_x, T, horizon + 1, horizon) == 0).all()


@settings(deadline=None, max_examples=40)
@given(point=points(), rate=st.floats(0.02, 3.0))
def test_residual_transactions_are_the_limit_of_their_sums(point, rate):
    params, (x, t_x, T) = point
    endless = _bg_bb.discounted_purchases(params, x, t_x, T, rate)
    many = int(40 / np.log1p(rate)) + 1  # later terms are discounted by e^-40
    np.testing.assert_allclose(
        _bg_bb.discounted_purchases(params, x, t_x, T, rate, many), endless, rtol=1e-9, atol=SMALLEST
    )


def test_histories_of_all_customers_have_total_probability_1():
    n = 7
    total = np.exp(BG_BB.log_likelihood(per(TRUTH), 0, 0, n)[0])
    for t_x in range(1, n + 1):
        x = np.arange(1, t_x + 1)
        ways = np.array([float(_choose(t_x - 1, k - 1)) for k in x])
        total += ways @ np.exp(BG_BB.log_likelihood(per(TRUTH), x, t_x, n))
    assert total == pytest.approx(1.0, rel=1e-13)


def _choose(n, k):
    return np.prod([(n - i) / (i + 1) for i in range(k)])


@pytest.mark.parametrize("gamma", [1e-6, 0.5, 1.0, 1.0 + 1e-12, 3000.0])
@pytest.mark.parametrize(
    "history", [(0, 0, 30_000), (3000, 3000, 3000), (4000, 9999, 10_000), (1, 1, 30_000)]
)
def test_long_histories_and_singular_parameters_stay_finite(gamma, history):
    params = {**TRUTH, "gamma": gamma}
    values = [
        BG_BB.log_likelihood(per(params), *history),
        BG_BB.probability_alive(per(params), *history, later=10_001),
        BG_BB.expected_purchases(per(params), *history, 10_000),
        BG_BB.purchase_probability(per(params), *history, 500, 10_000),
        _bg_bb.discounted_purchases(params, *history, 1e-5),
    ]
    assert np.isfinite(values).all()


# --- the estimator ---------------------------------------------------------------------------------------


def test_simulated_truth_is_recovered(fitted):
    for name, truth in TRUTH.items():
        error = abs(np.log(fitted.params_[name] / truth))
        assert error < 4 * fitted.standard_errors_[name] / fitted.params_[name]
    assert fitted.converged_
    assert fitted.fit_report_["identified"]
    assert fitted.fit_report_["warnings"] == []


def test_predictions_are_calibrated_for_simulated_customers(simulated):
    alive = BG_BB.probability_alive(per(TRUTH), *_columns(simulated), later=1)
    dropout = simulated["dropout_probability"]
    assert alive.mean() == pytest.approx((simulated["alive"] * (1 - dropout)).mean(), abs=0.02)
    expected = [BG_BB.expected_purchases(per(TRUTH), 0, 0, 0, T)[0] for T in simulated["T"]]
    assert simulated["frequency"].mean() == pytest.approx(np.mean(expected), rel=0.05)


def test_weights_equal_repetition(donations):
    few = donations.assign(weights=(donations["weights"] / 20).round().astype(int))
    rows = few.loc[few.index.repeat(few["weights"])]
    by_weight = BetaGeoBetaBinomial().fit(few, sample_weight=few["weights"])
    by_rows = BetaGeoBetaBinomial().fit(rows)
    assert by_weight.params_ == pytest.approx(by_rows.params_, rel=1e-8)
    assert by_weight.log_likelihood_ == pytest.approx(by_rows.log_likelihood_, rel=1e-12)
    assert by_weight.standard_errors_ == pytest.approx(by_rows.standard_errors_, rel=1e-6)


def test_predictions_equal_the_formulas_row_by_row(fitted, some):
    columns, params = _columns(some), fitted.params_
    expected = [
        BG_BB.probability_alive(per(params), *columns, later=1),
        BG_BB.probability_alive(per(params), *columns, later=5),
        BG_BB.expected_purchases(per(params), *columns, 13),
        BG_BB.purchase_probability(per(params), *columns, 2, 13),
        BG_BB.probability_no_purchase(per(params), *columns, 13),
        _bg_bb.discounted_purchases(params, *columns, 0.1),
        _bg_bb.discounted_purchases(params, *columns, 0.1, 13),
    ]
    for values, wanted in zip(_predictions(fitted, some), expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=1e-12)
    assert fitted.expected_purchases_new(13) == BG_BB.expected_purchases(per(params), 0, 0, 0, 13)[0]


def test_covariance_is_symmetric_and_labelled(fitted):
    matrix = fitted.covariance_
    assert list(matrix.index) == list(matrix.columns) == list(NAMES)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), list(fitted.standard_errors_.values()))


def test_scikit_learn_conventions(fitted, simulated):
    assert not hasattr(clone(fitted), "params_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.probability_alive(simulated), fitted.probability_alive(simulated))
    for use in (
        lambda model: model.probability_alive(simulated),
        lambda model: model.expected_purchases_new(3),
    ):
        with pytest.raises(NotFittedError):
            use(BetaGeoBetaBinomial())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"T": [6.5, 6.0]}, "'T' is not a whole number of opportunities in 1 of 2 rows"),
        ({"T": [2_000_000, 6]}, "'T' is above 1,000,000 opportunities"),
        ({"recency": [4.5, 6.0]}, "'recency' is not the number of an opportunity"),
        ({"frequency": [5, 6]}, "'frequency' is greater than recency"),
        ({"recency": [7, 6]}, "'recency' is greater than T"),
        ({"frequency": [0, 6]}, "'recency' is above 0 though frequency is 0"),
    ],
)
def test_impossible_histories_are_errors(wrong, message):
    rfm = pd.DataFrame({"frequency": [3, 6], "recency": [4, 6], "T": [6, 6]}).assign(**wrong)
    with pytest.raises(DataError, match=message):
        BetaGeoBetaBinomial().fit(rfm)


@pytest.mark.parametrize("number", [-1, 2.5, np.nan, np.inf, "3", [-3], 2_000_000])
def test_invalid_counts_are_errors(fitted, simulated, number):
    for name, use in {
        "horizon": lambda: fitted.expected_purchases(simulated, number),
        "later": lambda: fitted.probability_alive(simulated, later=number),
        "n": lambda: fitted.purchase_probability(simulated, number, 3),
    }.items():
        with pytest.raises(DataError, match=f"^{name} is .*: give a whole number"):
            use()


@pytest.mark.parametrize("rate", [-0.1, 0.0, np.nan, np.inf, "1"])
def test_invalid_discount_rates_are_errors(fitted, simulated, rate):
    with pytest.raises(ParamsError, match="discount_rate is"):
        fitted.discounted_expected_residual_transactions(simulated, rate)


def test_without_discount_the_residual_transactions_are_the_expected_purchases(fitted, simulated):
    np.testing.assert_array_equal(
        fitted.discounted_expected_residual_transactions(simulated, 0.0, horizon=9),
        fitted.expected_purchases(simulated, 9),
    )


def test_no_transactions_are_an_error():
    rfm = pd.DataFrame({"frequency": [0, 0], "recency": [0, 0], "T": [6, 8]})
    with pytest.raises(FitError, match="no transactions: nothing to learn"):
        BetaGeoBetaBinomial().fit(rfm)


def test_without_dropout_in_the_data_the_report_notes_it():
    rfm = pd.DataFrame({"frequency": [3, 6, 1, 2], "recency": [6, 6, 6, 6], "T": [6, 6, 6, 6]})
    with pytest.warns(FitWarning, match="no dropout is expected"):
        model = BetaGeoBetaBinomial().fit(rfm)
    assert "no dropout is expected" in model.fit_report_["fallback"]
    assert {"gamma", "delta"} <= set(model.fit_report_["at_limit"])
    assert model.probability_alive(rfm, later=100) == pytest.approx(1.0, abs=1e-6)
    share = model.params_["alpha"] / (model.params_["alpha"] + model.params_["beta"])
    assert model.expected_purchases_new(100) == pytest.approx(100 * share, rel=1e-6)


def test_identical_histories_are_fitted_and_the_report_notes_it():
    rfm = pd.DataFrame({"frequency": [2] * 40, "recency": [3] * 40, "T": [6] * 40})
    model = BetaGeoBetaBinomial().fit(rfm)
    assert {"alpha", "gamma"} <= set(model.fit_report_["at_limit"])
    assert any("at the edge of the search" in warning for warning in model.fit_report_["warnings"])
    assert all(np.isfinite(values).all() for values in _predictions(model, rfm))


@settings(deadline=None, max_examples=40)
@given(
    exponents=st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4),
    n=st.integers(1, 20),
    longest=st.sampled_from([1, 6, 60, 600]),
    seed=st.integers(0, 10_000),
)
def test_small_bases_give_finite_predictions_or_a_guanxi_error(exponents, n, longest, seed):
    params = dict(zip(NAMES, (10.0**exponent for exponent in exponents), strict=True))
    T = np.random.default_rng(seed).integers(0, longest + 1, n)
    rfm = simulate_bg_bb(params, n=n, T=T, seed=seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            model = BetaGeoBetaBinomial().fit(rfm)
    except GuanxiError:
        return
    assert all(np.isfinite(values).all() for values in _predictions(model, rfm))
    assert np.isfinite(model.log_likelihood_)
    assert not np.isnan(model.covariance_.to_numpy()).any()
