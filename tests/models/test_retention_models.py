"""Both retention models: published numbers, the laws, covariates, left truncation, extreme data."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln
from statsmodels.duration.survfunc import SurvfuncRight

from guanxi.errors import DataError, FitError, FitWarning, ParamsError
from guanxi.models import BetaDiscreteWeibull, ShiftedBetaGeometric
from guanxi.models.likelihoods._retention import RetentionLikelihood, retention_terms
from guanxi.served.contracts.retention_process import (
    BETA_DISCRETE_WEIBULL,
    RETENTION_PROCESSES,
    SHIFTED_BETA_GEOMETRIC,
    survival_curves,
)
from guanxi.simulation import simulate_beta_discrete_weibull, simulate_shifted_beta_geometric

# Percent of 1,000 customers remaining after each of twelve years, Fader & Hardie 2007.
HIGH_END = [100.0, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]
REGULAR = [100.0, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]
# Customers of the first of five yearly cohorts, all with the same numbers, Fader & Hardie's note 017.
COHORT = [10_000, 8000, 6480, 5307, 4391]
TRUTHS = {
    ShiftedBetaGeometric: {"alpha": 0.8, "beta": 4.0},
    BetaDiscreteWeibull: {"gamma": 0.6, "delta": 6.0, "c": 1.4},
}
both_models = pytest.mark.parametrize("model", TRUTHS, ids=lambda model: model.__name__)


def _segment(percent, periods, **columns):
    survivors = np.multiply(percent[:periods], 10.0)
    return pd.DataFrame({"period": range(periods), "survivors": survivors, **columns})


def _cohorts():
    return pd.concat(
        pd.DataFrame({"cohort": year, "period": range(5 - year), "survivors": COHORT[: 5 - year]})
        for year in range(5)
    )


def _simulate(model, n, periods, seed, **changes):
    truth = TRUTHS[model] | changes
    if model is ShiftedBetaGeometric:
        return simulate_shifted_beta_geometric(truth, n, periods, seed)
    return simulate_beta_discrete_weibull(truth, n, periods, seed)


def _first_two(model):
    return list(TRUTHS[model])[:2]


# --- published numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "periods", "alpha", "beta", "log_likelihood", "year_12"),
    [
        (HIGH_END, 8, 0.668, 3.806, -1611.158, 0.378),
        (REGULAR, 8, 0.7041, 1.1820, -1680.265, 0.170),
        (REGULAR, 5, 0.7637, 1.2958, -1401.559, None),
        (HIGH_END, 5, 1.2809, 7.7898, -1225.135, None),
    ],
)
def test_sbg_fader_hardie_2007(percent, periods, alpha, beta, log_likelihood, year_12):
    model = ShiftedBetaGeometric().fit_retention(_segment(percent, periods))
    assert model.params_ == pytest.approx({"alpha": alpha, "beta": beta}, rel=2e-4)
    assert round(model.log_likelihood_, 3) == log_likelihood
    assert year_12 is None or round(float(model.survival(12)[0]), 3) == year_12


@pytest.mark.parametrize("percent", [HIGH_END, REGULAR])
def test_sbg_projection_to_year_12_is_close_fader_hardie_2007(percent):
    model = ShiftedBetaGeometric().fit_retention(_segment(percent, 8))
    assert np.abs(100 * model.survival(range(8, 13)) - percent[8:]).max() < 2.0


def test_sbg_projection_and_residual_lifetime_jdmaturen_readme():
    model = ShiftedBetaGeometric().fit_retention(_segment(HIGH_END, 8))
    assert model.survival(range(8, 13)).round(3).tolist() == [0.460, 0.436, 0.414, 0.395, 0.378]
    assert model.discounted_expected_residual_lifetime([7], 0.1).round(3).tolist() == [7.530]


def test_bdw_regular_fader_et_al_2018():
    model = BetaDiscreteWeibull().fit_retention(_segment(REGULAR, 5))
    assert model.params_ == pytest.approx({"gamma": 0.5231, "delta": 0.8944, "c": 1.1963}, rel=2e-4)
    assert round(model.log_likelihood_, 3) == -1401.383


def test_sbg_several_cohorts_fader_hardie_note_017():
    """The note's search stopped near the maximum: its parameters are a little less likely than ours."""
    model = ShiftedBetaGeometric().fit_retention(_cohorts())
    published = {"alpha": 3.797073, "beta": 15.187497}
    assert model.params_ == pytest.approx(published, rel=5e-4)
    assert round(model.log_likelihood_, 3) == -40_255.837
    left = np.diff(COHORT) * -1.0
    each = [
        np.append(left[: 4 - year], COHORT[4 - year]) @ np.log(-np.diff(np.append(survival, 0.0)))
        for year in range(5)
        if (survival := np.exp(SHIFTED_BETA_GEOMETRIC.log_survival(published, 0, np.arange(5 - year)))).size
    ]
    assert sum(each) == pytest.approx(model.log_likelihood_, abs=1e-3)
    assert sum(each) <= model.log_likelihood_


