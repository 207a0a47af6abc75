"""Changes over time: tier migration, drift of the weights, and the effect of new weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.errors import DataError
from guanxi.scorecard.scoring._branches import Paths
from guanxi.scorecard.scoring._scoring_methods import ScoringMethod, WeightedSum
from guanxi.scorecard.scoring._tier_stability import Tier
from guanxi.scorecard.weights._combination import direct
from guanxi.scorecard.weights._objective import CUSTOMER, DataWeights, indicator_names

Floats = NDArray[np.float64]

DRAWS = 200
LEVEL = 0.95
CAME, LEFT, UNKNOWN = "came", "left", "unknown"
_MOST_CUSTOMERS = 10_000  # per draw: more would take longer without adding precision


@dataclass(frozen=True)
class Migration:
    """Transitions of customers between tiers.

    Attributes
    ----------
    counts : pandas.DataFrame
        One row per earlier tier and ``came`` (not yet a customer), one column per later tier and ``left`` (no
        longer a customer); ``unknown`` if some have no tier.
    shares : pandas.DataFrame
        Each row of the counts divided by its sum; NaN for an empty row.
    """

    counts: pd.DataFrame
    shares: pd.DataFrame

    @property
    def moved(self) -> int:
        """Customers present both times whose tier changed; unknown counts as a tier."""
        both = self.counts.drop(index=CAME, columns=LEFT)
        tiers = both.index.intersection(both.columns)
        return int(both.to_numpy().sum() - np.trace(both.loc[tiers, tiers].to_numpy()))

    def against_chance(self) -> pd.DataFrame:
        """Compare the moves with those by regression to the mean alone.

        Who was at the top by chance falls, and who was at the bottom rises, though nothing has changed. If
        nothing had, the two periods could be exchanged customer by customer, and as many would move from one
        tier to another as back: half of both together. What differs from that is a shift.

        Returns
        -------
        pandas.DataFrame
            One row per pair of tiers, the better one first: ``upper, lower, fell, rose``; ``by_chance``
            (moves each way if the periods were exchanged at random)``, shift`` (of those who fell, beyond
            chance; below 0, more rose)``, p_value`` (exact binomial, of a shift as large by chance; NaN
            without moves).

        References
        ----------
        Bowker, A. H. (1948), A test for symmetry in contingency tables, Journal of the American Statistical
        Association 43; for one pair it is McNemar's test. Barnett, A. G., van der Pols, J. C. and Dobson, A.
        J. (2005), Regression to the mean, International Journal of Epidemiology 34.

        Examples
        --------
        >>> before = pd.DataFrame({"customer_id": range(6), "tier": ["high"] * 3 + ["low"] * 3})
        >>> after = before.assign(tier=["low", "low", "high", "high", "low", "low"])
        >>> found = migration(before, after, ["high", "low"]).against_chance()
        >>> found[["fell", "rose", "by_chance", "shift"]].to_numpy().tolist()
        [[2.0, 1.0, 1.5, 0.5]]
        """
        from scipy.stats import binomtest

        tiers = [name for name in self.counts.index if name not in (CAME, UNKNOWN)]
        rows = []
        for upper, lower in itertools.combinations(tiers, 2):
            fell, rose = int(self.counts.loc[upper, lower]), int(self.counts.loc[lower, upper])
            chance = (fell + rose) / 2.0
            p_value = binomtest(fell, fell + rose).pvalue if fell + rose else math.nan
            rows.append((upper, lower, fell, rose, chance, fell - chance, p_value))
        columns = ["upper", "lower", "fell", "rose", "by_chance", "shift", "p_value"]
        return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Proposal:
    """Proposed weights and their effect on today's customers.

    Attributes
    ----------
    weights : dict of str to float
    table : pandas.DataFrame
        ``indicator, current, proposed, change, clear``.
    migration : Migration
        From the tiers under the current weights to those under the proposed ones.
    customers : int
        Customers with a score.
    spearman : float
        Rank correlation of the scores under current and proposed weights; NaN if all scores are equal.
    """

    weights: dict[str, float]
    table: pd.DataFrame
    migration: Migration
    customers: int
    spearman: float


def migration(before: pd.DataFrame, after: pd.DataFrame, tiers: Sequence[Any]) -> Migration:
    """Count customers by their tier before and after.

    Both tables have ``customer_id, tier``, one row per customer; a missing tier is unknown. ``tiers`` are in
    display order. Raises DataError if a customer appears twice or a tier is not in ``tiers``.

    Examples
    --------
    >>> before = pd.DataFrame({"customer_id": [1, 2, 3], "tier": ["high", "low", "low"]})
    >>> after = pd.DataFrame({"customer_id": [2, 3, 4], "tier": ["high", "low", "low"]})
    >>> migration(before, after, ["high", "low"]).counts.to_numpy().tolist()
    [[0, 0, 1], [1, 1, 0], [0, 1, 0]]
    """
    sides = [_tiers_by_customer(table, tiers) for table in (before, after)]
    both = pd.concat(sides, axis=1, keys=["before", "after"])
    both = both.fillna({"before": CAME, "after": LEFT})
    rows, columns = (
        [*tiers, *([UNKNOWN] if (both[side] == UNKNOWN).any() else []), end]
        for side, end in (("before", CAME), ("after", LEFT))
    )
    counts = pd.crosstab(both["before"], both["after"]).reindex(index=rows, columns=columns, fill_value=0)
    return Migration(counts, counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0))


def weight_drift(
    before: pd.DataFrame,
    after: pd.DataFrame,
    weigh: Callable[[pd.DataFrame], DataWeights],
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Estimate the change of data weights between two periods, with bootstrap intervals.

    Customers are resampled with replacement, each with the rows of both periods, since most are customers in
    both. The interval is ``change -+ z * standard error``, simultaneous for all indicators: without drift, no
    indicator is flagged as clear with probability at least ``level``. With more than 10,000 customers, 10,000
    are drawn and the error is scaled by the square root of the ratio (Bickel, Götze & van Zwet 1997,
    Resampling fewer than n observations, Statistica Sinica 7).

    Both tables must be normalised on the same scale, fitted to one of them: period-specific quantiles would
    hide a shift of all customers.

    Parameters
    ----------
    before, after : pandas.DataFrame
        ``customer_id`` and the same normalised indicators.
    weigh : callable
        For instance :func:`guanxi.scorecard.weights._objective.critic_weights`.
    seed : int
    draws : int
    level : float
        Between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        ``indicator, before, after, change, lower, upper``, and ``clear``: the interval excludes 0.

    Raises
    ------
    DataError
        If the tables have different indicators, a customer appears twice, or the weights cannot be computed
        from the tables or from most samples.

    References
    ----------
    Efron, B. & Tibshirani, R. (1993), An Introduction to the Bootstrap, chapter 13. Bonferroni's inequality
    gives the simultaneous level.
    """
    names = indicator_names(before)
    if sorted(names) != sorted(indicator_names(after)):
        other = ", ".join(sorted(set(names) ^ set(indicator_names(after))))
        raise DataError(f"the two periods have different indicators ({other}): leave these out of both")
    if not 0.0 < level < 1.0:
        raise DataError(f"the level of an interval is {level!r}: give a number between 0 and 1")
    then, now = (np.array([weigh(table).weights[name] for name in names]) for table in (before, after))
    error = _standard_error(before, after, weigh, names, seed, draws)
    z = -float(ndtri((1.0 - level) / (2.0 * len(names))))
    change = now - then
    return pd.DataFrame(
        {
            "indicator": names,
            "before": then,
            "after": now,
            "change": change,
            "lower": change - z * error,
            "upper": change + z * error,
            "clear": np.abs(change) > z * error,
        }
    )


