"""The judgements of one or several experts on all nodes of a tree become global weights.

Experts' judgements are aggregated by their geometric mean, which alone keeps the group's matrix reciprocal
(Aczél & Saaty 1983, Procedures for synthesizing ratio judgements, Journal of Mathematical Psychology 27,
93-102). Where each expert is consistent, so is the group (Grošelj & Zadnik Stirn 2012, Acceptable
consistency of aggregated comparison matrices in analytic hierarchy process, European Journal of Operational
Research 223, 417-420).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import ParamsError
from guanxi.scorecard.weights import _ahp
from guanxi.scorecard.weights._pairwise import parse_fuzzy_matrix, parse_matrix
from guanxi.scorecard.weights._tree import Node, global_weights, hint
from guanxi.scorecard.weights._uncertainty import judgement_factors

Floats = NDArray[np.float64]
Judgements = Mapping[str, Floats]

GROUP = "group"
_MEASURES = ("lambda_max", "consistency_index", "consistency_ratio")


def parse_judgements(
    tree: Node, document: Any, where: str = "judgements", *, fuzzy: bool = False
) -> dict[str, Floats]:
    """Read one expert's judgements on every node of a tree, and refuse those that contradict each other.

    The document gives for each node with two or more children what :func:`.parse_matrix` reads, or where
    fuzzy :func:`.parse_fuzzy_matrix`; the root is ``goal``. ``where`` is what messages call the document.

    Returns
    -------
    dict of node to array, shape (n, n), or (n, n, 3) where fuzzy

    Raises
    ------
    ParamsError
        If a node lacks its judgements or is none of the tree's, a judgement is not valid, or the consistency
        ratio of a node (where fuzzy, of the modal values: Buckley 1985) is above 0.1.
    """
    if not isinstance(document, Mapping):
        raise ParamsError(f"{where} = {document!r}: write a map from each branch to its judgements")
    compared = tree.compared
    for node in document:
        if node not in compared:
            raise ParamsError(
                f"{where}.{node} is no branch with things to compare: {hint(str(node), compared)}"
            )
    found = {}
    for node, names in compared.items():
        if node not in document:
            raise ParamsError(f"{where} lacks {node}: compare {', '.join(names)}")
        matrix = (parse_fuzzy_matrix if fuzzy else parse_matrix)(document[node], names, f"{where}.{node}")
        _ahp.require_consistent(matrix[..., 1] if fuzzy else matrix, names, f"{where}.{node}")
        found[node] = matrix
    return found


def aggregate(matrices: Floats, shares: Floats) -> Floats:
    """Aggregate experts' matrices, shape (n_experts, ...): the weighted geometric mean of each judgement.

    Examples
    --------
    >>> aggregate(np.array([[[1, 2], [1 / 2, 1]], [[1, 8], [1 / 8, 1]]]), np.array([0.5, 0.5]))
    array([[1.  , 4.  ],
           [0.25, 1.  ]])
    """
    group: Floats = np.exp(np.tensordot(shares, np.log(matrices), axes=1))
    return group


@dataclass(frozen=True)
class HierarchyWeights:
    """Weights of a tree's indicators by judgement.

    Attributes
    ----------
    tree : Node
    method : str
    experts : mapping of expert to judgements
    shares : array, shape (n_experts,)
        How much each expert counts; sum 1.
    """

    tree: Node
    method: _ahp.Method
    experts: Mapping[str, Judgements]
    shares: Floats

    @property
    def local(self) -> dict[str, dict[str, float]]:
        """Weights of each node's children among themselves."""
        return {
            node: dict(zip(names, _ahp.WEIGHTS[self.method](self._group(node)).tolist(), strict=True))
            for node, names in self.tree.compared.items()
        }

    @property
    def weights(self) -> dict[str, float]:
        """Global weight of each indicator; they sum to 1."""
        local = {node: np.array(list(shares.values())) for node, shares in self.local.items()}
        return dict(zip(self.tree.leaves, global_weights(self.tree, local).tolist(), strict=True))

    def consistency(self) -> pd.DataFrame:
        """Tell how far judgements agree, on every node, of every expert and of the group.

        ``node, expert, lambda_max, consistency_index, consistency_ratio``; of fuzzy judgements the modal
        values'. The group's rows (``group``) are left out where there is one expert.
        """
        rows = []
        for node in self.tree.compared:
            matrices = {expert: judged[node] for expert, judged in self.experts.items()}
            if len(matrices) > 1:
                matrices[GROUP] = self._group(node)
            for expert, matrix in matrices.items():
                found = _ahp.priorities(matrix if matrix.ndim == 2 else matrix[..., 1])
                rows.append((node, expert, *(getattr(found, measure) for measure in _MEASURES)))
        return pd.DataFrame(rows, columns=["node", "expert", *_MEASURES])

    def draw(self, count: int, *, seed: int) -> Floats:
        """Draw weight vectors within their uncertainty.

        Each draw asks the panel again: as many experts are drawn with replacement, and each judgement is
        moved within its own uncertainty (:func:`.judgement_factors`). So one expert's weights spread by how
        inconsistent the expert is, or by the coarseness of the scale, and a panel's by its disagreement too.
        Gives an array of shape (count, n_indicators), in the order of :attr:`weights`.
        """
        generator = np.random.default_rng(seed)
        n = len(self.experts)
        shares = generator.multinomial(n, np.full(n, 1.0 / n), size=count) * self.shares
        shares /= shares.sum(axis=1, keepdims=True)
        local = {}
        for node in self.tree.compared:
            logs: Any = 0.0
            for share, judged in zip(shares.T, self.experts.values(), strict=True):
                matrix = judged[node]
                moved = np.log(judgement_factors(matrix, count, generator))
                moved = moved if matrix.ndim == 2 else moved[..., None]
                logs = logs + share.reshape(-1, *[1] * matrix.ndim) * (np.log(matrix) + moved)
            local[node] = _ahp.WEIGHTS[self.method](np.exp(logs))
        return global_weights(self.tree, local) * np.ones((count, 1))

    def _group(self, node: str) -> Floats:
        return aggregate(np.stack([judged[node] for judged in self.experts.values()]), self.shares)


