"""Budget against the most that it can earn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from guanxi.decisions.budget._choice import Groups, choose_in_groups
from guanxi.decisions.budget._problem import PlanLimits

_POINTS, _BEYOND, _PRECISION = 25, 1.2, 1e-5


def budget_frontier(groups: Groups, limits: PlanLimits, share: float = 0.0) -> pd.DataFrame:
    """Largest expected profit of the treated for a range of budgets, with the other limits as they are.

    It is that of the linear relaxation: concave, and above the best plan by less than the profit of one
    customer per limit.

    Parameters
    ----------
    groups : Groups
        From :func:`.group_customers` with limits that have a budget.
    limits : PlanLimits
        Of the treated.
    share : float
        Share of the chosen customers that is held out.

    Returns
    -------
    pandas.DataFrame
        ``budget, profit, shadow_price`` (profit of one more unit of money), from the least budget that the
        minimum counts allow to 1.2 times the larger of the budget and what can be spent at a profit.
    """
    useful = useful_budget(groups, limits, share)
    least = float(np.dot(limits.costs, limits.with_holdout(share).minimum)) * (1.0 - share)
    given = limits.budget or 0.0
    end = _BEYOND * max(useful, min(given, 2.0 * useful), least)
    rows = []
    for budget in np.linspace(least, end, _POINTS):
        bounds = replace(limits, budget=float(budget)).with_holdout(share).bounds
        prices = groups.choices.solve(bounds, _PRECISION)
        rows.append((budget, prices.bound * (1.0 - share), prices.limits[0]))
    return pd.DataFrame(rows, columns=["budget", "profit", "shadow_price"])


def useful_budget(groups: Groups, limits: PlanLimits, share: float = 0.0) -> float:
    """Money that can be spent within the other limits before the last unit earns less than it costs."""
    free = replace(limits, budget=largest_budget(limits, len(groups.order))).with_holdout(share)
    action = choose_in_groups(groups, free).action
    counts = np.bincount(action[action >= 0], minlength=len(limits.costs))
    return float(np.dot(limits.costs, counts)) * (1.0 - share)


def largest_budget(limits: PlanLimits, customers: int) -> float:
    """Money that no plan for that many customers can exceed."""
    return float(max(limits.costs)) * customers
