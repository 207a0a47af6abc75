"""Weights according to the parameters: by judgement, by data, or both, over the known indicators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError, ParamsError, did_you_mean
from guanxi.params.scorecard import OwnIndicator, WeightsParams
from guanxi.scorecard._notes import Note, Term
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.scoring._branches import MatchedPaths, branches_of
from guanxi.scorecard.scoring._used_indicators import note_on_absent, reallocated
from guanxi.scorecard.weights import _combination
from guanxi.scorecard.weights._delphi import Delphi, parse_rounds
from guanxi.scorecard.weights._factors import factor_analysis_weights, principal_component_weights
from guanxi.scorecard.weights._group import (
    GROUP,
    HierarchyWeights,
    aggregate,
    hierarchy_weights,
    parse_judgements,
)
from guanxi.scorecard.weights._matching import NOTICEABLE_MISS, match_variance
from guanxi.scorecard.weights._objective import DataWeights, critic_weights, entropy_weights
from guanxi.scorecard.weights._tree import Node, branch_paths, dimensions, parse_tree
from guanxi.scorecard.weights._uncertainty import draw_weights

Floats = NDArray[np.float64]

# The default tree. No two of its indicators say the same (correlation of .9 or more). Future value is made of
# current value and retention and would count both twice; value at risk is high for valuable customers and
# would offset their value; repeat rate says what purchase frequency does, and the last NPS answer what
# promoter does.
USUAL_TREE: Mapping[str, tuple[str, ...]] = {
    "value": ("current_value", "profit", "purchase_frequency", "average_order"),
    "loyalty": ("retention_probability", "rhythm_kept", "tenure_days"),
    "satisfaction": (
        *("csat", "ces", "servqual_gap"),
        *("complaints", "complaint_resolution", "satisfaction_trend"),
    ),
    "interaction": ("interaction_recency_days", "interactions", "channel_breadth", "response_rate"),
    "risk": ("refund_share", "spend_volatility", "overdue_days", "defaults"),
    "advocacy": ("referral_value", "promoter"),
}
# Default judgements on the branches of that tree: value and loyalty, seen in every purchase, are moderately
# more important (3 on Saaty's scale) than the others, which act through them and are only partly known.
USUAL_IMPORTANCE: Mapping[str, float] = {"value": 3.0, "loyalty": 3.0}
BY_DATA: Mapping[str, Callable[[pd.DataFrame], DataWeights]] = {
    "entropy": entropy_weights,
    "critic": critic_weights,
    "principal_components": principal_component_weights,
    "factor_analysis": factor_analysis_weights,
}
_WHERE = "scorecard.weights"


class JudgementWeights(NamedTuple):
    """Judged weights of all indicators of a tree, known or not.

    ``draw(n, seed)`` draws n weight vectors within their uncertainty. For ``consistency`` of pairwise
    judgements see :meth:`._group.HierarchyWeights.consistency`.
    """

    weights: dict[str, float]
    consistency: pd.DataFrame | None
    draw: Callable[[int, int], Floats]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weighting:
    """The weights of a scorecard, and where they come from.

    Attributes
    ----------
    tree : Node
    weights : dict of str to float
        The weights in use, for each known indicator of the tree; they add up to 1.
    computed : dict of str to float
        Weights from today's judgements and data: the same, unless accepted weights are in use.
    nominal : dict of str to float
        How much each indicator is meant to count: the weights in use, unless these were chosen so that what
        they really explain is this (``match: variance``).
    judged : dict of str to float
        From judgements alone, over the same indicators.
    data : DataWeights or None
        From data alone.
    consistency : pandas.DataFrame or None
        For pairwise judgements: see :meth:`._group.HierarchyWeights.consistency`.
    drawn : array, shape (n_draws, n_indicators)
        Random weights within their uncertainty, in the order of ``weights``.
    notes : tuple of str
    """

    tree: Node
    weights: dict[str, float]
    computed: dict[str, float]
    nominal: dict[str, float]
    judged: dict[str, float]
    data: DataWeights | None
    consistency: pd.DataFrame | None
    drawn: Floats
    notes: tuple[str, ...]

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Branches of each indicator of the tree, from the top."""
        paths = branch_paths(self.tree)
        if self.nominal == self.weights:
            return paths
        stretch = {name: self.weights[name] / weight for name, weight in self.nominal.items() if weight > 0}
        return MatchedPaths(paths, dict.fromkeys(paths, 1.0) | stretch)

    @property
    def dimensions(self) -> dict[str, str]:
        """Top-level branch of each indicator of the tree."""
        return dimensions(self.tree)


