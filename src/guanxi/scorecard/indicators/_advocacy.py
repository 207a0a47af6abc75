"""Advocacy: referrals and recommendations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.features.activity import DETRACTOR_TO, PROMOTER_FROM
from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series

UPWARD_SHARE = 0.5
_NAMED_AT_MOST = 5
_NOBODY = -1


def advocacy(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of advocacy."""
    unknown = inputs.prediction("clv") * np.nan
    made, credited = unknown, unknown
    if "referred_by" in inputs.relations.columns and inputs.relations["referred_by"].notna().any():
        clv = inputs.prediction("clv")
        referrals = credit_referrals(inputs.relations["referred_by"], clv.fillna(0.0))
        table = referrals.reindex(inputs.customers).fillna(0.0)
        made = table["referrals"]
        credited = table["referral_value"] if clv.notna().any() else unknown
    return {
        "referrals": made,
        "referral_value": credited,
        "promoter": promoter_class(inputs.relation("nps_score")),
    }


def promoter_class(nps_score: Series[float]) -> Series[float]:
    """Classify answers to the NPS question: 1 promoter (9, 10), 0 passive, -1 detractor (0 to 6).

    The mean of the classes times 100 is the net promoter score.
    """
    signs = (nps_score >= PROMOTER_FROM).astype("float64") - (nps_score <= DETRACTOR_TO).astype("float64")
    return signs.where(nps_score.notna())


def credit_referrals(referred_by: pd.Series[Any], clv: pd.Series[float]) -> pd.DataFrame:
    """Credit each referred customer's value to the referrers in the chain of referrals.

    A customer ``d`` steps below the start of a chain has ``d`` referrers. The direct referrer is credited
    with a share of the customer's value, that referrer's referrer with half of it, and so on. The shares add
    up to 1, so that the credits add up to the value of all referred customers. A chain starts with a customer
    who was not referred, or was referred by someone unknown.

    Parameters
    ----------
    referred_by : pandas.Series
        Referrer of each customer, missing if there was none; the index is ``customer_id``.
    clv : pandas.Series
        Value by ``customer_id``; 0 for customers without one. Customers in neither series are unknown.

    Returns
    -------
    pandas.DataFrame
        By ``customer_id``, for all customers of either series: ``referrals`` (direct referrals) and
        ``referral_value`` (credit).

    Raises
    ------
    DataError
        If referrals form a cycle.

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
        # Added in order of size, so that the result does not depend on the order of the customers.
        by_size = np.argsort(passed_on, kind="stable")
        np.add.at(credit, referrer[here[by_size]], passed_on[by_size])
    made = np.bincount(referrer[referrer >= 0], minlength=len(everyone)).astype(np.float64)
    return pd.DataFrame({"referrals": made, "referral_value": credit}, index=everyone)


def _depths(referrer: NDArray[np.int64], everyone: pd.Index[Any]) -> NDArray[np.int64]:
    """Count the referrers above each customer, by pointer doubling."""
    above = referrer.copy()
    depths = (above >= 0).astype(np.int64)
    for _ in range(len(referrer).bit_length()):
        climbing = np.flatnonzero(above >= 0)
        depths[climbing] += depths[above[climbing]]
        above[climbing] = above[above[climbing]]
    if (above >= 0).any():
        raise DataError(f"referrals form a loop: {_loop(referrer, int(above.max()), everyone)}")
    return depths


def _deepest_first(depths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(depths, kind="stable")
    ends = np.searchsorted(depths[order], np.arange(depths.max(initial=0) + 2))
    for depth in range(len(ends) - 2, 0, -1):
        yield depth, order[ends[depth] : ends[depth + 1]]


def _loop(referrer: NDArray[np.int64], start: int, everyone: pd.Index[Any]) -> str:
    """Describe the loop that contains ``start``."""
    members = [start]
    while (following := int(referrer[members[-1]])) != start:
        members.append(following)
    named = [str(everyone[i]) for i in members[:_NAMED_AT_MOST]]
    chain = [*named, "…"] if len(members) > _NAMED_AT_MOST else named
    loop = " was referred by ".join([*chain, named[0]])
    return f"{loop} ({len(members):,} in all): correct referred_by of one of them"


INDICATORS = (
    Indicator(
        "referrals", "advocacy",
        "number of customers with this customer as referred_by",
        "customers", "to_date", True, ("customers",), "0: no referral named this customer",
        "Schmitt, Skiera & Van den Bulte 2011, J. Marketing 75(1)",
    ),
    Indicator(
        "referral_value", "advocacy",
        "credited clv of referred customers along the referral chain: the direct referrer gets a share, "
        "the next half of it, and so on; the shares add up to 1",
        "margin", "horizon", True, ("customers", "predictions"), "0: no referral named this customer",
        "Kumar, Petersen & Leone 2010, J. Marketing 74(5)",
    ),
    Indicator(
        "promoter", "advocacy",
        "1 if nps_score ≥ 9, −1 if ≤ 6, else 0",
        "−1, 0, 1", "to_date", True, ("surveys",), "the customer did not answer",
        "Reichheld 2003, Harvard Business Review 81(12)",
    ),
)  # fmt: skip
