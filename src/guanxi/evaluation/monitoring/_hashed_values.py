"""Values of category and channel, stored as hashes, and the lines that have other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.transactions import TransactionLog

_HASH_BYTES = 4


def _other_values(
    log: TransactionLog, column: str, known: Collection[str], after: date, until: date
) -> tuple[int, int, str | None]:
    """Count lines after one day, up to another, whose hashed value is not among the known ones.

    Returns the number of these lines, the number with any value, and the most common other value.
    """
    day = log.lines.date
    counts = _value_counts(log, column, day > ibis.literal(after), day <= ibis.literal(until))
    other = counts[~pd.Series(_hashed(counts.index), index=counts.index, dtype=object).isin(known)]
    return int(other.sum()), int(counts.sum()), str(other.index[0]) if len(other) else None


def _hashed(values: Iterable[Any]) -> list[str]:
    """Hash values, to keep them short and their content out of the profile."""
    return [hashlib.blake2b(str(value).encode(), digest_size=_HASH_BYTES).hexdigest() for value in values]


def _value_counts(log: TransactionLog, column: str, *conditions: Any) -> pd.Series[Any]:
    """Count the lines per value, most common first, ties in alphabetical order."""
    lines = log.lines.filter(*conditions).drop_null(column)
    counted = lines.group_by(value=lines[column]).agg(n=lines.count())
    table: pd.DataFrame = counted.order_by(ibis.desc("n"), "value").execute()
    return table.set_index("value")["n"]
