"""Summary of segments: value, churn, drivers and recommended action."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guanxi.served.ordering import falling

_DRIVERS = 3
TIERS = ("high", "middle", "low")


def summarise_segments(customers: pd.DataFrame, by: str) -> pd.DataFrame:
    """Describe the segments in a column.

    Parameters
    ----------
    customers : pandas.DataFrame
        The column ``by``; ``clv, churn_probability`` and, if present, ``driver_1, tier, action``.
    by : str
        For instance ``lifecycle_stage`` or ``rfm_segment``; customers with a missing value are left out.

    Returns
    -------
    pandas.DataFrame
        ``by``; ``customers`` (count), ``share`` (of all), ``clv_sum, clv_mean, clv_share`` (of all),
        ``churn_mean``; with drivers ``drivers`` (at most three values of ``driver_1``, most common first);
        with tiers ``tier_high, tier_middle, tier_low`` (shares of the segment); with actions ``action`` (the
        most common one, missing if most have none). In descending order of value.

    Examples
    --------
    >>> customers = pd.DataFrame({"stage": ["new", "new", "lost"], "clv": [9.0, 7.0, 1.0],
    ...                           "churn_probability": [0.2, 0.4, 0.9]})
    >>> summarise_segments(customers, "stage")[["stage", "customers", "clv_mean"]].to_dict("records")
    [{'stage': 'new', 'customers': 2, 'clv_mean': 8.0}, {'stage': 'lost', 'customers': 1, 'clv_mean': 1.0}]
    """
    groups = customers.groupby(by, sort=True)
    table = groups.agg(
        customers=(by, "size"),
        clv_sum=("clv", "sum"),
        clv_mean=("clv", "mean"),
        churn_mean=("churn_probability", "mean"),
    )
    table["clv_sum"] = groups["clv"].sum(min_count=1)  # not 0 where no value is known
    table.insert(1, "share", table["customers"] / len(customers))
    table.insert(4, "clv_share", table["clv_sum"] / customers["clv"].sum())
    if "driver_1" in customers:
        table["drivers"] = groups["driver_1"].agg(_commonest_drivers)
    if "tier" in customers:
        for tier in TIERS:
            table[f"tier_{tier}"] = (customers["tier"] == tier).groupby(customers[by]).mean()
    if "action" in customers:
        table["action"] = groups["action"].agg(_commonest_action)
    table = table.reset_index()  # in the order of the segments' names
    return table.iloc[falling(table["clv_sum"])].reset_index(drop=True)


def _commonest_drivers(names: pd.Series[Any]) -> str:
    return ", ".join(str(name) for name in _by_count(names.dropna())[:_DRIVERS])


def _commonest_action(names: pd.Series[Any]) -> Any:
    return next(iter(_by_count(names)), None)


def _by_count(names: pd.Series[Any]) -> list[Any]:
    """Values in descending order of frequency; ties in alphabetical order, missing first."""
    counts = names.value_counts(dropna=False)
    order = sorted(counts.index, key=lambda name: (-counts[name], "" if pd.isna(name) else str(name)))
    return [None if pd.isna(name) else name for name in order]
