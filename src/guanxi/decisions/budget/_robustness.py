"""What a plan earns if its inputs are not as expected, and what a more careful plan would earn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.budget._choice import choose_in_groups, group_customers
from guanxi.decisions.budget._gains import Gains
from guanxi.decisions.budget._problem import Floats, Integers, PlanLimits

CASES = ("expected", "cautious", "lower")


def robustness(
    gains: Gains,
    limits: PlanLimits,
    keys: NDArray[np.uint64],
    chosen: Integers,
    share: float = 0.0,
) -> pd.DataFrame:
    """Compare the plan for the expected gains with the plans for two worse cases.

    In the case ``cautious`` every effect is at the lower end of its interval: what all customers have in
    common. In ``lower`` every single customer is at his lower end as well, all at once (Soyster 1973, Convex
    Programming with Set-Inclusive Constraints, Operations Research 21(5)), which is no forecast but a bound.
    Each plan is the best for its own case, and is worth in each case what its column says.

    Parameters
    ----------
    gains : Gains
    limits : PlanLimits
        Of the treated.
    keys : array of uint64, shape (n,)
    chosen : array of int, shape (n,)
        Actions of the plan for the expected gains.
    share : float
        Share of the chosen customers that is held out; profits are those of the rest, on average.

    Returns
    -------
    pandas.DataFrame
        ``plan`` (case that it is made for)``, customers, spend, expected, cautious, lower`` (profits).
    """
    widened = limits.with_holdout(share)
    profits = {case: gains.profits(case, limits.costs) for case in CASES}
    rows = []
    for case in CASES:
        action = chosen
        if case != "expected" and not np.array_equal(profits[case], profits["expected"]):
            action = choose_in_groups(group_customers(profits[case], limits, keys), widened).action
        rows.append(
            {
                "plan": case,
                "customers": (1.0 - share) * (action >= 0).sum(),
                "spend": (1.0 - share) * float(np.append(limits.costs, 0.0)[action].sum()),
                **{each: (1.0 - share) * earned(profits[each], action) for each in CASES},
            }
        )
    return pd.DataFrame(rows)


def earned(profits: Floats, action: Integers) -> float:
    """Sum of the profits of the chosen actions."""
    taken = np.flatnonzero(action >= 0)
    return float(profits[action[taken], taken].sum())
