"""How far tiers rest on the exact weights: weights drawn again and again, and how often a customer stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError
from guanxi.scorecard.scoring._scoring_methods import ScoringMethod, WeightedSum, used_weights

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Tier = Callable[[Floats], Any]

_SURE = 0.9
_SAMPLE = 20_000  # customers whose scores set the cut points of a draw, where there are more
_CELLS = 4_000_000  # scores at a time: 16 MB of single precision stay near the processor


@dataclass(frozen=True)
class Stability:
    """How often customers keep their tier when the weights are drawn again.

    Attributes
    ----------
    tiers : array, shape (n,)
        With the weights as they are, as the tier rule names them; None for a customer without a score.
    kept : array, shape (n,)
        Share of draws in which the customer stays in this tier; NaN without a score.
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
            who stay in at least nine draws of ten).
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
    sample: int = _SAMPLE,
) -> Stability:
    """Share of weight draws in which each customer keeps the tier.

    Each draw has cut points of its own: the tier rule sorts customers by their scores under these weights. Of
    more customers than ``sample``, so many are sorted, evenly spaced by their score, and all others fall
    between the cut points found: with 20,000 of 100,000, one customer's share is off by about .01 at most.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher the better; NaN is unknown. Other columns are left aside.
    weights : mapping of str to float
        As they are.
    tier : callable
        ``tier(scores) -> array`` of names or, faster, of integer codes, for scores without NaN; a higher
        score must never have a lower tier.
    drawn : array, shape (n_draws, n_indicators)
        Other weights, in the order of ``weights``: as from :func:`.uncertainty.draw_weights`, of several
        experts, or of bootstrap samples.
    method : ScoringMethod, optional
        Default: the weighted sum.
    sample : int

    Returns
    -------
    Stability

    Raises
    ------
    DataError
        If nobody has a score, the draws do not fit the weights, or tiers do not follow the scores.

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
        raise DataError(f"weights drawn have the shape {drawn.shape}: give rows of {len(weights)} weights")
    columns = [list(weights).index(name) for name in names]
    transposed = np.ascontiguousarray(drawn[:, columns].T, dtype=np.float32)
    scores = method.score(normalised, weights)
    scored = np.flatnonzero(~np.isnan(scores))
    if not len(scored):
        raise DataError("no customer has a known indicator with weight: there are no tiers")
    codes = np.full(len(scores), -1)
    codes[scored], tiers = pd.factorize(tier(scores[scored]))
    by_score = scored[np.argsort(scores[scored], kind="stable")]
    places = np.linspace(0, len(by_score) - 1, min(sample, len(by_score))).round().astype(int)
    chosen = method.score_sets(normalised.iloc[by_score[places]][names], transposed)
    cuts = _cut_points(chosen, tier)
    kept = np.full(len(scores), np.nan)
    rows = max(1, _CELLS // len(drawn))
    for code, name in enumerate(tiers):
        low, high = cuts.get(name, _empty_range(len(drawn)))
        members = np.flatnonzero(codes == code)
        for start in range(0, len(members), rows):
            block = members[start : start + rows]
            found = method.score_sets(normalised.iloc[block][names], transposed)
            kept[block] = ((found >= low) & (found < high)).mean(axis=1)
    return Stability(np.asarray([*tiers, None], dtype=object)[codes], kept, len(drawn))


def rank_agreement(scores: Mapping[str, pd.Series[float]]) -> pd.DataFrame:
    """Kendall's tau-b between the rankings of each two methods, or periods.

    Scores are indexed by customer; those who have a score in both are compared. Gives ``first, second,
    customers, tau``: 1 for the same order, -1 for the reverse; NaN where all scores of one are the same.

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
    """Give for each tier the lowest score within and the lowest above it, in each draw."""
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
    """Cut halfway between two tiers, so that a score's rounding moves nobody; ties belong to the upper."""
    if largest > smallest:
        raise DataError("tiers do not follow the scores: a higher score must never have a lower tier")
    middle = largest + (smallest - largest) / np.float32(2.0)
    return middle if middle > largest else smallest


def _empty_range(draws: int) -> tuple[Singles, Singles]:
    return np.full(draws, np.inf, dtype=np.float32), np.full(draws, -np.inf, dtype=np.float32)
