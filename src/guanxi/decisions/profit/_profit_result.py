"""All tables of customers' profit, from the flows of a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from guanxi.decisions.profit._acquisition_tables import acquisition_tables, ending
from guanxi.decisions.profit._customer_base_audit import (
    SUMS,
    CustomerBaseAudit,
    by_period,
    cohorts_through_time,
    one_period,
    two_periods,
)
from guanxi.decisions.profit._customer_value import steady_value, value_less_cost
from guanxi.decisions.profit._profit_and_loss import loss_reasons, profit_and_loss
from guanxi.decisions.profit._profit_ranking import WhaleCurve, profit_deciles, profit_groups, whale_curve
from guanxi.errors import HistoryError
from guanxi.features.customer_flows import CustomerFlows, period_end
from guanxi.params import Params
from guanxi.periods import add_days

PERIODS = (12, 6, 3, 1)
_IN_PERIOD = ["orders", "returns", "acquire", "serve", "handling", "retain"]


@dataclass(frozen=True)
class ProfitInputs:
    """What the profit is computed from.

    Attributes
    ----------
    flows : CustomerFlows
    spending : DataFrame or None
        Of :func:`guanxi.features.customer_flows.monthly_spending`.
    predictions : DataFrame or None
        A prediction table of ``flows.as_of``.
    has_margins : bool
        Whether the log has margins.
    refused_refunds : int
        Lines with refunds that were rejected, as of days without a purchase: they lower no profit.
    params : Params
    """

    flows: CustomerFlows
    spending: pd.DataFrame | None
    predictions: pd.DataFrame | None
    has_margins: bool
    refused_refunds: int
    params: Params


@dataclass(frozen=True)
class CustomerProfit:
    """Profit of the customers; amounts in the currency of the data.

    Attributes
    ----------
    first_day, last_day : date
        Of the last period, which has ``months`` months.
    customers : DataFrame
        One row per known customer: profit and loss of the last period (see
        :func:`guanxi.decisions.profit.profit_and_loss`), ``profit_before`` (of the period before),
        ``acquire_to_date, earned_to_date`` (margin less all costs but those to acquire), ``clv,
        expected_cost, clv_less_cost`` (NaN without a model).
    statement : DataFrame
        ``item, amount, share`` (of revenue), ``per_customer``, over the active customers.
    active : int
        Customers with an order or a cost in the last period.
    curve, deciles, groups, losses
        Ranking of the active customers; ``groups`` is empty if the total is not above 0.
    audit : CustomerBaseAudit
        Of customers with an order; ``customers`` is empty.
    retention : float
        Of the customers of the period before, the share who ordered in the last one; NaN without any.
    steady : float
        Rough value of a customer from ``retention`` and the mean profit; NaN if unknown.
    acquisition : DataFrame
        Of :func:`guanxi.decisions.profit.acquisition_cost`; empty without spending.
    returns : DataFrame
        ``by`` (all, channel or cohort) and the columns of
        :func:`guanxi.decisions.profit.acquisition_returns`, with ``payback_months``.
    earned : DataFrame
        Mean earnings of a customer by month since the first purchase.
    """

    as_of: date
    months: int
    first_day: date
    last_day: date
    customers: pd.DataFrame = field(repr=False)
    statement: pd.DataFrame
    active: int
    curve: WhaleCurve = field(repr=False)
    deciles: pd.DataFrame
    groups: pd.DataFrame
    losses: pd.DataFrame
    audit: CustomerBaseAudit = field(repr=False)
    retention: float
    steady: float
    acquisition: pd.DataFrame
    returns: pd.DataFrame
    earned: pd.DataFrame


def customer_profit(inputs: ProfitInputs) -> CustomerProfit:
    """Compute the profit of all customers.

    Raises
    ------
    HistoryError
        If no customer ordered or cost anything in the last period.
    """
    flows, params = inputs.flows, inputs.params
    months = period_months(flows.months, params.profit.months)
    sums = flows.by_customer(months)
    customers = _with_value(_statements(sums, params), inputs)
    active = customers[(customers[_IN_PERIOD] > 0).any(axis=1)]
    if active.empty:
        raise HistoryError(
            f"nobody bought in the {months} months up to {flows.as_of}: set profit.months higher, or an "
            "earlier --as-of"
        )
    curve, audit = whale_curve(active["profit"]), _audit(inputs, customers, months)
    retention, steady = _steady(audit, params, months)
    acquisition, returns, earned = acquisition_tables(
        flows, inputs.spending, customers.assign(back=sums["back"]), params.profit, cohort_months(months)
    )
    return CustomerProfit(
        as_of=flows.as_of,
        months=months,
        first_day=add_days(period_end(flows.as_of, months), 1),
        last_day=flows.as_of,
        customers=customers,
        statement=_statement(active),
        active=len(active),
        curve=curve,
        deciles=profit_deciles(active["profit"]),
        groups=profit_groups(active["profit"]) if curve.total > 0 else pd.DataFrame(),
        losses=loss_reasons(active, params.profit.cost_per_return),
        audit=audit,
        retention=retention,
        steady=steady,
        acquisition=acquisition,
        returns=returns,
        earned=earned,
    )


def period_months(history: int, asked: int | None) -> int:
    """Months of a period: those asked for, else the longest of which the history has two.

    Examples
    --------
    >>> [period_months(history, None) for history in (30, 18, 7, 1)]
    [12, 6, 3, 1]
    """
    if asked is not None:
        return asked
    return next((months for months in PERIODS if 2 * months <= history), 1)


def cohort_months(months: int) -> int:
    """Months of a cohort: quarters of a year, else single months."""
    return 3 if months == 12 else 1


def _statements(sums: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Profit and loss of each customer in the last period, before, and to date."""
    now = profit_and_loss(sums, params.profit)
    before = profit_and_loss(sums, params.profit, "_before")
    to_date = profit_and_loss(sums, params.profit, "_to_date")
    return pd.concat(
        [
            sums[["customer_id", "first_day", "channel"]],
            now,
            before[["orders", "revenue", "profit"]].add_suffix("_before"),
            to_date[["orders", "profit"]].add_suffix("_to_date"),
        ],
        axis=1,
    ).assign(acquire_to_date=to_date["acquire"], earned_to_date=to_date["profit"] + to_date["acquire"])


