"""Every prediction against the archived reference, lifetimes, on CDNOW with the same parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.models import BetaGeoNBD, GammaGamma, customer_lifetime_value
from guanxi.models.formulas import bg_nbd

RELATIVE = 1e-4
# lifetimes takes the logarithm of a hypergeometric function that overflows, then mends it.
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning:lifetimes")


@pytest.fixture(scope="module")
def purchases(cdnow_sample):
    return BetaGeoNBD().fit(cdnow_sample)


@pytest.fixture(scope="module")
def spend(cdnow_sample):
    return GammaGamma().fit(cdnow_sample)


@pytest.fixture(scope="module")
def reference(lifetimes, purchases):
    fitter = lifetimes.BetaGeoFitter()
    fitter.params_ = pd.Series(purchases.params_)
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


@pytest.fixture(scope="module")
def reference_spend(lifetimes, spend):
    fitter = lifetimes.GammaGammaFitter()
    fitter.params_ = pd.Series(spend.params_)
    return fitter


def _history(rfm):
    return rfm["frequency"], rfm["recency"], rfm["T"]


def test_probability_alive(purchases, reference, cdnow_sample):
    expected = reference.conditional_probability_alive(*_history(cdnow_sample))
    np.testing.assert_allclose(purchases.probability_alive(cdnow_sample), expected, rtol=RELATIVE)


@pytest.mark.parametrize("horizon", [1.0, 26.0, 52.0])
def test_expected_purchases(purchases, reference, cdnow_sample, horizon):
    expected = reference.conditional_expected_number_of_purchases_up_to_time(horizon, *_history(cdnow_sample))
    np.testing.assert_allclose(purchases.expected_purchases(cdnow_sample, horizon), expected, rtol=RELATIVE)


@pytest.mark.parametrize("horizon", [1.0, 39.0, 104.0])
def test_expected_purchases_of_new_customer(purchases, reference, horizon):
    expected = reference.expected_number_of_purchases_up_to_time(horizon)
    assert purchases.expected_purchases_new(horizon) == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 12])
def test_purchase_probability_of_new_customer(purchases, reference, n):
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    expected = reference.probability_of_n_purchases_up_to_time(39.0, n)
    assert purchases.purchase_probability(newcomer, n, 39.0)[0] == pytest.approx(expected, rel=RELATIVE)


def test_expected_spend(spend, reference_spend, cdnow_sample):
    expected = reference_spend.conditional_expected_average_profit(
        cdnow_sample["frequency"], cdnow_sample["monetary_value"]
    )
    np.testing.assert_allclose(spend.expected_spend(cdnow_sample), expected, rtol=RELATIVE)


def test_customer_lifetime_value(purchases, spend, lifetimes, cdnow_sample):
    days = cdnow_sample.assign(recency=cdnow_sample["recency"] * 7, T=cdnow_sample["T"] * 7)
    by_days = BetaGeoNBD().fit(days)
    reference = lifetimes.BetaGeoFitter()
    reference.params_ = pd.Series(by_days.params_)
    reference.predict = reference.conditional_expected_number_of_purchases_up_to_time
    amounts = pd.Series(spend.expected_spend(days), index=days.index)
    monthly = 0.01
    expected = lifetimes.utils._customer_lifetime_value(
        reference, *_history(days), amounts, time=12, discount_rate=monthly, freq="D"
    )
    annual = (1.0 + monthly) ** (365.0 / 30.0) - 1.0
    values = customer_lifetime_value(by_days, spend, days, 360, annual_discount_rate=annual)
    np.testing.assert_allclose(values, expected, rtol=RELATIVE)


def test_fit_of_the_lifetimes_engine(cdnow_sample, purchases):
    by_lifetimes = BetaGeoNBD(engine="lifetimes").fit(cdnow_sample)
    assert list(by_lifetimes.params_.values()) == pytest.approx(list(purchases.params_.values()), rel=1e-3)
    assert by_lifetimes.log_likelihood_ <= purchases.log_likelihood_ + 1e-6
    assert by_lifetimes.standard_errors_ == pytest.approx(purchases.standard_errors_, rel=1e-2)


def test_log_likelihood_at_random_points(lifetimes, cdnow_sample):
    frequency, recency, T = (column.to_numpy() for column in _history(cdnow_sample))
    weight = np.ones(len(frequency))
    for log_params in np.random.default_rng(2).uniform(-2, 2, (5, 4)):
        expected = -lifetimes.BetaGeoFitter._negative_log_likelihood(
            log_params, frequency, recency, T, weight, 0.0
        )
        params = dict(zip(("r", "alpha", "a", "b"), np.exp(log_params), strict=True))
        assert bg_nbd.log_likelihood(params, frequency, recency, T).mean() == pytest.approx(
            expected, rel=1e-10
        )
