from __future__ import annotations

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, hyp2f1
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi.errors import DataError, FitError, FitWarning, GuanxiError, ParamsError
from guanxi.models.shifted_beta_geometric import ShiftedBetaGeometric
from guanxi.served.contracts.retention_process import SHIFTED_BETA_GEOMETRIC
from guanxi.simulation import simulate_shifted_beta_geometric

TRUTH = {"alpha": 0.7, "beta": 1.9}
# Percent of 1,000 customers remaining after each of twelve years, Fader & Hardie 2007; seven are fitted.
HIGH_END = [100.0, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]
REGULAR = [100.0, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]
# Five yearly cohorts of 10,000 each, Fader & Hardie 2010, from jdmaturen/shifted_beta_geometric_py.
COHORTS = [10_000, 8000, 6480, 5307, 4391]


def _table(percent, periods=8):
    return pd.DataFrame({"period": range(periods), "survivors": np.multiply(percent[:periods], 10.0)})


def _cohorts():
    sizes = [(start, COHORTS[: 5 - start]) for start in range(4)]
    return pd.concat(
        pd.DataFrame({"cohort": f"year {start}", "period": range(len(left)), "survivors": left})
        for start, left in sizes
    )


@pytest.fixture(scope="module")
def high_end():
    return ShiftedBetaGeometric().fit_retention(_table(HIGH_END))


@pytest.fixture(scope="module")
def simulated():
    watched = np.random.default_rng(3).integers(1, 13, 4000)
    return simulate_shifted_beta_geometric(TRUTH, n=4000, periods=watched, seed=3)


@pytest.fixture(scope="module")
def fitted(simulated):
    return ShiftedBetaGeometric().fit(simulated)


def _predictions(model):
    yield model.survival(np.arange(40))
    yield model.retention_rate(np.arange(1, 40))
    yield model.renewal_probability(np.arange(40), 5)
    yield model.expected_residual_periods(np.arange(40), 30)
    yield model.discounted_expected_residual_lifetime(np.arange(40), 0.1)


# --- against independent computations ---------------------------------------------------------------------


def test_survival_equals_the_beta_functions_of_the_paper():
    t = np.arange(30)
    expected = np.exp(betaln(0.7, 1.9 + t) - betaln(0.7, 1.9))
    survival = np.exp(SHIFTED_BETA_GEOMETRIC.log_survival(TRUTH, 0, t))
    np.testing.assert_allclose(survival, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.5])
def test_residual_lifetime_equals_the_hypergeometric_function_of_the_paper(fitted, rate):
    a, b = fitted.params_.values()
    n = np.arange(1, 40)  # the contract period of a customer with n - 1 renewals
    expected = (b + n - 1) / (a + b + n - 1) * hyp2f1(1, b + n, a + b + n, 1 / (1 + rate))
    values = fitted.discounted_expected_residual_lifetime(n - 1, rate)
    np.testing.assert_allclose(values, expected, rtol=1e-10)


def test_the_likelihood_equals_that_of_the_paper(fitted, simulated):
    a, b = fitted.params_.values()
    t, churned = simulated["duration"].to_numpy(), simulated["churned"].to_numpy()
    each = np.where(churned == 1, betaln(a + 1, b + t - 1), betaln(a, b + t)) - betaln(a, b)
    assert fitted.log_likelihood_ == pytest.approx(each.sum(), rel=1e-12)


def test_durations_and_their_retention_table_give_the_same_fit():
    durations = simulate_shifted_beta_geometric(TRUTH, n=900, periods=9, seed=1)
    left = [900 - ((durations["churned"] == 1) & (durations["duration"] <= t)).sum() for t in range(10)]
    by_rows = ShiftedBetaGeometric().fit(durations)
    by_table = ShiftedBetaGeometric().fit_retention(pd.DataFrame({"period": range(10), "survivors": left}))
    assert by_rows.params_ == pytest.approx(by_table.params_, rel=1e-9)
    assert by_rows.log_likelihood_ == pytest.approx(by_table.log_likelihood_, rel=1e-12)
    assert by_rows.fit_report_ == by_table.fit_report_


def test_the_order_of_a_table_does_not_matter():
    shuffled = _cohorts().sample(frac=1.0, random_state=0)
    expected = ShiftedBetaGeometric().fit_retention(_cohorts()).params_
    assert ShiftedBetaGeometric().fit_retention(shuffled).params_ == pytest.approx(expected, rel=1e-12)


