"""Customers in a segment that is given by a condition on their columns."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from guanxi.errors import ParamsError
from guanxi.params.scorecard import Criterion
from guanxi.segments._conditions import Booleans, parse_condition


def segment_name(when: Mapping[str, Criterion], where: str = "segment") -> str:
    """Name a segment by its condition; ``where`` names the condition in errors.

    Examples
    --------
    >>> segment_name({"churn_probability": "> 0.5", "channel": "web"}), segment_name({})
    ('churn_probability > 0.5 and channel == web', 'everyone')
    """
    return str(parse_condition(when, where))


def segment_members(customers: pd.DataFrame, when: Mapping[str, Criterion], where: str) -> Booleans:
    """Whether each customer is in the segment, shape (n,).

    Raises
    ------
    ParamsError
        If a column or an operator is unknown, or no customer is in the segment.

    Examples
    --------
    >>> customers = pd.DataFrame({"churn_probability": [0.2, 0.9]})
    >>> segment_members(customers, {"churn_probability": "> 0.5"}, "scenario")
    array([False,  True])
    """
    condition = parse_condition(when, where)
    members = condition.holds(customers)
    if not members.any():
        raise ParamsError(f"{where}: no customer is in the segment {condition}: change the condition")
    return members