def test_residual_value_perils_fader_hardie_2010():
    """100 a year, 10 %: after 0, 1 and 4 renewals; below, all with the mean retention of .833."""
    model = ShiftedBetaGeometric().fit_retention(_segment(REGULAR, 5))
    assert [round(value, 3) for value in model.params_.values()] == [0.764, 1.296]
    value = 100.0 * model.discounted_expected_residual_lifetime([0, 1, 4], 0.1)
    assert value.round().tolist() == [288.0, 394.0, 568.0]
    alike = {"alpha": 0.167e6, "beta": 0.833e6}
    assert round(110.0 * SHIFTED_BETA_GEOMETRIC.discounted_renewals(alike, [0], 0.1)[0]) == 343


# --- against independent computations --------------------------------------------------------------------


def test_bdw_survival_is_the_ratio_of_beta_functions_of_the_paper():
    gamma, delta, c = params = (0.5231, 0.8944, 1.1963)
    t = np.arange(30)
    expected = betaln(gamma, delta + t**c) - betaln(gamma, delta)
    named = dict(zip(("gamma", "delta", "c"), params, strict=True))
    np.testing.assert_allclose(BETA_DISCRETE_WEIBULL.log_survival(named, 0, t), expected, rtol=1e-12)


def test_as_many_parameters_as_opportunities_give_the_product_limit_estimate():
    """Kaplan-Meier with left truncation, from statsmodels."""
    data = _simulate(BetaDiscreteWeibull, 800, 3, seed=4)
    entry = np.random.default_rng(4).integers(0, 2, 800)
    data = data.assign(entry=entry)[entry < data["duration"]]
    model = BetaDiscreteWeibull().fit(data)
    ends = data["duration"].to_numpy()
    limit = SurvfuncRight(ends, data["churned"].to_numpy(), entry=data["entry"].to_numpy() + 0.5)
    np.testing.assert_allclose(model.survival([1, 2, 3]), limit.surv_prob[:3], rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    process=st.sampled_from(list(RETENTION_PROCESSES.values())),
    exponent=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_gradient_and_hessian_equal_finite_differences(process, exponent, seed):
    generator = np.random.default_rng(seed)
    scale = 10**exponent
    entry = generator.integers(0, 3, 12) * float(scale)
    made = entry + generator.integers(0, 6, 12) * scale
    terms = retention_terms(
        entry, made, generator.integers(0, 2, 12) * 1.0, np.ones(12), generator.normal(size=(12, 1))
    )
    likelihood = RetentionLikelihood(process, terms, penalty=0.3)
    at = generator.normal(0.0, 0.5, len(process.parameters) + 2)
    at[1] += np.log(scale)
    value, gradient, hessian = likelihood(at)
    size = max(1.0, abs(value), np.abs(hessian).max())
    np.testing.assert_allclose(gradient, _differences(likelihood, at, 0), atol=1e-6 * size)
    np.testing.assert_allclose(hessian, _differences(likelihood, at, 1), atol=1e-5 * size)


def _differences(likelihood, at, derivative, size=1e-3):
    """Central differences of the fourth order: with small steps rounding would dominate."""
    found = []
    for step in size * np.eye(len(at)):
        near, far = (
            likelihood(at + k * step)[derivative] - likelihood(at - k * step)[derivative] for k in (1, 2)
        )
        found.append((8.0 * near - far) / (12.0 * size))
    return found


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.1])
def test_bdw_residual_lifetime_equals_its_sum(rate):
    params = {"gamma": 2.5, "delta": 40.0, "c": 1.6}  # S(t) falls as t^-4: the sum ends at 1e-13
    ahead = np.arange(1, 200_001)
    for made in (0, 12):
        terms = np.exp(BETA_DISCRETE_WEIBULL.log_survival(params, made, ahead) - np.log1p(rate) * ahead)
        value = BETA_DISCRETE_WEIBULL.discounted_renewals(params, [made], rate)
        np.testing.assert_allclose(value, terms.sum(), rtol=1e-10)


