"""The plan: who gets what, what it should earn, and who is held out to measure it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.budget._choice import Choice, choose_in_groups, group_customers
from guanxi.decisions.budget._drawn_holdout import (
    HoldoutPower,
    balance,
    customer_keys,
    draw_holdout,
    holdout_power,
    strata,
)
from guanxi.decisions.budget._frontier import budget_frontier, largest_budget
from guanxi.decisions.budget._gains import LearntGain, check_effects, expected_gains
from guanxi.decisions.budget._plan_tables import (
    Chosen,
    PlanTotals,
    action_table,
    customer_table,
    limit_table,
    plan_totals,
)
from guanxi.decisions.budget._problem import ChannelLimit, PlanLimits
from guanxi.decisions.budget._robustness import robustness
from guanxi.params import PlanParams
from guanxi.segments.playbook import playbook_conditions
from guanxi.served.texts import Language

BALANCED = ["clv", "value_at_risk", "churn_probability"]


@dataclass(frozen=True)
class Plan:
    """A plan and what it rests on.

    Attributes
    ----------
    customers : pandas.DataFrame
        A row per customer, in the order given: ``customer_id, date`` (first day after it)``, arm`` (treated,
        holdout, none)``, action, channel, cost, expected_gain, gain_lower, gain_upper, reason``. The holdout
        has the action that it does not get; cost and gains are those of the plan, 0 for all but the treated.
    totals : PlanTotals
    actions : pandas.DataFrame
        A row per action, with its assumed save rate and the save rate at which it breaks even.
    limits : pandas.DataFrame
        ``limit, allowed, used, price`` (profit of one unit more).
    frontier : pandas.DataFrame
        From :func:`.budget_frontier`.
    robustness : pandas.DataFrame
        From :func:`.robustness`.
    balance : pandas.DataFrame
        Treated against held out customers: ``variable, treated, holdout, difference``.
    power : HoldoutPower
    horizon_days : int
    gap : float
        Largest share of the best possible profit that the choice may miss; 0 if proved optimal.
    mean_profit : float
        Profit averaged over all draws of the holdout; that of the one drawn is in ``totals``.
    """

    customers: pd.DataFrame
    totals: PlanTotals
    actions: pd.DataFrame
    limits: pd.DataFrame
    frontier: pd.DataFrame
    robustness: pd.DataFrame
    balance: pd.DataFrame
    power: HoldoutPower
    horizon_days: int
    gap: float
    mean_profit: float


def build_plan(
    customers: pd.DataFrame,
    params: PlanParams,
    *,
    day: date,
    horizon_days: int,
    seed: int = 0,
    language: Language = "en",
    learnt: Mapping[str, LearntGain] | None = None,
) -> Plan:
    """Choose actions for customers within the limits, and draw the holdout.

    Parameters
    ----------
    customers : pandas.DataFrame
        The prediction table; its ``expected_purchases``, and ``past_value`` (what each customer brought in
        the last ``horizon_days``) if there, or that of contracts, tell the power of the holdout.
    params : PlanParams
        Actions, budget, limits, share of the holdout.
    day : date
        Last day of the data.
    horizon_days : int
        Of the predictions.
    seed : int
        Decides with ``customer_id`` who is held out; the order of rows changes nothing.
    language : {"en", "zh"}
        Of the column ``reason``.
    learnt : mapping, optional
        Gains of actions learnt from a campaign.

    Raises
    ------
    ParamsError
        If there are no actions, one has no effect, or the limits leave no plan.
    DataError
        If a column or value is missing.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "clv": [50.0, 9.0], "clv_lower": 0.0,
    ...                           "clv_upper": 99.0, "value_at_risk": [99.0, 9.0], "churn_probability": 0.5})
    >>> params = PlanParams(actions=[{"action": "call", "cost": 5, "save_rate": 0.2}], holdout=0.0)
    >>> build_plan(customers, params, day=date(2026, 1, 31), horizon_days=90).customers["arm"].tolist()
    ['treated', 'none']
    """
    check_plan(params, learnt or ())
    gains = expected_gains(customers, params.actions, params.customer, learnt)
    limits, share = plan_limits(params), params.holdout
    limits.check_feasible(gains.allowed, share)
    if limits.budget is None:
        limits = replace(limits, budget=largest_budget(limits, len(customers)))
    keys = customer_keys(customers["customer_id"], seed)
    groups = group_customers(gains.profits("expected", limits.costs), limits, keys)
    choice = choose_in_groups(groups, limits.with_holdout(share))
    arm = _arms(customers, choice, keys, share)
    chosen = Chosen(customers, params.actions, gains, limits, choice, arm)
    totals = plan_totals(chosen, params.budget)
    return Plan(
        customers=customer_table(chosen, day, language),
        totals=totals,
        actions=action_table(chosen),
        limits=limit_table(chosen),
        frontier=budget_frontier(groups, limits, share),
        robustness=robustness(gains, limits, keys, choice.action, share),
        balance=balance(customers, arm, BALANCED),
        power=_power(chosen, totals),
        horizon_days=horizon_days,
        gap=choice.gap,
        mean_profit=choice.profit * (1.0 - share),
    )


def check_plan(params: PlanParams, learnt: Collection[str] = ()) -> None:
    """Refuse parameters that leave no plan, before anything is read.

    Parameters
    ----------
    params : PlanParams
    learnt : collection of str
        Actions whose effect will be learnt from a campaign.

    Raises
    ------
    ParamsError
    """
    plan_limits(params)
    playbook_conditions(params.actions, "plan action")
    check_effects(params.actions, learnt)


def plan_limits(params: PlanParams) -> PlanLimits:
    """Limits of the treated, from the parameters."""
    actions = params.actions
    return PlanLimits(
        costs=[each.cost for each in actions],
        budget=params.budget,
        channels=[each.channel for each in actions],
        channel_limits={
            name: ChannelLimit(each.budget, each.customers) for name, each in params.channels.items()
        },
        minimum=[each.minimum for each in actions],
        maximum=[each.maximum for each in actions],
        names=[each.action for each in actions],
    )


def _arms(
    customers: pd.DataFrame, choice: Choice, keys: NDArray[np.uint64], share: float
) -> NDArray[np.object_]:
    value = customers["clv"].to_numpy(dtype=np.float64)
    churn = customers["churn_probability"].to_numpy(dtype=np.float64)
    held = draw_holdout(choice.action, strata(value, churn, choice.action), keys, share)
    return np.where(choice.action < 0, "none", np.where(held, "holdout", "treated")).astype(object)


def _power(chosen: Chosen, totals: PlanTotals) -> HoldoutPower:
    """Power for the expected gain of the treated."""
    effect = totals.gain / totals.treated if totals.treated else math.nan
    return holdout_power(totals.treated, totals.holdout, effect, _deviation(chosen))


def _deviation(chosen: Chosen) -> float:
    """Estimate the standard deviation of what a chosen customer brings within the horizon; NaN: unknown.

    The larger of that of the past value, which is small where silent customers are chosen, and of a compound
    Poisson variable with exponential amounts around the expected value with the action. What a customer under
    contract pays is between 0 and ``clv + value_at_risk``, so its variance is at most ``clv * value_at_risk``
    (Bhatia and Davis 2000).
    """
    rows = np.flatnonzero(chosen.choice.action >= 0)
    table = chosen.customers.iloc[rows]
    variances = [0.0]
    if "past_value" in table and len(rows) > 1:
        variances.append(float(table["past_value"].var()))
    if "expected_purchases" in table and len(rows) > 1:
        clv = table["clv"].to_numpy(dtype=np.float64)
        purchases = table["expected_purchases"].to_numpy(dtype=np.float64)
        order = np.divide(clv, purchases, out=np.zeros_like(clv), where=purchases > 0)
        value = clv + chosen.gains.expected[chosen.choice.action[rows], rows]
        variances.append(float(np.mean(2.0 * value * order) + value.var()))
    if "renewal_probability" in table and len(rows) > 1:
        within = (table["clv"] * table["value_at_risk"]).mean()
        variances.append(float(within + table["clv"].var()))
    return math.sqrt(max(variances)) or math.nan
