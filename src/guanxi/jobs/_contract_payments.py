"""Predictions of contracts with the columns of purchases, for what is built on those."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.features.rfm import rfm_expression
from guanxi.jobs._predict_contracts import contract_scoring
from guanxi.registry.loaded_model import LoadedContractModel

_HISTORY = ("frequency", "recency", "T")


def customers_of(log: ContractLog) -> dict[str, pd.DataFrame]:
    """Make the table of customers out of what contracts tell: the latest plan, and the attributes of a file.

    Returns it by the name of the relation, for :func:`guanxi.data.relations.tables.read_relations`.
    """
    lines = log.contracts.order_by("customer_id", "start", "line_number")
    plans = execute_in_order(log.connection, lines.select("customer_id", contract=lines.plan))
    table = plans.drop_duplicates("customer_id", keep="last")
    if log.attributes is not None:
        table = table.merge(execute_in_order(log.connection, log.attributes), "left", "customer_id")
    return {"customers": table.dropna(axis="columns", how="all")}


def score_payments(
    log: ContractLog, paid: TransactionLog, loaded: LoadedContractModel, drivers: int
) -> Callable[[date], pd.DataFrame]:
    """Return a function that scores a day: the predictions of contracts with the columns of purchases.

    ``frequency, recency, T`` are those of the payments. A contract that runs is alive for certain; what is
    expected of it stands in the value.
    """

    def score(day: date) -> pd.DataFrame:
        scores = contract_scoring(log, loaded, day, drivers=drivers).whole()
        history = execute_in_order(
            paid.connection, rfm_expression(paid.events, day, "D").order_by("customer_id")
        )
        known = history.set_index("customer_id").reindex(scores["customer_id"].to_numpy())
        return scores.assign(
            **{name: known[name].fillna(0.0).to_numpy() for name in _HISTORY},
            probability_alive=1.0,
            expected_purchases=float("nan"),
            expected_spend=scores["monetary_value"],
            next_purchase_date=pd.Series(pd.NaT, index=scores.index),
        )

    return score