def propose_weights(
    normalised: pd.DataFrame,
    current: Mapping[str, float],
    recomputed: Mapping[str, float],
    drift: pd.DataFrame,
    tier: Tier,
    tiers: Sequence[Any],
    method: ScoringMethod | None = None,
    paths: Paths | None = None,
) -> Proposal:
    """Propose new weights for indicators with a clear drift, and show the effect of adopting them.

    Indicators with a clear drift get the weight recomputed on today's data by the same method and judgements
    as the current one; the others share the rest in their current proportions.

    Parameters
    ----------
    normalised : pandas.DataFrame
        ``customer_id`` and today's normalised indicators.
    current, recomputed : mapping of str to float
    drift : pandas.DataFrame
        From :func:`weight_drift`.
    tier : callable
        ``tier(scores)`` returns one of ``tiers`` for each score; scores have no NaN.
    tiers : sequence
        In display order.
    method : ScoringMethod, optional
        Default: the weighted sum.
    paths : mapping of str to sequence of str, optional
        Branches of each indicator, from the top; default: all in one branch.

    Raises
    ------
    DataError
        If weights are invalid or have no column, or no customer has a score.

    Examples
    --------
    >>> today = pd.DataFrame({"customer_id": [1, 2], "revenue": [1.0, 0.5], "csat": [0.2, 0.9]})
    >>> drift = pd.DataFrame({"indicator": ["revenue", "csat"], "clear": [False, True]})
    >>> found = propose_weights(
    ...     today, {"revenue": 0.7, "csat": 0.3}, {"revenue": 0.4, "csat": 0.6}, drift,
    ...     lambda scores: np.where(scores >= scores.max(), "high", "low"), ["high", "low"],
    ... )
    >>> round(found.weights["csat"], 3), found.migration.moved, round(found.spearman, 2)
    (0.6, 2, -1.0)
    """
    from scipy.stats import spearmanr

    clear = set(drift.loc[drift["clear"], "indicator"])
    proposed = _adopt_clear_changes(direct(current), direct(recomputed), clear)
    score = (method or WeightedSum()).score
    scores = {name: score(normalised, each, paths) for name, each in (("now", current), ("new", proposed))}
    scored = ~np.isnan(scores["now"]) & ~np.isnan(scores["new"])
    if not scored.any():
        raise DataError("no customer has a known indicator with a weight: there are no tiers to compare")
    before, after = (
        pd.DataFrame({CUSTOMER: normalised[CUSTOMER].to_numpy()[scored], "tier": tier(found[scored])})
        for found in scores.values()
    )
    varying = all(np.ptp(found[scored]) > 0 for found in scores.values())
    spearman = spearmanr(*(found[scored] for found in scores.values())).statistic if varying else math.nan
    names = list(proposed)
    table = pd.DataFrame({"indicator": names, "current": [current.get(name, 0.0) for name in names]})
    table["proposed"] = list(proposed.values())
    table["change"] = table["proposed"] - table["current"]
    table["clear"] = table["indicator"].isin(clear)
    return Proposal(proposed, table, migration(before, after, tiers), int(scored.sum()), float(spearman))


