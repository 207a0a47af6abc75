"""Published numbers, each test named after its source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.models import BetaGeoNBD, GammaGamma
from guanxi.models.formulas import bg_nbd


@pytest.fixture(scope="module")
def purchases(cdnow_sample):
    return BetaGeoNBD().fit(cdnow_sample)


@pytest.fixture(scope="module")
def spend(cdnow_sample):
    return GammaGamma().fit(cdnow_sample)


def test_cdnow_recipe_of_fader_hardie_lee_2005(cdnow_sample):
    assert len(cdnow_sample) == 2357
    assert (cdnow_sample["frequency"] > 0).sum() == 946
    assert cdnow_sample["frequency"].sum() == 2457


def test_bg_nbd_parameters_fader_hardie_lee_2005(purchases):
    assert [round(value, 3) for value in purchases.params_.values()] == [0.243, 4.414, 0.793, 2.426]
    assert list(purchases.params_) == ["r", "alpha", "a", "b"]
    assert round(purchases.log_likelihood_, 1) == -9582.4


# CLVTools and BTYD stop a little short of the maximum: at CLVTools' digits the slope of the log-likelihood is
# 5e-4 (here below 1e-9), BTYD's gradient is numerical. Their last one or two printed digits are where the
# search stopped: fitted values are compared to five digits, and the likelihood may not be worse than theirs.


def test_bg_nbd_parameters_clvtools_tests(purchases, cdnow_params, cdnow_sample):
    assert purchases.params_ == pytest.approx(cdnow_params, rel=1e-5)
    assert purchases.params_["r"] == pytest.approx(0.2425945, abs=5e-8)
    assert purchases.log_likelihood_ == pytest.approx(-9582.4292, abs=5e-5)
    theirs = bg_nbd.log_likelihood(
        cdnow_params, *(cdnow_sample[name] for name in ("frequency", "recency", "T"))
    )
    assert purchases.log_likelihood_ >= theirs.sum()


def test_bg_nbd_expected_purchases_of_new_customer_btyd_walkthrough(purchases):
    assert purchases.expected_purchases_new(52.0) == pytest.approx(1.444004, rel=1e-5)


def test_bg_nbd_named_customer_btyd_walkthrough(purchases):
    customer = pd.DataFrame({"frequency": [26], "recency": [216 / 7], "T": [31.0]})  # printed as 30.857
    assert purchases.expected_purchases(customer, 52.0)[0] == pytest.approx(25.75659, rel=4e-5)
    assert purchases.probability_alive(customer)[0] == pytest.approx(0.9688523, rel=5e-6)


def test_bg_nbd_no_purchase_of_new_customer_lifetimes_tests():
    params = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # those of the lifetimes test
    published = pytest.approx(0.5737864, abs=5.1e-8)
    assert bg_nbd.purchase_probability(params, 0, 0, 0, 0, 39)[0] == published
    assert bg_nbd.probability_no_purchase(params, 0, 0, 0, 39)[0] == published


def test_bg_nbd_purchase_counts_of_new_customer_lifetimes_tests():
    params = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    published = [0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638]
    values = bg_nbd.purchase_probability(params, 0, 0, 0, [11, 12, 13, 14, 15], 30)
    assert values == pytest.approx(published, abs=5.1e-11)


def test_bg_nbd_log_likelihood_of_one_customer_pymc_marketing_tests():
    params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
    values = bg_nbd.log_likelihood(params, [0, 200], [0, 38], 40)
    assert values == pytest.approx([-0.59947, 100.7957], abs=5e-5)


def test_bg_nbd_overflow_clvtools_tests(cdnow_params):
    history = (221.0, 103.42857, 103.57143)
    assert np.isfinite(bg_nbd.log_likelihood(cdnow_params, *history))
    assert 0.9 < bg_nbd.probability_alive(cdnow_params, *history)[0] <= 1.0
    assert np.isfinite(bg_nbd.expected_purchases(cdnow_params, *history, 52.0))


def test_gamma_gamma_parameters_fader_hardie_note_025(spend):
    assert [round(value, 2) for value in spend.params_.values()] == [6.25, 3.74, 15.44]
    assert list(spend.params_) == ["p", "q", "v"]
    assert spend.log_likelihood_ == pytest.approx(-4055.9177, abs=5e-5)
    assert spend.fit_report_["customers"] + spend.fit_report_["skipped_customers"] == 2357


def test_gamma_gamma_expected_spend_of_first_ten_customers_note_025(spend, cdnow_sample):
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert spend.expected_spend(cdnow_sample)[:10].round(2).tolist() == published
