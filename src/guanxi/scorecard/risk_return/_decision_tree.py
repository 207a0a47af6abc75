"""A decision tree for each tier: carry on, act, or end the relationship, with expected values.

Carrying on leads to the tiers of the next period with the probabilities of the chain, each worth what it
brings in the rest of a year (Pfeifer & Carraway 2000). What an action changes cannot be learnt from who
happened to move; the tree therefore says how much of the falling it has to prevent, or of the rising to add,
to earn its cost.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.scorecard.transitions._tier_chain import TierChain

Floats = NDArray[np.float64]

CONTINUE, ACT, END = "continue", "act", "end"
_COLUMNS = (
    "tier", "option", "action", "outcome", "probability", "value", "expected_value", "best", "break_even",
)  # fmt: skip


def decision_trees(chain: TierChain, customers: pd.DataFrame) -> pd.DataFrame:
    """Compute the expected value per customer of each option and its outcomes, by tier.

    Parameters
    ----------
    chain : TierChain
    customers : pandas.DataFrame
        ``tier`` and, with a playbook, ``action, action_cost``; the action of a tier is its commonest.

    Returns
    -------
    pandas.DataFrame
        A row per branch: ``tier, option`` (continue, act, end)``, action, outcome`` (the next tier)``,
        probability, value`` (of the coming year: margin of the first period and of the others after the
        outcome, less the cost)``,
        expected_value`` (of the option)``, best`` (of continue and end)``, break_even`` (for act: the
        probability that has to move from falling to staying, or in the lowest state from staying to rising;
        NaN if none would do).
    """
    margins, states = chain.equity.set_index("tier")["margin"], chain.states
    rows = []
    for place, tier in enumerate(states.tiers):
        probability = (chain.composition[place] @ chain.probabilities.mean) @ states.members.T
        later = np.array([chain.rest_values[states.name(after, tier)] for after in states.tiers])
        later = later / (1.0 + chain.discount_rate)
        branches = pd.DataFrame(
            {"outcome": states.tiers, "probability": probability, "value": margins[tier] + later}
        )
        rows.append(_option(branches, CONTINUE, tier))
        action, cost = _action(customers, tier)
        if action is not None:
            acted = branches.assign(value=branches["value"] - cost)
            needed = _break_even(place, probability, later, cost)
            rows.append(_option(acted, ACT, tier).assign(action=action, break_even=needed))
        ended = pd.DataFrame({"outcome": [END], "probability": [1.0], "value": [0.0]})
        rows.append(_option(ended, END, tier))
    table = pd.concat(rows, ignore_index=True)
    judged = table["expected_value"].where(table["option"] != ACT)
    table["best"] = judged == judged.groupby(table["tier"]).transform("max")
    return table.reindex(columns=list(_COLUMNS))


def _option(branches: pd.DataFrame, option: str, tier: str) -> pd.DataFrame:
    expected = float((branches["probability"] * branches["value"]).sum())
    return branches.assign(tier=tier, option=option, expected_value=expected)


def _action(customers: pd.DataFrame, tier: str) -> tuple[str | None, float]:
    """Commonest action of a tier, and its mean cost."""
    if "action" not in customers:
        return None, 0.0
    rows = customers[(customers["tier"] == tier) & customers["action"].notna()]
    if rows.empty:
        return None, 0.0
    action = str(rows["action"].value_counts().index[0])
    return action, float(rows.loc[rows["action"] == action, "action_cost"].mean())


def _break_even(place: int, probability: Floats, later: Floats, cost: float) -> float:
    """Find the probability of falling to prevent, or of rising to add; NaN if there is not that much."""
    below = slice(place + 1, None)
    falling = float(probability[below].sum())
    if falling > 0:
        gain, most = float(later[place] - probability[below] @ later[below] / falling), falling
    else:
        gain, most = float(later[place - 1] - later[place]), float(probability[place])
    needed = cost / gain if gain > 0 else np.inf
    return needed if needed <= most else float("nan")
