"""Each customer's expected value against its risk: semi-deviation, churn and default.

The semi-deviation is the root of the mean squared shortfall below the expected value, so that doing better
than expected is no risk (Markowitz 1959, Portfolio Selection, chapter 9). It is measured on what customers
with similar value and churn probability earned in the periods after earlier scorecards. Without them only
leaving is known: a customer worth m who leaves with probability c, and then earns nothing, has the expected
value (1 - c) m and the semi-deviation (1 - c) m sqrt(c).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHURN_GROUPS, _VALUE_GROUPS = 10, 5
_SMALLEST_GROUP = 50
_OVERDUE_DAYS = (0.0, 30.0, 90.0)  # upper limits of the classes: current, up to 30, up to 90, longer
_PRIOR = 10.0  # customers that the rate of all weighs in a class


@dataclass(frozen=True)
class DownsideRisk:
    """Squared shortfall relative to the squared expected value, by churn probability and value.

    Attributes
    ----------
    churn_limits : array, shape (k - 1,)
        Between the k groups of churn probability.
    value_limits : array, shape (k, l - 1)
        Between the l groups of expected value within each.
    relative : array, shape (k, l)
    """

    churn_limits: Floats
    value_limits: Floats
    relative: Floats

    def semi_deviation(self, expected: Floats, churn: Floats) -> Floats:
        """Semi-deviation of each customer's value; NaN if value or churn is unknown."""
        row = np.searchsorted(self.churn_limits, churn, side="right")
        column = (expected[:, None] >= self.value_limits[row]).sum(axis=1)
        found = np.maximum(expected, 0.0) * np.sqrt(self.relative[row, column])
        return np.where(np.isnan(expected) | np.isnan(churn), np.nan, found)


