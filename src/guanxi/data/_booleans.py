"""Yes and no read from text and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def read_boolean(column: Any, true: Sequence[str] = (), false: Sequence[str] = ()) -> Any:
    """Cast to a truth value, also by further words for it (in lower case); null for others."""
    kind = column.type()
    if kind.is_boolean():
        return column
    word = column.try_cast("float64").try_cast("int64").cast("string") if kind.is_numeric() else column
    word = word.cast("string").strip().lower()
    yes, no = word.isin((*TRUE, *true)), word.isin((*FALSE, *false))
    return ibis.cases((yes, True), (no, False), else_=ibis.null("boolean"))
