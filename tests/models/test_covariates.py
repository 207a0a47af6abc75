"""Static covariates: parameter recovery, ridge penalty, errors, units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi import simulation
from guanxi.errors import DataError, ParamsError
from guanxi.models.purchase_models import transaction_model

N = 4000  # per group
TRUTHS = {
    "bg_nbd": ({"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}, {"alpha": 0.7, "a": -0.6, "b": 0.4}),
    "mbg_nbd": ({"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}, {"alpha": 0.7, "a": -0.6, "b": 0.4}),
    "pareto_nbd": ({"r": 0.6, "alpha": 5.0, "s": 0.8, "beta": 12.0}, {"alpha": 0.7, "beta": -0.8}),
}
every_model = pytest.mark.parametrize("name", TRUTHS)


def group_truth(name, group):
    plain, coefficients = TRUTHS[name]
    return {symbol: value * np.exp(coefficients.get(symbol, 0.0) * group) for symbol, value in plain.items()}


@pytest.fixture(scope="module")
def bases():
    """Two groups for each model, in whole weeks, with an irrelevant additional column."""
    made = {}
    for name in TRUTHS:
        simulate = getattr(simulation, f"simulate_{name}")
        groups = [
            simulate(
                group_truth(name, group), n=N, T=np.tile([40.0, 60.0, 80.0, 100.0], N // 4), seed=5 + group
            )
            .assign(group=float(group))
            .round({"recency": 0})
            for group in (0, 1)
        ]
        rfm = pd.concat(groups, ignore_index=True)
        rfm["noise"] = np.tile([0.0, 1.0, 1.0, 0.0, 2.0], 2 * N // 5)
        made[name] = rfm[["frequency", "recency", "T", "group", "noise"]]
    return made


@pytest.fixture(scope="module")
def fitted(bases):
    return {
        name: transaction_model(name).set_params(covariates=["group"]).fit(bases[name]) for name in TRUTHS
    }


@every_model
def test_coefficients_are_recovered(fitted, name):
    model = fitted[name]
    plain, coefficients = TRUTHS[name]
    assert list(model.params_) == [*plain, *(f"{symbol}:group" for symbol in coefficients)]
    assert model.converged_
    for symbol, truth in plain.items():
        away = np.log(model.params_[symbol] / truth)
        assert abs(away) < 3 * model.standard_errors_[symbol] / model.params_[symbol]
    for symbol, truth in coefficients.items():
        error = model.standard_errors_[f"{symbol}:group"]
        assert abs(model.params_[f"{symbol}:group"] - truth) < 3 * error
        assert error < 0.6


@every_model
def test_predictions_use_the_parameters_of_the_row(fitted, bases, name):
    model, rfm = fitted[name], bases[name][:: N // 20]
    history = [rfm[column].to_numpy(float) for column in ("frequency", "recency", "T")]
    for group in (0.0, 1.0):
        own = {symbol: model.params_[symbol] for symbol in TRUTHS[name][0]}
        for symbol in TRUTHS[name][1]:
            own[symbol] *= np.exp(model.params_[f"{symbol}:group"] * group)
        rows = (rfm["group"] == group).to_numpy()
        for formula, arguments in {
            "probability_alive": [],
            "expected_purchases": [26.0],
            "purchase_probability": [2, 26.0],
            "probability_no_purchase": [26.0],
            "next_purchase_quantile": [0.5],
        }.items():
            wanted = getattr(model.process_, formula)(own, *history, *arguments)
            values = getattr(model, formula)(rfm, *arguments)
            np.testing.assert_allclose(values[rows], wanted[rows], rtol=1e-9)


@every_model
def test_log_likelihood_is_that_of_the_rows(fitted, bases, name):
    model, rfm = fitted[name], bases[name]
    own = {symbol: model.params_[symbol] for symbol in TRUTHS[name][0]}
    for symbol in TRUTHS[name][1]:
        own[symbol] = own[symbol] * np.exp(model.params_[f"{symbol}:group"] * rfm["group"].to_numpy())
    history = [rfm[column].to_numpy(float) for column in ("frequency", "recency", "T")]
    total = model.process_.log_likelihood(own, *history).sum()
    assert model.log_likelihood_ == pytest.approx(total, rel=1e-9)
    plain = transaction_model(name).fit(rfm)
    assert model.log_likelihood_ > plain.log_likelihood_ + 100


@every_model
def test_coefficients_of_zero_are_the_plain_model(fitted, bases, name):
    rfm = bases[name][:: N // 20]
    plain = transaction_model(name).fit(bases[name])
    model = transaction_model(name).set_params(covariates=["group"]).fit(bases[name])
    model.params_ = plain.params_ | {f"{symbol}:group": 0.0 for symbol in TRUTHS[name][1]}
    np.testing.assert_allclose(
        model.expected_purchases(rfm, 26.0), plain.expected_purchases(rfm, 26.0), rtol=1e-10
    )
    np.testing.assert_allclose(model.probability_alive(rfm), plain.probability_alive(rfm), rtol=1e-10)


@every_model
def test_ridge_shrinks_to_the_plain_model(fitted, bases, name):
    sizes = []
    for penalty in (1e2, 1e4, 1e10):
        model = transaction_model(name).set_params(covariates=["group"], penalty=penalty).fit(bases[name])
        sizes.append(sum(model.params_[f"{symbol}:group"] ** 2 for symbol in TRUTHS[name][1]))
    free = sum(fitted[name].params_[f"{symbol}:group"] ** 2 for symbol in TRUTHS[name][1])
    assert (np.diff([free, *sizes]) < 0).all()
    plain = transaction_model(name).fit(bases[name])
    assert {symbol: model.params_[symbol] for symbol in plain.params_} == pytest.approx(
        plain.params_, rel=1e-4
    )
    assert model.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1e-3)


@every_model
def test_unit_and_origin_of_a_covariate_change_no_prediction(fitted, bases, name):
    rfm = bases[name]
    stretched = rfm.assign(group=1000.0 + 250.0 * rfm["group"])
    model = transaction_model(name).set_params(covariates=["group"]).fit(stretched)
    for symbol in TRUTHS[name][1]:
        key = f"{symbol}:group"
        assert model.params_[key] * 250.0 == pytest.approx(fitted[name].params_[key], rel=1e-6)
        assert model.standard_errors_[key] * 250.0 == pytest.approx(
            fitted[name].standard_errors_[key], rel=1e-6
        )
    rows = slice(None, None, N // 20)
    np.testing.assert_allclose(
        model.expected_purchases(stretched[rows], 26.0),
        fitted[name].expected_purchases(rfm[rows], 26.0),
        rtol=1e-6,
    )


def test_an_irrelevant_column_has_a_small_coefficient(bases):
    model = transaction_model("bg_nbd").set_params(covariates=["group", "noise"]).fit(bases["bg_nbd"])
    plain, coefficients = TRUTHS["bg_nbd"]
    named = [f"{symbol}:{column}" for symbol in coefficients for column in ("group", "noise")]
    assert list(model.params_) == [*plain, *named]
    for symbol in coefficients:
        assert abs(model.params_[f"{symbol}:noise"]) < 3 * model.standard_errors_[f"{symbol}:noise"]


def test_weights_equal_repetition_with_covariates(bases, fitted):
    rfm = bases["bg_nbd"].drop(columns="noise")
    counted = rfm.groupby(list(rfm.columns)).size().reset_index(name="count")
    model = transaction_model("bg_nbd").set_params(covariates=["group"])
    by_weight = model.fit(counted, sample_weight=counted["count"])
    assert by_weight.params_ == pytest.approx(fitted["bg_nbd"].params_, rel=1e-6)


def test_json_round_trip_keeps_covariates(bases, fitted):
    rfm = bases["bg_nbd"][:: N // 20]
    again = type(fitted["bg_nbd"]).from_json(fitted["bg_nbd"].to_json())
    assert again.covariates == ["group"]
    np.testing.assert_array_equal(
        again.expected_purchases(rfm, 26.0), fitted["bg_nbd"].expected_purchases(rfm, 26.0)
    )


def test_covariates_may_be_a_separate_table(bases, fitted):
    rfm, plain = bases["bg_nbd"], bases["bg_nbd"].drop(columns=["group", "noise"])
    table = rfm[["group"]].sample(frac=1.0, random_state=0)
    model = transaction_model("bg_nbd").set_params(covariates=table).fit(plain)
    assert model.params_ == pytest.approx(fitted["bg_nbd"].params_, rel=1e-9)
    rows = plain[:: N // 20]
    wanted = fitted["bg_nbd"].expected_purchases(rfm[:: N // 20], 26.0)
    np.testing.assert_allclose(model.expected_purchases(rows, 26.0), wanted, rtol=1e-9)
    again = type(model).from_json(model.to_json())
    np.testing.assert_allclose(again.expected_purchases(rfm[:: N // 20], 26.0), wanted, rtol=1e-9)


def test_mismatched_tables_of_covariates_are_errors(bases):
    plain = bases["bg_nbd"].drop(columns=["group", "noise"])
    table = bases["bg_nbd"][["group"]]
    model = transaction_model("bg_nbd")
    with pytest.raises(DataError, match=r"the covariates lack 2 of 8000 customers \(first: 0, 1\)"):
        model.set_params(covariates=table[2:]).fit(plain)
    with pytest.raises(DataError, match="the covariates have customer 0 twice"):
        model.set_params(covariates=pd.concat([table, table[:1]])).fit(plain)


def test_invalid_arguments_are_errors(bases):
    rfm = bases["bg_nbd"]
    with pytest.raises(ParamsError, match="covariates is 'group': give a list of names, or a table"):
        transaction_model("bg_nbd").set_params(covariates="group").fit(rfm)
    with pytest.raises(ParamsError, match="lifetimes takes no covariates: use engine='guanxi'"):
        transaction_model("bg_nbd", "lifetimes").set_params(covariates=["group"]).fit(rfm)


@every_model
def test_a_constant_covariate_is_an_error(bases, name):
    rfm = bases[name].assign(group=3.0)
    with pytest.raises(DataError, match="covariate 'group' is 3 for every customer: leave it out"):
        transaction_model(name).set_params(covariates=["group"]).fit(rfm)


@every_model
def test_missing_covariates_are_errors_at_fit_and_prediction(fitted, bases, name):
    rfm = bases[name][:5]
    unfitted = transaction_model(name).set_params(covariates=["group"])
    for change, message in (
        (
            {"group": [0.0, np.nan, 1.0, np.inf, 0.0]},
            r"'group' is missing or infinite in 2 of 5 rows \(first: 1, 3\)",
        ),
        (
            {"group": ["a", "b", "a", "b", "a"]},
            "column 'group' holds str, which is not numeric in 5 of 5",
        ),
    ):
        for ask in (unfitted.fit, fitted[name].probability_alive):
            with pytest.raises(DataError, match=message):
                ask(rfm.assign(**change))
    for ask in (unfitted.fit, fitted[name].probability_alive):
        with pytest.raises(DataError, match="column 'group' is missing: the customer table has frequency"):
            ask(rfm.drop(columns="group"))


@every_model
def test_new_customers_need_covariates(fitted, name):
    with pytest.raises(ParamsError, match="a new customer has covariates"):
        fitted[name].expected_purchases_new(26.0)
    new = pd.DataFrame({"frequency": 0.0, "recency": 0.0, "T": 0.0, "group": [0.0, 1.0]})
    slower = fitted[name].expected_purchases(new, 26.0)
    assert slower[0] > slower[1]  # a higher alpha


@every_model
def test_a_separate_table_takes_precedence_over_columns_of_the_same_name(fitted, bases, name):
    rfm = bases[name]
    stale = rfm.assign(group=0.5 * np.arange(len(rfm)))
    model = transaction_model(name).set_params(covariates=rfm[["group"]]).fit(stale)
    assert model.params_ == fitted[name].params_
    np.testing.assert_array_equal(
        model.expected_purchases(stale, 10.0), fitted[name].expected_purchases(rfm, 10.0)
    )


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        (["group", "group"], "covariate 'group' is given twice"),
        (["T"], "covariate 'T' is a column of the history"),
        ("group", "covariates is 'group': give a list of names, or a table"),
    ],
)
def test_invalid_names_of_covariates_are_errors(bases, covariates, message):
    with pytest.raises(ParamsError, match=message):
        transaction_model("bg_nbd").set_params(covariates=covariates).fit(bases["bg_nbd"])


@pytest.mark.parametrize("penalty", [-1.0, "1", None, np.nan])
def test_a_penalty_is_a_non_negative_number(bases, penalty):
    with pytest.raises(ParamsError, match=r"penalty is .*: give a number of at least 0"):
        transaction_model("bg_nbd").set_params(covariates=["group"], penalty=penalty).fit(bases["bg_nbd"])


@every_model
def test_extreme_covariates_give_finite_predictions(fitted, bases, name):
    far = pd.concat([bases[name].head(20).assign(group=value) for value in (-1e6, -5000.0, 5000.0, 1e6)])
    model = fitted[name]
    for values in (
        model.probability_alive(far),
        model.expected_purchases(far, 52.0),
        model.probability_no_purchase(far, 52.0),
        model.purchase_probability(far, 2, 52.0),
    ):
        assert np.isfinite(values).all()


def test_the_fit_report_covers_covariates(bases):
    few = bases["bg_nbd"].groupby("group").head(12)
    model = transaction_model("bg_nbd").set_params(covariates=["group"]).fit(few)
    assert any("customers bought again, fewer than 30" in said for said in model.fit_report_["warnings"])


def test_boolean_covariates(bases):
    rfm = bases["bg_nbd"].assign(group=lambda table: table["group"] == 1.0)
    model = transaction_model("bg_nbd").set_params(covariates=["group"]).fit(rfm)
    other = transaction_model("bg_nbd").set_params(covariates=["group"]).fit(bases["bg_nbd"])
    assert model.params_ == other.params_
