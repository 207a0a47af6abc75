"""One customer among all: their own lines, and customers with a similar identifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis
import pandas as pd

from guanxi.data.engine import _connect
from guanxi.data.transactions import TransactionLog


def only_customer(log: TransactionLog, customer_id: str) -> TransactionLog:
    """Narrow the lines and purchases of a log to one customer's; its counts and days stay those of all.

    Parameters
    ----------
    log : TransactionLog
    customer_id : str
        As text, whatever its type in the source.
    """
    own = {
        name: table.filter(table.customer_id.cast("string") == customer_id)
        for name, table in (("lines", log.lines), ("events", log.events))
    }
    return replace(log, **own)


def similar_customers(ids: pd.Series[Any], customer_id: str, count: int = 2) -> list[str]:
    """Find the identifiers nearest to one that is not there, by edit distance.

    Capitals, blanks and zeros at the beginning, which spreadsheets drop, do not count.

    Parameters
    ----------
    ids : pandas.Series
        Each once.
    customer_id : str
    count : int
        How many to find.

    Examples
    --------
    >>> similar_customers(pd.Series(["00012", "00123", "C-7"]), "12")
    ['00012', '00123']
    """
    connection = _connect()
    try:
        known = connection.create_table("known", pd.DataFrame({"id": ids.astype(str).to_numpy()}))
        away = _bare(known.id).levenshtein(_bare(ibis.literal(customer_id)))
        found = known.order_by(away, known.id).limit(count).execute()
    finally:
        connection.disconnect()
    return list(found["id"])


def _bare(text: Any) -> Any:
    return text.lower().re_replace(r"^[\s0]+|\s+$", "")