def test_the_remaining_lifetime_is_infinite_where_survival_falls_slowly():
    made = np.array([0, 7])
    endless = SHIFTED_BETA_GEOMETRIC.discounted_renewals({"alpha": 1.5, "beta": 4.0}, made, 0.0)
    np.testing.assert_allclose(endless, (4.0 + made) / (1.5 - 1.0), rtol=1e-10)
    assert np.isinf(SHIFTED_BETA_GEOMETRIC.discounted_renewals({"alpha": 1.0, "beta": 4.0}, made, 0.0)).all()
    slow = {"gamma": 0.8, "delta": 4.0, "c": 1.2}
    assert np.isinf(BETA_DISCRETE_WEIBULL.discounted_renewals(slow, made, 0.0)).all()


# --- the laws --------------------------------------------------------------------------------------------

processes = st.one_of(
    st.tuples(
        st.just(SHIFTED_BETA_GEOMETRIC),
        st.fixed_dictionaries({name: st.floats(-4.0, 4.0).map(np.exp) for name in ("alpha", "beta")}),
    ),
    st.tuples(
        st.just(BETA_DISCRETE_WEIBULL),
        st.fixed_dictionaries(
            {name: st.floats(-4.0, 4.0).map(np.exp) for name in ("gamma", "delta")}
            | {"c": st.floats(0.2, 4.0)}
        ),
    ),
)


@settings(deadline=None, max_examples=60)
@given(chosen=processes, made=st.integers(0, 300))
def test_survival_falls_from_1(chosen, made):
    process, params = chosen
    curve = process.survival_curves(params, [made], 60)[0]
    assert curve[0] == 1.0
    assert ((curve >= 0) & (np.diff(curve, prepend=1.0) <= 0)).all()
    np.testing.assert_allclose(
        curve[1:], np.exp(process.log_survival(params, made, np.arange(1, 61))), rtol=1e-9, atol=1e-300
    )


@settings(deadline=None, max_examples=60)
@given(chosen=processes, made=st.integers(0, 300), horizon=st.sampled_from([1, 24, None]))
def test_value_falls_with_the_discount_rate(chosen, made, horizon):
    process, params = chosen
    rates = (0.001, 0.01, 0.1, 1.0)
    values = [process.discounted_renewals(params, [made], rate, horizon)[0] for rate in rates]
    assert all(later <= earlier for earlier, later in pairwise(values))
    assert all(value >= 0 for value in values)
    assert horizon is None or values[0] <= horizon


@settings(deadline=None, max_examples=10)
@given(model=st.sampled_from(list(TRUTHS)), seed=st.integers(0, 100), weight=st.integers(2, 5))
def test_weights_equal_repetition(model, seed, weight):
    data = _simulate(model, 400, 9, seed).assign(x=np.random.default_rng(seed).integers(0, 2, 400))
    data["entry"] = np.minimum(2, data["duration"] - 1)
    repeated = model(covariates=["x"]).fit(pd.concat([data] * weight))
    weighted = model(covariates=["x"]).fit(data, sample_weight=np.full(400, weight))
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_, rel=1e-12)
    assert weighted.params_ == pytest.approx(repeated.params_, rel=1e-5, abs=1e-6)
    assert weighted.fit_report_["customers"] == repeated.fit_report_["customers"]


@settings(deadline=None, max_examples=20)
@given(chosen=processes, made=st.lists(st.integers(0, 200), min_size=1, max_size=5))
def test_rows_and_one_set_of_parameters_agree(chosen, made):
    process, params = chosen
    rows = {name: np.full(len(made), value) for name, value in params.items()}
    for several in (
        lambda given: process.future_churn_log_odds(given, made, 12),
        lambda given: process.discounted_renewals(given, made, 0.01),
        lambda given: process.log_survival(given, made, 3),
    ):
        np.testing.assert_allclose(several(rows), several(params), rtol=1e-12)


