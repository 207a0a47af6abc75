"""Simulated subscribers: what contracts show agrees with the truth, and errors are clear."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import ParamsError
from guanxi.simulation import SubscriptionEffects, simulate_subscriptions

SBG = {"gamma": 0.668, "delta": 3.806, "c": 1.0}


def test_survival_is_that_of_the_shifted_beta_geometric_model() -> None:
    """High End of Fader & Hardie (2007): S(1) .851, S(7) .491 in the data, .851 and .489 in the model."""
    told = simulate_subscriptions(SBG, n=40_000, periods=8, seed=2, as_of="2024-12-31")
    survived = told.contracts.assign(age=8.0)
    ended = survived["end"].notna()
    months = (survived["end"].dt.year - survived["start"].dt.year) * 12
    survived.loc[ended, "age"] = (months + survived["end"].dt.month - survived["start"].dt.month)[ended] - 0.5
    assert (survived["age"] > 1).mean() == pytest.approx(0.851, abs=0.006)
    assert (survived["age"] > 7).mean() == pytest.approx(0.489, abs=0.01)


def test_amounts_change_at_renewals_and_contracts_follow_each_other() -> None:
    effects = SubscriptionEffects(changes=0.3, change_mean=0.1, change_spread=0.05)
    told = simulate_subscriptions(SBG, n=500, periods=12, seed=1, cohorts=6, effects=effects)
    contracts = told.contracts
    following = contracts.groupby("customer_id")["start"].shift(-1)
    later = following.notna()
    assert (contracts.loc[later, "end"] == following[later]).all()
    assert contracts.groupby("customer_id").size().max() > 3
    assert set(contracts["start"].dt.day) <= set(range(1, 29))
    assert (contracts["start"] <= pd.Timestamp(told.as_of)).all()


def test_the_future_begins_with_those_under_contract_and_ends_with_the_first_refusal() -> None:
    told = simulate_subscriptions(SBG, n=2000, periods=6, seed=5, future=10)
    running = told.contracts[told.contracts["end"].isna()]["customer_id"]
    future = told.future
    assert set(future["customer_id"]) == set(running)
    by_customer = future.groupby("customer_id")
    assert (by_customer["churned"].sum() <= 1).all()
    assert by_customer["churned"].last().sum() == future["churned"].sum()
    assert future["ahead"].max() == 10
    assert ((future["amount"] == 0) == (future["churned"] == 1)).all()
    assert future["churned"].mean() == pytest.approx(future["churn_probability"].mean(), abs=0.01)


def test_effects_raise_or_lower_churn() -> None:
    effects = SubscriptionEffects(
        {"size": 1.0}, plans={"basic": 1.0}, channels={"shop": -1.0}, months={3: 2.0}
    )
    told = simulate_subscriptions(SBG, n=3000, periods=3, seed=4, future=6, effects=effects)
    first = told.future.merge(told.contracts[["customer_id", "plan", "channel"]], on="customer_id")
    first = first.merge(told.customers, on="customer_id")
    exponent = np.log1p(-first["churn_probability"]) / np.log1p(-first["theta"])
    march = first["opportunity"].dt.month == 3
    expected = first["size"] + (first["plan"] == "basic") - (first["channel"] == "shop") + 2.0 * march
    assert np.log(exponent).to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_same_seed_same_subscribers() -> None:
    first, second = (simulate_subscriptions(SBG, n=50, periods=6, seed=9) for _ in range(2))
    pd.testing.assert_frame_equal(first.contracts, second.contracts)
    pd.testing.assert_frame_equal(first.future, second.future)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"params": {"gamma": 1.0}}, "has the parameters gamma, delta, c"),
        ({"params": {**SBG, "c": 0.0}}, "c of the beta discrete Weibull model is 0.0"),
        ({"cohorts": 9}, "cohorts is 9"),
        ({"periods": 0}, "periods is 0"),
        ({"period": "H"}, "period 'H' is unknown: use one of D, W, M, Q, Y"),
        ({"n": -1}, "n is -1"),
    ],
)
def test_errors(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        simulate_subscriptions(**{"params": SBG, "n": 5, "periods": 6, "seed": 1, **wrong})
