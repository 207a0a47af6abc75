"""Sensitivity of tiers to the weights: how often customers keep their tier under random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError
from guanxi.scorecard.scoring._branches import Paths
from guanxi.scorecard.scoring._scoring_methods import ScoringMethod, WeightedSum, used_weights

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Tier = Callable[[Floats], Any]

_SURE = 0.9
_SAMPLE = 20_000  # at most so many customers determine the cut points of a draw
_CELLS = 4_000_000  # scores per batch: 16 MB in single precision fit the cache


@dataclass(frozen=True)
class Stability:
    """Share of weight draws in which customers keep their tier.

    Attributes
    ----------
    tiers : array, shape (n,)
        Tiers under the given weights, as named by the tier rule; None for a customer without a score.
    kept : array, shape (n,)
        Share of draws in which the customer is in the same tier; NaN without a score.
    draws : int
    """

    tiers: NDArray[np.object_]
    kept: Floats
    draws: int

    def summary(self) -> pd.DataFrame:
        """Stability of each tier and of all customers.

        Returns
        -------
        pandas.DataFrame
            ``tier`` (``all`` last), ``customers, kept`` (mean share of draws), ``sure`` (share of customers
            who keep their tier in at least 90 % of the draws).
        """
        scored = pd.DataFrame({"tier": self.tiers, "kept": self.kept}).dropna(subset="kept")
        groups = [*scored.groupby("tier", sort=True), ("all", scored)]
        rows = [
            {
                "tier": tier,
                "customers": len(group),
                "kept": group["kept"].mean(),
                "sure": (group["kept"] >= _SURE).mean(),
            }
            for tier, group in groups
        ]
        return pd.DataFrame(rows)


def tier_stability(
    normalised: pd.DataFrame,
    weights: Mapping[str, float],
    tier: Tier,
    drawn: ArrayLike,
    *,
    method: ScoringMethod | None = None,
    paths: Paths | None = None,
    sample: int = _SAMPLE,
) -> Stability:
    """Compute the share of weight draws in which each customer keeps the tier.

    The tier rule is applied to the scores of each draw. With more customers than ``sample``, the cut points
    are found on a sample evenly spaced by score: with 20,000 of 100,000 customers the error of a customer's
    share is about .01 at most.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher is better; NaN is unknown. Other columns are ignored.
    weights : mapping of str to float
        The given weights.
    tier : callable
        ``tier(scores) -> array`` of names or, faster, integer codes; monotone, for scores without NaN.
    drawn : array, shape (n_draws, n_indicators)
        Weights in the order of ``weights``, for instance from :func:`._uncertainty.draw_weights`, several
        experts, or bootstrap samples.
    method : ScoringMethod, optional
        Default: the weighted sum.
    paths : mapping of str to sequence of str, optional
        Branches of each indicator, from the top; default: all in one branch.
    sample : int

    Returns
    -------
    Stability

    Raises
    ------
    DataError
        If no customer has a score, the draws do not match the weights, or tiers are not monotone.

    References
    ----------
    Saisana, M., Saltelli, A. & Tarantola, S. (2005), Uncertainty and sensitivity analysis techniques as tools
    for the quality assessment of composite indicators, Journal of the Royal Statistical Society A 168.

    Examples
    --------
    >>> from guanxi.scorecard.weights._uncertainty import draw_weights
    >>> table = pd.DataFrame({"revenue": [0.1, 0.45, 0.5, 1.0], "csat": [0.0, 0.6, 0.5, 1.0]})
    >>> weights = {"revenue": 0.7, "csat": 0.3}
    >>> found = tier_stability(table, weights, lambda s: s > np.median(s), draw_weights(weights, seed=1))
    >>> found.kept.round(2)
    array([1.  , 0.94, 0.94, 1.  ])
    """
    names, method = list(used_weights(normalised, weights)), method or WeightedSum()
    drawn = np.asarray(drawn, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(weights) or not len(drawn):
        raise DataError(f"the drawn weights have shape {drawn.shape}: give rows of {len(weights)} weights")
    columns = [list(weights).index(name) for name in names]
    transposed = np.ascontiguousarray(drawn[:, columns].T, dtype=np.float32)
    scores = method.score(normalised, weights, paths)
    scored = np.flatnonzero(~np.isnan(scores))
    if not len(scored):
        raise DataError("no customer has a known indicator with a weight: there are no tiers")
    codes = np.full(len(scores), -1)
    codes[scored], tiers = pd.factorize(tier(scores[scored]))
    by_score = scored[np.argsort(scores[scored], kind="stable")]
    places = np.linspace(0, len(by_score) - 1, min(sample, len(by_score))).round().astype(int)
    chosen = method.score_sets(normalised.iloc[by_score[places]][names], transposed, paths)
    cuts = _cut_points(chosen, tier)
    kept = np.full(len(scores), np.nan)
    rows = max(1, _CELLS // len(drawn))
    for code, name in enumerate(tiers):
        low, high = cuts.get(name, _empty_range(len(drawn)))
        members = np.flatnonzero(codes == code)
        for start in range(0, len(members), rows):
            block = members[start : start + rows]
            found = method.score_sets(normalised.iloc[block][names], transposed, paths)
            kept[block] = ((found >= low) & (found < high)).mean(axis=1)
    return Stability(np.asarray([*tiers, None], dtype=object)[codes], kept, len(drawn))


def rank_agreement(scores: Mapping[str, pd.Series[float]]) -> pd.DataFrame:
    """Kendall's tau-b between the rankings of each pair of methods or periods.

    Scores are indexed by customer; customers with both scores are compared. Returns ``first, second,
    customers, tau``: 1 for the same order, -1 for the reverse; NaN if one side has all scores equal.

    References
    ----------
    Kendall, M. G. (1945), The treatment of ties in ranking problems, Biometrika 33.

    Examples
    --------
    >>> topsis, total = pd.Series([1, 2, 3, 4]), pd.Series([10, 30, 20, 40])
    >>> round(rank_agreement({"topsis": topsis, "weighted sum": total})["tau"].item(), 3)
    0.667
    """
    from scipy.stats import kendalltau

    rows = []
    for first, second in combinations(scores, 2):
        both = pd.concat([scores[first], scores[second]], axis=1, join="inner").dropna().to_numpy()
        tau = float(kendalltau(both[:, 0], both[:, 1]).statistic) if len(both) > 1 else np.nan
        rows.append({"first": first, "second": second, "customers": len(both), "tau": tau})
    return pd.DataFrame(rows, columns=["first", "second", "customers", "tau"])


def _cut_points(scores: Singles, tier: Tier) -> dict[Any, tuple[Singles, Singles]]:
    """For each tier, the lowest score in it and the lowest above it, in each draw."""
    ends: dict[Any, tuple[Singles, Singles]] = {}
    for draw, column in enumerate(scores.T):
        known = np.ascontiguousarray(column[~np.isnan(column)])
        codes, names = pd.factorize(tier(known.astype(np.float64)))
        spans = [known[codes == code] for code in range(len(names))]
        order = sorted(range(len(names)), key=lambda code: (spans[code].min(), spans[code].max()))
        low = np.float32(-np.inf)
        for code, above in zip(order, [*order[1:], None], strict=True):
            high = np.float32(np.inf) if above is None else _between(spans[code].max(), spans[above].min())
            least, limit = ends.setdefault(names[code], _empty_range(scores.shape[1]))
            least[draw], limit[draw] = low, high
            low = high
    return ends


def _between(largest: np.float32, smallest: np.float32) -> np.float32:
    """Cut halfway between two tiers, robust to rounding; ties belong to the upper tier."""
    if largest > smallest:
        raise DataError("tiers do not follow the scores: a higher score must never have a lower tier")
    middle = largest + (smallest - largest) / np.float32(2.0)
    return middle if middle > largest else smallest


def _empty_range(draws: int) -> tuple[Singles, Singles]:
    return np.full(draws, np.inf, dtype=np.float32), np.full(draws, -np.inf, dtype=np.float32)
