"""Estimation of how amounts change at renewals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows
from guanxi.served.contracts.document import AmountProcess

Floats = NDArray[np.float64]

_QUANTILES = 99
_SAME = 1e-9
_MOST_LOG_RATIO = 3.0


def fit_amounts(rows: OpportunityRows) -> AmountProcess | None:
    """Estimate probability and size of changes of the amount between successive periods of a customer.

    The mean growth is shrunk towards none by its uncertainty (positive-part shrinkage, James & Stein 1961):
    a price rise for all customers is one event, however many customers it concerns.

    Returns
    -------
    AmountProcess or None
        None if the rows have no amounts.
    """
    if "amount" not in rows.table or rows.table["amount"].isna().all():
        return None
    amount = rows.table["amount"].to_numpy(dtype=np.float64, na_value=np.nan)
    later = np.flatnonzero(rows.position > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(amount[later] / amount[later - 1])
    known = np.isfinite(ratio) & (np.abs(ratio) < _MOST_LOG_RATIO)
    ratio, later = ratio[known], later[known]
    changes = ratio[np.abs(ratio) > _SAME]
    if not len(changes):
        return AmountProcess()
    probability = len(changes) / len(ratio)
    growth, error = _mean_growth(ratio, rows.table.iloc[later], rows.customers[later], dated=rows.dated())
    kept = max(0.0, 1.0 - error**2 / growth**2) if growth else 0.0
    levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    sizes = np.quantile(changes, levels)
    sizes = sizes + (kept * growth / probability - np.log(np.mean(np.exp(sizes))))
    return AmountProcess(probability, tuple(sizes.tolist()), error)


def _mean_growth(
    ratio: Floats, table: pd.DataFrame, customers: NDArray[np.int64], *, dated: bool
) -> tuple[float, float]:
    """Relative growth of the mean amount per renewal, and its standard error by month or customer."""
    growth = np.expm1(ratio)
    groups = customers
    if dated:
        groups = pd.factorize(pd.to_datetime(table["opportunity"]).dt.to_period("M"))[0]
    mean = float(growth.mean())
    sums = np.bincount(groups, weights=growth - mean)
    return mean, float(np.sqrt(np.sum(sums**2)) / len(growth))
