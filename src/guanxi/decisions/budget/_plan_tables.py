"""Tables of a plan: customers with reasons, actions with break-even, limits with prices, totals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.budget._choice import Choice
from guanxi.decisions.budget._gains import Gains
from guanxi.decisions.budget._problem import Floats, PlanLimits
from guanxi.params import PlanAction
from guanxi.periods import add_days
from guanxi.served.texts import Language, number, texts


@dataclass(frozen=True)
class Chosen:
    """Actions chosen for n customers, their arms, and what they were chosen from."""

    customers: pd.DataFrame
    actions: Sequence[PlanAction]
    gains: Gains
    limits: PlanLimits
    choice: Choice
    arm: NDArray[np.object_]

    @property
    def treated(self) -> NDArray[np.intp]:
        """Rows of the treated customers."""
        return np.flatnonzero(self.arm == "treated")

    def of_treated(self, values: Floats) -> Floats:
        """Values, shape (actions, n), of the actions of the treated customers."""
        return np.asarray(values[self.choice.action[self.treated], self.treated])

    @property
    def costs(self) -> Floats:
        """Cost of each treated customer."""
        return np.asarray(self.limits.costs, dtype=np.float64)[self.choice.action[self.treated]]


@dataclass(frozen=True)
class PlanTotals:
    """Sums over the treated customers.

    Attributes
    ----------
    customers, treated, holdout : int
        Customers in all, and by arm.
    budget : float or None
    spend, gain, profit : float
        Cost, expected gain before it, and the difference.
    gain_lower, gain_upper : float
        Effects at the ends of their intervals, and the customers' own scatter, which partly cancels out.
    break_even : float
        Share of the expected effect at which the plan earns what it costs; NaN without a gain.
    shadow_price : float
        Profit of one more unit of money.
    """

    customers: int
    treated: int
    holdout: int
    budget: float | None
    spend: float
    gain: float
    profit: float
    gain_lower: float
    gain_upper: float
    break_even: float
    shadow_price: float


def plan_totals(chosen: Chosen, budget: float | None) -> PlanTotals:
    """Sum up the plan."""
    gains = {
        name: chosen.of_treated(getattr(chosen.gains, name))
        for name in ("expected", "lower", "upper", "cautious", "hopeful")
    }
    gain, spend = float(gains["expected"].sum()), float(chosen.costs.sum())
    # Independent scatter adds up in squares, a common error as it is.
    down = math.sqrt(float((np.maximum(gains["cautious"] - gains["lower"], 0.0) ** 2).sum()))
    up = math.sqrt(float((np.maximum(gains["upper"] - gains["hopeful"], 0.0) ** 2).sum()))
    return PlanTotals(
        customers=len(chosen.arm),
        treated=len(chosen.treated),
        holdout=int((chosen.arm == "holdout").sum()),
        budget=budget,
        spend=spend,
        gain=gain,
        profit=gain - spend,
        gain_lower=float(gains["cautious"].sum()) - down,
        gain_upper=float(gains["hopeful"].sum()) + up,
        break_even=spend / gain if gain > 0 else math.nan,
        shadow_price=chosen.choice.shadow_price,
    )


def customer_table(chosen: Chosen, day: date, language: Language) -> pd.DataFrame:
    """Tell who gets what and why, a row per customer in the order given: see :class:`.Plan`."""
    taken, treated = chosen.choice.action, chosen.arm == "treated"
    names = np.array([each.action for each in chosen.actions] + [None], dtype=object)
    channels = np.array([each.channel for each in chosen.actions] + [None], dtype=object)
    numbers = {name: np.zeros(len(taken)) for name in ("cost", "expected_gain", "gain_lower", "gain_upper")}
    numbers["cost"][treated] = chosen.costs
    for name, kind in zip(
        ("expected_gain", "gain_lower", "gain_upper"), ("expected", "lower", "upper"), strict=True
    ):
        numbers[name][treated] = chosen.of_treated(getattr(chosen.gains, kind))
    return pd.DataFrame(
        {
            "customer_id": chosen.customers["customer_id"].to_numpy(),
            "date": add_days(day, 1).isoformat(),
            "arm": pd.Series(chosen.arm, dtype="str"),
            "action": pd.Series(names[taken], dtype="str"),
            "channel": pd.Series(channels[taken], dtype="str"),
            **numbers,
            "reason": pd.Series(_reasons(chosen, language), dtype="str"),
        }
    )


def _reasons(chosen: Chosen, language: Language) -> list[str]:
    """Say for every customer why the plan is as it is."""
    t = texts("guanxi.decisions.budget", language)["reasons"]
    net = chosen.gains.profits("expected", chosen.limits.costs)
    best = np.argmax(net, axis=0)
    rows = np.arange(len(best))
    shown = np.where(chosen.choice.action >= 0, chosen.choice.action, best)
    profit = net[shown, rows]
    kind = np.select(
        [
            chosen.arm == "holdout",
            (chosen.arm == "treated") & (profit > 0),
            chosen.arm == "treated",
            ~np.isfinite(profit),
            profit > 0,
        ],
        ["holdout", "treated", "minimum", "not_allowed", "limits"],
        default="no_profit",
    )
    sentences = {
        (code, at): t[code].format(action=each.action, gain="{gain}", cost=number(each.cost, 2))
        for code in t
        for at, each in enumerate(chosen.actions)
    }
    gain = chosen.gains.expected[shown, rows]
    return [
        sentences[code, at].replace("{gain}", number(earns, 2))
        for code, at, earns in zip(kind.tolist(), shown.tolist(), gain.tolist(), strict=True)
    ]


def action_table(chosen: Chosen) -> pd.DataFrame:
    """Sum up each action; what is assumed stands beside the value at which it breaks even.

    Returns
    -------
    pandas.DataFrame
        ``action, channel, effect`` (save_rate: assumed, campaign: learnt)``, save_rate, save_rate_lower,
        save_rate_upper, break_even_rate`` (save rate at which the treated earn their cost)``, pays_from``
        (value at risk from which the action pays)``, cost`` (per customer)``, allowed, treated, holdout,
        spend, gain, profit``.
    """
    at_risk = chosen.customers["value_at_risk"].to_numpy(dtype=np.float64)
    return pd.DataFrame(
        [_action_row(chosen, number, action, at_risk) for number, action in enumerate(chosen.actions)]
    )


def _action_row(chosen: Chosen, number: int, action: PlanAction, at_risk: Floats) -> dict[str, object]:
    rows = chosen.treated[chosen.choice.action[chosen.treated] == number]
    spend, gain = action.cost * len(rows), float(chosen.gains.expected[number, rows].sum())
    assumed = action.save_rate is not None
    rate = action.save_rate if action.save_rate is not None else math.nan
    low, high = action.save_rate_interval or (math.nan, math.nan)
    saved = float(at_risk[rows].sum())
    return {
        "action": action.action,
        "channel": action.channel,
        "effect": "save_rate" if assumed else "campaign",
        "save_rate": rate,
        "save_rate_lower": low,
        "save_rate_upper": high,
        "break_even_rate": spend / saved if assumed and saved > 0 else math.nan,
        "pays_from": action.cost / rate if rate > 0 else math.nan,
        "cost": action.cost,
        "allowed": int(chosen.gains.allowed[number].sum()),
        "treated": len(rows),
        "holdout": int(((chosen.choice.action == number) & (chosen.arm == "holdout")).sum()),
        "spend": spend,
        "gain": gain,
        "profit": gain - spend,
    }


def limit_table(chosen: Chosen) -> pd.DataFrame:
    """Compare what each limit allows with what the treated use: ``limit, allowed, used, price``."""
    treated = np.bincount(chosen.choice.action[chosen.treated], minlength=len(chosen.actions))
    rows = [(name, bound, float(row @ treated)) for name, row, bound in chosen.limits.rows]
    rows += [
        (f"minimum of {name}", float(least), float(count))
        for name, least, count in zip(chosen.limits.names, chosen.limits.minimum, treated, strict=True)
        if least
    ]
    table = pd.DataFrame(rows, columns=["limit", "allowed", "used"])
    return table.assign(price=[chosen.choice.prices[name] for name in table["limit"]])
