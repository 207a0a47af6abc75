"""Summaries for the page: totals, groups and curves from tables of any length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guanxi.models.proportions import wilson_interval
from guanxi.served.texts import MISSING, percent

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAVING = 0.5
_ZERO_MARGIN = 0.0005  # smaller differences would be shown as 0.0 %


@dataclass(frozen=True)
class Headline:
    """Totals over all customers; amounts in the currency of the data, shares of 1.

    The value at risk is a share of what the customers would be worth if everybody had stayed and stays.
    """

    customers: int
    value: float
    leavers: int
    leaver_share: float
    value_at_risk: float
    value_at_risk_share: float


@dataclass(frozen=True)
class Gains:
    """Share of an outcome (`captured`) held by the share of `customers` that ranks highest, both 0 to 1."""

    customers: NDArray[np.float64]
    captured: NDArray[np.float64]

    def held_by(self, top: float) -> float:
        """Share of the outcome held by the share `top` of customers."""
        return float(np.interp(top, self.customers, self.captured))


def headline(predictions: pd.DataFrame) -> Headline:
    """Total the prediction table; a customer is likely to leave above a churn probability of 0.5.

    Examples
    --------
    >>> table = pd.DataFrame({"clv": [1.0, 5.0], "churn_probability": [0.9, 0.1]})
    >>> table["value_at_risk"] = [3.0, 1.0]
    >>> headline(table).value_at_risk_share
    0.4
    """
    # Not 0 where no value is known.
    value = float(predictions["clv"].sum(min_count=1))
    at_risk = float(predictions["value_at_risk"].sum(min_count=1))
    if_kept = value + at_risk
    leavers = int((predictions["churn_probability"] > LEAVING).sum())
    customers = len(predictions)
    return Headline(
        customers=customers,
        value=value,
        leavers=leavers,
        leaver_share=leavers / customers if customers else float("nan"),
        value_at_risk=at_risk,
        value_at_risk_share=at_risk / if_kept if if_kept > 0 else float("nan"),
    )


def gains(score: ArrayLike, outcome: ArrayLike) -> Gains | None:
    """Cumulative share of the outcome against the share of customers, highest score first.

    Customers of equal score share their outcome evenly, so that their order does not matter. Rows
    without score or outcome are left out. None if the outcome sums to zero.

    Examples
    --------
    >>> gains([3, 1, 2, 0], [6, 2, 2, 0]).held_by(0.25)
    0.6
    """
    scores = np.asarray(score, dtype=float)
    outcomes = np.asarray(outcome, dtype=float)
    known = np.isfinite(scores) & np.isfinite(outcomes)
    scores, outcomes = scores[known], outcomes[known]
    total = outcomes.sum()
    if not total > 0:
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    captured = np.cumsum(outcomes[order])[ends] / total
    return Gains(np.append(0.0, (ends + 1) / scores.size), np.append(0.0, captured))


def concentration(predictions: pd.DataFrame) -> Gains | None:
    """Share of the expected value held by the most valuable customers (a Lorenz curve from the top)."""
    return gains(predictions["clv"], predictions["clv"])


def reliability(holdout: pd.DataFrame) -> pd.DataFrame:
    """Predicted and observed churn by tenth of predicted probability, with 95 % Wilson intervals.

    Equal probabilities stay in one group, so there may be fewer than ten.

    Returns
    -------
    pandas.DataFrame
        `predicted, observed, lower, upper` (shares of 1) and `customers`, by rising probability.
    """
    known = holdout[["churn_probability", "churned"]].dropna().astype(float)
    if known.empty:
        return pd.DataFrame(columns=["predicted", "observed", "lower", "upper", "customers"], dtype=float)
    probability = known["churn_probability"].to_numpy()
    edges = np.unique(np.quantile(probability, np.arange(0.1, 1.0, 0.1)))
    groups = known.groupby(np.searchsorted(edges, probability, side="left"))
    table = groups.mean().set_axis(["predicted", "observed"], axis=1)
    table["customers"] = groups.size()
    table["lower"], table["upper"] = wilson_interval(groups["churned"].sum(), table["customers"])
    return table[["predicted", "observed", "lower", "upper", "customers"]].reset_index(drop=True)


def calibration_gap(table: pd.DataFrame) -> float:
    """Mean absolute difference of predicted and observed share over customers (calibration error)."""
    return float(np.average((table["predicted"] - table["observed"]).abs(), weights=table["customers"]))


def purchases_by_frequency(holdout: pd.DataFrame, last: int = 7) -> pd.DataFrame:
    """Mean purchases per customer in the held-out window by past repeat purchases, `last` and above as one.

    Returns
    -------
    pandas.DataFrame
        `frequency, actual, expected, customers`, by rising frequency.
    """
    grouped = holdout.groupby(holdout["frequency"].clip(upper=last).astype(int))
    table = grouped.agg(
        actual=("purchases", "mean"), expected=("expected_purchases", "mean"), customers=("frequency", "size")
    )
    return table.reset_index()


def relative_difference(expected: float, actual: float) -> float:
    """Difference of expected and actual as a share of actual; NaN if actual is 0."""
    return (expected - actual) / actual if actual > 0 else float("nan")


def difference_in_words(difference: float, t: Mapping[str, str], words: str = "expected") -> str:
    """Say by how much a forecast was off, in the words that begin with ``words``."""
    if np.isnan(difference):
        return MISSING
    if abs(difference) < _ZERO_MARGIN:
        return t[f"{words}_even"]
    return t[f"{words}_over" if difference > 0 else f"{words}_under"].format(
        share=percent(abs(difference), 1)
    )
