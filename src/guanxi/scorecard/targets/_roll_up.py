"""The scorecard by group: segment, market, channel, account owner, team."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import ParamsError
from guanxi.models.proportions import wilson_interval
from guanxi.scorecard.indicators import CATALOGUE, DIMENSIONS, refuse_unknown
from guanxi.scorecard.targets._estimates import LEVEL, mean_interval

FEWEST_CUSTOMERS = 30
_MOST_GROUPS = 1_000
Score = Callable[[pd.DataFrame, Mapping[str, float]], Any]


@dataclass(frozen=True)
class RollUp:
    """Description of groups of customers.

    Attributes
    ----------
    means : pandas.DataFrame
        One row per group and measure: ``group`` (missing for customers without one)``, measure, customers,
        known`` (customers with a known measure)``, mean, lower, upper`` (Student's t)``, difference`` (from
        the mean of all customers)``, small`` (fewer than 30 known: for skewed amounts the interval is then
        too narrow).
    tiers : pandas.DataFrame
        One row per group and tier: ``group, tier, customers, share, lower, upper`` (Wilson)``, small``.
    """

    means: pd.DataFrame
    tiers: pd.DataFrame


def roll_up(
    scorecard: pd.DataFrame, by: str, measures: Sequence[str] | None = None, level: float = LEVEL
) -> RollUp:
    """Describe the customers of each group; all are scored with the same weights and so comparable.

    Parameters
    ----------
    scorecard : pandas.DataFrame
        ``score``, dimension scores, ``tier``, any indicators, and the column ``by``.
    by : str
        The column with each customer's group; customers without one form a separate group.
    measures : sequence of str, optional
        Numeric columns; default: all scores and indicators present.
    level : float
        Confidence level.

    Raises
    ------
    ParamsError
        If a column does not exist.

    Examples
    --------
    >>> cards = pd.DataFrame({"score": [40.0, 60.0, 80.0], "tier": list("lmh"), "team": list("aab")})
    >>> roll_up(cards, "team").means[["group", "known", "mean", "difference", "small"]].to_numpy().tolist()
    [['a', 2, 50.0, -10.0, True], ['b', 1, 80.0, 20.0, True]]
    """
    refuse_unknown([by, *(measures or ())], list(scorecard.columns), "roll-up", "column")
    if measures is None:
        usual = ("score", *(f"{name}_score" for name in DIMENSIONS), *CATALOGUE)
        measures = [name for name in usual if name in scorecard.columns]
    groups = scorecard[by]
    return RollUp(_means(scorecard[list(measures)], groups, level), _tiers(scorecard["tier"], groups, level))


def check_groups(customers: pd.DataFrame, by: Sequence[str]) -> None:
    """Refuse columns that do not exist or have too many different values (ParamsError)."""
    refuse_unknown(by, list(map(str, customers.columns)), "scorecard.by", "column")
    for name in by:
        groups = customers[name].nunique()
        if groups > _MOST_GROUPS:
            raise ParamsError(
                f"scorecard.by: {name} has {groups:,} different values: name a column with at most "
                f"{_MOST_GROUPS:,} groups"
            )


def _means(values: pd.DataFrame, groups: pd.Series[Any], level: float) -> pd.DataFrame:
    grouped = values.groupby(groups, dropna=False, observed=True)
    parts = {
        name: grouped[name].agg(customers="size", known="count", mean="mean", deviation="std")
        for name in values.columns
    }
    long: pd.DataFrame = pd.concat(parts, names=["measure", "group"]).reset_index()
    lower, upper = mean_interval(long["mean"], long.pop("deviation"), long["known"], level)
    return long.assign(
        lower=lower,
        upper=upper,
        difference=long["mean"] - long["measure"].map(values.mean()),
        small=long["known"] < FEWEST_CUSTOMERS,
    )


def _tiers(tiers: pd.Series[Any], groups: pd.Series[Any], level: float) -> pd.DataFrame:
    pairs = pd.DataFrame({"group": groups, "tier": tiers})
    counts = pairs.pivot_table(
        index="group", columns="tier", aggfunc="size", fill_value=0, dropna=False, observed=False
    )
    long = counts.melt(var_name="tier", value_name="customers", ignore_index=False).reset_index()
    of = long.groupby("group", dropna=False)["customers"].transform("sum")
    lower, upper = wilson_interval(long["customers"], of, level)
    return long.assign(share=long["customers"] / of, lower=lower, upper=upper, small=of < FEWEST_CUSTOMERS)


def compare_group_weights(
    normalised: pd.DataFrame,
    groups: pd.Series[Any],
    weights: Mapping[str, float],
    weights_of: Callable[[Any], Mapping[str, float]],
    score: Score,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare scores under common weights and under the weights of each group's own data.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Input of ``score``, one row per customer.
    groups : pandas.Series
        Group of each row, in the same order; customers without one are left out.
    weights : mapping of str to float
        The common weights.
    weights_of : callable
        Returns the weights of one group.
    score : callable
        Scores rows under given weights, as the scorecard does.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row per group: ``group, customers, common, own`` (mean scores)``, difference, lower, upper`` (own
        minus common, with Student's t interval of the paired differences)``, small``. Only ``common`` is
        comparable between groups.
    """
    rows = []
    for group, places in groups.groupby(groups, observed=True).indices.items():
        members = normalised.iloc[places]
        common = np.asarray(score(members, weights), dtype=np.float64)
        own = np.asarray(score(members, weights_of(group)), dtype=np.float64)
        change = pd.Series(own - common).dropna()
        lower, upper = mean_interval(change.mean(), change.std(), len(change), level)
        row = {"group": group, "customers": len(places), "common": np.nanmean(common), "own": np.nanmean(own)}
        ends = {"difference": change.mean(), "lower": float(lower), "upper": float(upper)}
        rows.append(row | ends | {"small": len(change) < FEWEST_CUSTOMERS})
    return pd.DataFrame(rows)
