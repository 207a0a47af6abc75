"""Profit and loss of each customer, and why customers lose money."""

from __future__ import annotations

import pandas as pd

from guanxi.params import ProfitParams

COSTS = ("acquire", "serve", "handling", "retain")
REASONS = ("below_cost", "returns", *COSTS)


def profit_and_loss(sums: pd.DataFrame, params: ProfitParams, ending: str = "") -> pd.DataFrame:
    """Profit and loss from sums of orders, amounts and costs.

    Parameters
    ----------
    sums : DataFrame
        ``orders, returns`` (counts), ``sales`` (before refunds), ``refunded, margin``, and the recorded costs
        ``acquire, serve, retain``, all with the given ``ending``; of customers or of groups of them.
    params : ProfitParams
        ``cost_per_order`` and ``cost_per_return`` are added as the cost of ``handling``.
    ending : str

    Returns
    -------
    DataFrame
        With the same index: ``orders, returns, sales, refunded, revenue, cost_of_goods, margin, acquire,
        serve, handling, retain, profit``. Revenue is sales less refunds; profit is margin less the four
        costs.

    Examples
    --------
    >>> sums = pd.DataFrame({"orders": [2.0], "returns": [1.0], "sales": [80.0], "refunded": [20.0],
    ...                      "margin": [18.0], "acquire": [0.0], "serve": [3.0], "retain": [0.0]})
    >>> profit_and_loss(sums, ProfitParams(cost_per_order=2.0, cost_per_return=5.0))["profit"].tolist()
    [6.0]
    """
    given = {name: sums[f"{name}{ending}"] for name in ("orders", "returns", "sales", "refunded", "margin")}
    costs = {name: sums[f"{name}{ending}"] for name in ("acquire", "serve", "retain")}
    revenue = given["sales"] - given["refunded"]
    handling = given["orders"] * params.cost_per_order + given["returns"] * params.cost_per_return
    table = pd.DataFrame(
        {
            **{name: given[name] for name in ("orders", "returns", "sales", "refunded")},
            "revenue": revenue,
            "cost_of_goods": revenue - given["margin"],
            "margin": given["margin"],
            "acquire": costs["acquire"],
            "serve": costs["serve"],
            "handling": handling,
            "retain": costs["retain"],
        }
    )
    return table.assign(profit=table["margin"] - table[list(COSTS)].sum(axis=1))


def loss_reasons(statement: pd.DataFrame, cost_per_return: float = 0.0) -> pd.DataFrame:
    """Divide the customers at a loss by what weighs most on them.

    The burdens compared are goods sold below cost (a negative margin), returns (the margin on what was
    refunded, at the mean rate, and handling returns), and each kind of cost.

    Parameters
    ----------
    statement : DataFrame
        One row per customer: see :func:`profit_and_loss`.
    cost_per_return : float
        Part of ``handling`` that is due to each return.

    Returns
    -------
    DataFrame
        By ``reason``, the costliest first: ``customers, loss`` (positive sum), ``burden`` (sum of that
        item), and ``alone`` (customers who would not be at a loss without it). Empty without losses.

    Examples
    --------
    >>> zero = dict.fromkeys(["orders", "returns", "sales", "refunded", "revenue", "retain", "handling"], 0.0)
    >>> row = zero | {"margin": 5.0, "acquire": 2.0, "serve": 9.0, "profit": -6.0}
    >>> loss_reasons(pd.DataFrame([row]))[["reason", "loss", "alone"]].values.tolist()
    [['serve', 6.0, 1]]
    """
    revenue, margin = statement["revenue"].sum(), statement["margin"].sum()
    rate = max(margin / revenue, 0.0) if revenue > 0 else 0.0
    losers = statement[statement["profit"] < 0]
    burdens = losers[["acquire", "serve", "retain"]].assign(
        below_cost=(-losers["margin"]).clip(lower=0.0),
        returns=losers["refunded"] * rate + losers["returns"] * cost_per_return,
        handling=losers["handling"] - losers["returns"] * cost_per_return,
    )[list(REASONS)]
    if losers.empty:
        return pd.DataFrame(columns=["reason", "customers", "loss", "burden", "alone"])
    largest = burdens.max(axis=1)
    table = pd.DataFrame(
        {
            "reason": burdens.idxmax(axis=1),
            "customers": 1,
            "loss": -losers["profit"],
            "burden": largest,
            "alone": (losers["profit"] + largest >= 0).astype(int),
        }
    )
    found = table.groupby("reason", as_index=False).sum()
    return found.sort_values(["loss", "reason"], ascending=[False, True], ignore_index=True)