def test_a_left_truncated_cohort_counts_from_its_first_period():
    early, late = _table(HIGH_END, 4), _table(HIGH_END, 8).iloc[3:]
    both = pd.concat([early.assign(cohort="early"), late.assign(cohort="late")])
    expected = ShiftedBetaGeometric().fit_retention(_table(HIGH_END)).params_
    assert ShiftedBetaGeometric().fit_retention(both).params_ == pytest.approx(expected, rel=1e-10)


# --- properties ------------------------------------------------------------------------------------------

params_strategy = st.builds(
    lambda a, b: {"alpha": 10.0**a, "beta": 10.0**b}, st.floats(-5.0, 5.0), st.floats(-5.0, 5.0)
)


@settings(deadline=None, max_examples=100)
@given(params=params_strategy)
def test_survival_falls_from_1_and_retention_rises(params):
    process = SHIFTED_BETA_GEOMETRIC
    survival = np.exp(process.log_survival(params, 0, np.arange(200)))
    assert survival[0] == 1.0
    assert ((survival >= 0) & (np.diff(survival, prepend=1.0) <= 0)).all()
    rates = np.exp(process.log_survival(params, np.arange(199), 1))
    assert ((rates >= 0) & (rates <= 1) & (np.diff(rates, prepend=0.0) >= -1e-15)).all()
    np.testing.assert_allclose(
        survival[1:], np.cumprod(rates), rtol=1e-11, atol=1e-300
    )  # rounding errors dominate below
    one = 1.0 / (1.0 + np.exp(process.churn_log_odds(params, np.arange(199))))
    np.testing.assert_allclose(one, rates, rtol=1e-10)


@settings(deadline=None, max_examples=100)
@given(params=params_strategy, rate=st.floats(0.01, 5.0), made=st.integers(0, 5000))
def test_residual_lifetime_is_the_limit_of_its_sums(params, rate, made):
    endless = SHIFTED_BETA_GEOMETRIC.discounted_renewals(params, [made], rate)
    many = int(40 / np.log1p(rate)) + 1  # later terms are discounted by e^-40
    np.testing.assert_allclose(
        SHIFTED_BETA_GEOMETRIC.discounted_renewals(params, [made], rate, many), endless, rtol=1e-9
    )


@settings(deadline=None, max_examples=50)
@given(params=params_strategy, made=st.integers(0, 1000))
def test_residual_periods_rise_with_the_horizon_from_0(params, made):
    values = [
        SHIFTED_BETA_GEOMETRIC.discounted_renewals(params, [made], 0.0, horizon)[0]
        for horizon in (0, 1, 7, 50)
    ]
    assert values[0] == 0.0
    # The sums may differ in the last digit.
    assert all(later >= earlier * (1 - 1e-14) for earlier, later in pairwise(values))
    assert values[-1] <= 50 * (1 + 1e-12)


# --- the estimator ---------------------------------------------------------------------------------------


def test_simulated_truth_is_recovered(fitted):
    for name, truth in TRUTH.items():
        error = abs(np.log(fitted.params_[name] / truth))
        assert error < 4 * fitted.standard_errors_[name] / fitted.params_[name]
    assert fitted.converged_
    assert fitted.fit_report_["warnings"] == []
    assert fitted.fit_report_["fallback"] is None


def test_weights_equal_repetition(simulated):
    columns = ["duration", "churned"]
    grouped = simulated.groupby(columns).size().reset_index(name="count")
    grouped.loc[len(grouped)] = [50, 1, 0]  # weight zero
    by_weight = ShiftedBetaGeometric().fit(grouped, sample_weight=grouped["count"])
    by_rows = ShiftedBetaGeometric().fit(simulated)
    assert by_weight.params_ == pytest.approx(by_rows.params_, rel=1e-10)
    assert by_weight.standard_errors_ == pytest.approx(by_rows.standard_errors_, rel=1e-8)
    assert by_weight.fit_report_ == by_rows.fit_report_


