"""Summary statistics for the figures of a scorecard: means, counts and binned customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from guanxi.served.ordering import falling, first_highest

NO_TIER = ""
_ACROSS, _UP = 32, 24
_DECADES = 4  # range of the value axis; smaller values are negligible


def tiers_of(table: pd.DataFrame) -> list[str]:
    """Tiers in descending order of mean score.

    Examples
    --------
    >>> tiers_of(pd.DataFrame({"tier": ["low", "high", None], "score": [10.0, 90.0, None]}))
    ['high', 'low']
    """
    means = table.groupby("tier", observed=True)["score"].mean()
    return [str(tier) for tier in means.index[falling(means)]]


def by_tier(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise each tier: customers, share, mean score and, if known, expected value and churn.

    Parameters
    ----------
    table : pandas.DataFrame
        ``tier`` and ``score``, and if known ``clv`` and ``churn_probability``.

    Returns
    -------
    pandas.DataFrame
        One row per tier, best first, then ``""`` for customers without a tier: ``customers, share``
        (proportion)``, score, value, value_share`` (proportion)``, churn``; NaN if unknown.

    Examples
    --------
    >>> by_tier(pd.DataFrame({"tier": ["high", "low", "low"], "score": [90, 10, 20]}))["score"].to_dict()
    {'high': 90.0, 'low': 15.0}
    """
    tiers = table["tier"].astype("object").where(table["tier"].notna(), NO_TIER)
    groups = table.assign(
        clv=table.get("clv", np.nan), churn_probability=table.get("churn_probability", np.nan)
    ).groupby(tiers, observed=True)
    summary = groups.agg(
        customers=("tier", "size"), score=("score", "mean"), churn=("churn_probability", "mean")
    )
    summary["value"] = groups["clv"].sum(min_count=1)
    total = float(summary["value"].sum())
    summary["value_share"] = summary["value"] / total if total > 0 else np.nan
    summary["share"] = summary["customers"] / len(table) if len(table) else np.nan
    order = [*tiers_of(table), *([NO_TIER] if NO_TIER in summary.index else [])]
    return summary.loc[order, ["customers", "share", "score", "value", "value_share", "churn"]]


def dimension_means(table: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """Mean score of each dimension (columns) by tier (rows, best first), 0 to 100."""
    return _means(table, dimensions, "_score")


def mean_points(table: pd.DataFrame, indicators: Sequence[str]) -> pd.DataFrame:
    """Mean points of each indicator (columns) by tier (rows, best first); 0 for an unknown indicator."""
    return _means(table, indicators, "_points", fill=0.0)


def _means(table: pd.DataFrame, names: Sequence[str], ending: str, fill: float | None = None) -> pd.DataFrame:
    known = {f"{name}{ending}": name for name in names if f"{name}{ending}" in table}
    values = table[list(known)].rename(columns=known)
    if fill is not None:
        values = values.fillna(fill)
    return values.groupby(table["tier"], observed=True).mean().reindex(tiers_of(table))


def furthest_apart(means: pd.DataFrame) -> str | None:
    """Find the column in which the tiers (rows) differ most; None if there is nothing to compare.

    Examples
    --------
    >>> furthest_apart(pd.DataFrame({"value": [90.0, 10.0], "loyalty": [60.0, 50.0]}))
    'value'
    """
    spread = (means.max() - means.min()).dropna()
    return str(spread.index[first_highest(spread)]) if len(means) > 1 and spread.gt(0).any() else None


@dataclass(frozen=True)
class Moves:
    """Numbers of customers scored both times who stayed, rose and fell."""

    stayed: float
    up: float
    down: float


def moves(migration: pd.DataFrame, tiers: Sequence[str]) -> Moves:
    """Count customers who stayed and who moved.

    Parameters
    ----------
    migration : pandas.DataFrame
        Customers by earlier tier (rows) and current tier (columns); other rows and columns are ignored.
    tiers : sequence of str
        Tiers, best first.

    Examples
    --------
    >>> moves(pd.DataFrame({"high": [5, 1], "low": [2, 7]}, index=["high", "low"]), ["high", "low"])
    Moves(stayed=12.0, up=1.0, down=2.0)
    """
    names = list(tiers)
    both = migration.reindex(index=names, columns=names, fill_value=0).to_numpy(dtype=float)
    return Moves(float(np.trace(both)), float(np.tril(both, -1).sum()), float(np.triu(both, 1).sum()))


@dataclass(frozen=True)
class Quadrants:
    """Customers by value and churn.

    Attributes
    ----------
    cells : pandas.DataFrame
        ``churn`` (0 to 1) and ``value`` (centre of the cell), ``customers`` and their most common ``tier``.
    median : float
        Median of the expected value.
    leaving : int
        Customers above the median value with a churn probability above 50 %.
    leaving_share : float
        Their share of the expected value.
    """

    cells: pd.DataFrame
    median: float
    leaving: int
    leaving_share: float


def quadrants(table: pd.DataFrame) -> Quadrants | None:
    """Bin customers by churn and log value; None if no value is positive.

    Values below 1/10,000 of the largest, including zero and negative values, are raised to that limit.

    Parameters
    ----------
    table : pandas.DataFrame
        ``clv``, ``churn_probability``, ``tier``.
    """
    known = table[["clv", "churn_probability", "tier"]].dropna(subset=["clv", "churn_probability"])
    value, churn = known["clv"].to_numpy(dtype=float), known["churn_probability"].to_numpy(dtype=float)
    if not len(value) or not value.max() > 0:
        return None
    top = np.log10(value.max())
    height = np.log10(np.clip(value, 10 ** (top - _DECADES), None))
    floor = float(height.min())
    step = max((top - floor) / _UP, 0.01)
    across = np.minimum((churn * _ACROSS).astype(int), _ACROSS - 1)
    up = np.minimum(((height - floor) / step).astype(int), _UP - 1)
    tiers = known["tier"].astype("object").fillna(NO_TIER)
    counts = pd.DataFrame({"across": across, "up": up, "tier": tiers.to_numpy()}).value_counts(sort=False)
    wide = counts.unstack("tier", fill_value=0)  # noqa: PD010 - a table of counts, none of them twice
    wide = wide.sort_index().sort_index(axis="columns")
    cells = pd.DataFrame({"customers": wide.sum(axis=1), "tier": wide.idxmax(axis=1)}).reset_index()
    cells["churn"] = (cells["across"] + 0.5) / _ACROSS
    cells["value"] = 10 ** (floor + (cells["up"] + 0.5) * step)
    median = float(np.median(value))
    leaving = (value > median) & (churn > 0.5)
    return Quadrants(
        cells[["churn", "value", "customers", "tier"]],
        median,
        int(leaving.sum()),
        float(value[leaving].sum() / value.sum()) if value.sum() > 0 else float("nan"),
    )
