"""What a scenario means for the plan: its profit, and how many customers get another action."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.budget import choose_actions, customer_keys, expected_gains, plan_limits
from guanxi.decisions.scenarios._cases import Outcome
from guanxi.decisions.scenarios._curve import discount_factors
from guanxi.decisions.scenarios._customer_base import CustomerBase
from guanxi.decisions.scenarios._equity import Setting, group_values
from guanxi.decisions.scenarios._levers import Levers
from guanxi.params import PlanParams

Floats = NDArray[np.float64]


def plan_effects(
    customers: pd.DataFrame,
    levers: Levers,
    outcomes: Sequence[Outcome],
    now: Outcome,
    params: PlanParams,
    seed: int,
) -> pd.DataFrame:
    """Choose the plan anew in each scenario, for its mean levels where there are draws.

    Within the horizon every customer's value, and what it would be if nobody left, changes as that of the
    customer's group; the value at risk is their difference. Save rates, costs and limits stay.

    Parameters
    ----------
    customers : DataFrame
        The prediction table, and the columns of the actions' conditions.
    levers : Levers
    outcomes : sequence of Outcome
    now : Outcome
        Of today.
    params : PlanParams
        Every action has a save rate.
    seed : int

    Returns
    -------
    DataFrame
        ``scenario, point``; ``plan_profit`` (expected, of the best plan there), ``plan_change`` (from today),
        ``kept_profit`` (of today's plan there), ``treated`` (customers with an action), ``moved`` (whose
        action is not today's). Today is the first row.

    Raises
    ------
    ParamsError
        If the limits leave no plan in a scenario.
    """
    limits, share = plan_limits(params), params.holdout
    keys, base = customer_keys(customers["customer_id"], seed), levers.base
    rows: list[dict[str, object]] = []
    usual = np.full(len(customers), -1, dtype=np.int64)
    first = 0.0
    for outcome in [now, *outcomes]:
        setting = levers.setting({key: level.mean(keepdims=True) for key, level in outcome.levels.items()})
        gains = expected_gains(revalued(customers, base, setting), params.actions, params.customer)
        profits = gains.profits("expected", limits.costs)
        choice = choose_actions(profits, limits.with_holdout(share), keys)
        if outcome is now:
            usual, first = choice.action, choice.profit
        kept = profits[usual, np.arange(len(usual))][usual >= 0]
        rows.append(
            {
                "scenario": outcome.name,
                "point": outcome.point,
                "plan_profit": choice.profit * (1.0 - share),
                "plan_change": (choice.profit - first) * (1.0 - share),
                "kept_profit": float(kept[np.isfinite(kept)].sum()) * (1.0 - share),
                "treated": int((choice.action >= 0).sum()),
                "moved": int((choice.action != usual).sum()),
            }
        )
    return pd.DataFrame(rows)


def revalued(customers: pd.DataFrame, base: CustomerBase, setting: Setting) -> pd.DataFrame:
    """Return the predictions with the values within the horizon that one setting makes of them.

    Columns ``clv, clv_lower, clv_upper, value_at_risk``; all others are as today.
    """
    today = Setting.today(base)
    left = [group_values(base, each)[:, 0, : base.within].sum(axis=1) for each in (setting, today)]
    kept = [_kept_values(base, each) for each in (setting, today)]
    of_value, of_kept = (
        np.divide(new, old, out=np.ones_like(new), where=old != 0.0)[base.group] for new, old in (left, kept)
    )
    values = customers[["clv", "clv_lower", "clv_upper"]].mul(of_value, axis=0)
    if_kept = (customers["clv"] + customers["value_at_risk"]) * of_kept
    return customers.assign(**values, value_at_risk=np.maximum(if_kept - values["clv"], 0.0))


def _kept_values(base: CustomerBase, setting: Setting) -> Floats:
    """Discounted margin within the horizon if nobody left, shape (groups,)."""
    ends, model_ends = base.ends[: base.within], base.model_ends[: base.within]
    factors = discount_factors(setting.discount_rate[0], ends)
    flows = np.array([np.diff(curve.kept_until(model_ends), prepend=0.0) for curve in base.curves])
    return np.asarray((setting.worth * setting.rate)[:-1, 0] * (flows @ factors))
