"""Why customers left, by the value lost with them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.data.relations.tables import Relations
from guanxi.features.relations.statements import reasons_until
from guanxi.scorecard.voice._comparisons import share_of
from guanxi.scorecard.voice._masking import mask
from guanxi.scorecard.voice._resampling import LEVEL
from guanxi.served.ordering import falling


def churn_reasons(relations: Relations, customers: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Count the reasons of cancellations, and add up the value at risk of those who gave them.

    Each customer counts once, with the latest cancellation up to the day. The value at risk is what the
    customer would be worth within the horizon had they not left, less what is expected now.

    Parameters
    ----------
    relations : Relations
    customers : pandas.DataFrame
        ``customer_id`` and, if known, ``value_at_risk``.
    as_of : datetime.date

    Returns
    -------
    pandas.DataFrame
        One row per reason, most value first: ``category`` (if given)``, reason, customers``, their ``share``
        with limits; ``value_at_risk``, its ``value_share`` with limits, ``value_known``, the customers whose
        value is known. Empty without reasons.
    """
    given = reasons_until(relations, as_of)
    if given.empty:
        return pd.DataFrame()
    given["reason"] = [mask(str(reason).strip()) for reason in given["reason"]]
    worth = customers.set_index("customer_id")
    values = worth.get("value_at_risk", pd.Series(np.nan, index=worth.index)).astype("float64")
    given = given.assign(value=values.reindex(given["customer_id"]).to_numpy())
    keys = ["category", "reason"] if "category" in given else ["reason"]
    rows = []
    for names, group in given.groupby(keys, dropna=False):
        rows.append(
            dict(zip(keys, names, strict=True))
            | {"customers": len(group)}
            | share_of(len(group), len(given))
            | _value_share(given["value"], given.index.isin(group.index))
        )
    table = pd.DataFrame(rows)
    by = "value_at_risk" if table["value_at_risk"].notna().any() else "customers"
    return table.iloc[falling(table[by])].reset_index(drop=True)


def _value_share(values: pd.Series[float], inside: np.ndarray) -> dict[str, Any]:
    """Sum inside a group, and its share of all values with a normal interval for a ratio of means."""
    known = values.notna().to_numpy()
    worth, mine = values.to_numpy(dtype=np.float64)[known], inside[known]
    total = worth.sum()
    found = {
        "value_at_risk": float(worth[mine].sum()) if mine.any() else np.nan,
        "value_share": np.nan,
        "value_share_lower": np.nan,
        "value_share_upper": np.nan,
        "value_known": int(mine.sum()),
    }
    if len(worth) > 1 and total > 0:
        share = worth[mine].sum() / total
        error = np.sqrt(len(worth)) * (worth * (mine - share)).std(ddof=1) / total
        reach = stats.norm.ppf(0.5 + LEVEL / 2) * error
        found |= {
            "value_share": share,
            "value_share_lower": max(share - reach, 0.0),
            "value_share_upper": min(share + reach, 1.0),
        }
    return found
