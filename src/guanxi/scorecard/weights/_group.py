"""Global weights from the judgements of one or several experts on all nodes of a tree.

Judgements are aggregated by the geometric mean, the only mean that keeps the group matrix reciprocal (Aczél &
Saaty 1983, Procedures for synthesizing ratio judgements, Journal of Mathematical Psychology 27, 93-102). If
each expert is consistent, so is the group (Grošelj & Zadnik Stirn 2012, Acceptable consistency of aggregated
comparison matrices in analytic hierarchy process, European Journal of Operational Research 223, 417-420).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import ParamsError, did_you_mean
from guanxi.scorecard.weights import _ahp
from guanxi.scorecard.weights._pairwise import parse_fuzzy_matrix, parse_matrix
from guanxi.scorecard.weights._tree import Node, global_weights
from guanxi.scorecard.weights._uncertainty import judgement_factors

Floats = NDArray[np.float64]
Judgements = Mapping[str, Floats]

GROUP = "group"
_MEASURES = ("lambda_max", "consistency_index", "consistency_ratio")


def parse_judgements(
    tree: Node, document: Any, where: str = "judgements", *, fuzzy: bool = False
) -> dict[str, Floats]:
    """Parse one expert's judgements on every node of a tree, and refuse inconsistent ones.

    The document maps each node with two or more children to a document for :func:`.parse_matrix` (fuzzy:
    :func:`.parse_fuzzy_matrix`); the root is ``goal``. ``where`` names the document in messages.

    Returns
    -------
    dict of node to array, shape (n, n), or (n, n, 3) if fuzzy

    Raises
    ------
    ParamsError
        If a node lacks judgements or is not in the tree, a judgement is invalid, or the consistency ratio of
        a node (fuzzy: of the modal values, Buckley 1985) is above 0.1.
    """
    if not isinstance(document, Mapping):
        raise ParamsError(f"{where} = {document!r}: write a map from each branch to its judgements")
    compared = tree.compared
    for node in document:
        if node not in compared:
            raise ParamsError(
                f"{where}.{node} is not a branch with items to compare: {did_you_mean(str(node), compared)}"
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
    """Aggregate experts' matrices, shape (n_experts, ...), by weighted geometric means.

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
    """Judged weights of the indicators of a tree.

    Attributes
    ----------
    tree : Node
    method : str
    experts : mapping of expert to judgements
    shares : array, shape (n_experts,)
        Weight of each expert; sum 1.
    """

    tree: Node
    method: _ahp.Method
    experts: Mapping[str, Judgements]
    shares: Floats

    @property
    def local(self) -> dict[str, dict[str, float]]:
        """Local weights of the children of each node."""
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
        """Consistency of the judgements on each node, by expert and for the group.

        ``node, expert, lambda_max, consistency_index, consistency_ratio``; for fuzzy judgements, of the modal
        values. With a single expert there are no rows for the group (``group``).
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
        """Draw weight vectors that reflect their uncertainty.

        Each draw resamples the experts with replacement and perturbs each judgement within its uncertainty
        (:func:`.judgement_factors`). The spread of one expert's weights reflects inconsistency or the
        coarseness of the scale; that of a panel reflects disagreement as well. Returns an array of shape
        (count, n_indicators), in the order of :attr:`weights`.
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
    """Weight the indicators of a tree by the judgements of one expert or a group.

    Parameters
    ----------
    tree : Node
    experts : mapping of expert to judgements
        From :func:`parse_judgements`: fuzzy for the fuzzy methods, crisp for the others.
    method : {"eigenvector", "geometric_mean", "fuzzy_geometric_mean", "fuzzy_extent_analysis"}
        See :mod:`._ahp`; the last can give weights of 0.
    expert_weights : mapping of expert to number, optional
        Weight of each expert; equal by default.
    where : str
        Name of the expert weights in messages.

    Raises
    ------
    ParamsError
        If there is no expert, or not exactly one positive weight for each.

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
        raise ParamsError(f"{GROUP} is the name of all experts together: give the expert another name")
    given = dict.fromkeys(experts, 1.0) if expert_weights is None else expert_weights
    for expert in given:
        if expert not in experts:
            raise ParamsError(f"{where}: {expert!r} gave no judgements: {did_you_mean(str(expert), experts)}")
    for expert in experts:
        if not 0.0 < given.get(expert, 0.0) < np.inf:
            raise ParamsError(f"{where}.{expert} = {given.get(expert)}: give each expert a number above 0")
    shares = np.array([given[expert] for expert in experts], dtype=np.float64)
    return HierarchyWeights(tree, method, dict(experts), shares / shares.sum())
