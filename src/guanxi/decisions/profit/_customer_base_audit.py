"""The customer-base audit of Fader, Hardie and Ross (2022): one period, two periods, and cohorts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from guanxi.decisions.profit._distributions import count_distribution, distribution
from guanxi.decisions.profit._factor_decomposition import factor_changes
from guanxi.errors import DataError

SUMS = ["orders", "spend", "profit"]
FACTORS = ("customers", "orders_per_customer", "spend_per_order", "profit_per_spend")
CHANGES = ("new", "returned", "up", "same", "down", "lost")


@dataclass(frozen=True)
class CustomerBaseAudit:
    """Tables of a customer-base audit.

    Attributes
    ----------
    customers : DataFrame
        Customers of the last period: ``customer_id, orders, spend, profit``.
    distributions : DataFrame
        The last period: see :func:`one_period`.
    changes, factors : DataFrame
        The last period against the one before; empty with one period only: see :func:`two_periods`.
    periods : DataFrame
        Every period: ``customers, orders, spend, profit`` and the factors of the profit.
    cohorts : DataFrame
        Cohorts through time: see :func:`cohorts_through_time`.
    """

    customers: pd.DataFrame
    distributions: pd.DataFrame
    changes: pd.DataFrame
    factors: pd.DataFrame
    periods: pd.DataFrame
    cohorts: pd.DataFrame


def customer_base_audit(table: pd.DataFrame) -> CustomerBaseAudit:
    """Audit a customer base summarised by customer and period.

    Parameters
    ----------
    table : DataFrame
        ``customer_id``; ``period`` (values that sort by time, such as 2019, ``"2019Q4"`` or a date);
        ``orders, spend, profit``, sums within the period; optionally ``cohort``, when the customer was
        acquired, in values that sort by time (default: the customer's first period in the table). Several
        rows of a customer and period are added up; rows without an order are left out.

    Returns
    -------
    CustomerBaseAudit

    Raises
    ------
    DataError
        If a column is absent, a value is missing, orders are negative, a customer has two cohorts, or no row
        has an order.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": [1, 1, 2], "period": [2018, 2019, 2019], "orders": [1, 2, 1],
    ...                       "spend": [10.0, 30.0, 8.0], "profit": [4.0, 12.0, -1.0]})
    >>> audit = customer_base_audit(table)
    >>> audit.changes.set_index("group")["change"][["new", "up"]].tolist()
    [-1.0, 8.0]
    """
    sums = _checked(table)
    periods = sorted(sums["period"].unique())
    last = sums[sums["period"] == periods[-1]].drop(columns=["period", "cohort"])
    changes, factors = pd.DataFrame(), pd.DataFrame()
    if len(periods) > 1:
        before = sums[sums["period"] == periods[-2]]
        earlier = sums.loc[sums["period"] < periods[-2], "customer_id"]
        changes, factors = two_periods(before, last, earlier)
    grid = sums.groupby(["cohort", "period"], as_index=False).agg(
        customers=("customer_id", "size"), **{name: (name, "sum") for name in SUMS}
    )
    return CustomerBaseAudit(
        last.reset_index(drop=True),
        one_period(last),
        changes,
        factors,
        by_period(grid),
        cohorts_through_time(grid),
    )


def one_period(customers: pd.DataFrame) -> pd.DataFrame:
    """Distribution of orders, spend and profit over the customers of one period (lens 1).

    Parameters
    ----------
    customers : DataFrame
        One row per customer: ``orders, spend, profit``.

    Returns
    -------
    DataFrame
        ``measure`` (orders, spend, spend_per_order, profit), ``lower, upper`` (included, excluded; orders:
        both included), ``customers, share``.
    """
    per_order = customers["spend"] / customers["orders"]
    parts = {
        "orders": count_distribution(customers["orders"]),
        "spend": distribution(customers["spend"]),
        "spend_per_order": distribution(per_order),
        "profit": distribution(customers["profit"]),
    }
    return pd.concat([part.assign(measure=name) for name, part in parts.items()], ignore_index=True)[
        ["measure", "lower", "upper", "customers", "share"]
    ]


def two_periods(
    before: pd.DataFrame, after: pd.DataFrame, earlier: Any = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the customers of two periods, and divide the change of the profit (lens 2).

    Parameters
    ----------
    before, after : DataFrame
        One row per customer with an order in the period: ``customer_id, orders, spend, profit``.
    earlier : array
        Identifiers of customers with an order before both periods: of those with none in the first they
        returned, all others are new.

    Returns
    -------
    changes : DataFrame
        By ``group`` (new, returned, up, same, down, lost; up and down by profit): ``customers`` and
        ``orders_before, orders_after``, the same for spend and profit, and ``change`` of the profit. The
        changes add up to that of all customers.
    factors : DataFrame
        For ``customers`` all and kept (those in both periods): each ``factor`` of the profit, ``before``,
        ``after``, and its part of the ``change`` (see :func:`factor_changes`).
    """
    both = before[["customer_id", *SUMS]].merge(
        after[["customer_id", *SUMS]],
        on="customer_id",
        how="outer",
        suffixes=("_before", "_after"),
        indicator=True,
    )
    known = both["customer_id"].isin(pd.Series(earlier))
    sums = [f"{name}_{when}" for name in SUMS for when in ("before", "after")]
    both[sums] = both[sums].fillna(0.0)
    change = both["profit_after"] - both["profit_before"]
    only_after = both["_merge"] == "right_only"
    both["group"] = np.select(
        [both["_merge"] == "left_only", only_after & known, only_after, change > 0, change < 0],
        ["lost", "returned", "new", "up", "down"],
        "same",
    )
    groups = both.assign(change=change).groupby("group")[[*sums, "change"]].sum()
    groups.insert(0, "customers", both.groupby("group").size())
    kept = both[both["_merge"] == "both"]
    of_all = _factor_table(_totals(before), _totals(after), "all")
    of_kept = _factor_table(_totals(kept, "_before"), _totals(kept, "_after"), "kept")
    factors = pd.concat([of_all, of_kept], ignore_index=True)
    changes = groups.reindex(list(CHANGES), fill_value=0.0).astype({"customers": int})
    return changes.reset_index(), factors