def scorecard_tree(document: object, own: Mapping[str, OwnIndicator] | None = None) -> Node:
    """Parse the tree of the parameters; without one, return the default tree with the own indicators.

    Raises ParamsError if it is not a tree, or contains an unknown indicator.
    """
    usual = {branch: list(names) for branch, names in USUAL_TREE.items()}
    for name, each in (own or {}).items():
        usual.setdefault(each.dimension, []).append(name)
    known = [*CATALOGUE, *(own or {})]
    return parse_tree(usual if document is None else document, known, "scorecard.tree")


def is_usual(tree: Node) -> bool:
    """Whether a tree is the default one, perhaps with own indicators."""
    branches = {child.name: set(child.leaves) for child in tree.children}
    return all(set(names) <= branches.get(branch, set()) for branch, names in USUAL_TREE.items())


def weight_indicators(
    params: WeightsParams,
    tree: Node,
    normalised: pd.DataFrame,
    for_data: pd.DataFrame | None = None,
    *,
    draws: int = 0,
    seed: int = 0,
) -> Weighting:
    """Weight the indicators of a tree.

    The weight of indicators unknown for all goes to the others of their branch, and only that of a branch of
    which nothing is known to other branches.

    Parameters
    ----------
    params : WeightsParams
    tree : Node
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher is better; NaN is unknown.
    for_data : pandas.DataFrame, optional
        The same on the scale of the data weights; default: the same scale.
    draws, seed : int
        Number of weight vectors to draw, and the seed.

    Raises
    ------
    ParamsError
        If judgements, points or ratings are invalid; the message states where.
    DataError
        If no indicator of the tree is known, or the data do not determine weights.
    """
    everyone, consistency, draw, notes = judgement_weights(params, tree)
    known = [name for name in tree.leaves if name in normalised and normalised[name].notna().any()]
    if not any(everyone[name] > 0 for name in known):
        raise DataError(
            "no indicator with a weight is known for any customer: "
            "give the tables under relations, or weight other indicators in scorecard.tree"
        )
    absent = {name: weight for name, weight in everyone.items() if name not in known and weight > 0}
    notes = (*notes, note_on_absent(absent)) if absent else notes
    paths = branch_paths(tree)
    judged = reallocated(everyone, known, paths)
    drawn = _known_draws(draw(draws, seed), tree, known) if draws else np.empty((0, len(known)))
    varying = normalised if for_data is None else for_data
    data = BY_DATA[params.data](varying[known]) if params.data else None
    weights = judged
    if data is not None:
        measured = {name: data.weights.get(name, 0.0) for name in known}
        weights = _combined(params, judged, measured)
        drawn = _combined_draws(params, drawn, measured, seed)
        notes = (*notes, *data.notes)
    nominal = weights
    if params.match == "variance":
        weights, miss = match_variance(normalised, nominal, paths)
        notes = (*notes, *_notes_on_match(miss))
        raised = [weights[name] / nominal[name] if nominal[name] else 0.0 for name in known]
        drawn = _row_shares(drawn * raised)
    if not params.accepted:
        return Weighting(tree, weights, weights, nominal, judged, data, consistency, drawn, notes)
    accepted = _leaf_weights(params.accepted, tree, tree.leaves, f"{_WHERE}.accepted")
    if not any(accepted[name] > 0 for name in known):
        raise ParamsError(f"{_WHERE}.accepted: no indicator with a weight is known for any customer")
    accepted = reallocated(accepted, known, paths)
    drawn = draw_weights(accepted, seed=seed, draws=draws) if draws else drawn
    return Weighting(tree, accepted, weights, accepted, judged, data, consistency, drawn, notes)


def _leaf_weights(
    given: Mapping[str, float], tree: Node, leaves: Iterable[str], where: str
) -> dict[str, float]:
    """Normalised weights of some leaves, from weights given for leaves of the tree."""
    for name in given:
        if name not in tree.leaves:
            raise ParamsError(
                f"{where}: {name!r} is not an indicator of the tree: {did_you_mean(name, tree.leaves)}"
            )
    try:
        return _combination.direct({name: given.get(name, 0.0) for name in leaves})
    except DataError as error:
        raise ParamsError(f"{where}: {error}") from None


