"""Efficient shares of segments: the mix of customers with the least downside risk for its return.

Tarasi, C. O., Bolton, R. N., Hutt, M. D. & Walker, B. A. (2011), Balancing risk and return in a customer
portfolio, Journal of Marketing 75(3), with the semi-variance (Markowitz 1959) in place of the variance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_INTERVALS = 12
_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True)
class EfficientShares:
    """Present and efficient mix of segments.

    Attributes
    ----------
    segments : pandas.DataFrame
        ``segment, margin`` (mean per customer and interval)``, semi_deviation`` (of that mean over the
        intervals)``, share, efficient_share, least_risk_share`` (of customers).
    margin, semi_deviation : float
        Of all customers, present mix.
    efficient_semi_deviation : float
        With the same margin or more.
    intervals : int
    """

    segments: pd.DataFrame = field(repr=False)
    margin: float
    semi_deviation: float
    efficient_semi_deviation: float
    intervals: int


def efficient_shares(margins: pd.DataFrame, shares: pd.Series[float]) -> EfficientShares | None:
    """Find the mix of segments with the least semi-deviation and at least the present margin.

    Parameters
    ----------
    margins : pandas.DataFrame, shape (t, n)
        Mean margin per customer of each segment (columns) in each of t intervals of equal length.
    shares : pandas.Series, shape (n,)
        Present share of customers of each segment, adding up to 1.

    Returns
    -------
    EfficientShares or None
        None with fewer than 12 intervals, fewer than two per segment, or one segment.

    Examples
    --------
    >>> margins = pd.DataFrame({"steady": [10.0, 10.0] * 6, "wild": [20.0, 0.0] * 6})
    >>> found = efficient_shares(margins, pd.Series({"steady": 0.5, "wild": 0.5}))
    >>> found.segments["efficient_share"].round(3).tolist(), round(found.semi_deviation, 3)
    ([1.0, 0.0], 3.536)
    """
    values = margins.to_numpy(dtype=np.float64)
    intervals, segments = values.shape
    if segments < 2 or intervals < max(FEWEST_INTERVALS, 2 * segments) or not np.isfinite(values).all():
        return None
    now, mean = np.asarray(shares[margins.columns], dtype=np.float64), values.mean(axis=0)
    efficient, least = _least_risk(values, now, float(mean @ now)), _least_risk(values, now, -np.inf)
    table = pd.DataFrame(
        {
            "segment": margins.columns,
            "margin": mean,
            "semi_deviation": [_semi_deviation(values, each) for each in np.identity(segments)],
            "share": now,
            "efficient_share": efficient,
            "least_risk_share": least,
        }
    )
    return EfficientShares(
        table, float(mean @ now), _semi_deviation(values, now), _semi_deviation(values, efficient), intervals
    )


def _semi_deviation(values: Floats, shares: Floats) -> float:
    below = np.minimum((values - values.mean(axis=0)) @ shares, 0.0)
    return float(np.sqrt(np.mean(below**2)))


def _least_risk(values: Floats, start: Floats, margin: float) -> Floats:
    """Minimise the semi-variance over shares of at least 0, with a mean margin of at least ``margin``."""
    from scipy.optimize import minimize

    centred, mean = values - values.mean(axis=0), values.mean(axis=0)
    scale = float(np.abs(centred).max()) or 1.0
    centred = centred / scale

    def semi_variance(shares: Floats) -> tuple[float, Floats]:
        below = np.minimum(centred @ shares, 0.0)
        return float(np.mean(below**2)), np.asarray(2.0 * below @ centred / len(below))

    limits = [{"type": "eq", "fun": lambda shares: shares.sum() - 1.0}]
    if np.isfinite(margin):
        limits.append({"type": "ineq", "fun": lambda shares: (mean @ shares - margin) / scale})
    found = minimize(
        semi_variance, start, jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(start), constraints=limits,
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    shares = np.where(found.x < _SMALLEST_SHARE, 0.0, found.x)
    return np.asarray(shares / shares.sum())


def segment_margins(starts: list[pd.DataFrame], margins: pd.DataFrame, by: str) -> pd.DataFrame:
    """Mean margin per customer of each segment in each interval.

    Parameters
    ----------
    starts : list of pandas.DataFrame
        By period: ``customer_id`` and the segment as it was at the start, so that nothing later decides it.
    margins : pandas.DataFrame
        ``customer_id, period, interval, margin``; intervals count through the periods.
    by : str
        Column of the segment.

    Returns
    -------
    pandas.DataFrame
        One row per interval, one column per segment that had customers in every period.
    """
    parts = []
    for period, start in enumerate(starts):
        known = start.dropna(subset=[by])
        earned = margins[margins["period"] == period].merge(known[["customer_id", by]], on="customer_id")
        totals = earned.pivot_table("margin", "interval", by, "sum", observed=True)
        sizes = known[by].value_counts()
        parts.append(totals.reindex(columns=sizes.index).div(sizes, axis=1))
    table = pd.concat(parts) if parts else pd.DataFrame()
    kept = [name for name in table.columns if all(name in part.columns for part in parts)]
    return table[kept].fillna(0.0).sort_index()
