"""Margins of customers: recovery of the variances, the total, and what is unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.models.margins import fit_margins
from guanxi.served.spend import margin_rate


def customers(between, within, n=30_000, seed=1):
    """Customers with a true rate each, and the margins of their purchases."""
    random = np.random.default_rng(seed)
    frequency = random.geometric(0.3, n) - 1.0
    purchases = frequency + 1.0
    rate = 0.4 + np.sqrt(between) * random.standard_normal(n)
    share = rate + np.sqrt(within / purchases) * random.standard_normal(n)
    table = {"frequency": frequency, "amount_mean": random.gamma(4.0, 10.0, n), "margin_share": share}
    return pd.DataFrame(table), rate


@pytest.mark.parametrize(("between", "within"), [(0.01, 0.03), (0.002, 0.02)])
def test_variances_are_recovered_and_customers_rates_estimated(between, within):
    features, rate = customers(between, within)
    model = fit_margins(features)
    assert model.mean == pytest.approx(0.4, abs=0.005)
    assert model.between_variance == pytest.approx(between, rel=0.1)
    assert model.within_variance == pytest.approx(within, rel=0.1)
    purchases = features["frequency"] + 1.0
    estimate = margin_rate(model, purchases, features["margin_share"])
    spend = features["amount_mean"] * purchases
    assert (estimate * spend).sum() == pytest.approx((rate * spend).sum(), rel=0.01)
    error, own, common = (
        np.mean((guess - rate) ** 2) for guess in (estimate, features["margin_share"], model.mean)
    )
    assert error < min(own, common)


def test_margin_is_that_of_all_spend_where_large_orders_earn_less():
    features = pd.DataFrame({"frequency": 1.0, "amount_mean": [90.0, 10.0], "margin_share": [0.1, 0.5]})
    assert fit_margins(features).mean == pytest.approx(0.14)


def test_equal_shares_are_used_for_everybody():
    features, _ = customers(0.01, 0.03, n=100)
    model = fit_margins(features.assign(margin_share=0.25))
    assert (model.mean, model.between_variance) == (pytest.approx(0.25), 0.0)
    assert margin_rate(model, [1.0, 50.0], [0.9, np.nan]).tolist() == pytest.approx([0.25, 0.25])


def test_negative_shares_lower_the_margin_and_impossible_ratios_move_no_one_far():
    features, _ = customers(0.01, 0.03, n=1000)
    features.loc[0, ["amount_mean", "margin_share"]] = [1e-6, -3000.0]
    features.loc[1:300, "margin_share"] = -0.2
    model = fit_margins(features)
    assert 0.1 < model.mean < 0.35
    rates = margin_rate(model, features["frequency"] + 1.0, features["margin_share"])
    assert -1.0 <= rates.min() < 0.0
    assert rates.max() <= 1.0


def test_without_a_known_share_there_is_no_model():
    features, _ = customers(0.01, 0.03, n=10)
    assert fit_margins(features.assign(margin_share=np.nan)) is None