def judgement_weights(params: WeightsParams, tree: Node) -> JudgementWeights:
    """Weight all indicators of a tree by judgement.

    Raises ParamsError if judgements, points or ratings are invalid.
    """
    if params.method == "direct":
        points = _leaf_weights(params.points, tree, tree.leaves, f"{_WHERE}.points")
        return JudgementWeights(
            points, None, lambda count, seed: draw_weights(points, seed=seed, draws=count)
        )
    if params.method == "delphi":
        panel = Delphi(parse_rounds(params.rounds, tree.leaves, f"{_WHERE}.rounds"))
        verdict, reason = panel.verdict()
        notes = (Note("delphi", rounds=len(panel.rounds), verdict=Term(verdict), reason=reason),)
        return JudgementWeights(panel.weights, None, lambda n, seed: panel.draw(n, seed=seed), notes)
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
    found = _with_group_judgements(found, judgements)
    table = found.consistency()
    given = {(branch, expert) for expert, document in judgements.items() for branch in document}
    given |= {(branch, GROUP) for branch, _ in given}
    table = table[[pair in given for pair in zip(table["node"], table["expert"], strict=True)]]
    return JudgementWeights(found.weights, table, lambda n, seed: found.draw(n, seed=seed))


def _with_usual(document: Mapping[str, object], tree: Node) -> dict[str, object]:
    """Complete unjudged branches: equal parts, or the default judgements for the default tree."""
    importance = USUAL_IMPORTANCE if is_usual(tree) else {}
    usual = {
        branch: [[importance.get(one, 1.0) / importance.get(other, 1.0) for other in names] for one in names]
        for branch, names in tree.compared.items()
        if branch not in document
    }
    return {**usual, **document}


def _with_group_judgements(
    found: HierarchyWeights, judgements: Mapping[str, Mapping[str, object]]
) -> HierarchyWeights:
    """Complete each expert's unjudged branches with the joint judgements of the others."""
    experts = {expert: dict(judged) for expert, judged in found.experts.items()}
    shares = dict(zip(experts, found.shares.tolist(), strict=True))
    for branch in found.tree.compared:
        judges = [expert for expert in experts if branch in judgements[expert]]
        if not judges:
            continue
        weights = np.array([shares[expert] for expert in judges])
        joint = aggregate(
            np.stack([found.experts[expert][branch] for expert in judges]), weights / weights.sum()
        )
        for expert in experts.keys() - set(judges):
            experts[expert][branch] = joint
    return replace(found, experts=experts)


def _combined(
    params: WeightsParams, judged: Mapping[str, float], measured: Mapping[str, float]
) -> dict[str, float]:
    if params.combine == "least_squares":
        return _combination.least_squares(judged, measured)
    if params.combine == "linear" or params.share in (0.0, 1.0):
        return _combination.linear(judged, measured, share=params.share)
    return _combination.multiplicative(judged, measured, share=params.share)


def _combined_draws(params: WeightsParams, drawn: Floats, measured: Mapping[str, float], seed: int) -> Floats:
    """Combine each draw of the judged weights with one of the data weights."""
    if not len(drawn):
        return drawn
    names = list(measured)
    data = draw_weights(measured, seed=seed + 1, draws=len(drawn))
    rows = []
    for one, other in zip(drawn.tolist(), data.tolist(), strict=True):
        sides = (dict(zip(names, side, strict=True)) for side in (one, other))
        rows.append(list(_combined(params, *sides).values()))
    return np.asarray(rows)


def _known_draws(drawn: Floats, tree: Node, known: Sequence[str]) -> Floats:
    """Draws of the known indicators, with the weight of the others reallocated."""
    places = [tree.leaves.index(name) for name in known]
    there = np.isin(np.arange(len(tree.leaves)), places)[None, :]
    found = np.where(there, drawn, 0.0)
    for columns, factor in branches_of(tree.leaves, branch_paths(tree)).factors(there, drawn.T):
        if factor is not None:
            found[:, columns] *= factor[0][:, None]
    return _row_shares(found[:, places])


def _row_shares(drawn: Floats) -> Floats:
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def _notes_on_match(miss: float) -> list[str]:
    if miss < NOTICEABLE_MISS:
        return []
    return [Note("match_missed", miss=miss)]
