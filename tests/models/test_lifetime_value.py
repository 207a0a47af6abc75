from __future__ import annotations

import numpy as np
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.models import BetaGeoNBD, GammaGamma, customer_lifetime_value


@pytest.fixture(scope="module")
def models(cdnow_sample):
    return BetaGeoNBD().fit(cdnow_sample), GammaGamma().fit(cdnow_sample)


def test_undiscounted_value_is_purchases_times_spend(models, cdnow_sample):
    purchases, spend = models
    value = customer_lifetime_value(*models, cdnow_sample, 52.0, margin=0.4, time_unit="W")
    expected = 0.4 * purchases.expected_purchases(cdnow_sample, 52.0) * spend.expected_spend(cdnow_sample)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_value_falls_with_the_rate_and_between_first_and_last_discount(models, cdnow_sample):
    free, low, high = (
        customer_lifetime_value(*models, cdnow_sample, 52.0, annual_discount_rate=rate, time_unit="W")
        for rate in (0.0, 0.1, 0.3)
    )
    assert (low < free).all()
    assert (high < low).all()
    assert (high > free * 1.3 ** (-52 * 7 / 365)).all()


def test_time_unit_changes_nothing(models, cdnow_sample):
    weeks = customer_lifetime_value(*models, cdnow_sample, 40.0, annual_discount_rate=0.2, time_unit="W")
    in_days = cdnow_sample.assign(recency=cdnow_sample["recency"] * 7, T=cdnow_sample["T"] * 7)
    by_days = BetaGeoNBD().fit(in_days)
    days = customer_lifetime_value(by_days, models[1], in_days, 280, annual_discount_rate=0.2)
    np.testing.assert_allclose(days, weeks, rtol=1e-6)


def test_last_period_may_be_shorter(models, cdnow_sample):
    purchases, spend = models
    week = 1 / 7
    value = customer_lifetime_value(*models, cdnow_sample, 40 * week, annual_discount_rate=0.2, time_unit="W")
    first = purchases.expected_purchases(cdnow_sample, 30 * week)
    rest = purchases.expected_purchases(cdnow_sample, 40 * week) - first
    expected = (first * 1.2 ** (-30 / 365) + rest * 1.2 ** (-40 / 365)) * spend.expected_spend(cdnow_sample)
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_margin_may_differ_by_customer(models, cdnow_sample):
    margin = np.linspace(0.1, 0.9, len(cdnow_sample))
    plain = customer_lifetime_value(*models, cdnow_sample, 52.0, time_unit="W")
    np.testing.assert_allclose(
        customer_lifetime_value(*models, cdnow_sample, 52.0, margin=margin, time_unit="W"), plain * margin
    )


def test_no_horizon_has_no_value(models, cdnow_sample):
    assert (customer_lifetime_value(*models, cdnow_sample, 0.0, annual_discount_rate=0.1) == 0).all()


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf])
def test_invalid_rate_is_an_error(models, cdnow_sample, rate):
    with pytest.raises(ParamsError, match="annual_discount_rate is"):
        customer_lifetime_value(*models, cdnow_sample, 52.0, annual_discount_rate=rate)


def test_invalid_unit_and_horizon_are_errors(models, cdnow_sample):
    with pytest.raises(ParamsError, match="time_unit 'H' is unknown"):
        customer_lifetime_value(*models, cdnow_sample, 52.0, time_unit="H")
    with pytest.raises(DataError, match="horizon is"):
        customer_lifetime_value(*models, cdnow_sample, -1.0)
