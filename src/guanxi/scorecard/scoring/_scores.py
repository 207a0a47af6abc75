"""The scorecard: each customer's score from 0 to 100, in total and by dimension, with reasons.

The score is monotone with the weighted sum, TOPSIS, and fuzzy evaluation by weighted average and weighted
score: a better value of one indicator never lowers it, whether the scale
(:class:`._normalisation.Normalisation`) is kept or refitted. The exception is TOPSIS on a refitted ``vector``
scale with negative values, where the better value changes the weight of its indicator. Other choices of fuzzy
evaluation are not monotone.

Indicators unknown for a customer are left out. Their weight goes to the others of their branch, and only that
of a branch of which nothing is known to other branches (:mod:`._branches`); ``known_weight`` is the weight
that was known. An indicator unknown for all has weight 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard._notes import Note
from guanxi.scorecard.scoring._branches import Branches, MatchedPaths, Paths, branches_of
from guanxi.scorecard.scoring._customer_scores import relative_points, score_customers
from guanxi.scorecard.scoring._fuzzy_evaluation import FuzzyEvaluation
from guanxi.scorecard.scoring._normalisation import (
    Floats,
    Normalisation,
    NormalisationMethod,
    ScaleTarget,
    finite_column,
)
from guanxi.scorecard.scoring._scoring_methods import (
    ROWS_AT_ONCE,
    ScoreMethod,
    ScoringMethod,
    Topsis,
    WeightedSum,
)
from guanxi.scorecard.scoring._tiers import GRADES, TIERS, TierCuts, TierRule, Words, assign_grades, fit_tiers
from guanxi.scorecard.scoring._used_indicators import (
    check_customers,
    check_weights,
    notes_on,
    select_indicators,
)
from guanxi.scorecard.weights._objective import CUSTOMER

SCORING_METHODS: Mapping[ScoreMethod, ScoringMethod] = {
    each.name: each for each in (WeightedSum(), Topsis(), FuzzyEvaluation())
}
_MUCH = 0.01


@dataclass(frozen=True)
class Scorecard:
    """Scores of all customers, with weights, scale and tiers.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per customer, in the order given: ``customer_id, score`` (0 to 100), ``<dimension>_score``
        (the same method on the dimension's indicators alone), ``grade, rank`` (1 is best, ties share the
        better rank)``, tier, known_weight, <indicator>_points`` (adding up to the score), ``why_1`` … (the
        largest differences from the mean customer, in points), and for fuzzy ``<grade>_membership``.
    method : ScoringMethod
    weights : dict of str to float
        The weights used: above 0, adding up to 1 over the indicators known for some customer.
    mean_levels : dict of str to float
        Level of the mean customer on each indicator, 0 to 100.
    branches : Branches
        Of the weights.
    normalisation : Normalisation
    tiers : TierCuts
    notes : tuple of str
        One sentence each on indicators left out, rescaled or constant.
    """

    table: pd.DataFrame
    method: ScoringMethod
    weights: dict[str, float]
    mean_levels: dict[str, float]
    branches: Branches
    normalisation: Normalisation
    tiers: TierCuts
    notes: tuple[str, ...]

    def relative_blocks(self) -> Iterator[Floats]:
        """Yield points relative to the mean customer, shape (n, m), in batches of 20,000 customers."""
        # An indicator may be unknown to everyone on another day.
        points = self.table.reindex(columns=[f"{name}_points" for name in self.weights])
        weights, levels = (np.asarray(list(each.values())) for each in (self.weights, self.mean_levels))
        for start in range(0, len(points), ROWS_AT_ONCE):
            block = points.iloc[start : start + ROWS_AT_ONCE].to_numpy(dtype=np.float64)
            yield relative_points(block, weights, levels, self.branches)

    def relative_points(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """Points relative to the mean customer: ``customer_id`` and one column per indicator.

        Of all customers, or of those of a table, such as the scores of another day.
        """
        of = self if table is None else replace(self, table=table)
        blocks = [np.empty((0, len(self.weights))), *of.relative_blocks()]
        found = pd.DataFrame(np.concatenate(blocks), columns=list(self.weights))
        found.insert(0, CUSTOMER, of.table[CUSTOMER].to_numpy())
        return found


def score_table(
    indicators: pd.DataFrame,
    weights: Mapping[str, float],
    dimensions: Mapping[str, str | Sequence[str]],
    higher_is_better: Mapping[str, bool],
    *,
    normalisation: NormalisationMethod | Normalisation = "quantile",
    method: ScoreMethod | ScoringMethod = "weighted_sum",
    tiers: TierRule | TierCuts | None = None,
    grades: Mapping[str, float] = GRADES,
    targets: Mapping[str, ScaleTarget] | None = None,
    labels: Mapping[str, str] | None = None,
    reasons: int = 3,
) -> Scorecard:
    """Score every customer.

    Parameters
    ----------
    indicators : pandas.DataFrame
        ``customer_id`` (unique) and one column per indicator, in its own unit; NaN is unknown.
    weights : mapping of str to float
        Global weight of each indicator: at least 0, adding up to 1. An indicator without a column is absent.
    dimensions : mapping of str to str or sequence of str
        The dimension of each weighted indicator, or its branches from the dimension down.
    higher_is_better : mapping of str to bool
        Direction of each indicator, from the catalogue.
    normalisation : str or Normalisation
        A method to fit on this table, or a scale fitted on another period or market.
    method : {"weighted_sum", "topsis", "fuzzy"} or ScoringMethod
        A method by name, or a configured one, such as a :class:`.FuzzyEvaluation`.
    tiers : TierRule or TierCuts, optional
        A rule to fit on these scores (default: percentile, 20 % and 30 %), or fixed cut points.
    grades : mapping of str to float
        Lower bound of each grade; fuzzy has its own grades, with bounds halfway between their scores.
    targets : mapping of str to ScaleTarget, optional
        For the normalisation ``target``: one for each weighted indicator.
    labels : mapping of str to str, optional
        Label of each indicator in the reasons; default: its name.
    reasons : int
        Number of reasons per customer.

    Raises
    ------
    ParamsError
        If a weight, method, target, grade or share is invalid.
    DataError
        If customers are not unique, a value is infinite, or no weighted indicator is known.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b"], "revenue": [90.0, 10.0], "complaints": [2.0, None]})
    >>> dimensions = {"revenue": "value", "complaints": "satisfaction"}
    >>> higher_is_better = {"revenue": True, "complaints": False}
    >>> card = score_table(table, {"revenue": 0.6, "complaints": 0.4}, dimensions, higher_is_better)
    >>> card.table[["customer_id", "score", "grade", "known_weight", "why_1"]].values.tolist()
    [['a', 65.0, 'B', 1.0, 'revenue +15.0'], ['b', 25.0, 'D', 0.6, 'revenue -25.0']]
    """
    paths = _paths(dimensions)
    check_customers(indicators)
    check_weights(weights, paths, higher_is_better)
    chosen = _method(method)
    scale = _scale(indicators, weights, higher_is_better, normalisation, targets)
    chosen = chosen.on(scale)
    used = select_indicators(indicators, weights, scale, paths)
    groups, branches = _groups(used.weights, paths), branches_of(list(used.weights), paths)
    scores = score_customers(used, scale, chosen, groups, branches)
    why = scores.reasons([(labels or {}).get(name, name) for name in used.weights], reasons)
    cuts = tiers if isinstance(tiers, TierCuts) else _fit_cuts(tiers or TierRule(), scores.score, indicators)
    own = chosen.cut_points() or {}
    columns: dict[str, Any] = {
        CUSTOMER: indicators[CUSTOMER].array,
        "score": scores.score,
        **{f"{name}_score": each for name, each in zip(groups, scores.dimensions, strict=True)},
        "grade": assign_grades(scores.score, own or grades),
        "rank": pd.Series(scores.score).rank(method="min", ascending=False).astype("Int64"),
        "tier": cuts.assign(_cut_numbers(cuts.on, scores.score, indicators)),
        "known_weight": scores.known_weight,
        **{f"{name}_points": each for name, each in zip(used.weights, scores.points, strict=True)},
        **{f"why_{place}": words for place, words in enumerate(why, start=1)},
        **{f"{name}_membership": each for name, each in zip(own, scores.memberships, strict=True)},
    }
    return Scorecard(
        table=pd.DataFrame(columns, copy=False),
        method=chosen,
        weights=used.weights,
        mean_levels=dict(zip(used.weights, scores.mean_levels.tolist(), strict=True)),
        branches=branches,
        normalisation=scale,
        tiers=cuts,
        notes=(*notes_on(used, scale, scores.known_weight), *_notes_on_tiers(tiers, columns["tier"])),
    )


def _method(method: ScoreMethod | ScoringMethod) -> ScoringMethod:
    if isinstance(method, ScoringMethod):
        return method
    if method not in SCORING_METHODS:
        raise ParamsError(f"method {method!r} is not known: choose one of {', '.join(SCORING_METHODS)}")
    return SCORING_METHODS[method]


def _scale(
    indicators: pd.DataFrame,
    weights: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
    normalisation: NormalisationMethod | Normalisation,
    targets: Mapping[str, ScaleTarget] | None,
) -> Normalisation:
    if isinstance(normalisation, Normalisation):
        return normalisation
    directions = {
        name: higher_is_better[name]
        for name, weight in weights.items()
        if weight > 0 and name in indicators.columns
    }
    return Normalisation.fit(indicators, directions, normalisation, targets)


def _paths(dimensions: Mapping[str, str | Sequence[str]]) -> Paths:
    if isinstance(dimensions, MatchedPaths):
        return dimensions
    return {name: (path,) if isinstance(path, str) else tuple(path) for name, path in dimensions.items()}


def _groups(weights: Mapping[str, float], paths: Paths) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(weights):
        groups.setdefault(paths[name][0], []).append(place)
    return groups


def _fit_cuts(rule: TierRule, score: Floats, indicators: pd.DataFrame) -> TierCuts:
    return fit_tiers(_cut_numbers(rule.on, score, indicators), rule)


def _notes_on_tiers(tiers: TierRule | TierCuts | None, assigned: Words) -> list[str]:
    """Note if ties made the high tier larger than requested."""
    rule = TierRule() if tiers is None else tiers
    if not isinstance(rule, TierRule) or rule.method != "percentile":
        return []
    known = pd.Series(assigned).dropna()
    n, high, share = len(known), int((known == TIERS[0]).sum()), rule.shares()[0]
    if high - max(1.0, share * n) <= _MUCH * n:
        return []
    return [Note("crowded", share=high / n, asked=share)]


def _cut_numbers(on: str, score: Floats, indicators: pd.DataFrame) -> Floats:
    if on == "score":
        return score
    if on not in indicators.columns:
        raise DataError(
            f"tiers pareto: the table of indicators has no {on}; choose percentile or another value"
        )
    return finite_column(indicators, on)
