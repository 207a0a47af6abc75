"""The playbook: rules that assign an action to each customer; the first matching rule applies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from guanxi.params.scorecard import PlaybookRule
from guanxi.segments._conditions import Condition, parse_condition
from guanxi.served.ordering import falling
from guanxi.served.texts import Language, texts

# Name of the action in the texts, and its rule: what is usually done, where no playbook is given. A stage
# alone does not tell who is leaving: who buys less often than before can be as active as anyone.
_USUAL: tuple[tuple[str, str, dict[str, str | list[str]]], ...] = (
    ("ask_back", "phone", {"list": "slipping"}),
    (
        *("ask_back", "phone"),
        {"tier": "high", "lifecycle_stage": ["declining", "lost"], "churn_probability": "> 0.5"},
    ),
    ("welcome", "email", {"lifecycle_stage": "new"}),
    ("thank", "email", {"lifecycle_stage": "won_back"}),
    ("keep_close", "phone", {"list": "protect"}),
    ("keep_close", "phone", {"tier": "high"}),
    ("remind", "email", {"lifecycle_stage": "declining"}),
    ("last_offer", "email", {"lifecycle_stage": "lost"}),
    ("go_with", "email", {"lifecycle_stage": "growing"}),
    ("news", "email", {}),
)


def usual_playbook(language: Language) -> tuple[PlaybookRule, ...]:
    """Return rules that give every customer an action, by list, tier, stage and churn probability.

    ``list`` is ``slipping`` or ``protect`` of :func:`guanxi.report.standing.standing`, or another text.

    Examples
    --------
    >>> usual_playbook("en")[-1].action
    'Newsletter, nothing more'
    """
    said = texts("guanxi.segments", language)
    return tuple(
        PlaybookRule(when=when, action=said["actions"][action], channel=said["channels"][channel])
        for action, channel, when in _USUAL
    )


def playbook_conditions(playbook: Sequence[PlaybookRule], name: str = "playbook rule") -> list[Condition]:
    """Parse the conditions of the rules, so that mistakes are reported before any computation.

    Raises ParamsError if a condition cannot be parsed; the message names the rule by its number, from 1.
    """
    return [parse_condition(rule.when, f"{name} {place}") for place, rule in enumerate(playbook, 1)]


def recommend_actions(customers: pd.DataFrame, playbook: Sequence[PlaybookRule]) -> pd.DataFrame:
    """Assign each customer the action of the first matching rule.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id`` and the columns used in the rules.
    playbook : sequence of PlaybookRule

    Returns
    -------
    pandas.DataFrame
        ``customer_id, action, action_channel, action_cost``, in the order given; without a matching rule,
        action and channel are missing and the cost is 0.

    Raises
    ------
    ParamsError
        If a rule uses an unknown column or operator, or compares text by size.

    Examples
    --------
    >>> rule = PlaybookRule(when={"churn_probability": "> 0.5"}, action="call", channel="phone", cost=5)
    >>> customers = pd.DataFrame({"customer_id": [1, 2], "churn_probability": [0.9, 0.1]})
    >>> recommend_actions(customers, [rule])["action_cost"].tolist()
    [5.0, 0.0]
    """
    conditions = playbook_conditions(playbook)
    for condition in conditions:
        condition.check(customers.columns)
    action = np.full(len(customers), None, dtype=object)
    channel = np.full(len(customers), None, dtype=object)
    cost = np.zeros(len(customers))
    for rule, condition in zip(playbook, conditions, strict=True):
        rows = condition.holds(customers) & pd.isna(action)
        action[rows], channel[rows], cost[rows] = rule.action, rule.channel, rule.cost
    table = pd.DataFrame(
        {"action": action, "action_channel": channel, "action_cost": cost}, index=customers.index
    )
    table.insert(0, "customer_id", customers["customer_id"])
    return table


class IdleRule(NamedTuple):
    """A rule that never applies: its number, from 1, its action, and whether earlier rules cover it."""

    place: int
    action: str
    covered: bool


def idle_rules(customers: pd.DataFrame, playbook: Sequence[PlaybookRule]) -> list[IdleRule]:
    """List rules that match no customer, or none that earlier rules leave.

    Parameters
    ----------
    customers : pandas.DataFrame
        As in :func:`recommend_actions`.
    playbook : sequence of PlaybookRule

    Examples
    --------
    >>> rules = [PlaybookRule(when={"tier": name}, action="call") for name in ("high", "hihg", "high")]
    >>> [(rule.place, rule.covered) for rule in idle_rules(pd.DataFrame({"tier": ["high", "low"]}), rules)]
    [(2, False), (3, True)]
    """
    idle, taken = [], np.zeros(len(customers), dtype=bool)
    for place, (rule, condition) in enumerate(zip(playbook, playbook_conditions(playbook), strict=True), 1):
        fits = np.asarray(condition.holds(customers), dtype=bool)
        if not (fits & ~taken).any():
            idle.append(IdleRule(place, rule.action, bool(fits.any())))
        taken |= fits
    return idle


def summarise_actions(customers: pd.DataFrame) -> pd.DataFrame:
    """Summarise customers, cost and value at risk of each action.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``action, action_channel, action_cost``; ``value_at_risk`` of the prediction table.

    Returns
    -------
    pandas.DataFrame
        ``action, action_channel, customers`` (count), ``cost`` (sum), ``value_at_risk`` (sum where it
        is known), in descending order of value at risk; customers without an action are left out.
    """
    groups = customers.groupby(["action", "action_channel"], dropna=False)
    table = groups.agg(
        customers=("action", "size"), cost=("action_cost", "sum"), value_at_risk=("value_at_risk", "sum")
    ).reset_index()
    table = table[table["action"].notna()].sort_values(["action", "action_channel"])
    return table.iloc[falling(table["value_at_risk"])].reset_index(drop=True)
