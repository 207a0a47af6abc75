"""What customers of a tier go on to earn, against what members of the tiers that they reach earn.

A chain gives customers who have just risen the margin of those who have long been in the tier. Where spend
differs within tiers, they do not earn it, and the chain makes the lower tiers too valuable. It also takes the
margin of a tier to be the same for ever. Both can be measured where two periods follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

_PRIOR = 10.0  # customers who confirm the chain


def margin_growth(
    tiers: Sequence[str], seen: Sequence[pd.Series[str]], margins: Sequence[pd.Series[float]]
) -> pd.DataFrame:
    """Factor per period on the margins that a chain expects of customers who are in a tier now.

    Parameters
    ----------
    tiers : sequence of str
    seen : sequence of pandas.Series
        Tiers by customer on each day, from the earliest.
    margins : sequence of pandas.Series
        Margin by customer of the period after each day but the last; without those of 0.

    Returns
    -------
    pandas.DataFrame
        By tier: ``growth``, the product of the drift of the tiers' margins and of what customers of the tier
        earn one period later relative to the others in the tiers they have reached; ``error``, its standard
        error. 1 and 0 with a single period, which cannot tell.

    Examples
    --------
    Half of the low tier rises, and earns half of what the others there do.

    >>> before = pd.Series(["high"] * 20 + ["low"] * 40)
    >>> after = pd.Series(["high"] * 40 + ["low"] * 20)
    >>> earned = pd.Series([10.0] * 20 + [5.0] * 20 + [1.0] * 20)
    >>> margins = [pd.Series([10.0] * 20 + [1.0] * 40), earned]
    >>> margin_growth(["high", "low"], [before, after, after], margins)["growth"].round(2).tolist()
    [0.97, 0.61]
    """
    earned = [
        pd.DataFrame({"tier": now, "margin": margin.reindex(now.index).fillna(0.0)}).dropna()
        for now, margin in zip(seen, margins, strict=False)
    ]
    if len(earned) < 2:
        return pd.DataFrame({"growth": 1.0, "error": 0.0}, index=list(tiers))
    means = [table.groupby("tier")["margin"].mean() for table in earned]
    pairs = [
        pd.DataFrame(
            {
                "tier": before.reindex(table.index),
                "margin": table["margin"],
                "expected": table["tier"].map(mean),
            }
        ).dropna()
        for before, table, mean in zip(seen, earned[1:], means[1:], strict=False)
    ]
    own = _ratios(pd.concat(pairs), "tier").reindex(list(tiers))
    own = own.fillna({"ratio": 1.0, "error": 0.0})
    drift = pd.concat(
        [
            table.assign(all="", expected=table["tier"].map(mean)).dropna()
            for table, mean in zip(earned[1:], means[:-1], strict=True)
        ]
    )
    ratio, error = own["ratio"].to_numpy(float), own["error"].to_numpy(float)
    [[shared, shared_error]] = _ratios(drift, "all").to_numpy(float)
    growth = ratio * shared
    relative = np.hypot(error / ratio, shared_error / shared)
    return pd.DataFrame({"growth": growth, "error": growth * relative}, index=own.index)


def _ratios(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Ratio of the margins to those expected, shrunk to 1, and its standard error (of a ratio of sums)."""
    sums = table.groupby(by)[["margin", "expected"]].sum()
    prior = _PRIOR * sums["expected"] / table.groupby(by).size()
    ratio = ((sums["margin"] + prior) / (sums["expected"] + prior)).where(sums["expected"] > 0, 1.0)
    missed = (table["margin"] - table[by].map(ratio) * table["expected"]) ** 2
    error = missed.groupby(table[by]).sum() ** 0.5 / (sums["expected"] + prior)
    return pd.DataFrame({"ratio": ratio, "error": error.where(sums["expected"] > 0, 0.0)})