def test_curves_from_log_odds_are_products_of_renewals():
    log_odds = np.array([[-2.0, 800.0, 1.0]])
    np.testing.assert_allclose(
        survival_curves(log_odds), [[1.0, 1 / (1 + np.exp(-2.0)), 0.0, 0.0]], atol=1e-300
    )


# --- the estimators --------------------------------------------------------------------------------------


@both_models
def test_simulated_truth_is_recovered_with_honest_standard_errors(model):
    fits = [model().fit(_simulate(model, 2500, 12, seed)) for seed in range(40)]
    for name, truth in TRUTHS[model].items():
        errors = np.array([fit.log_covariance_.loc[name, name] ** 0.5 for fit in fits])
        away = np.array([np.log(fit.params_[name] / truth) for fit in fits]) / errors
        assert abs(away.mean()) < 4 / np.sqrt(40), name
        assert 0.7 < away.std() < 1.35, name


@both_models
def test_left_truncation_is_told_by_entry(model):
    data = _simulate(model, 30_000, 15, seed=8)
    data["entry"] = np.random.default_rng(8).integers(0, 6, len(data))
    seen = data[data["entry"] < data["duration"]]  # who left before observation began is not in the file
    fitted = model().fit(seen)
    for name, truth in TRUTHS[model].items():
        error = fitted.standard_errors_[name] / fitted.params_[name]
        assert abs(np.log(fitted.params_[name] / truth)) < 4 * error
    ignoring = model().fit(seen.drop(columns="entry"))
    assert ignoring.survival(1)[0] > fitted.survival(1)[0] + 0.02


@both_models
def test_only_the_last_opportunity_of_each_customer_is_seen(model):
    """Customers who left before the last period are not in the file: entry is the duration less 1."""
    data = _simulate(model, 60_000, np.random.default_rng(2).integers(1, 16, 60_000), seed=2)
    now = data.assign(watched=np.random.default_rng(2).integers(1, 16, 60_000))
    last = now[now["duration"] == now["watched"]].assign(entry=lambda rows: rows["duration"] - 1)
    fitted = model().fit(last)
    truth = model._process.log_survival(TRUTHS[model], 0, np.arange(1, 16))
    np.testing.assert_allclose(fitted.survival(np.arange(1, 16)), np.exp(truth), atol=0.04)


def test_entry_equals_a_cohort_that_starts_later():
    late = _segment(HIGH_END, 8).iloc[3:]
    left = late["survivors"].to_numpy()
    rows = pd.DataFrame({"duration": [4, 5, 6, 7, 7], "churned": [1, 1, 1, 1, 0], "entry": 3})
    weight = [*(left[:-1] - left[1:]), left[-1]]
    by_rows = ShiftedBetaGeometric().fit(rows, sample_weight=weight)
    by_table = ShiftedBetaGeometric().fit_retention(late)
    assert by_rows.log_likelihood_ == pytest.approx(by_table.log_likelihood_, rel=1e-12)
    assert by_rows.fit_report_["renewal_opportunities"] == by_table.fit_report_["renewal_opportunities"] == 4


def test_bdw_with_c_1_is_sbg():
    data = _simulate(ShiftedBetaGeometric, 20_000, 10, seed=1)
    simple, general = ShiftedBetaGeometric().fit(data), BetaDiscreteWeibull().fit(data)
    assert abs(np.log(general.params_["c"])) < 3 * general.standard_errors_["c"]
    assert simple.log_likelihood_ <= general.log_likelihood_ < simple.log_likelihood_ + 5
    at_one = general.params_ | {"c": 1.0}
    same = {"alpha": at_one["gamma"], "beta": at_one["delta"]}
    np.testing.assert_allclose(
        BETA_DISCRETE_WEIBULL.churn_log_odds(at_one, np.arange(50)),
        SHIFTED_BETA_GEOMETRIC.churn_log_odds(same, np.arange(50)),
        rtol=1e-12,
    )