def cohorts_through_time(grid: pd.DataFrame) -> pd.DataFrame:
    """Follow each cohort through the periods (lenses 3 to 5).

    Parameters
    ----------
    grid : DataFrame
        One row per cohort and period with an order: ``cohort, period, customers, orders, spend, profit``.

    Returns
    -------
    DataFrame
        The grid with ``age`` (periods since the cohort's first one in the table), ``share_active`` (customers
        with an order, of those in the cohort's first period), and ``orders_per_customer, spend_per_order,
        profit_per_spend``.
    """
    found = _with_factors(grid.sort_values(["cohort", "period"], ignore_index=True))
    places = {period: place for place, period in enumerate(sorted(grid["period"].unique()))}
    place = found["period"].map(places)
    found["age"] = place - place.groupby(found["cohort"]).transform("min")
    found["share_active"] = found["customers"] / found.groupby("cohort")["customers"].transform("first")
    return found


def by_period(grid: pd.DataFrame) -> pd.DataFrame:
    """Add up a grid of cohorts by period, with the factors of the profit."""
    return _with_factors(grid.groupby("period", as_index=False)[["customers", *SUMS]].sum())


def _with_factors(sums: pd.DataFrame) -> pd.DataFrame:
    return sums.assign(
        orders_per_customer=sums["orders"] / sums["customers"],
        spend_per_order=sums["spend"] / sums["orders"],
        profit_per_spend=sums["profit"] / sums["spend"].where(sums["spend"] != 0),
    )


def _totals(customers: pd.DataFrame, suffix: str = "") -> pd.Series[float]:
    sums = customers[[f"{name}{suffix}" for name in SUMS]].sum()
    sums.index = pd.Index(SUMS)
    sums["customers"] = len(customers)
    return _with_factors(sums.to_frame().T).iloc[0].fillna(0.0)


def _factor_table(before: pd.Series[float], after: pd.Series[float], customers: str) -> pd.DataFrame:
    names = list(FACTORS)
    parts = factor_changes(*({name: float(side[name]) for name in names} for side in (before, after)))
    table = pd.DataFrame({"before": before[names], "after": after[names], "change": parts})
    table.insert(0, "customers", customers)
    return table.rename_axis("factor").reset_index()[["customers", "factor", "before", "after", "change"]]


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    needed = ["customer_id", "period", *SUMS]
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise DataError(f"the table has no column {absent[0]!r}: it needs {', '.join(needed)}")
    for name in needed:
        missing = int(table[name].isna().sum())
        if missing:
            raise DataError(f"{missing:,} rows of the table have no {name}: leave them out, or fill them in")
    if (table["orders"] < 0).any():
        raise DataError(
            f"{(table['orders'] < 0).sum():,} rows of the table have negative orders: give counts"
        )
    bought = table[table["orders"] > 0]
    if bought.empty:
        raise DataError("no row of the table has an order: nothing to audit")
    sums = bought.groupby(["customer_id", "period"], as_index=False)[SUMS].sum()
    return sums.assign(cohort=_cohorts(bought, sums))


def _cohorts(bought: pd.DataFrame, sums: pd.DataFrame) -> pd.Series[Any]:
    if "cohort" not in bought.columns:
        return sums.groupby("customer_id")["period"].transform("min")
    given = bought[["customer_id", "cohort"]].drop_duplicates()
    twice = given["customer_id"].duplicated()
    if twice.any() or given["cohort"].isna().any():
        raise DataError("a customer of the table has two cohorts, or none: give one for each")
    return sums["customer_id"].map(given.set_index("customer_id")["cohort"])
