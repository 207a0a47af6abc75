"""Attributes of customers under contract that tell the outcome alone."""

from __future__ import annotations

from datetime import date

import numpy as np

from guanxi.data.contracts.log import ContractLog
from guanxi.features.contracts.snapshots import person_periods
from guanxi.pipeline.leaks import find_leaks

_MOST_CUSTOMERS = 100_000


def contract_leaks(log: ContractLog, as_of: date, seed: int) -> dict[str, str]:
    """Find attributes without a date that tell who left, as :func:`guanxi.pipeline.leaks.find_leaks` does.

    Customers are compared at their last renewal opportunity. What has a date, such as the plan, is only known
    as of the day before.
    """
    if log.attributes is None:
        return {}
    rows = person_periods(log, as_of, customers=_MOST_CUSTOMERS).groupby("customer_id").tail(1)
    names = [name for name in log.attributes.columns if name != "customer_id" and name in rows]
    known = [name for name in names if rows[name].notna().any()]
    return find_leaks(rows[known], rows["churned"].to_numpy(dtype=np.float64), seed)
