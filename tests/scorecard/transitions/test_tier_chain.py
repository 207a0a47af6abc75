"""The chain of tiers: whether it notices memory, and whether its values and forecasts come true."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from guanxi.scorecard.transitions._chain_states import (
    ChainStates,
    chain_states,
    fit_chain,
    memory_test,
    with_leavers,
)
from guanxi.scorecard.transitions._tier_chain import TierChain, tier_chain, value_steps

TIERS = ("high", "middle", "low", "lost")
PLAIN = np.array(
    [[0.8, 0.15, 0.04, 0.01], [0.1, 0.75, 0.1, 0.05], [0.0, 0.15, 0.7, 0.15], [0, 0, 0.01, 0.99]]
)
MARGINS = np.array([100.0, 40.0, 10.0, 0.0])
DAYS = [date(2024, 1, 1) + timedelta(days=73 * place) for place in range(4)]


def simulate(customers: int, seed: int, *, returning: float = 0.0, periods: int = 8) -> np.ndarray:
    """Places of the tiers; who moved goes back to the tier before with a probability of its own."""
    random = np.random.default_rng(seed)
    found = [random.choice(4, customers, p=[0.2, 0.3, 0.3, 0.2])]
    for _ in range(periods):
        now = found[-1]
        later = (random.random(customers)[:, None] > PLAIN[now].cumsum(axis=1)).sum(axis=1)
        if len(found) > 1:
            back = (random.random(customers) < returning) & (found[-2] != now)
            later = np.where(back, found[-2], later)
        found.append(later)
    return np.array(found)


def series(places: np.ndarray) -> pd.Series:
    return pd.Series(
        np.array(TIERS, dtype=object)[places], index=pd.Index(np.arange(len(places)), name="customer_id")
    )


def learnt(simulated: np.ndarray, seed: int = 0) -> TierChain:
    random = np.random.default_rng(seed)
    days = dict(zip(DAYS, map(series, simulated), strict=False))
    margins = {
        day: pd.Series(random.gamma(2.0, MARGINS[places] / 2 + 1e-9), index=days[day].index)
        for day, places in zip(DAYS[:-1], simulated, strict=False)
    }
    return tier_chain(days, margins, annual_discount_rate=0.1, seed=1)


def test_lost_is_a_state_of_its_own():
    card = pd.DataFrame({"customer_id": ["a", "b", "c"], "tier": ["high", "high", None]})
    found = chain_states(card, pd.Series([0.1, np.nan, 0.1]))
    assert found.fillna("?").to_dict() == {"a": "lost", "b": "high", "c": "?"}


def test_who_has_left_is_lost_on_every_later_day_until_he_returns():
    tiers = ({"a": "high", "b": "low"}, {"a": "high"}, {"a": "low", "c": "low"}, {"b": "high"})
    days = dict(zip(DAYS, tiers, strict=True))
    found = with_leavers({day: pd.Series(each) for day, each in days.items()})
    assert [each.to_dict() for each in found.values()] == [
        {"a": "high", "b": "low"},
        {"a": "high", "b": "lost"},
        {"a": "low", "b": "lost", "c": "low"},
        {"a": "lost", "b": "high", "c": "lost"},
    ]


def test_memory_is_noticed_where_there_is_some_and_only_there():
    without = [memory_test([series(each) for each in simulate(3000, seed)[:4]]) for seed in range(40)]
    assert np.mean(np.array(without) < 0.05) < 0.15  # 5 % of them on average
    assert memory_test([series(each) for each in simulate(3000, 1, returning=0.4)[:4]]) < 1e-6
    assert np.isnan(memory_test([series(each) for each in simulate(100, 1)[:2]]))


@pytest.mark.parametrize("returning", [0.0, 0.5])
def test_values_and_forecasts_come_true(returning):
    simulated = simulate(20_000, 3, returning=returning)
    chain = learnt(simulated[:4])
    assert chain.states.memory == (returning > 0)
    now, rate = simulated[3], 1.1**0.2 - 1
    worth = sum(MARGINS[simulated[3 + period]] / (1 + rate) ** period for period in range(5))
    truth = pd.Series(worth).groupby(now).mean()
    np.testing.assert_allclose(chain.equity["year"], truth, rtol=0.06, atol=0.5)
    last = chain.forecast[chain.forecast["period"] == 4].set_index("tier")
    counts = np.bincount(simulated[7], minlength=4)
    np.testing.assert_allclose(last["customers"], counts, rtol=0.05)


def test_without_memory_a_chain_would_be_wrong():
    """Regression to the mean: who has just risen falls back, and is worth less than who stayed."""
    chain = learnt(simulate(20_000, 3, returning=0.5)[:4])
    values = chain.year_values
    assert values["high|middle"] < values["high|high"] - 10
    assert values["middle|high"] > values["middle|middle"] + 10


def test_the_prior_of_a_state_with_memory_is_its_tier():
    states = ChainStates(TIERS, memory=True)
    days = [series(each) for each in simulate(2000, 4)[:3]]
    chain, plain = fit_chain(states, days), fit_chain(ChainStates(TIERS, memory=False), days)
    row = chain.mean[states.names.index("high|new")] @ states.members.T  # nobody came
    np.testing.assert_allclose(row, plain.mean[0])
    np.testing.assert_allclose(chain.mean.sum(axis=1), 1.0)


def test_intervals_contain_the_value_and_the_day_itself_is_checked():
    chain = learnt(simulate(3000, 5)[:4])
    for name in ("margin", "year", "equity"):
        limits = chain.equity[f"{name}_lower"], chain.equity[f"{name}_upper"]
        assert chain.equity[name].between(*limits).all(), name
    assert chain.check["customers"].between(chain.check["lower"], chain.check["upper"]).sum() >= 3
    assert chain.check["expected"].sum() == pytest.approx(3000, abs=10)


def test_a_move_is_worth_the_difference():
    chain = learnt(simulate(3000, 6)[:2])
    before, now = pd.Series(["high", "middle", None]), pd.Series(["middle", "middle", "lost"])
    found = value_steps(chain, before, now)
    year = chain.equity.set_index("tier")["year"]
    np.testing.assert_allclose(found["now"] - found["stayed"], [year["middle"] - year["high"], 0.0, np.nan])
    assert found["above"].tolist()[:2] == [year["high"]] * 2
    assert np.isnan(found["below"].iloc[2])


def test_without_a_discount_rate_an_endless_value_is_unknown():
    days = dict(zip(DAYS, map(series, simulate(500, 7)[:2]), strict=False))
    margins = {DAYS[0]: pd.Series(dtype=float)}
    chain = tier_chain(days, margins, annual_discount_rate=0.0, seed=1)
    assert chain.equity["equity"].isna().all()
    assert (chain.equity["year"] == 0).all()