@both_models
def test_a_fitted_model_is_read_back_from_json(model):
    fitted = model(covariates=["x"]).fit(_with_x(model, 400, seed=1))
    again = model.from_json(fitted.to_json())
    x = pd.DataFrame({"x": [0.0, 1.0]})
    np.testing.assert_array_equal(again.survival([3, 3], x), fitted.survival([3, 3], x))
    assert again.standard_errors_ == pytest.approx(fitted.standard_errors_)


# --- covariates ------------------------------------------------------------------------------------------

EFFECTS = (0.7, -0.4)  # of x on the logarithms of the two parameters of the beta distribution


def _with_x(model, n, seed):
    parts = []
    for x in (0.0, 1.0, 2.0):
        changed = {
            name: TRUTHS[model][name] * np.exp(effect * x)
            for name, effect in zip(_first_two(model), EFFECTS, strict=True)
        }
        parts.append(_simulate(model, n, 12, seed + int(x), **changed).assign(x=x))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def with_x():
    return {model: model(covariates=["x"]).fit(_with_x(model, 4000, seed=20)) for model in TRUTHS}


@both_models
def test_effects_of_covariates_are_recovered(with_x, model):
    fitted = with_x[model]
    for name, truth in TRUTHS[model].items():
        error = fitted.standard_errors_[name] / fitted.params_[name]
        assert abs(np.log(fitted.params_[name] / truth)) < 4 * error
    for name, effect in zip(_first_two(model), EFFECTS, strict=True):
        assert abs(fitted.params_[f"{name}:x"] - effect) < 4 * fitted.standard_errors_[f"{name}:x"] < 1.0


@both_models
def test_covariates_forecast_others_better(with_x, model):
    others = _with_x(model, 1000, seed=50)
    plain = model().fit(_with_x(model, 4000, seed=20))
    log_likelihoods = []
    for params in (plain._process.row_params(plain.params_), _rows_of(with_x[model], others)):
        made = (others["duration"] - others["churned"]).to_numpy()
        stayed = plain._process.log_survival(params, 0, made)
        log_odds = plain._process.churn_log_odds(params, made)
        log_likelihoods.append((stayed - others["churned"] * np.logaddexp(0.0, -log_odds)).sum())
    assert log_likelihoods[1] > log_likelihoods[0] + 100


def _rows_of(fitted, table):
    return fitted._process.row_params(fitted.params_, {"x": table["x"].to_numpy()})


@both_models
def test_predictions_use_the_covariates_of_the_row(with_x, model):
    fitted, x = with_x[model], pd.DataFrame({"x": [0.0, 2.0]})
    names = _first_two(model)
    for row, value in enumerate(x["x"]):
        own = {name: fitted.params_[name] for name in TRUTHS[model]}
        own |= {name: own[name] * np.exp(fitted.params_[f"{name}:x"] * value) for name in names}
        process = fitted._process
        expected = {
            "survival": np.exp(process.log_survival(own, 0, 5)),
            "retention_rate": np.exp(process.log_survival(own, 4, 1)),
            "renewal_probability": np.exp(process.log_survival(own, 5, 3)),
            "expected_residual_periods": process.discounted_renewals(own, [5], 0.0, 9)[0],
            "discounted_expected_residual_lifetime": 1.01 * process.discounted_renewals(own, [5], 0.01)[0],
        }
        given_too = {
            "renewal_probability": (3,),
            "expected_residual_periods": (9,),
            "discounted_expected_residual_lifetime": (0.01,),
        }
        for name, wanted in expected.items():
            found = getattr(fitted, name)([5, 5], *given_too.get(name, ()), covariates=x)
            assert found[row] == pytest.approx(float(wanted), rel=1e-12)


def test_one_covariate_for_a_segment_gives_both_segments_of_fader_hardie_2007():
    both = pd.concat(
        [
            _segment(HIGH_END, 8, cohort="high end", high_end=1.0),
            _segment(REGULAR, 8, cohort="regular", high_end=0.0),
        ]
    )
    model = ShiftedBetaGeometric(covariates=["high_end"]).fit_retention(both)
    assert round(model.log_likelihood_, 3) == round(-1611.158 - 1680.265, 3)
    rows = SHIFTED_BETA_GEOMETRIC.row_params(model.params_, {"high_end": [1.0, 0.0]})
    np.testing.assert_allclose(rows["alpha"], [0.668, 0.7041], rtol=2e-4)
    np.testing.assert_allclose(rows["beta"], [3.806, 1.1820], rtol=2e-4)


