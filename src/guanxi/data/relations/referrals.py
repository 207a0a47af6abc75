"""Referral loops: customers of whom each was referred by the next, and the last by the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def customers_on_loops(referrals: pd.DataFrame) -> pd.Series[Any]:
    """Name the customers who stand on a loop; those who were only referred by one of them do not.

    Parameters
    ----------
    referrals : pandas.DataFrame
        ``customer_id`` (each once) and ``referred_by``.

    Examples
    --------
    >>> referrals = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "referred_by": ["b", "c", "a", "a"]})
    >>> customers_on_loops(referrals).tolist()
    ['a', 'b', 'c']
    """
    places = pd.Index(referrals["customer_id"]).get_indexer(pd.Index(referrals["referred_by"]))
    return referrals["customer_id"].iloc[_on_loops(places)]


def _on_loops(jump: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the places on loops, where ``jump`` leads from each place to the next, or is -1.

    After every round a jump is twice as long. Once it leads to as many places as one of half its length, it
    only permutes them: they are the loops.
    """
    places = _led_to(jump)
    while True:
        jump = np.where(jump >= 0, jump[jump], -1)
        further = _led_to(jump)
        if len(further) == len(places):
            return further
        places = further


def _led_to(jump: NDArray[np.intp]) -> NDArray[np.intp]:
    reached = np.zeros(len(jump), dtype=bool)
    reached[jump[jump >= 0]] = True
    return np.flatnonzero(reached)
