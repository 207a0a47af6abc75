"""What customers are still worth: value less the cost to serve, value against acquisition cost, payback."""

from __future__ import annotations

import pandas as pd

from guanxi.errors import ParamsError
from guanxi.periods import DAYS_PER_YEAR


def steady_value(margin: float, retention: float, discount_rate: float) -> float:
    """Value of a customer with a constant margin and retention rate: ``margin r / (1 + i - r)``.

    The first margin is a period away (Gupta, Lehmann and Stuart 2004, Journal of Marketing Research 41,
    equation 2).

    Parameters
    ----------
    margin : float
        Of a period.
    retention : float
        Probability to remain from one period to the next, 0 to 1.
    discount_rate : float
        Of a period, at least 0.

    Raises
    ------
    ParamsError
        If the value is infinite or a rate is out of range.

    Examples
    --------
    >>> round(steady_value(100.0, 0.8, 0.12), 6)
    250.0
    """
    if not 0 <= retention <= 1 or discount_rate < 0 or retention >= 1 + discount_rate:
        raise ParamsError(
            f"retention {retention} and discount rate {discount_rate}: give a retention from 0 to 1 and a "
            "rate of at least 0, not 1 and 0 together"
        )
    return margin * retention / (1 + discount_rate - retention)


def value_less_cost(
    predictions: pd.DataFrame, cost_per_order: float, annual_discount_rate: float
) -> pd.DataFrame:
    """Subtract the expected cost to serve and retain from the value of each customer.

    The cost is the expected number of purchases times the cost of an order in the last period, the same for
    all customers, discounted from the middle of the horizon.

    Parameters
    ----------
    predictions : DataFrame
        A prediction table: ``customer_id, clv, expected_purchases, horizon_days``.
    cost_per_order : float
        Cost to serve and retain, per order.
    annual_discount_rate : float

    Returns
    -------
    DataFrame
        ``customer_id, clv, expected_cost, clv_less_cost``.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a"], "clv": [30.0], "expected_purchases": [2.0],
    ...                       "horizon_days": [90]})
    >>> value_less_cost(table, 5.0, 0.0)["clv_less_cost"].tolist()
    [20.0]
    """
    years = predictions["horizon_days"] / 2 / DAYS_PER_YEAR
    cost = predictions["expected_purchases"] * cost_per_order * (1 + annual_discount_rate) ** -years
    value = predictions[["customer_id", "clv"]].assign(expected_cost=cost)
    return value.assign(clv_less_cost=value["clv"] - value["expected_cost"])


def earned_by_age(ages: pd.DataFrame, acquired: pd.DataFrame) -> pd.DataFrame:
    """Mean earnings of an acquired customer in each month since the first purchase.

    Each month is a mean over the customers who have lived through all of it, so that recent ones count as
    long as they are known.

    Parameters
    ----------
    ages : DataFrame
        ``group, back`` (months since the first purchase, at ``as_of``), ``age`` (0: the first month) and
        ``earned`` (sum over the customers).
    acquired : DataFrame
        ``group, back, customers``.

    Returns
    -------
    DataFrame
        ``group, age, customers`` (who have lived through the month), ``earned`` (a customer's mean) and
        ``cumulative``.

    Examples
    --------
    >>> acquired = pd.DataFrame({"group": "a", "back": [1, 2], "customers": [10, 10]})
    >>> ages = pd.DataFrame({"group": "a", "back": [1, 2, 2], "age": [0, 0, 1], "earned": [30.0, 50.0, 20.0]})
    >>> earned_by_age(ages, acquired)["cumulative"].tolist()
    [4.0, 6.0]
    """
    sizes = acquired.groupby(["group", "back"])["customers"].sum()
    lived = ages[ages["age"] < ages["back"]].groupby(["group", "age"])["earned"].sum()
    rows = []
    for group, customers in sizes.groupby(level="group"):
        known = customers.droplevel("group").sort_index(ascending=False).cumsum()
        for age in range(int(known.index.max())):
            count = known[known.index > age].iloc[-1]
            rows.append((group, age, count, lived.get((group, age), 0.0) / count))
    table = pd.DataFrame(rows, columns=["group", "age", "customers", "earned"])
    table = table.astype({"age": int, "customers": int, "earned": float})  # also without a row
    return table.assign(cumulative=table.groupby("group")["earned"].cumsum())


def payback_months(earned: pd.DataFrame, cost: pd.Series[float]) -> pd.Series[float]:
    """Months until a mean customer of a group has earned what it cost to acquire one.

    Parameters
    ----------
    earned : DataFrame
        Of :func:`earned_by_age`.
    cost : Series
        Acquisition cost of a customer by group.

    Returns
    -------
    Series
        By group: 1 if paid back in the first month; NaN if not yet, or without a cost.

    Examples
    --------
    >>> earned = pd.DataFrame({"group": "a", "age": [0, 1], "cumulative": [4.0, 6.0]})
    >>> payback_months(earned, pd.Series({"a": 5.0})).tolist()
    [2.0]
    """
    needed = earned["group"].map(cost)
    paid = earned[(earned["cumulative"] >= needed) & (needed > 0)]
    return (paid.groupby("group")["age"].min() + 1.0).reindex(cost.index)


def acquisition_returns(customers: pd.DataFrame, cost: pd.Series[float] | None = None) -> pd.DataFrame:
    """Compare what acquired customers have earned and are still worth with what they cost to acquire.

    Ratios are those of sums: a mean of single ratios would be ruled by customers who cost next to nothing.

    Parameters
    ----------
    customers : DataFrame
        One row per customer: ``group``; ``earned`` (margin less the cost to serve and retain, to date);
        ``acquire`` (acquisition cost); ``clv_less_cost`` (NaN without a prediction).
    cost : Series, optional
        Acquisition cost of a customer by group, instead of ``acquire``; NaN: unknown.

    Returns
    -------
    DataFrame
        By ``group``: ``customers, acquisition_cost`` (of a customer), ``earned, value`` (to come; both sums),
        ``earned_to_cost`` and ``value_to_cost`` (earned and to come): CLV : CAC.

    Examples
    --------
    >>> table = pd.DataFrame({"group": "a", "earned": [9.0, 1.0], "acquire": [1.0, 4.0],
    ...                       "clv_less_cost": [5.0, 0.0]})
    >>> acquisition_returns(table)["value_to_cost"].tolist()
    [3.0]
    """
    groups = customers.groupby("group")
    table = groups.size().to_frame("customers")
    table["acquisition_cost"] = groups["acquire"].mean() if cost is None else cost.reindex(table.index)
    table["earned"] = groups["earned"].sum()
    # All customers have a prediction, or none has: there is no sum over some of them.
    table["value"] = groups["clv_less_cost"].sum(min_count=1)
    total = (table["acquisition_cost"] * table["customers"]).where(table["acquisition_cost"] > 0)
    table["earned_to_cost"] = table["earned"] / total
    table["value_to_cost"] = (table["earned"] + table["value"]) / total
    return table.reset_index()