def hierarchy_weights(
    tree: Node,
    experts: Mapping[str, Judgements],
    *,
    method: _ahp.Method = "eigenvector",
    expert_weights: Mapping[str, float] | None = None,
    where: str = "expert_weights",
) -> HierarchyWeights:
    """Weigh a tree's indicators by the judgements of one expert or a group.

    Parameters
    ----------
    tree : Node
    experts : mapping of expert to judgements
        As :func:`parse_judgements` gives them: fuzzy ones for the fuzzy methods, crisp ones for the others.
    method : {"eigenvector", "geometric_mean", "fuzzy_geometric_mean", "fuzzy_extent_analysis"}
        As in :mod:`.ahp`; the last can give weights of 0.
    expert_weights : mapping of expert to number, optional
        How much each counts; all alike without it.
    where : str
        How messages call the expert weights.

    Raises
    ------
    ParamsError
        If there is no expert, or the expert weights are not one number above 0 for each.

    Examples
    --------
    >>> from guanxi.scorecard.weights._tree import parse_tree
    >>> tree = parse_tree({"value": ["margin", "revenue"], "loyalty": "repeat_rate"},
    ...                   known=["margin", "revenue", "repeat_rate"])
    >>> document = {"goal": {"value": {"loyalty": 3}}, "value": {"margin": {"revenue": 4}}}
    >>> found = hierarchy_weights(tree, {"ann": parse_judgements(tree, document)})
    >>> {name: round(weight, 3) for name, weight in found.weights.items()}
    {'margin': 0.6, 'revenue': 0.15, 'repeat_rate': 0.25}
    """
    if not experts:
        raise ParamsError("there is no expert: give at least one expert's judgements")
    if GROUP in experts:
        raise ParamsError(f"{GROUP} is what the experts together are called: give the expert another name")
    given = dict.fromkeys(experts, 1.0) if expert_weights is None else expert_weights
    for expert in given:
        if expert not in experts:
            raise ParamsError(f"{where}: {expert!r} gave no judgements: {hint(str(expert), experts)}")
    for expert in experts:
        if not 0.0 < given.get(expert, 0.0) < np.inf:
            raise ParamsError(f"{where}.{expert} = {given.get(expert)}: give each expert a number above 0")
    shares = np.array([given[expert] for expert in experts], dtype=np.float64)
    return HierarchyWeights(tree, method, dict(experts), shares / shares.sum())