def test_scikit_learn_conventions(fitted):
    assert not hasattr(clone(fitted), "params_")
    again = pickle.loads(pickle.dumps(fitted))
    for one, other in zip(_predictions(again), _predictions(fitted), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(NotFittedError):
        ShiftedBetaGeometric().survival([1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"duration": [0, 2]}, "'duration' is below 1 in 1 of 2 rows"),
        ({"duration": [1.5, 2.0]}, "'duration' is not a whole number of periods"),
        ({"duration": [2_000_000, 2]}, "'duration' is above 1,000,000"),
        ({"churned": [1, 2]}, "'churned' is neither 0 nor 1"),
        ({"churned": ["yes", "no"]}, "column 'churned' holds"),
    ],
)
def test_impossible_durations_are_errors(wrong, message):
    durations = pd.DataFrame({"duration": [1, 2], "churned": [1, 0]}).assign(**wrong)
    with pytest.raises(DataError, match=message):
        ShiftedBetaGeometric().fit(durations)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"period": [0, 1, 3]}, r"'period' does not follow the period before it .* \(first: 2\)"),
        ({"period": [0, 1, 1]}, "'period' does not follow the period before it"),
        ({"period": [0, 0.5, 1]}, "'period' is not a whole number"),
        ({"survivors": [100, 60, 61]}, r"'survivors' is greater than in the period before .* \(first: 2\)"),
        ({"survivors": [100, 60, -1]}, "'survivors' is negative"),
        ({"cohort": ["a", "a", None]}, "'cohort' is missing in 1 of 3 rows"),
    ],
)
def test_impossible_tables_are_errors(wrong, message):
    table = pd.DataFrame({"period": [0, 1, 2], "survivors": [100, 60, 40]}).assign(**wrong)
    with pytest.raises(DataError, match=message):
        ShiftedBetaGeometric().fit_retention(table)


@pytest.mark.parametrize("numbers", [[-1], [0.5], [np.nan], ["3"], [], [[1, 2]], [2_000_000]])
def test_invalid_counts_are_errors(fitted, numbers):
    for use in (
        fitted.survival,
        fitted.retention_rate,
        lambda renewals: fitted.renewal_probability(renewals, 1),
        lambda renewals: fitted.expected_residual_periods(renewals, 1),
        lambda renewals: fitted.discounted_expected_residual_lifetime(renewals, 0.1),
    ):
        with pytest.raises(DataError, match="give whole numbers from"):
            use(numbers)


@pytest.mark.parametrize("rate", [-0.1, 0.0, np.nan, np.inf, "1"])
def test_invalid_discount_rates_are_errors(fitted, rate):
    with pytest.raises(ParamsError, match="discount_rate_per_period is"):
        fitted.discounted_expected_residual_lifetime([1], rate)


def test_all_or_no_churn_is_an_error():
    with pytest.raises(FitError, match="no customer churned"):
        ShiftedBetaGeometric().fit(pd.DataFrame({"duration": [1, 4], "churned": [0, 0]}))
    with pytest.raises(FitError, match="no customer renewed"):
        ShiftedBetaGeometric().fit(pd.DataFrame({"duration": [1, 1], "churned": [1, 1]}))
    with pytest.raises(FitError, match="no customer churned"):
        ShiftedBetaGeometric().fit_retention(pd.DataFrame({"period": [0], "survivors": [100]}))


def test_one_renewal_opportunity_falls_back_to_one_churn_probability():
    with pytest.warns(FitWarning, match="one churn probability is used for all customers"):
        model = ShiftedBetaGeometric().fit_retention(pd.DataFrame({"period": [0, 1], "survivors": [100, 80]}))
    assert "one churn probability is used for all customers" in model.fit_report_["fallback"]
    assert np.isinf(list(model.standard_errors_.values())).all()
    np.testing.assert_allclose(model.survival([1, 2, 3]), [0.8, 0.64, 0.512], rtol=1e-5)
    assert all(np.isfinite(values).all() for values in _predictions(model))


def test_constant_churn_is_fitted_and_the_report_notes_it():
    table = pd.DataFrame({"period": range(6), "survivors": 1000 * 0.8 ** np.arange(6)})
    model = ShiftedBetaGeometric().fit_retention(table)
    np.testing.assert_allclose(model.survival([1, 5, 10]), 0.8 ** np.array([1, 5, 10]), rtol=1e-3)
    assert not model.fit_report_["identified"] or model.fit_report_["at_limit"]
    assert model.fit_report_["warnings"]


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 20),
    longest=st.sampled_from([1, 2, 6, 300]),
    exponents=st.tuples(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0)),
    seed=st.integers(0, 10_000),
)
def test_small_bases_give_finite_predictions_or_a_guanxi_error(n, longest, exponents, seed):
    params = {"alpha": 10.0 ** exponents[0], "beta": 10.0 ** exponents[1]}
    durations = simulate_shifted_beta_geometric(params, n, longest, seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            model = ShiftedBetaGeometric().fit(durations)
    except GuanxiError:
        return
    assert all(np.isfinite(values).all() for values in _predictions(model))
    assert np.isfinite(model.log_likelihood_)
    assert not np.isnan(model.covariance_.to_numpy()).any()
