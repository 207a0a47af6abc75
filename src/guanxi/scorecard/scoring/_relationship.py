"""The relationship scorecard of one day: indicators, weights, scores, stability of the tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError, FitError
from guanxi.params.scorecard import ScorecardParams
from guanxi.scorecard._notes import Names, Note
from guanxi.scorecard.indicators import catalogue_with, own_labels
from guanxi.scorecard.scoring._fuzzy_evaluation import FuzzyEvaluation
from guanxi.scorecard.scoring._importance import importance, redundant_pairs
from guanxi.scorecard.scoring._normalisation import Normalisation, ScaleTarget
from guanxi.scorecard.scoring._scores import SCORING_METHODS, Scorecard, score_table
from guanxi.scorecard.scoring._scoring_methods import ScoringMethod
from guanxi.scorecard.scoring._tier_stability import Stability, rank_agreement, tier_stability
from guanxi.scorecard.scoring._tiers import TierRule, fit_tiers
from guanxi.scorecard.targets._roll_up import compare_group_weights
from guanxi.scorecard.weights._factors import FactorWeights, factor_scores
from guanxi.scorecard.weights._weighting import Weighting, scorecard_tree, weight_indicators
from guanxi.served.texts import texts

_COMPARED = 20_000


@dataclass(frozen=True)
class Relationship:
    """The scorecard of one day.

    Attributes
    ----------
    indicators : pandas.DataFrame
        ``customer_id`` and the indicators, each in its own unit.
    higher_is_better : mapping of str to bool
        For the indicators of the tree.
    normalised : pandas.DataFrame
        ``customer_id`` and the indicators of the tree, 0 to 1, higher is better.
    measuring : Normalisation
        Scale on which weights from data are measured: that of the scores, or min_max for entropy.
    weighting : Weighting
    card : Scorecard
    factors : pandas.DataFrame or None
        ``customer_id`` and a score on each factor, for weights by principal components or factor analysis.
    importance, redundant : pandas.DataFrame
        Nominal and effective importance, and pairs of indicators that are counted twice: see
        :mod:`._importance`.
    stability : Stability or None
        None if no weights were drawn, or tiers are not based on the score.
    notes : tuple of str
        Notes on indicators, weights, scores and stability.
    """

    indicators: pd.DataFrame = field(repr=False)
    higher_is_better: Mapping[str, bool]
    normalised: pd.DataFrame = field(repr=False)
    measuring: Normalisation = field(repr=False)
    weighting: Weighting
    card: Scorecard
    factors: pd.DataFrame | None = field(repr=False)
    importance: pd.DataFrame
    redundant: pd.DataFrame
    stability: Stability | None
    notes: tuple[str, ...] = ()


def relationship(
    indicators: pd.DataFrame, params: ScorecardParams, *, seed: int = 0, language: str = "en"
) -> Relationship:
    """Score the customers of one day.

    Parameters
    ----------
    indicators : pandas.DataFrame
        From :func:`guanxi.scorecard.indicators._table.indicator_table`.
    params : ScorecardParams
    seed : int
    language : {"en", "zh"}
        Language of the reasons.

    Raises
    ------
    ParamsError, DataError
        As :func:`._weighting.weight_indicators` and :func:`._scores.score_table`.
    """
    tree = scorecard_tree(params.tree, params.indicators)
    catalogue = catalogue_with(params.indicators)
    directions = {name: catalogue[name].higher_is_better for name in tree.leaves}
    targets = {name: ScaleTarget(each.target) for name, each in params.targets.items()}
    scale = Normalisation.fit(
        indicators, directions, params.normalisation, targets if params.normalisation == "target" else None
    )
    normalised = normalise(indicators, scale)
    measuring = _measuring_scale(indicators, directions, scale, params.weights.data)
    measured = normalised if measuring is scale else normalise(indicators, measuring)
    weighting = weight_indicators(params.weights, tree, normalised, measured, draws=params.draws, seed=seed)
    rule = TierRule(params.tiers.method, params.tiers.high, params.tiers.middle)
    named = texts("guanxi.scorecard.indicators", "zh" if language == "zh" else "en")["indicators"]
    card = _score(
        indicators,
        weighting,
        directions,
        normalisation=scale,
        method=scoring_method(params),
        tiers=rule,
        labels=named | own_labels(params.indicators),
    )
    stability, notes = None, [*card.notes, *weighting.notes]
    if measuring is not scale:
        notes.append(Note("entropy_scale"))
    if rule.on != "score":
        notes.append(Note("stability_of_value"))
    elif params.draws and not card.method.additive:
        notes.append(Note("stability_of_fuzzy"))
    elif params.draws:
        stability = tier_stability(
            normalised,
            weighting.weights,
            lambda scores: fit_tiers(scores, rule).assign(scores),
            weighting.drawn,
            method=card.method,
            paths=weighting.paths,
        )
    real = importance(normalised, card, weighting.nominal, weighting.dimensions)
    factors = None
    if isinstance(weighting.data, FactorWeights):
        factors = factor_scores(weighting.data, measured)
        factors.insert(0, "customer_id", indicators["customer_id"].to_numpy())
    pairs = redundant_pairs(normalised, weighting.weights)
    notes += [
        Note("redundant", one=Names([one]), other=Names([other]), correlation=correlation, weight=weight)
        for one, other, correlation, weight in pairs.itertuples(index=False)
    ]
    return Relationship(
        indicators,
        directions,
        normalised,
        measuring,
        weighting,
        card,
        factors,
        real,
        pairs,
        stability,
        tuple(notes),
    )


def scoring_method(params: ScorecardParams) -> ScoringMethod:
    """Return the scoring method of the parameters; ParamsError if grades of fuzzy evaluation are invalid."""
    if params.method == "fuzzy":
        return FuzzyEvaluation.from_params(params.fuzzy)
    return SCORING_METHODS[params.method]


def _measuring_scale(
    indicators: pd.DataFrame, directions: Mapping[str, bool], scale: Normalisation, data: str | None
) -> Normalisation:
    """Scale on which data weights are measured: entropy of quantile ranks would measure only ties."""
    if data == "entropy" and scale.method == "quantile":
        return Normalisation.fit(indicators, directions, "min_max")
    return scale


def score_other_day(indicators: pd.DataFrame, present: Relationship) -> Scorecard:
    """Score the customers of another day with the scale, weights and cut points of the present one."""
    card = present.card
    return _score(
        indicators,
        present.weighting,
        present.higher_is_better,
        normalisation=card.normalisation,
        method=card.method,
        tiers=card.tiers,
        reasons=0,
    )


def _score(
    indicators: pd.DataFrame, weighting: Weighting, higher_is_better: Mapping[str, bool], **options: Any
) -> Scorecard:
    return score_table(indicators, weighting.weights, weighting.paths, higher_is_better, **options)


def normalise(indicators: pd.DataFrame, scale: Normalisation) -> pd.DataFrame:
    """Normalise indicators to 0 to 1, higher is better."""
    columns = {name: curve.apply(indicators[name]) for name, curve in scale.curves.items()}
    return pd.DataFrame({"customer_id": indicators["customer_id"].array, **columns}, copy=False)


def _measured(present: Relationship) -> pd.DataFrame:
    if present.measuring is present.card.normalisation:
        return present.normalised
    return normalise(present.indicators, present.measuring)


def methods_agreement(present: Relationship) -> pd.DataFrame:
    """Kendall's tau between the scores of the three methods with the same weights and scale.

    At most 20,000 customers are compared, evenly spaced by score.
    """
    card = present.card
    by_score = card.table["score"].argsort(kind="stable").to_numpy()
    places = np.linspace(0, len(by_score) - 1, min(_COMPARED, len(by_score))).round().astype(int)
    sample = present.indicators.iloc[np.sort(by_score[places])].reset_index(drop=True)
    scores: dict[str, pd.Series[float]] = {
        name: _score(
            sample,
            present.weighting,
            present.higher_is_better,
            normalisation=card.normalisation,
            method=method,
            reasons=0,
        ).table.set_index("customer_id")["score"]
        for name, method in {**SCORING_METHODS, card.method.name: card.method}.items()
    }
    return rank_agreement(scores)


def own_weights(groups: pd.Series[Any], present: Relationship, params: ScorecardParams) -> pd.DataFrame:
    """Compare each group's scores under its own weights, on the common scale.

    Groups whose data do not determine weights are left out. Returns the table of
    :func:`guanxi.scorecard.targets._roll_up.compare_group_weights`.
    """
    if not present.card.method.additive:
        return pd.DataFrame()
    own: dict[Any, Mapping[str, float]] = {}
    measured = _measured(present)
    for group, places in groups.groupby(groups, observed=True).indices.items():
        try:
            members = present.normalised.iloc[places]
            found = weight_indicators(params.weights, present.weighting.tree, members, measured.iloc[places])
            own[group] = found.weights
        except (DataError, FitError):
            continue
    kept = groups.where(groups.isin(list(own))).reset_index(drop=True)
    score = partial(present.card.method.score, paths=present.weighting.paths)
    return compare_group_weights(present.normalised, kept, present.weighting.weights, own.__getitem__, score)
