"""The choice of actions: equal to brute force, within the limits, better with more money."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.budget import ChannelLimit, PlanLimits, choose_actions
from guanxi.errors import ParamsError

CENT = 1e-9


def keys(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


def random_case(seed: int) -> tuple[np.ndarray, PlanLimits]:
    """Up to 6 customers and 3 actions, ties and forbidden actions among them, with limits of every kind."""
    random = np.random.default_rng(seed)
    n, actions = int(random.integers(1, 7)), int(random.integers(1, 4))
    profits = np.round(random.normal(1.0, 3.0, (actions, n)), random.integers(0, 3))
    profits[random.random((actions, n)) < 0.15] = -np.inf
    channels = [["phone", "mail"][at] for at in random.integers(0, 2, actions)]
    limit = ChannelLimit(
        budget=random.uniform(0, 4) if random.random() < 0.5 else None,
        customers=int(random.integers(0, 4)) if random.random() < 0.7 else None,
    )
    minimum = [int(random.random() < 0.3) * int(random.integers(0, 3)) for _ in range(actions)]
    return profits, PlanLimits(
        costs=np.round(random.uniform(0, 3, actions), 1),
        budget=None if random.random() < 0.2 else round(random.uniform(0, n * 2), 1),
        channels=channels,
        channel_limits={channels[0]: limit} if random.random() < 0.5 else {},
        minimum=minimum,
        maximum=[None if random.random() < 0.6 else m + int(random.integers(0, 3)) for m in minimum],
    )


def keeps_within(action: np.ndarray, limits: PlanLimits) -> bool:
    """Written out apart from the code under test."""
    counts = np.array([(action == at).sum() for at in range(len(limits.costs))])
    spent = counts * np.asarray(limits.costs)
    fits = limits.budget is None or spent.sum() <= limits.budget + CENT
    for channel, limit in limits.channel_limits.items():
        inside = np.array([each == channel for each in limits.channels])
        fits &= limit.budget is None or spent[inside].sum() <= limit.budget + CENT
        fits &= limit.customers is None or counts[inside].sum() <= limit.customers
    most = np.array([np.inf if each is None else each for each in limits.maximum])
    return bool(fits and (counts >= limits.minimum).all() and (counts <= most).all())


def earned(profits: np.ndarray, action: np.ndarray) -> float:
    return sum(profits[at, customer] for customer, at in enumerate(action) if at >= 0)


def brute_force(profits: np.ndarray, limits: PlanLimits) -> float:
    """Profit of the best of all choices; -inf if none keeps within the limits."""
    actions, n = profits.shape
    choices = map(np.array, itertools.product(range(-1, actions), repeat=n))
    return max(
        (earned(profits, choice) for choice in choices if keeps_within(choice, limits)), default=-np.inf
    )


@pytest.mark.slow
def test_the_best_of_all_choices_in_200_random_cases():
    infeasible = 0
    for seed in range(200):
        profits, limits = random_case(seed)
        best = brute_force(profits, limits)
        if not np.isfinite(best):
            infeasible += 1
            with pytest.raises(ParamsError):
                choose_actions(profits, limits, keys(profits.shape[1]))
            continue
        found = choose_actions(profits, limits, keys(profits.shape[1]))
        assert found.profit == pytest.approx(best, abs=1e-8), seed
        assert earned(profits, found.action) == pytest.approx(best, abs=1e-8), seed
        assert keeps_within(found.action, limits), seed
        assert found.gap == 0.0
    assert 10 < infeasible < 60


def large_case(n: int, seed: int = 3) -> tuple[np.ndarray, PlanLimits]:
    random = np.random.default_rng(seed)
    at_risk = random.lognormal(2.0, 1.2, n)
    gains = np.vstack([at_risk * rate * random.uniform(0.5, 1.5, n) for rate in (0.02, 0.08, 0.2)])
    limits = PlanLimits(
        costs=[0.1, 1.0, 5.0],
        budget=n * 0.22,
        channels=["mail", "sms", "phone"],
        channel_limits={"phone": ChannelLimit(customers=n // 50)},
        minimum=[n // 2, 0, 0],
    )
    return gains - np.array([[0.1], [1.0], [5.0]]), limits


def test_many_customers_keep_within_the_limits_with_a_tiny_gap():
    profits, limits = large_case(40_000)
    found = choose_actions(profits, limits, keys(40_000))
    assert keeps_within(found.action, limits)
    assert earned(profits, found.action) == pytest.approx(found.profit, rel=1e-12)
    assert found.profit <= found.bound
    assert found.gap < 1e-5


def test_the_order_of_rows_changes_nothing():
    profits, limits = large_case(3_000)
    profits = np.round(profits, 1)  # many ties
    numbers = keys(3_000)
    shuffled = np.random.default_rng(1).permutation(3_000)
    there = choose_actions(profits, limits, numbers).action
    again = choose_actions(profits[:, shuffled], limits, numbers[shuffled]).action
    assert np.array_equal(there[shuffled], again)


def test_equal_customers_fill_the_limits_exactly():
    found = choose_actions(
        np.full((1, 100_000), 2.0), PlanLimits(costs=[1.0], budget=31_415.9), keys(100_000)
    )
    assert (found.action == 0).sum() == 31_415
    assert found.shadow_price == pytest.approx(2.0)


def test_the_shadow_price_is_what_one_more_unit_earns():
    profits, limits = large_case(20_000)
    found = choose_actions(profits, limits, keys(20_000))
    richer = choose_actions(profits, replace(limits, budget=limits.budget + 20.0), keys(20_000))
    assert found.shadow_price > 0.5
    assert (richer.profit - found.profit) / 20.0 == pytest.approx(found.shadow_price, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), less=st.floats(0.0, 1.0))
@pytest.mark.slow
def test_more_budget_never_earns_less(seed, less):
    random = np.random.default_rng(seed)
    profits = random.normal(1.0, 3.0, (3, 40))
    limits = PlanLimits(costs=random.uniform(0.1, 3.0, 3), budget=float(random.uniform(1.0, 60.0)))
    rich = choose_actions(profits, limits, keys(40))
    poor = choose_actions(profits, replace(limits, budget=less * limits.budget), keys(40))
    assert keeps_within(rich.action, limits)
    assert poor.gap == rich.gap == 0.0
    assert poor.profit <= rich.profit + 1e-9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"costs": []}, "there are no actions: name at least one in plan.actions"),
        ({"costs": [-1.0]}, r"the cost of action 1 is -1: give an amount from 0"),
        ({"costs": [1e15]}, r"the cost of action 1 is 1e\+15: give an amount from 0 to 1e\+14"),
        ({"costs": [1.0], "budget": -1.0}, "plan.budget is -1.0: give an amount of at least 0"),
        ({"costs": [1.0], "minimum": [3], "maximum": [2]}, "a minimum of 3 and a maximum of 2"),
        ({"costs": [1.0], "channel_limits": {"fax": ChannelLimit(1.0)}}, "names 'fax', which no action uses"),
        ({"costs": [1.0, 2.0], "minimum": [3]}, "minimum has 1 values for 2 actions"),
    ],
)
def test_limits_that_make_no_sense(given, message):
    with pytest.raises(ParamsError, match=message):
        PlanLimits(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minimum": [11, 0]}, "the minimum of action 1 needs 11 customers, and 10 may get it"),
        ({"minimum": [6, 5]}, "the minimum of action 1, action 2 needs 11 customers, and 10 may get it"),
        ({"minimum": [5, 0], "budget": 4.0}, "the minimum counts need 5 of the budget, which is 4: lower"),
        (
            {"minimum": [5, 0], "channel_limits": {"phone": ChannelLimit(customers=4)}},
            "the minimum counts need 5 of the customers of phone, which is 4",
        ),
    ],
)
def test_minimum_counts_that_cannot_be_met(given, message):
    limits = PlanLimits(costs=[1.0, 2.0], channels=["phone", "mail"], **given)
    with pytest.raises(ParamsError, match=message):
        choose_actions(np.ones((2, 10)), limits, keys(10))


def test_nothing_allowed_is_no_action():
    found = choose_actions(np.full((2, 3), -np.inf), PlanLimits(costs=[1.0, 2.0], budget=5.0), keys(3))
    assert found.action.tolist() == [-1, -1, -1]
    assert (found.profit, found.gap, found.shadow_price) == (0.0, 0.0, 0.0)
