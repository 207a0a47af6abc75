"""Cost to acquire a customer: unadjusted, acquisition-related, lagged, and with onboarding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from guanxi.errors import DataError, did_you_mean
from guanxi.params import ChannelParams

COSTS = ("unadjusted", "acquisition_related", "lagged", "with_onboarding")
_PLAIN = ChannelParams()


def acquisition_cost(
    spending: pd.DataFrame, acquired: pd.DataFrame, channels: Mapping[str, ChannelParams] | None = None
) -> pd.DataFrame:
    """Divide the spending of each month by the customers acquired in it, in four ways.

    The four steps are those of McCarthy's lecture *Doing the CACulation* (2021): all spending; its share
    meant for acquisition; that share in the months in which its customers come; and onboarding, which is paid
    later, added for the customers it was paid for.

    Parameters
    ----------
    spending : DataFrame
        ``month`` (consecutive integers, or dates), ``channel, amount``, at least 0. A channel without a line
        in a month spent nothing.
    acquired : DataFrame
        ``month`` (of the same kind), ``customers`` and optionally ``channel``; several rows of a month are
        added up.
    channels : mapping of str to ChannelParams, optional
        What is known of a channel; those absent count in full in their own month.

    Returns
    -------
    DataFrame
        By ``channel`` (``all`` first, then those with both spending and customers) and ``month``:
        ``customers``, and the cost of each: ``unadjusted`` (without onboarding), ``acquisition_related``,
        ``lagged, with_onboarding``. NaN if no customer was acquired, or if spending of a month outside the
        table would be needed.

    Raises
    ------
    DataError
        If a column is absent, an amount is negative or missing, or ``channels`` names an unknown one.

    Examples
    --------
    >>> spending = pd.DataFrame({"month": [1, 2], "channel": "sales", "amount": [50.0, 80.0]})
    >>> acquired = pd.DataFrame({"month": [1, 2], "customers": [5, 10]})
    >>> acquisition_cost(spending, acquired, {"sales": ChannelParams(lag=1)})["lagged"].tolist()
    [nan, 5.0]
    """
    paid, won = _checked(spending, acquired)
    rules = dict(channels or {})
    for name in rules:
        if name not in paid.columns:
            similar = did_you_mean(name, list(paid.columns))
            raise DataError(f"profit.channels names {name!r}, which has no spending: {similar}")
    parts = {"all": list(paid.columns)} | {name: [name] for name in paid.columns if name in won.columns}
    totals = {"all": won.sum(axis=1)} | {name: won[name] for name in parts if name != "all"}
    tables = [
        _costs(paid[names], totals[part], rules).rename_axis("month").reset_index().assign(channel=part)
        for part, names in parts.items()
    ]
    found = pd.concat(tables, ignore_index=True)[["channel", "month", "customers", *COSTS]]
    return found.assign(month=_as_given(found["month"], acquired["month"]))


def _costs(
    paid: pd.DataFrame, customers: pd.Series[float], rules: Mapping[str, ChannelParams]
) -> pd.DataFrame:
    """Cost per customer in each month of ``customers``, of the channels that are columns of ``paid``."""
    nothing = pd.Series(0.0, paid.index)
    sums = {name: nothing.copy() for name in (*COSTS[:3], "onboarding")}
    for name in paid.columns:
        rule, spent = rules.get(name, _PLAIN), paid[name]
        moved = moved_spending(spent * rule.share, rule)
        if rule.onboarding:
            sums["onboarding"] += moved
        else:
            sums["unadjusted"] += spent
            sums["acquisition_related"] += spent * rule.share
            sums["lagged"] += moved
    sums["with_onboarding"] = sums["lagged"] + sums.pop("onboarding")
    each = customers.where(customers > 0)
    costs = {name: sums[name].reindex(customers.index) / each for name in COSTS}
    return pd.DataFrame({"customers": customers, **costs})


def moved_spending(spent: pd.Series[float], rule: ChannelParams) -> pd.Series[float]:
    """Move the spending of consecutive months to those in which its customers come.

    Money is divided equally among ``spread`` months, the first of which is ``lag`` months later. NaN where
    spending before or after the table would be needed.

    Examples
    --------
    >>> moved_spending(pd.Series([12.0, 24.0, 36.0]), ChannelParams(spread=2)).tolist()
    [nan, 18.0, 30.0]
    """
    shares = [spent.shift(rule.lag + each) / rule.spread for each in range(rule.spread)]
    return pd.concat(shares, axis=1).sum(axis=1, skipna=False)


def _checked(spending: pd.DataFrame, acquired: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Month by channel: spending of all months from the first to the last, and customers acquired."""
    for what, table, needed in (
        ("spending", spending, ("month", "channel", "amount")),
        ("acquired", acquired, ("month", "customers")),
    ):
        absent = [name for name in needed if name not in table.columns]
        if absent:
            raise DataError(f"the table {what} has no column {absent[0]!r}: it needs {', '.join(needed)}")
        if table.empty or table[list(needed)].isna().any(axis=None):
            raise DataError(f"the table {what} has no rows, or missing values: give every value")
    for what, values in (("spending", spending["amount"]), ("acquired", acquired["customers"])):
        if (values < 0).any():
            raise DataError(f"the table {what} has {(values < 0).sum():,} negative values: give at least 0")
    paid = _by_month(spending, "amount")
    won = _by_month(acquired if "channel" in acquired else acquired.assign(channel="all"), "customers")
    return paid.reindex(range(paid.index.min(), paid.index.max() + 1), fill_value=0.0), won


def _by_month(table: pd.DataFrame, values: str) -> pd.DataFrame:
    numbered = table.assign(month=_month_numbers(table["month"]), **{values: table[values].astype(float)})
    return numbered.pivot_table(
        index="month", columns="channel", values=values, aggfunc="sum", fill_value=0.0
    )


def _month_numbers(months: pd.Series[int]) -> pd.Series[int]:
    if pd.api.types.is_numeric_dtype(months):
        return months.astype(int)
    days = pd.to_datetime(months)
    return days.dt.year * 12 + days.dt.month - 1


def _as_given(numbers: pd.Series[int], months: pd.Series[int]) -> pd.Series[int]:
    if pd.api.types.is_numeric_dtype(months):
        return numbers
    first = pd.to_datetime({"year": numbers // 12, "month": numbers % 12 + 1, "day": 1})
    return pd.Series(np.asarray(first), numbers.index)