def fit_downside_risk(expected: Floats, churn: Floats, realised: Floats) -> DownsideRisk | None:
    """Measure shortfalls below the expected value; None with fewer than 50 customers of known value.

    Parameters
    ----------
    expected, churn, realised : array, shape (n,)
        Expected value and churn probability at the start of a period, and what the customer earned in it.
    """
    known = np.isfinite(expected) & np.isfinite(churn) & np.isfinite(realised) & (expected > 0)
    expected, churn, realised = expected[known], churn[known], realised[known]
    if len(expected) < _SMALLEST_GROUP:
        return None
    rows = min(_CHURN_GROUPS, max(1, len(expected) // (_SMALLEST_GROUP * _VALUE_GROUPS)))
    columns = min(_VALUE_GROUPS, len(expected) // (_SMALLEST_GROUP * rows))
    churn_limits = _limits(churn, rows)
    row = np.searchsorted(churn_limits, churn, side="right")
    overall = _relative(expected, realised, 0.0, 0.0)
    value_limits, relative = np.full((rows, columns - 1), np.inf), np.full((rows, columns), overall)
    for each in range(rows):
        inside = row == each
        if not inside.any():  # equal churn probabilities may leave a group empty
            continue
        value_limits[each] = _limits(expected[inside], columns)
        column = (expected[inside, None] >= value_limits[each]).sum(axis=1)
        for place in range(columns):
            cell = column == place
            weight = 2.0 * float(np.mean(expected[inside] ** 2))
            relative[each, place] = _relative(
                expected[inside][cell], realised[inside][cell], overall * weight, weight
            )
    return DownsideRisk(churn_limits, value_limits, relative)


def _limits(values: Floats, groups: int) -> Floats:
    return np.asarray(np.quantile(values, np.arange(1, groups) / groups))


def _relative(expected: Floats, realised: Floats, shortfall: float, size: float) -> float:
    """Sum of the squared shortfalls over that of the squared values, beside those given."""
    below = np.minimum(realised - expected, 0.0)
    return float((below @ below + shortfall) / (expected @ expected + size))


def default_probabilities(days: Sequence[pd.DataFrame]) -> pd.Series[float]:
    """Probability that a customer of the last day defaults within the next period.

    Customers are classed by days overdue and earlier defaults. The rate of a class is the share of its
    customers whose defaults rose from one day to the next, shrunk to the rate of all.

    Parameters
    ----------
    days : sequence of pandas.DataFrame
        Per day: ``customer_id, overdue_days, defaults``; NaN where unknown.

    Returns
    -------
    pandas.Series
        In the order of the last day; NaN if the credit or all rates are unknown.
    """
    now = days[-1]
    pairs = [_defaulted(before, after) for before, after in itertools.pairwise(days)]
    seen = pd.concat(pairs) if pairs else pd.DataFrame(columns=["risk_class", "defaulted"])
    if seen.empty:
        return pd.Series(np.nan, index=now.index)
    overall = (seen["defaulted"].sum() + 0.5) / (len(seen) + 1.0)
    classes = seen.groupby("risk_class")["defaulted"].agg(["sum", "size"])
    rates = (classes["sum"] + _PRIOR * overall) / (classes["size"] + _PRIOR)
    found = _risk_class(now)
    return found.map(rates).fillna(overall).where(found >= 0)


def _risk_class(day: pd.DataFrame) -> pd.Series[float]:
    """Class by days overdue and earlier default; -1 if defaults are unknown."""
    overdue = np.searchsorted(_OVERDUE_DAYS, day["overdue_days"].fillna(0.0))
    number = 2 * overdue + (day["defaults"] > 0).to_numpy()
    return pd.Series(np.where(day["defaults"].notna(), number, -1.0), index=day.index)


def _defaulted(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    later = after.set_index("customer_id")["defaults"].reindex(before["customer_id"]).to_numpy()
    table = pd.DataFrame({"risk_class": _risk_class(before), "defaulted": later > before["defaults"]})
    return table[before["defaults"].notna() & np.isfinite(later.astype(np.float64))]


def customer_risk(
    customers: pd.DataFrame, downside: DownsideRisk | None, default: pd.Series[float]
) -> pd.DataFrame:
    """Set each customer's expected value against its risk.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id, clv, churn_probability``.
    downside : DownsideRisk or None
    default : pandas.Series
        Default probability in the same order.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, expected_value, semi_deviation, churn_probability, default_probability,
        return_per_risk`` (expected value over semi-deviation; NaN without risk).
    """
    known = customers.reindex(columns=["clv", "churn_probability"])
    value, churn = (known[name].to_numpy(dtype=np.float64) for name in known)
    if downside is None:
        risk = np.maximum(value, 0.0) * np.sqrt(churn)
    else:
        risk = downside.semi_deviation(value, churn)
    return pd.DataFrame(
        {
            "customer_id": customers["customer_id"].array,
            "expected_value": value,
            "semi_deviation": risk,
            "churn_probability": churn,
            "default_probability": default.to_numpy(dtype=np.float64),
            "return_per_risk": np.divide(value, risk, out=np.full(len(value), np.nan), where=risk > 0),
        }
    )


def segment_risk(customers: pd.DataFrame, risk: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Summarise risk and return of segments.

    Parameters
    ----------
    customers : pandas.DataFrame
        Columns with the segments.
    risk : pandas.DataFrame
        From :func:`customer_risk`, in the same order.
    names : sequence of str
        Segmentations.

    Returns
    -------
    pandas.DataFrame
        ``segmentation, segment, customers``; means of ``expected_value, semi_deviation, churn_probability,
        default_probability``; ``return_per_risk`` (ratio of the sums), the best first.
    """
    parts = []
    measures = ["expected_value", "semi_deviation", "churn_probability", "default_probability"]
    for name in names:
        groups = risk.groupby(customers[name].to_numpy(), observed=True)
        table = groups[measures].mean()
        table.insert(0, "customers", groups.size())
        known = table["semi_deviation"].where(table["semi_deviation"] > 0)
        table["return_per_risk"] = table["expected_value"] / known
        table = table.rename_axis("segment").reset_index()
        table.insert(0, "segmentation", name)
        parts.append(table.sort_values("return_per_risk", ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
