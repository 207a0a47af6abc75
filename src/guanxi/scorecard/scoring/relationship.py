"""The relationship scorecard of one day: indicators, weights, scores, and how sure the tiers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError, FitError
from guanxi.params.scorecard import ScorecardParams
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.scoring.normalisation import Normalisation, ScaleTarget
from guanxi.scorecard.scoring.scores import Scorecard, score_table
from guanxi.scorecard.scoring.scoring_methods import ScoreMethod
from guanxi.scorecard.scoring.tier_stability import Stability, rank_agreement, tier_stability
from guanxi.scorecard.scoring.tiers import TierRule, fit_tiers
from guanxi.scorecard.scoring.under_weights import UnderWeights, scores_with, under_weights
from guanxi.scorecard.scoring.weighing import Weighing, scorecard_tree, weigh
from guanxi.scorecard.targets.roll_up import compare_group_weights

_COMPARED = 20_000
HIGHER_IS_BETTER: Mapping[str, bool] = {name: each.higher_is_better for name, each in CATALOGUE.items()}


@dataclass(frozen=True)
class Relationship:
    """The scorecard of one day.

    Attributes
    ----------
    indicators : pandas.DataFrame
        ``customer_id`` and every indicator, in its own unit.
    normalised : pandas.DataFrame
        ``customer_id`` and the indicators of the tree, from 0 to 1, higher the better.
    weighing : Weighing
    card : Scorecard
    stability : Stability or None
        None where no weights were drawn, or tiers do not follow the score.
    notes : tuple of str
        Of indicators, weights, scores and stability.
    """

    indicators: pd.DataFrame = field(repr=False)
    normalised: pd.DataFrame = field(repr=False)
    weighing: Weighing
    card: Scorecard
    stability: Stability | None
    notes: tuple[str, ...] = ()

    @property
    def under_weights(self) -> UnderWeights:
        """The method as a function of indicators and weights."""
        return under_weights(self.card.method, self.card.normalisation)


def relationship(
    indicators: pd.DataFrame, params: ScorecardParams, *, seed: int = 0, language: str = "en"
) -> Relationship:
    """Score the customers of one day.

    Parameters
    ----------
    indicators : pandas.DataFrame
        From :func:`guanxi.scorecard.indicators.table.indicator_table`.
    params : ScorecardParams
    seed : int
    language : {"en", "zh"}
        Of the reasons.

    Raises
    ------
    ParamsError, DataError
        As :func:`.weighing.weigh` and :func:`.scores.score_table`.
    """
    tree = scorecard_tree(params.tree)
    directions = {name: HIGHER_IS_BETTER[name] for name in tree.leaves}
    targets = {name: ScaleTarget(each.target) for name, each in params.targets.items()}
    scale = Normalisation.fit(
        indicators, directions, params.normalisation, targets if params.normalisation == "target" else None
    )
    normalised = normalise(indicators, scale)
    weighing = weigh(params.weights, tree, normalised, draws=params.draws, seed=seed)
    rule = TierRule(params.tiers.method, params.tiers.high, params.tiers.middle)
    card = score_table(
        indicators,
        weighing.weights,
        weighing.dimensions,
        HIGHER_IS_BETTER,
        normalisation=scale,
        method=params.method,
        tiers=rule,
        labels={name: each.label["zh" if language == "zh" else "en"] for name, each in CATALOGUE.items()},
    )
    stability, notes = None, [*card.notes, *weighing.notes]
    if rule.method == "pareto":
        notes.append("stability: tiers follow the value, so no weights were drawn to see who keeps the tier")
    elif params.draws:
        stability = tier_stability(
            normalised,
            weighing.weights,
            lambda scores: fit_tiers(scores, rule).assign(scores),
            weighing.drawn,
            score=under_weights(params.method, scale),
        )
    return Relationship(indicators, normalised, weighing, card, stability, tuple(notes))


def same_measure(indicators: pd.DataFrame, present: Relationship) -> Scorecard:
    """Score the customers of another day by the scale, weights and cuts of the present one."""
    card = present.card
    return score_table(
        indicators,
        present.weighing.weights,
        present.weighing.dimensions,
        HIGHER_IS_BETTER,
        normalisation=card.normalisation,
        method=card.method,
        tiers=card.tiers,
        reasons=0,
    )


def normalise(indicators: pd.DataFrame, scale: Normalisation) -> pd.DataFrame:
    """Bring indicators to 0 to 1, higher the better."""
    columns = {name: curve.apply(indicators[name]) for name, curve in scale.curves.items()}
    return pd.DataFrame({"customer_id": indicators["customer_id"].array, **columns}, copy=False)


def methods_agreement(present: Relationship) -> pd.DataFrame:
    """Kendall's tau between the scores that the three methods give with the same weights and scale.

    Of more than 20,000 customers, so many are compared, evenly spaced by their score.
    """
    card = present.card
    by_score = card.table["score"].argsort(kind="stable").to_numpy()
    places = np.linspace(0, len(by_score) - 1, min(_COMPARED, len(by_score))).round().astype(int)
    sample = present.indicators.iloc[np.sort(by_score[places])].reset_index(drop=True)
    methods: tuple[ScoreMethod, ...] = ("weighted_sum", "topsis", "fuzzy")
    scores: dict[str, pd.Series[float]] = {
        method: score_table(
            sample,
            present.weighing.weights,
            present.weighing.dimensions,
            HIGHER_IS_BETTER,
            normalisation=card.normalisation,
            method=method,
            reasons=0,
        ).table.set_index("customer_id")["score"]
        for method in methods
    }
    return rank_agreement(scores)


def own_weights(groups: pd.Series[Any], present: Relationship, params: ScorecardParams) -> pd.DataFrame:
    """Show what weights of its own would change for each group; its scale stays that of all customers.

    Groups of which the data cannot tell weights are left out.

    Returns
    -------
    pandas.DataFrame
        Of :func:`guanxi.scorecard.targets.roll_up.compare_group_weights`.
    """
    own: dict[Any, Mapping[str, float]] = {}
    for group, places in groups.groupby(groups, observed=True).indices.items():
        try:
            members = present.normalised.iloc[places]
            own[group] = weigh(params.weights, present.weighing.tree, members).weights
        except (DataError, FitError):
            continue
    kept = groups.where(groups.isin(list(own))).reset_index(drop=True)
    score = partial(scores_with, score=present.under_weights)
    return compare_group_weights(present.normalised, kept, present.weighing.weights, own.__getitem__, score)
