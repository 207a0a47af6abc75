"""What each action should earn from each customer, with intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.decisions.budget._problem import LARGEST, Floats
from guanxi.errors import DataError, ParamsError, did_you_mean
from guanxi.params import PlanAction, PlanCustomer
from guanxi.segments.playbook import playbook_conditions

_NORMAL_95 = 1.959963984540054
VALUES = ("customer_id", "clv", "clv_lower", "clv_upper", "value_at_risk", "churn_probability")


@dataclass(frozen=True)
class LearntGain:
    """Gain of an action learnt from a campaign, in money per customer before cost, shape (n,) each.

    Attributes
    ----------
    expected, lower, upper : array, shape (n,)
        With the interval of the single customer.
    margin_of_error : array, shape (n,)
        Half of the width of the interval, in money, of the mean effect on customers such as this one: what
        many of them have in common.
    """

    expected: Floats
    lower: Floats
    upper: Floats
    margin_of_error: Floats


@dataclass(frozen=True)
class Gains:
    """Expected gains of every action and customer before cost, shape (actions, n) each.

    Attributes
    ----------
    expected : array
    lower, upper : array
        Ends for the single customer: the effect's and the customer's value's together.
    cautious, hopeful : array
        With every effect (save rate, or mean uplift of customers alike) at the lower and the upper end of its
        interval, which is what all customers have in common.
    allowed : array of bool
        Whether the action's condition and the limits per customer hold.
    """

    expected: Floats
    lower: Floats
    upper: Floats
    cautious: Floats
    hopeful: Floats
    allowed: np.ndarray

    def profits(self, kind: str, costs: Sequence[float]) -> Floats:
        """Gain less cost, -inf where the action is not allowed."""
        return np.where(self.allowed, getattr(self, kind) - np.asarray(costs)[:, None], -np.inf)


def expected_gains(
    customers: pd.DataFrame,
    actions: Sequence[PlanAction],
    limits: PlanCustomer | None = None,
    learnt: Mapping[str, LearntGain] | None = None,
) -> Gains:
    """Compute the expected gain of each action from each customer, before cost.

    With an assumed save rate s it is ``s * value_at_risk``: the share of what leaving takes away that the
    action keeps. Its interval is that of s, scaled by the interval of the customer's value relative to it.

    Parameters
    ----------
    customers : pandas.DataFrame
        The prediction table, and the columns of the actions' conditions.
    actions : sequence of PlanAction
    limits : PlanCustomer, optional
        Most money per customer.
    learnt : mapping, optional
        Name of an action without a save rate -> its gain learnt from a campaign.

    Raises
    ------
    ParamsError
        If there are no actions, one has neither a save rate nor a learnt gain, or a condition cannot be used.
    DataError
        If a column or a value is missing.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["a"], "clv": [50.0], "clv_lower": [0.0],
    ...                           "clv_upper": [150.0], "value_at_risk": [100.0], "churn_probability": [0.5]})
    >>> gains = expected_gains(customers, [PlanAction(action="call", cost=5, save_rate=0.2)])
    >>> gains.expected.item(), gains.lower.item(), gains.upper.item()
    (20.0, 0.0, 60.0)
    """
    _check_customers(customers)
    learnt = learnt or {}
    check_effects(actions, learnt)
    rows = [_gains_of(action, customers, learnt) for action in actions]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Gains(**columns, allowed=_allowed(customers, actions, limits or PlanCustomer()))


def gain_of_uplift(uplift: pd.DataFrame, customers: pd.DataFrame, common_error: ArrayLike) -> LearntGain:
    """Turn an uplift of the probability to buy within the horizon into money.

    A customer who buys because of the action is worth the mean of those alike who buy: ``clv`` over the
    probability of buying, ``1 - churn_probability``. That those who buy anyway may buy more is left out.

    Parameters
    ----------
    uplift : pandas.DataFrame, n rows
        ``uplift, uplift_lower, uplift_upper``.
    customers : pandas.DataFrame, n rows
        The prediction table, in the same order.
    common_error : float or array, shape (n,)
        Standard error of the mean uplift of customers such as each.

    Examples
    --------
    >>> uplift = pd.DataFrame({"uplift": [0.1], "uplift_lower": [0.0], "uplift_upper": [0.2]})
    >>> customers = pd.DataFrame({"clv": [30.0], "churn_probability": [0.4]})
    >>> gain_of_uplift(uplift, customers, 0.02).expected.round(9).tolist()
    [5.0]
    """
    buys = 1.0 - customers["churn_probability"].to_numpy(dtype=np.float64)
    clv = customers["clv"].to_numpy(dtype=np.float64)
    value = np.divide(clv, buys, out=np.zeros_like(clv), where=buys > 0)
    expected, lower, upper = (
        uplift[name].to_numpy(dtype=np.float64) * value for name in ("uplift", "uplift_lower", "uplift_upper")
    )
    return LearntGain(expected, lower, upper, _NORMAL_95 * np.asarray(common_error) * np.abs(value))


def check_effects(actions: Sequence[PlanAction], learnt: Collection[str]) -> None:
    """Refuse actions whose effect is neither assumed nor learnt (ParamsError)."""
    for action in actions:
        if action.save_rate is None and action.action not in learnt:
            raise ParamsError(
                f"action {action.action!r} has no effect: assume one with its save_rate in plan.actions, "
                "or learn it from a past campaign with --campaign FILE"
            )


def _gains_of(
    action: PlanAction, customers: pd.DataFrame, learnt: Mapping[str, LearntGain]
) -> dict[str, Floats]:
    if action.save_rate is not None:
        return _saved(action, customers)
    found = learnt[action.action]
    return {
        "expected": found.expected,
        "lower": found.lower,
        "upper": found.upper,
        "cautious": found.expected - found.margin_of_error,
        "hopeful": found.expected + found.margin_of_error,
    }


def _saved(action: PlanAction, customers: pd.DataFrame) -> dict[str, Floats]:
    assert action.save_rate is not None
    low, high = action.save_rate_interval or (action.save_rate, action.save_rate)
    at_risk = customers["value_at_risk"].to_numpy(dtype=np.float64)
    clv, lower, upper = (
        customers[name].to_numpy(dtype=np.float64) for name in ("clv", "clv_lower", "clv_upper")
    )
    # Of a value of 0 or below nothing is known in proportion.
    least, most = (np.divide(end, clv, out=np.ones_like(clv), where=clv > 0) for end in (lower, upper))
    return {
        "expected": action.save_rate * at_risk,
        "lower": low * at_risk * np.clip(least, 0.0, 1.0),
        "upper": high * at_risk * np.maximum(most, 1.0),
        "cautious": low * at_risk,
        "hopeful": high * at_risk,
    }


def _allowed(customers: pd.DataFrame, actions: Sequence[PlanAction], limits: PlanCustomer) -> np.ndarray:
    if_kept = (customers["clv"] + customers["value_at_risk"]).to_numpy(dtype=np.float64)
    most = np.full(len(customers), np.inf if limits.cost is None else limits.cost)
    if limits.share_of_value is not None:
        most = np.minimum(most, limits.share_of_value * if_kept)
    conditions = playbook_conditions(actions, "plan action")
    return np.array(
        [
            condition.holds(customers) & (action.cost <= most)
            for action, condition in zip(actions, conditions, strict=True)
        ]
    )


def _check_customers(customers: pd.DataFrame) -> None:
    for name in VALUES:
        if name not in customers:
            hint = did_you_mean(name, customers.columns, "give the prediction table")
            raise DataError(f"the customers have no column {name}: {hint}")
    if not len(customers):
        raise DataError("there are no customers to plan for: give the prediction table")
    unknown = customers[list(VALUES)].isna().any()
    if unknown.any():
        raise DataError(
            f"{unknown.idxmax()} is unknown for some customers: a plan needs values, from a log with amounts"
        )
    endless = ~(customers[list(VALUES[1:])].astype("float64").abs() <= LARGEST).all()
    if endless.any():
        raise DataError(f"{endless.idxmax()} is endless or too large for some customers: correct it")
    repeated = customers["customer_id"].duplicated()
    if repeated.any():
        raise DataError(
            f"customer {customers.loc[repeated, 'customer_id'].iloc[0]!r} is there twice: give one row each"
        )
