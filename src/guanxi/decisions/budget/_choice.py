"""The choice of at most one action per customer under limits, with the proof that it is optimal or its gap.

The prices of the linear relaxation decide nearly every customer; only those almost indifferent between two
actions, the core (Balas & Zemel 1980, An Algorithm for Large Zero-One Knapsack Problems, Operations Research
28(5)), go to the integer program. A customer whose second-best action loses more than bound less value is not
chosen otherwise in any better plan, so that the plan is optimal once the core holds all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from guanxi.decisions.budget._prices import NONE, PricedChoices
from guanxi.decisions.budget._problem import ROUNDING, Floats, Integers, PlanLimits
from guanxi.errors import ParamsError

_FIRST_CORE, _LARGEST_CORE, _SMALL_GAP = 2_000, 10_000, 1e-4
_SCALE = 1000.0  # HiGHS stops at an absolute gap of 1e-6: with the largest profit at 1,000 it is 1e-9 of it
_NODES = 20_000


@dataclass(frozen=True)
class Choice:
    """Actions chosen for n customers.

    Attributes
    ----------
    action : array of int, shape (n,)
        Number of the action, -1 for none.
    profit : float
        Sum of expected gain less cost.
    bound : float
        No choice within the limits has a larger expected profit.
    shadow_price : float
        Profit of one more unit of the budget; 0 where it is not spent or not limited.
    prices : dict
        The same for every limit by its name.
    """

    action: NDArray[np.int64]
    profit: float
    bound: float
    prices: dict[str, float]

    @property
    def gap(self) -> float:
        """Largest share of the best possible profit that this choice may miss; 0 if proved optimal."""
        missing = self.bound - self.profit
        return missing / abs(self.bound) if missing > ROUNDING * abs(self.bound) else 0.0

    @property
    def shadow_price(self) -> float:
        """Price of the budget."""
        return self.prices.get("budget", 0.0)


@dataclass(frozen=True)
class Groups:
    """Customers with the same profits: ``order`` sorts customers by group, and by key within."""

    order: NDArray[np.intp]
    choices: PricedChoices


def choose_actions(profits: Floats, limits: PlanLimits, keys: NDArray[np.uint64]) -> Choice:
    """Choose at most one action per customer with the largest sum of expected profits within the limits.

    Parameters
    ----------
    profits : array, shape (actions, n)
        Expected gain less cost, in the currency of the amounts; -inf where the action is not allowed.
    limits : PlanLimits
    keys : array of uint64, shape (n,)
        One number per customer that decides between equals, so that the order of rows changes nothing.

    Returns
    -------
    Choice
        Optimal if its ``gap`` is 0.

    Raises
    ------
    ParamsError
        If no choice keeps within the limits.

    Examples
    --------
    >>> profits = np.array([[3.0, 2.0, 4.0], [1.0, 5.0, 1.0]])
    >>> keys = np.arange(3, dtype=np.uint64)
    >>> choice = choose_actions(profits, PlanLimits(costs=[1.0, 2.0], budget=3.0), keys)
    >>> choice.action.tolist(), choice.profit, choice.gap
    ([-1, 1, 0], 9.0, 0.0)
    """
    limits.check_feasible(np.isfinite(profits))
    groups = group_customers(profits, limits, keys)
    return choose_in_groups(groups, limits)


def group_customers(profits: Floats, limits: PlanLimits, keys: NDArray[np.uint64]) -> Groups:
    """Put customers with equal profits together; within a group they are in the order of their keys."""
    order = np.lexsort((keys, *profits))
    ordered = profits[:, order]
    begins = np.append(True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0))[: len(order)]
    sizes = np.diff(np.append(np.flatnonzero(begins), len(order)))
    return Groups(order, PricedChoices(ordered[:, begins], sizes, limits.matrix))


def choose_in_groups(groups: Groups, limits: PlanLimits) -> Choice:
    """Choose for customers in groups, as :func:`choose_actions`; cuts found for other bounds are reused."""
    choices, bounds = groups.choices, limits.bounds
    prices = choices.solve(bounds)
    per_action = prices.limits @ choices.matrix
    action, best = choices.best(per_action)
    margin = _margins(choices.profits, per_action, action, best)
    by_margin, size = np.argsort(margin, kind="stable"), _FIRST_CORE
    while True:
        counts = _solve_core(choices, by_margin[:size], action, bounds)
        profit = -np.inf if counts is None else _profit(choices, counts)
        missing = prices.bound - profit
        needed = int(np.searchsorted(margin[by_margin], missing, side="right"))
        good = missing <= _SMALL_GAP * abs(prices.bound)
        if needed <= size or size >= len(margin) or (good and needed > _LARGEST_CORE):
            break
        size = max(min(needed, _LARGEST_CORE), 2 * size)
    if counts is None:
        raise ParamsError("no plan keeps within all limits: lower plan.actions.minimum or raise the limits")
    bound = profit if needed <= size or size >= len(margin) else prices.bound
    names = [name for name, _, _ in limits.rows]
    names += [f"minimum of {name}" for name, least in zip(limits.names, limits.minimum, strict=True) if least]
    return Choice(
        _hand_out(groups, counts), profit, bound, dict(zip(names, prices.limits.tolist(), strict=True))
    )


def _margins(profits: Floats, prices: Floats, action: NDArray[np.intp], best: Floats) -> Floats:
    """How much each group loses with its second-best action at the prices, shape (groups,)."""
    second = np.where(action == NONE, -np.inf, 0.0)
    for at, row in enumerate(profits):
        second = np.maximum(second, np.where(action == at, -np.inf, row - prices[at]))
    return best - second


def _profit(choices: PricedChoices, counts: Integers) -> float:
    """Sum of profits of counts, shape (actions, groups)."""
    return float(np.sum(np.where(counts > 0, choices.profits, 0.0) * counts))


def _solve_core(
    choices: PricedChoices, core: NDArray[np.intp], action: NDArray[np.intp], bounds: Floats
) -> Integers | None:
    """Solve the integer program of the core, the other groups being as priced; None if infeasible."""
    counts = np.zeros(choices.profits.shape, dtype=np.int64)
    fixed = np.setdiff1d(np.flatnonzero(action != NONE), core)
    counts[action[fixed], fixed] = choices.sizes[fixed]
    left = bounds - choices.matrix @ counts.sum(axis=1)
    found = _integer_program(choices.profits[:, core], choices.sizes[core], choices.matrix, left)
    if found is None:
        return None
    counts[:, core] = found
    return counts


def _integer_program(profits: Floats, sizes: Integers, matrix: Floats, bounds: Floats) -> Integers | None:
    """Find customers per action and group with the largest profit, shape (actions, groups).

    Only the number of customers per action need be whole: given these, the rest is a transportation problem,
    whose vertices are whole.
    """
    if not np.isfinite(profits).any():
        return np.zeros(profits.shape, dtype=np.int64)
    totals = _whole_totals(profits, sizes, matrix, bounds)
    return None if totals is None else _transport(profits, sizes, totals)


def _whole_totals(profits: Floats, sizes: Integers, matrix: Floats, bounds: Floats) -> Integers | None:
    """Optimal number of customers per action, shape (actions,); None if there is none."""
    actions, at, group = _allowed(profits)
    pairs = len(at)
    costs = np.append(-_scaled(profits[at, group], profits), np.zeros(actions))
    one_each = sp.csr_array((np.ones(pairs), (group, np.arange(pairs))), (len(sizes), pairs + actions))
    sums = sp.csr_array((np.ones(pairs), (at, np.arange(pairs))), (actions, pairs))
    tied = sp.hstack([sums, -sp.eye_array(actions)])
    constraints = [LinearConstraint(one_each, -np.inf, sizes), LinearConstraint(tied, 0.0, 0.0)]
    slack = ROUNDING * np.abs(bounds)
    for tighter in (0.0, 1e-6, 1e-4):  # HiGHS keeps limits to 1e-6 only
        limited = []
        if len(bounds):
            rows = sp.csr_array(np.hstack([np.zeros((len(bounds), pairs)), matrix]))
            limited = [LinearConstraint(rows, -np.inf, bounds + slack - tighter)]
        found = milp(
            costs,
            integrality=np.append(np.zeros(pairs), np.ones(actions)),
            bounds=Bounds(0.0, np.append(sizes[group].astype(np.float64), np.full(actions, np.inf))),
            constraints=constraints + limited,
            options={"mip_rel_gap": 0.0, "node_limit": _NODES},
        )
        if found.x is None:
            break
        totals: Integers = np.rint(found.x[pairs:]).astype(np.int64)
        if (matrix @ totals <= bounds + 2.0 * slack + ROUNDING).all():
            return totals
    return None


def _transport(profits: Floats, sizes: Integers, totals: Integers) -> Integers:
    """Give ``totals`` of each action to groups with the largest profit, at most one action per customer."""
    actions, at, group = _allowed(profits)
    pairs = len(at)
    columns = np.arange(pairs)
    found = milp(
        -_scaled(profits[at, group], profits),
        bounds=Bounds(0.0, sizes[group].astype(np.float64)),
        constraints=[
            LinearConstraint(
                sp.csr_array((np.ones(pairs), (group, columns)), (len(sizes), pairs)), -np.inf, sizes
            ),
            LinearConstraint(sp.csr_array((np.ones(pairs), (at, columns)), (actions, pairs)), totals, totals),
        ],
    )
    counts = np.zeros(profits.shape, dtype=np.int64)
    counts[at, group] = np.rint(found.x).astype(np.int64)
    return counts


def _allowed(profits: Floats) -> tuple[int, NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of actions, and action and group of every allowed pair."""
    at, group = np.nonzero(np.isfinite(profits))
    return len(profits), at, group


def _scaled(values: Floats, profits: Floats) -> Floats:
    largest = np.abs(profits[np.isfinite(profits)]).max(initial=0.0)
    return values * (_SCALE / largest) if largest > 0 else values


def _hand_out(groups: Groups, counts: Integers) -> NDArray[np.int64]:
    """Give each customer an action, in the order of keys within a group, shape (n,)."""
    actions = len(counts)
    taken = counts.sum(axis=0)
    per_group = np.vstack([counts, groups.choices.sizes - taken])
    numbers = np.append(np.arange(actions), NONE)
    flat = np.repeat(np.tile(numbers, per_group.shape[1]), per_group.T.ravel())
    action = np.empty(len(groups.order), dtype=np.int64)
    action[groups.order] = flat
    return action
