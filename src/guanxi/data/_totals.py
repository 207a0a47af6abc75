"""Lines that add up others and are named like them, as in ``1000 Total``, recognised by their sums."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import ibis
import numpy as np
import pandas as pd

from guanxi.params import DataParams

_NO_LETTER = r"[^\p{L}\p{N}]"
_HALF_A_CENT = 0.005  # sums may be rounded where the lines are not
_ROUNDING = 1e-9


def find_totals(parsed: Any, params: DataParams, rows: Callable[[Any], pd.DataFrame]) -> tuple[str, ...]:
    """Return the customers, as text, that are named like a total and whose amounts are sums of other lines.

    A sum is that of the lines before, from the beginning or an earlier line named like a total; or that of
    the customer who stands beside the word. Lines of Spark have no order, nor ``line_number``.
    """
    if not params.totals or not parsed.customer_id.type().is_string():
        return ()
    before, after = _patterns(params.totals)
    names = parsed.select("customer_id").distinct()
    named = names.filter(names.customer_id.re_search(f"{before}|{after}"))
    if not rows(named.limit(1)).shape[0]:
        return ()
    lines = parsed.mutate(total=parsed.customer_id.isin(rows(named)["customer_id"].tolist()).fill_null(False))
    counted = lines.total | is_word(lines.customer_id, params).fill_null(False)
    lines = lines.mutate(addend=ibis.ifelse(counted, 0.0, lines.amount.fill_null(0.0)))
    found = _candidates(lines, rows)
    of_customer = _sums_by_customer(lines, rows)
    stripped = found["customer_id"].str.replace(_python(before), "", regex=True)
    others = stripped.str.replace(_python(after), "", regex=True).str.strip(" \t:.-_()").map(of_customer)
    found["is_sum"] = _follows(found) | _equal(found["amount"], others.astype(float))
    whole = found.groupby("customer_id")["is_sum"].all()
    return tuple(sorted(map(str, whole.index[whole])))


def is_word(name: Any, params: DataParams) -> Any:
    """Whether a customer's name is a word for a total and nothing else."""
    return name.lower().isin([word + end for word in params.totals for end in ("", ":", ".")])


def _patterns(words: tuple[str, ...]) -> tuple[str, str]:
    """Write patterns of the words at the beginning and the end of a name; Chinese has no blanks."""
    plain = "|".join(re.escape(word) for word in words if word[-1:] < "\u2e80")
    joined = "|".join(re.escape(word) for word in words if word[-1:] >= "\u2e80") or "$^"
    plain = plain or "$^"
    return (
        rf"(?i)^(?:(?:{plain}){_NO_LETTER}+|(?:{joined}))",
        rf"(?i)(?:{_NO_LETTER}(?:{plain})|(?:{joined})){_NO_LETTER}*$",
    )


def _python(pattern: str) -> str:
    """Translate a pattern of the engine."""
    return pattern.replace(_NO_LETTER, r"[\W_]")


def _candidates(lines: Any, rows: Callable[[Any], pd.DataFrame]) -> pd.DataFrame:
    """Collect the lines named like totals, with the sum of all ordinary lines ``until`` then, if in order."""
    lines = lines.mutate(until=ibis.null("float64"), size=lines.addend.abs().sum().over(ibis.window()))
    if "line_number" in lines.columns:
        lines = lines.mutate(until=lines.addend.cumsum(order_by=lines.line_number))
    return rows(lines.filter(lines.total).select("customer_id", "amount", "until", "size"))


def _sums_by_customer(lines: Any, rows: Callable[[Any], pd.DataFrame]) -> pd.Series[Any]:
    own = lines.filter(~lines.total & lines.customer_id.notnull())
    sums = rows(own.group_by("customer_id").agg(amount=own.addend.sum()))
    return sums.set_index("customer_id")["amount"]


def _follows(found: pd.DataFrame) -> Any:
    """Whether each amount is the sum of the lines since the beginning or another line named like a total."""
    starts = np.unique(np.append(found["until"].dropna(), 0.0))
    wanted = (found["until"] - found["amount"]).to_numpy(dtype=float)
    at = np.searchsorted(starts, wanted).clip(1, max(1, len(starts) - 1))
    near = np.minimum(*(np.abs(starts[np.minimum(at - back, len(starts) - 1)] - wanted) for back in (0, 1)))
    rounding = np.maximum(_HALF_A_CENT, _ROUNDING * found["size"].astype(float))
    return (near <= rounding) & (found["amount"] != 0)


def _equal(amounts: Any, sums: Any) -> Any:
    return (amounts - sums).abs() <= np.maximum(_HALF_A_CENT, _ROUNDING * sums.abs())
