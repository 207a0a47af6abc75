"""Parity with lifetimes, the archived reference: predictions on CDNOW, its engine, and conversion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import ParamsError
from guanxi.models import (
    BetaGeoCNBD,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    customer_lifetime_value,
)

RELATIVE = 1e-4
MODELS = {
    "BetaGeoFitter": BetaGeoNBD,
    "ModifiedBetaGeoFitter": ModifiedBetaGeoNBD,
    "ParetoNBDFitter": ParetoNBD,
}
# lifetimes takes the logarithm of a hypergeometric function that overflows, and then corrects it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning:lifetimes"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning:lifetimes"),
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning:lifetimes"),
]


@pytest.fixture(scope="module")
def fitted(cdnow_sample):
    return {name: model().fit(cdnow_sample) for name, model in MODELS.items()}


@pytest.fixture(scope="module", params=MODELS)
def both(request, fitted, lifetimes):
    """Our model and lifetimes' fitter with its parameters."""
    reference = getattr(lifetimes, request.param)()
    reference.params_ = pd.Series(fitted[request.param].params_)
    return fitted[request.param], reference


@pytest.fixture(scope="module")
def spend(cdnow_sample):
    return GammaGamma().fit(cdnow_sample)


def history(rfm):
    return rfm["frequency"], rfm["recency"], rfm["T"]


def test_probability_alive(both, cdnow_sample):
    model, reference = both
    expected = reference.conditional_probability_alive(*history(cdnow_sample))
    np.testing.assert_allclose(model.probability_alive(cdnow_sample), expected, rtol=RELATIVE)


@pytest.mark.parametrize("horizon", [1.0, 26.0, 52.0])
def test_expected_purchases(both, cdnow_sample, horizon):
    model, reference = both
    expected = reference.conditional_expected_number_of_purchases_up_to_time(horizon, *history(cdnow_sample))
    np.testing.assert_allclose(model.expected_purchases(cdnow_sample, horizon), expected, rtol=RELATIVE)


@pytest.mark.parametrize("horizon", [1.0, 39.0, 104.0])
def test_expected_purchases_of_new_customer(both, horizon):
    model, reference = both
    expected = reference.expected_number_of_purchases_up_to_time(horizon)
    assert model.expected_purchases_new(horizon) == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("name", ["BetaGeoFitter", "ModifiedBetaGeoFitter"])
def test_purchase_probability_of_new_customer(fitted, lifetimes, name, n):
    reference = getattr(lifetimes, name)()
    reference.params_ = pd.Series(fitted[name].params_)
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    expected = reference.probability_of_n_purchases_up_to_time(39.0, n)
    assert fitted[name].purchase_probability(newcomer, n, 39.0)[0] == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_purchase_probability_under_pareto_nbd(fitted, lifetimes, cdnow_sample, n):
    model = fitted["ParetoNBDFitter"]
    reference = lifetimes.ParetoNBDFitter()
    reference.params_ = pd.Series(model.params_)
    rows = cdnow_sample[::50]
    expected = [
        reference.conditional_probability_of_n_purchases_up_to_time(n, 39.0, *row)
        for row in rows[["frequency", "recency", "T"]].to_numpy()
    ]
    np.testing.assert_allclose(
        model.purchase_probability(rows, n, 39.0), np.ravel(expected), rtol=RELATIVE, atol=1e-9
    )


def test_expected_spend(spend, lifetimes, cdnow_sample):
    reference = lifetimes.GammaGammaFitter()
    reference.params_ = pd.Series(spend.params_)
    expected = reference.conditional_expected_average_profit(
        cdnow_sample["frequency"], cdnow_sample["monetary_value"]
    )
    np.testing.assert_allclose(spend.expected_spend(cdnow_sample), expected, rtol=RELATIVE)


@pytest.mark.parametrize("name", MODELS)
def test_customer_lifetime_value(spend, lifetimes, cdnow_sample, name):
    days = cdnow_sample.assign(recency=cdnow_sample["recency"] * 7, T=cdnow_sample["T"] * 7)[::10]
    by_days = MODELS[name]().fit(days)
    reference = by_days.to_lifetimes()
    amounts = pd.Series(spend.expected_spend(days), index=days.index)
    monthly = 0.01
    with np.errstate(divide="ignore"):  # its hypergeometric function underflows
        expected = lifetimes.utils._customer_lifetime_value(
            reference, *history(days), amounts, time=12, discount_rate=monthly, freq="D"
        )
    annual = (1.0 + monthly) ** (365.0 / 30.0) - 1.0
    values = customer_lifetime_value(by_days, spend, days, 360, annual_discount_rate=annual)
    np.testing.assert_allclose(values, expected, rtol=RELATIVE)