def _with_value(customers: pd.DataFrame, inputs: ProfitInputs) -> pd.DataFrame:
    """Add the value to come less the expected cost; NaN without predictions."""
    names = ["clv", "expected_cost", "clv_less_cost"]
    if inputs.predictions is None:
        return customers.assign(**dict.fromkeys(names, np.nan))
    orders = customers["orders"].sum()
    costs = customers[["serve", "handling", "retain"]].to_numpy().sum()
    each = costs / orders if orders > 0 else 0.0
    value = value_less_cost(inputs.predictions, each, inputs.params.clv.annual_discount_rate)
    return customers.merge(value, on="customer_id", how="left")


def _statement(active: pd.DataFrame) -> pd.DataFrame:
    items = [
        "sales",
        "refunded",
        "revenue",
        "cost_of_goods",
        "margin",
        "acquire",
        "serve",
        "handling",
        "retain",
        "profit",
    ]
    totals = active[items].sum()
    revenue = totals["revenue"]
    return pd.DataFrame(
        {
            "item": items,
            "amount": totals.to_numpy(),
            "share": totals.to_numpy() / revenue if revenue > 0 else np.nan,
            "per_customer": totals.to_numpy() / len(active),
        }
    )


def _audit(inputs: ProfitInputs, customers: pd.DataFrame, months: int) -> CustomerBaseAudit:
    """Audit the customers with an order; only the last two periods are compared one by one."""
    now = _buyers(customers, "")
    before = _buyers(customers, "_before")
    changes, factors = pd.DataFrame(), pd.DataFrame()
    if len(before) and len(now):
        starts = add_days(period_end(inputs.flows.as_of, 2 * months), 1)
        earlier = customers.loc[customers["first_day"] < pd.Timestamp(starts), "customer_id"]
        changes, factors = two_periods(before, now, earlier)
    grid = _grid(inputs, cohort_months(months))
    distributions = one_period(now) if len(now) else pd.DataFrame()
    return CustomerBaseAudit(
        pd.DataFrame(), distributions, changes, factors, by_period(grid), cohorts_through_time(grid)
    )


def _buyers(customers: pd.DataFrame, ending: str) -> pd.DataFrame:
    names = {f"orders{ending}": "orders", f"revenue{ending}": "spend", f"profit{ending}": "profit"}
    rows = customers[customers[f"orders{ending}"] > 0]
    return rows[["customer_id", *names]].rename(columns=names)


def _grid(inputs: ProfitInputs, months: int) -> pd.DataFrame:
    """Cohorts by period, each named by its last day."""
    sums = inputs.flows.by_cohort(months)
    sums = sums[sums["customers"] > 0].reset_index(drop=True)
    statement = profit_and_loss(sums, inputs.params.profit).rename(columns={"revenue": "spend"})
    names = sums[["cohort", "period"]].map(lambda back: ending(inputs.flows.as_of, back, months))
    return pd.concat([names, sums["customers"], statement[SUMS]], axis=1)


def _steady(audit: CustomerBaseAudit, params: Params, months: int) -> tuple[float, float]:
    """Retention from one period to the next, and the value of a customer who keeps it."""
    if audit.changes.empty:
        return np.nan, np.nan
    groups = audit.changes.set_index("group")
    kept = float(groups.loc[["up", "same", "down"], "customers"].sum())
    retention = kept / (kept + float(groups["customers"]["lost"]))
    now = groups.drop("lost")
    profit = float(now["profit_after"].sum() / now["customers"].sum())
    rate = (1 + params.clv.annual_discount_rate) ** (months / 12) - 1
    return retention, steady_value(profit, retention, rate) if retention < 1 + rate else np.nan
