"""The lines of one customer, and customers with similar identifiers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis
import pandas as pd

from guanxi.data._identifiers import identifier_like
from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import _connect
from guanxi.data.transactions import TransactionLog


def only_customer(log: TransactionLog, customer_id: str) -> TransactionLog:
    """Restrict the lines and purchases of a log to one customer; counts and dates remain those of all.

    Parameters
    ----------
    log : TransactionLog
    customer_id : str
        As text, whatever the type in the source, and written as there or as in the prediction table.
    """
    given = ibis.literal(customer_id)
    wanted = identifier_like(given, log.lines.customer_id).cast("string")
    own = {
        name: table.filter(table.customer_id.cast("string") == wanted)
        for name, table in (("lines", log.lines), ("events", log.events))
    }
    return replace(log, **own)


def only_contracts(log: ContractLog, customer_id: str) -> ContractLog:
    """Restrict the contracts of a log to one customer, as :func:`only_customer` does."""
    wanted = identifier_like(ibis.literal(customer_id), log.contracts.customer_id).cast("string")
    own = log.contracts.filter(log.contracts.customer_id.cast("string") == wanted)
    return replace(log, contracts=own)


def similar_customers(ids: pd.Series[Any], customer_id: str, count: int = 2) -> list[str]:
    """Find the identifiers nearest to an unknown one by edit distance.

    Case, surrounding blanks and leading zeros, which spreadsheets drop, are ignored.

    Parameters
    ----------
    ids : pandas.Series
        Unique.
    customer_id : str
    count : int
        Number to return.

    Examples
    --------
    >>> similar_customers(pd.Series(["00012", "00123", "C-7"]), "12")
    ['00012', '00123']
    """
    connection = _connect()
    try:
        known = connection.create_table("known", pd.DataFrame({"id": ids.astype(str).to_numpy()}))
        away = _normalised(known.id).levenshtein(_normalised(ibis.literal(customer_id)))
        found = known.order_by(away, known.id).limit(count).execute()
    finally:
        connection.disconnect()
    return list(found["id"])


def _normalised(text: Any) -> Any:
    return text.lower().re_replace(r"^[\s0]+|\s+$", "")