@both_models
def test_unit_and_origin_of_a_covariate_change_no_prediction(with_x, model):
    data = _with_x(model, 4000, seed=20)
    stretched = data.assign(x=1000.0 + 250.0 * data["x"])
    fitted = model(covariates=["x"]).fit(stretched)
    x = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    np.testing.assert_allclose(
        fitted.survival([6, 6, 6], 1000.0 + 250.0 * x), with_x[model].survival([6, 6, 6], x), rtol=1e-6
    )
    name = f"{_first_two(model)[0]}:x"
    assert 250.0 * fitted.standard_errors_[name] == pytest.approx(
        with_x[model].standard_errors_[name], rel=1e-4
    )


@both_models
def test_ridge_shrinks_to_the_plain_model(with_x, model):
    data = _with_x(model, 4000, seed=20)
    names = [f"{name}:x" for name in _first_two(model)]
    sizes = [sum(with_x[model].params_[name] ** 2 for name in names)]
    for penalty in (1e2, 1e4, 1e11):
        fitted = model(covariates=["x"], penalty=penalty).fit(data)
        sizes.append(sum(fitted.params_[name] ** 2 for name in names))
    assert (np.diff(sizes) < 0).all()
    plain = model().fit(data)
    assert {name: fitted.params_[name] for name in plain.params_} == pytest.approx(plain.params_, rel=1e-3)
    assert fitted.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1e-2)


def test_a_table_of_covariates_is_joined_by_index(with_x):
    data = _with_x(ShiftedBetaGeometric, 4000, seed=20)
    model = ShiftedBetaGeometric(covariates=data[["x"]].iloc[::-1]).fit(data.drop(columns="x"))
    assert model.params_ == pytest.approx(with_x[ShiftedBetaGeometric].params_, rel=1e-9)
    with pytest.raises(DataError, match="the covariates lack 1 of"):
        model.fit(pd.concat([data, data.tail(1).set_axis([10**6])]))