# --- lifetimes as engine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_fit_of_the_lifetimes_engine(cdnow_sample, fitted, name):
    ours = fitted[name]
    theirs = MODELS[name](engine="lifetimes").fit(cdnow_sample)
    assert theirs.params_ == pytest.approx(ours.params_, rel=2e-3)
    assert ours.log_likelihood_ - 0.01 <= theirs.log_likelihood_ <= ours.log_likelihood_ + 1e-6
    assert theirs.standard_errors_ == pytest.approx(ours.standard_errors_, rel=1e-2)
    assert theirs.fit_report_["engine"] == "lifetimes"


def test_lifetimes_engine_takes_weights(cdnow_sample):
    counted = cdnow_sample.groupby(["frequency", "recency", "T"]).size().reset_index(name="count")
    by_weight = BetaGeoNBD(engine="lifetimes").fit(counted, sample_weight=counted["count"])
    by_rows = BetaGeoNBD(engine="lifetimes").fit(cdnow_sample)
    assert by_weight.params_ == pytest.approx(by_rows.params_, rel=1e-3)


# --- conversion --------------------------------------------------------------------------------------------


def test_to_lifetimes_and_back_keeps_the_parameters(both, cdnow_sample):
    model, _ = both
    rows = cdnow_sample[::20]
    fitter = model.to_lifetimes()
    again = type(model).from_lifetimes(fitter)
    assert again.params_ == model.params_
    np.testing.assert_array_equal(again.probability_alive(rows), model.probability_alive(rows))
    np.testing.assert_array_equal(again.expected_purchases(rows, 39.0), model.expected_purchases(rows, 39.0))
    np.testing.assert_allclose(
        fitter.predict(39.0, *history(rows)), model.expected_purchases(rows, 39.0), rtol=RELATIVE
    )
    assert np.isnan(again.log_likelihood_)
    assert np.isnan(type(model).from_json(again.to_json()).log_likelihood_)
    assert np.isinf(list(again.standard_errors_.values())).all()
    assert again.fit_report_["engine"] == "lifetimes"


def test_a_fitter_fitted_by_lifetimes_is_accepted(lifetimes, cdnow_sample, fitted):
    fitter = lifetimes.BetaGeoFitter().fit(*history(cdnow_sample))
    model = BetaGeoNBD.from_lifetimes(fitter)
    assert model.params_ == pytest.approx(fitted["BetaGeoFitter"].params_, rel=1e-3)
    theirs = fitter.conditional_probability_alive(*history(cdnow_sample))
    np.testing.assert_allclose(model.probability_alive(cdnow_sample), theirs, rtol=1e-8)


def test_fitters_of_other_models_are_errors(lifetimes, fitted):
    with pytest.raises(ParamsError, match="the fitter is a ParetoNBDFitter: bg_nbd takes a BetaGeoFitter"):
        BetaGeoNBD.from_lifetimes(fitted["ParetoNBDFitter"].to_lifetimes())
    with pytest.raises(ParamsError, match="the BetaGeoFitter is not fitted: fit it first"):
        BetaGeoNBD.from_lifetimes(lifetimes.BetaGeoFitter())
    with pytest.raises(ParamsError, match="bg_cnbd takes none: lifetimes has no such model"):
        BetaGeoCNBD.from_lifetimes(lifetimes.BetaGeoFitter())


def test_models_that_lifetimes_lacks_are_errors(cdnow_sample):
    with pytest.raises(ParamsError, match="lifetimes has no model bg_cnbd with k, r, alpha, a, b"):
        BetaGeoCNBD(k=2).fit(cdnow_sample).to_lifetimes()
    with_z = cdnow_sample.assign(z=np.arange(len(cdnow_sample)) % 3)
    with pytest.raises(ParamsError, match="lifetimes has no model bg_nbd with r, alpha, a, b, alpha:z"):
        BetaGeoNBD(covariates=["z"]).fit(with_z).to_lifetimes()
