"""Acquisition cost and its returns by channel and cohort, from the flows of a log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from guanxi.decisions.profit._acquisition_cost import acquisition_cost
from guanxi.decisions.profit._customer_value import acquisition_returns, earned_by_age, payback_months
from guanxi.decisions.profit._profit_and_loss import profit_and_loss
from guanxi.features.customer_flows import CustomerFlows, period_end
from guanxi.params import ProfitParams

ALL = "all"


def acquisition_tables(
    flows: CustomerFlows,
    spending: pd.DataFrame | None,
    customers: pd.DataFrame,
    params: ProfitParams,
    months: int,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute the cost of acquisition and what has come back.

    Parameters
    ----------
    flows : CustomerFlows
    spending : DataFrame or None
        Of the company, by month and channel.
    customers : DataFrame
        One row per customer: ``channel, back, earned_to_date, acquire_to_date, clv_less_cost``.
    params : ProfitParams
    months : int
        Months of a cohort.

    Returns
    -------
    costs : DataFrame
        Of :func:`acquisition_cost`; empty without spending.
    returns : DataFrame
        By all, channel and cohort: see :attr:`CustomerProfit.returns`.
    earned : DataFrame
        Of :func:`earned_by_age`, over all customers.
    """
    acquired = flows.acquired()
    costs = pd.DataFrame() if spending is None else acquisition_cost(spending, acquired, params.channels)
    ages = flows.by_age()
    statement = profit_and_loss(ages, params)
    ages = ages.assign(earned=statement["profit"] + statement["acquire"])
    names = {"earned_to_date": "earned", "acquire_to_date": "acquire"}
    people = customers[["channel", "back", *names, "clv_less_cost"]].rename(columns=names)
    by_age = earned_by_age(ages.assign(group=ALL), acquired.assign(group=ALL))
    tables = []
    for kind, group in _groupings(flows.as_of, months, people).items():
        given = None if "acquire" in flows.has else _cost_by_group(costs, acquired, kind, group)
        found = acquisition_returns(people.assign(group=group(people)), given)
        each = earned_by_age(ages.assign(group=group(ages)), acquired.assign(group=group(acquired)))
        paid = payback_months(each, found.set_index("group")["acquisition_cost"])
        found.insert(0, "by", kind)
        tables.append(found.assign(payback_months=paid.to_numpy()))
    return costs, pd.concat(tables, ignore_index=True), by_age


def ending(as_of: date, back: int, months: int) -> str:
    """Last day of a period counted back from the last one, in ISO form.

    Examples
    --------
    >>> ending(date(2024, 12, 31), 1, 3)
    '2024-09-30'
    """
    return period_end(as_of, back * months).isoformat()


Grouping = Callable[[pd.DataFrame], "pd.Series[str]"]


def _groupings(as_of: date, months: int, people: pd.DataFrame) -> dict[str, Grouping]:
    """Ways to group customers; channels only if there are several."""
    groups: dict[str, Grouping] = {ALL: lambda table: pd.Series(ALL, table.index)}
    if len(people["channel"].unique()) > 1:
        groups["channel"] = lambda table: table["channel"]
    groups["cohort"] = lambda table: (table["back"] // months).map(lambda each: ending(as_of, each, months))
    return groups


def _cost_by_group(
    costs: pd.DataFrame, acquired: pd.DataFrame, kind: str, group: Grouping
) -> pd.Series[float]:
    """Mean cost with onboarding of the customers of each group, over the months for which it is known."""
    if costs.empty:
        return pd.Series(dtype=float)
    single = costs["channel"] != ALL
    known = costs[single] if kind == "channel" else costs[~single].drop(columns="channel")
    on = ["channel", "month"] if kind == "channel" else ["month"]
    each = acquired.assign(group=group(acquired)).merge(known[[*on, "with_onboarding"]], on=on)
    each = each.dropna(subset="with_onboarding")
    each["paid"] = each["with_onboarding"] * each["customers"]
    sums = each.groupby("group")[["paid", "customers"]].sum()
    return sums["paid"] / sums["customers"]