def test_wrong_covariates_are_errors(with_x):
    fitted = with_x[ShiftedBetaGeometric]
    with pytest.raises(ParamsError, match="the model has covariates: give a table with x"):
        fitted.survival([1])
    with pytest.raises(DataError, match="covariates has 2 rows: give one for each of the 3 numbers"):
        fitted.survival([1, 2, 3], pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(DataError, match="column 'x' is missing"):
        fitted.survival([1], pd.DataFrame({"y": [1.0]}))
    data = pd.DataFrame({"duration": [2, 3], "churned": [1, 0], "x": [1.0, 1.0]})
    with pytest.raises(DataError, match="covariate 'x' is 1 for every customer: leave it out"):
        ShiftedBetaGeometric(covariates=["x"]).fit(data)
    with pytest.raises(ParamsError, match="covariate 'entry' is a column of the history"):
        ShiftedBetaGeometric(covariates=["entry"]).fit(data)
    with pytest.raises(ParamsError, match="penalty is -1"):
        ShiftedBetaGeometric(covariates=["x"], penalty=-1).fit(data.assign(x=[0.0, 1.0]))
    with pytest.raises(FitError, match="effects of covariates cannot be estimated"):
        ShiftedBetaGeometric(covariates=["x"]).fit(data.assign(duration=1, x=[0.0, 1.0]))
    with pytest.raises(DataError, match="column 'x' changes within its cohort"):
        ShiftedBetaGeometric(covariates=["x"]).fit_retention(_segment(REGULAR, 3, x=[0.0, 1.0, 1.0]))


# --- extreme data ----------------------------------------------------------------------------------------


@both_models
@pytest.mark.parametrize("wrong", [[3.0, 0.0], [-1.0, 0.0], [0.5, 0.0]])
def test_an_impossible_entry_is_an_error(model, wrong):
    with pytest.raises(DataError, match="column 'entry' is"):
        model().fit(pd.DataFrame({"duration": [3, 4], "churned": [1, 0], "entry": wrong}))


@both_models
def test_all_still_there_or_all_gone_at_once_is_an_error(model):
    with pytest.raises(FitError, match="no customer churned"):
        model().fit(pd.DataFrame({"duration": [3, 9], "churned": [0, 0]}))
    with pytest.raises(FitError, match="no customer renewed"):
        model().fit(pd.DataFrame({"duration": [1, 1], "churned": [1, 1]}))


@both_models
def test_all_gone_at_different_times_is_fitted(model):
    data = _simulate(model, 5000, 10_000, seed=3)
    data = data[data["churned"] == 1]
    fitted = model().fit(data)
    left = [(data["duration"] > t).mean() for t in (1, 3, 6)]
    np.testing.assert_allclose(fitted.survival([1, 3, 6]), left, atol=0.03)


def test_bdw_falls_back_where_opportunities_are_few():
    with pytest.warns(FitWarning, match="one churn probability is used for all"):
        one = BetaDiscreteWeibull().fit_retention(_segment(REGULAR, 2))
    np.testing.assert_allclose(one.survival([1, 2]), [0.631, 0.631**2], rtol=1e-5)
    with pytest.warns(FitWarning, match="only two renewal opportunities are observed: c stays 1"):
        two = BetaDiscreteWeibull().fit_retention(_segment(REGULAR, 3))
    simple = ShiftedBetaGeometric().fit_retention(_segment(REGULAR, 3))
    assert list(two.params_.values()) == pytest.approx([*simple.params_.values(), 1.0])
    assert np.isinf(list(two.standard_errors_.values())).all()
    assert not two.fit_report_["identified"]


def test_bdw_all_leave_at_one_renewal():
    data = pd.DataFrame({"duration": [5] * 50 + [3] * 10, "churned": [1] * 50 + [0] * 10})
    model = BetaDiscreteWeibull().fit(data)
    assert model.params_["c"] > 5.0
    assert model.survival(4)[0] > 0.6
    assert model.survival(5)[0] < 0.3
    assert model.fit_report_["warnings"]


@both_models
def test_a_million_periods_are_fitted(model):
    """Days, and a churn probability of a millionth: where differences of log-gamma functions would cancel."""
    generator = np.random.default_rng(0)
    duration = np.minimum(generator.geometric(1e-5, 3000), 1_000_000)
    data = pd.DataFrame({"duration": duration, "churned": (duration < 1_000_000).astype(int)})
    fitted = model().fit(data)
    times = [10_000, 100_000, 300_000]
    np.testing.assert_allclose(fitted.survival(times), np.exp(np.multiply(times, -1e-5)), atol=0.03)
    derl = fitted.discounted_expected_residual_lifetime([1_000_000], 1e-4)
    assert np.isfinite(derl).all()
    assert (derl > 0).all()


@both_models
def test_a_covariate_that_tells_who_stays_is_noted(model):
    data = pd.DataFrame(
        {"duration": [1, 2, 3, 9] * 30, "churned": [1, 1, 1, 0] * 30, "x": [1.0, 1, 1, 0] * 30}
    )
    fitted = model(covariates=["x"]).fit(data)
    assert any("tells exactly who churns or stays" in warning for warning in fitted.fit_report_["warnings"])
    assert np.isfinite(fitted.survival([4], pd.DataFrame({"x": [0.0]}))).all()


@both_models
def test_small_bases_give_finite_predictions_or_a_guanxi_error(model):
    generator = np.random.default_rng(5)
    fitted = 0
    for _ in range(60):
        n, longest = generator.integers(2, 12), generator.choice([2, 4, 40])
        duration = generator.integers(1, longest + 1, n)
        data = pd.DataFrame({"duration": duration, "churned": generator.integers(0, 2, n)})
        data["entry"] = generator.integers(0, duration)
        try:
            found = _quietly(model(), data)
        except FitError:
            continue
        fitted += 1
        assert np.isfinite(found.survival(np.arange(50))).all()
        assert np.isfinite(found.discounted_expected_residual_lifetime([0, 10], 0.01)).all()
        assert np.isfinite(found.log_likelihood_)
        assert not np.isnan(found.covariance_.to_numpy()).any()
    assert fitted > 40


def _quietly(model, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return model.fit(data)
