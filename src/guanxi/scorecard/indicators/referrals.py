"""The value of referrals through the chain, each euro counted once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError

UPWARD_SHARE = 0.5
_NAMED_AT_MOST = 5
_NOBODY = -1


def credit_referrals(referred_by: pd.Series[Any], clv: pd.Series[float]) -> pd.DataFrame:
    """Credit each referred customer's value to those who stand above them in the chain of referrals.

    A customer ``d`` referrals below the first of the chain has ``d`` people to thank. The direct referrer is
    credited with a share of the customer's value, the referrer's referrer with half of that, and so on; the
    shares add up to 1, so that all credits add up to the value of all referred customers. A chain ends at
    whoever was referred by nobody, or by somebody unknown.

    Parameters
    ----------
    referred_by : pandas.Series
        Who referred each customer, missing for nobody; its index is ``customer_id``.
    clv : pandas.Series
        Value by ``customer_id``; customers without one count as 0. Customers who are in neither are unknown.

    Returns
    -------
    pandas.DataFrame
        By ``customer_id``, everybody of either series: ``referrals`` (customers referred directly) and
        ``referral_value`` (credit).

    Raises
    ------
    DataError
        If referrals go round in a loop.

    References
    ----------
    Kumar, V., Petersen, J. A. and Leone, R. P. (2010), Driving profitability by encouraging customer
    referrals: who, when, and how, Journal of Marketing 74(5), for value that is indirectly referred.

    Examples
    --------
    >>> by = pd.Series({"a": None, "b": "a", "c": "b"})
    >>> credit_referrals(by, pd.Series({"a": 50.0, "b": 30.0, "c": 90.0}))["referral_value"].to_dict()
    {'a': 60.0, 'b': 60.0, 'c': 0.0}
    """
    everyone = clv.index.union(referred_by.index, sort=False)
    referrer = np.full(len(everyone), _NOBODY)
    referrer[everyone.get_indexer(referred_by.index)] = everyone.get_indexer(pd.Index(referred_by))
    value = clv.reindex(everyone).fillna(0.0).to_numpy(dtype=np.float64)
    credit = np.zeros(len(everyone))
    for depth, here in _deepest_first(_depths(referrer, everyone)):
        shares = (1.0 - UPWARD_SHARE**depth) / (1.0 - UPWARD_SHARE)
        passed_on = value[here] / shares + UPWARD_SHARE * credit[here]
        # Added in the order of size, so that the order of the customers changes nothing.
        by_size = np.argsort(passed_on, kind="stable")
        np.add.at(credit, referrer[here[by_size]], passed_on[by_size])
    made = np.bincount(referrer[referrer >= 0], minlength=len(everyone)).astype(np.float64)
    return pd.DataFrame({"referrals": made, "referral_value": credit}, index=everyone)


def _depths(referrer: NDArray[np.int64], everyone: pd.Index[Any]) -> NDArray[np.int64]:
    """Count the people above each, by steps of doubling length."""
    above = referrer.copy()
    depths = (above >= 0).astype(np.int64)
    for _ in range(len(referrer).bit_length()):
        climbing = np.flatnonzero(above >= 0)
        depths[climbing] += depths[above[climbing]]
        above[climbing] = above[above[climbing]]
    if (above >= 0).any():
        raise DataError(f"referrals go round in a loop: {_loop(referrer, int(above.max()), everyone)}")
    return depths


def _deepest_first(depths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(depths, kind="stable")
    ends = np.searchsorted(depths[order], np.arange(depths.max(initial=0) + 2))
    for depth in range(len(ends) - 2, 0, -1):
        yield depth, order[ends[depth] : ends[depth + 1]]


def _loop(referrer: NDArray[np.int64], start: int, everyone: pd.Index[Any]) -> str:
    """Name the customers of the loop that ``start`` is in."""
    members = [start]
    while (following := int(referrer[members[-1]])) != start:
        members.append(following)
    named = [str(everyone[i]) for i in members[:_NAMED_AT_MOST]]
    chain = [*named, "…"] if len(members) > _NAMED_AT_MOST else named
    told = " was referred by ".join([*chain, named[0]])
    return f"{told} ({len(members):,} in all): correct referred_by of one of them"
