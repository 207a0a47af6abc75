from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.models.formulas import bg_nbd, gamma_gamma
from guanxi.simulation import simulate_bg_nbd, simulate_bg_nbd_transactions

PARAMS = {"r": 0.5, "alpha": 20.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 6.0, "v": 15.0}


@pytest.fixture(scope="module")
def rfm():
    return simulate_bg_nbd(PARAMS, n=40_000, T=150.0, seed=1, spend_params=SPEND)


def test_counts_follow_the_model(rfm):
    for n in range(8):
        exact = bg_nbd.purchase_probability(PARAMS, 0, 0, 0, n, 150.0)[0]
        drawn = (rfm["frequency"] == n).mean()
        assert drawn == pytest.approx(exact, abs=5 * np.sqrt(exact / len(rfm)))


def test_probability_alive_is_calibrated(rfm):
    probability = bg_nbd.probability_alive(PARAMS, rfm["frequency"], rfm["recency"], rfm["T"])
    for tenth in np.array_split(np.argsort(probability), 10):
        assert rfm["alive"].to_numpy()[tenth].mean() == pytest.approx(probability[tenth].mean(), abs=0.04)


def test_amounts_follow_the_model(rfm):
    repeated = rfm[rfm["frequency"] > 0]
    expected = gamma_gamma.expected_spend(SPEND, 0, 0.0)[0]
    assert repeated["monetary_value"].mean() == pytest.approx(expected, rel=0.05)
    assert (rfm.loc[rfm["frequency"] == 0, "monetary_value"] == 0).all()


def test_seed_decides():
    first, again, other = (simulate_bg_nbd(PARAMS, n=50, T=150.0, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_transactions_have_the_histories_of_the_model(rfm):
    log = simulate_bg_nbd_transactions(PARAMS, SPEND, n=20_000, T=150.0, seed=7, cutoff="2024-12-31")
    by_customer = log.groupby("customer_id")["timestamp"]
    end = pd.Timestamp("2024-12-31 23:59:59")
    assert log["timestamp"].max() <= end
    assert by_customer.ngroups == 20_000
    assert ((end - by_customer.min()) == pd.Timedelta(days=150)).all()
    assert log["timestamp"].groupby(log["customer_id"]).is_monotonic_increasing.all()
    frequency = by_customer.size() - 1
    assert frequency.mean() == pytest.approx(rfm["frequency"].mean(), rel=0.05)
    recency = (by_customer.max() - by_customer.min()).dt.total_seconds() / 86400
    assert recency[frequency > 0].mean() == pytest.approx(
        rfm.loc[rfm["frequency"] > 0, "recency"].mean(), rel=0.05
    )
