"""Weights as the parameters ask for them: by judgement, by data, or both, over what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.indicators import CATALOGUE
from guanxi.decisions.scorecard.stability import draw_weights
from guanxi.decisions.weights import combination
from guanxi.decisions.weights.delphi import Delphi, parse_rounds
from guanxi.decisions.weights.factors import factor_analysis_weights, principal_component_weights
from guanxi.decisions.weights.group import hierarchy_weights, parse_judgements
from guanxi.decisions.weights.objective import DataWeights, critic_weights, entropy_weights
from guanxi.decisions.weights.tree import Node, dimensions, hint, parse_tree
from guanxi.errors import DataError, ParamsError
from guanxi.params.scorecard import WeightsParams

Floats = NDArray[np.float64]
Judged = tuple[dict[str, float], pd.DataFrame | None, Callable[[int, int], Floats], tuple[str, ...]]

# What the branches rest on where the parameters name no tree. Value at risk is left out: it is high where the
# value is, and would take back what the value gives.
USUAL_TREE: Mapping[str, tuple[str, ...]] = {
    "value": ("future_value", "current_value", "profit", "purchase_frequency", "average_order"),
    "loyalty": ("retention_probability", "probability_alive", "rhythm_kept", "repeat_rate", "tenure_days"),
    "satisfaction": (
        *("csat", "nps_score", "ces", "servqual_gap", "complaints", "complaint_resolution"),
        "satisfaction_trend",
    ),
    "interaction": ("interaction_recency_days", "interactions", "channel_breadth", "response_rate"),
    "risk": ("refund_share", "spend_volatility", "overdue_days", "defaults"),
    "advocacy": ("referrals", "referral_value", "promoter"),
}
BY_DATA: Mapping[str, Callable[[pd.DataFrame], DataWeights]] = {
    "entropy": entropy_weights,
    "critic": critic_weights,
    "principal_components": principal_component_weights,
    "factor_analysis": factor_analysis_weights,
}
_WHERE = "scorecard.weights"
# What a relationship is worth and whether it lasts are the questions; the other branches are among the
# reasons: moderately less, on Saaty's scale. All else counts alike unless it is judged.
WORTH_AND_DURATION, _MORE = ("value", "loyalty"), 3


@dataclass(frozen=True)
class Weighing:
    """The weights of a scorecard, and where they come from.

    Attributes
    ----------
    tree : Node
    weights : dict of str to float
        Of each known indicator of the tree; they add up to 1.
    judged : dict of str to float
        By judgement alone, over the same indicators.
    data : DataWeights or None
        By data alone.
    consistency : pandas.DataFrame or None
        Of pairwise judgements: see :meth:`.group.HierarchyWeights.consistency`.
    drawn : array, shape (n_draws, n_indicators)
        Other weights within the uncertainty of these, in their order.
    notes : tuple of str
    """

    tree: Node
    weights: dict[str, float]
    judged: dict[str, float]
    data: DataWeights | None
    consistency: pd.DataFrame | None
    drawn: Floats
    notes: tuple[str, ...]

    @property
    def dimensions(self) -> dict[str, str]:
        """Top-level branch of each indicator of the tree."""
        return dimensions(self.tree)


def scorecard_tree(document: object) -> Node:
    """Read the tree of the parameters, by default the usual one.

    Raises
    ------
    ParamsError
        If it is not a tree, or names an unknown indicator.
    """
    usual = {branch: list(names) for branch, names in USUAL_TREE.items()}
    return parse_tree(usual if document is None else document, list(CATALOGUE), "scorecard.tree")


def weigh(
    params: WeightsParams, tree: Node, normalised: pd.DataFrame, *, draws: int = 0, seed: int = 0
) -> Weighing:
    """Weigh the indicators of a tree.

    Indicators that nobody has lose their weight to all others in proportion.

    Parameters
    ----------
    params : WeightsParams
    tree : Node
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher the better; NaN is unknown.
    draws, seed : int
        How many other weights to draw.

    Raises
    ------
    ParamsError
        If judgements, points or ratings are not valid: the message says where.
    DataError
        If no indicator of the tree is known, or the data tell nothing of their weights.
    """
    everyone, consistency, draw, notes = _judged(params, tree)
    known = [name for name in tree.leaves if name in normalised and normalised[name].notna().any()]
    if not any(everyone[name] > 0 for name in known):
        raise DataError(
            "no indicator with weight is known of any customer: "
            "give the tables under relations, or weigh other indicators in scorecard.tree"
        )
    places = [tree.leaves.index(name) for name in known]
    judged = combination.direct({name: everyone[name] for name in known})
    drawn = _divided(draw(draws, seed)[:, places]) if draws else np.empty((0, len(known)))
    data = BY_DATA[params.data](normalised[known]) if params.data else None
    if data is None:
        return Weighing(tree, judged, judged, None, consistency, drawn, notes)
    measured = {name: data.weights.get(name, 0.0) for name in known}
    weights = _combined(params, judged, measured)
    drawn = _drawn_combined(params, drawn, measured, seed)
    return Weighing(tree, weights, judged, data, consistency, drawn, (*notes, *data.notes))


def _judged(params: WeightsParams, tree: Node) -> Judged:
    """Weights of all leaves by judgement, their consistency, what draws others, and notes."""
    if params.method == "direct":
        _check_leaves(params.points, tree, f"{_WHERE}.points")
        points = combination.direct({name: params.points.get(name, 0.0) for name in tree.leaves})
        return points, None, lambda count, seed: draw_weights(points, seed=seed, draws=count), ()
    if params.method == "delphi":
        panel = Delphi(parse_rounds(params.rounds, tree.leaves, f"{_WHERE}.rounds"))
        verdict, reason = panel.verdict()
        notes = (f"Delphi panel, {len(panel.rounds)} rounds: {verdict} ({reason})",)
        return panel.weights, None, lambda count, seed: panel.draw(count, seed=seed), notes
    fuzzy = params.method.startswith("fuzzy")
    judgements = params.judgements or {"nobody": {}}
    experts = {
        expert: parse_judgements(
            tree, _with_usual(document, tree), f"{_WHERE}.judgements.{expert}", fuzzy=fuzzy
        )
        for expert, document in judgements.items()
    }
    found = hierarchy_weights(
        tree,
        experts,
        method=params.method,
        expert_weights=params.expert_weights or None,
        where=f"{_WHERE}.expert_weights",
    )
    told = found.consistency()
    judged_branches = {branch for document in params.judgements.values() for branch in document}
    told = told[told["node"].isin(judged_branches)]
    return found.weights, told, lambda count, seed: found.draw(count, seed=seed), ()


def _with_usual(document: Mapping[str, object], tree: Node) -> dict[str, object]:
    """Give a branch that was not judged the usual judgement."""
    usual = {
        branch: [[_usual_judgement(one, other) for other in names] for one in names]
        for branch, names in tree.compared.items()
        if branch not in document
    }
    return {**document, **usual}


def _usual_judgement(one: str, other: str) -> str:
    ratio = (_MORE if one in WORTH_AND_DURATION else 1, _MORE if other in WORTH_AND_DURATION else 1)
    return "1" if ratio[0] == ratio[1] else f"{ratio[0]}/{ratio[1]}"


def _check_leaves(names: Iterable[str], tree: Node, where: str) -> None:
    for name in names:
        if name not in tree.leaves:
            raise ParamsError(f"{where}: {name!r} is no indicator of the tree: {hint(name, tree.leaves)}")


def _combined(
    params: WeightsParams, judged: Mapping[str, float], measured: Mapping[str, float]
) -> dict[str, float]:
    if params.combine == "least_squares":
        return combination.least_squares(judged, measured)
    if params.combine == "linear" or params.share in (0.0, 1.0):
        return combination.linear(judged, measured, share=params.share)
    return combination.multiplicative(judged, measured, share=params.share)


def _drawn_combined(params: WeightsParams, drawn: Floats, measured: Mapping[str, float], seed: int) -> Floats:
    """Combine each draw of the judged weights with one of the data's."""
    if not len(drawn):
        return drawn
    names = list(measured)
    data = draw_weights(measured, seed=seed + 1, draws=len(drawn))
    rows = []
    for one, other in zip(drawn.tolist(), data.tolist(), strict=True):
        sides = (dict(zip(names, side, strict=True)) for side in (one, other))
        rows.append(list(_combined(params, *sides).values()))
    return np.asarray(rows)


def _divided(drawn: Floats) -> Floats:
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