def _adopt_clear_changes(
    current: dict[str, float], recomputed: dict[str, float], clear: set[str]
) -> dict[str, float]:
    taken = {name: weight for name, weight in recomputed.items() if name in clear}
    others = {name: weight for name, weight in current.items() if name not in clear}
    rest = sum(others.values())
    left = max(1.0 - sum(taken.values()), 0.0)
    kept = {name: weight * left / rest for name, weight in others.items()} if rest > 0 else others
    together = {**taken, **kept}
    return direct(
        {name: together[name] for name in dict.fromkeys([*current, *recomputed]) if name in together}
    )


def _standard_error(
    before: pd.DataFrame,
    after: pd.DataFrame,
    weigh: Callable[[pd.DataFrame], DataWeights],
    names: list[str],
    seed: int,
    draws: int,
) -> Floats:
    """Bootstrap standard error of the change of each weight, over the customers of either period."""
    sides = [_customers(table) for table in (before, after)]
    customers = sides[0].union(sides[1])
    places = [side.get_indexer(customers) for side in sides]
    m = min(len(customers), _MOST_CUSTOMERS)
    generator = np.random.default_rng(seed)
    changes = np.full((draws, len(names)), np.nan)
    for change in changes:
        rows = generator.integers(0, len(customers), m)
        drawn = [place[rows][place[rows] >= 0] for place in places]
        try:
            then, now = (
                weigh(table.iloc[side]).weights for table, side in zip((before, after), drawn, strict=True)
            )
        except DataError:
            continue  # in a small sample all indicators may be constant
        change[:] = [now[name] - then[name] for name in names]
    measured = changes[~np.isnan(changes).any(axis=1)]
    if len(measured) <= draws / 2:
        raise DataError("too few customers to distinguish drift from noise: compare larger tables")
    return np.asarray(measured.std(axis=0, ddof=1) * math.sqrt(m / len(customers)))


def _customers(table: pd.DataFrame) -> pd.Index[Any]:
    customers: pd.Index[Any] = pd.Index(table[CUSTOMER])
    if customers.has_duplicates:
        twice = customers[customers.duplicated()][0]
        raise DataError(f"customer {twice} appears twice in a table: give one row per customer")
    return customers


def _tiers_by_customer(table: pd.DataFrame, tiers: Sequence[Any]) -> pd.Series[str]:
    found = pd.Series(table["tier"].to_numpy(dtype=object), index=_customers(table))
    unknown = set(found.dropna().unique()) - set(tiers)
    if unknown:
        first = min(map(str, unknown))
        raise DataError(f"tier {first} is not one of {', '.join(map(str, tiers))}: name all tiers")
    return found.where(found.notna(), UNKNOWN)
