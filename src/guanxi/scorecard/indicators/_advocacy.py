"""Advocacy: whom and what the customer brings."""

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
    """Work out the indicators of advocacy."""
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
    """Class of an answer to the NPS question: 1 promoter (9, 10), 0 passive, -1 detractor (0 to 6).

    The mean of the classes times 100 is the net promoter score.
    """
    signs = (nps_score >= PROMOTER_FROM).astype("float64") - (nps_score <= DETRACTOR_TO).astype("float64")
    return signs.where(nps_score.notna())


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


INDICATORS = (
    Indicator(
        "referrals", "advocacy", {"en": "Referrals made", "zh": "推荐人数"},
        "number of customers whose referred_by is this customer",
        "customers", True, ("customers",), "0: nobody named this customer",
        "Schmitt, Skiera & Van den Bulte 2011, J. Marketing 75(1)",
    ),
    Indicator(
        "referral_value", "advocacy", {"en": "Referral value", "zh": "推荐价值"},
        "clv of the customers brought, through the chain: of each one's clv the direct referrer gets a "
        "share, the next half of that, and so on, all shares adding up to 1",
        "money", True, ("customers", "predictions"), "0: nobody named this customer",
        "Kumar, Petersen & Leone 2010, J. Marketing 74(5)",
    ),
    Indicator(
        "promoter", "advocacy", {"en": "Promoter, passive, detractor", "zh": "推荐者/中立者/贬损者"},
        "1 if nps_score ≥ 9, −1 if ≤ 6, else 0",
        "−1, 0, 1", True, ("surveys",), "the customer did not answer",
        "Reichheld 2003, Harvard Business Review 81(12)",
    ),
)  # fmt: skip
