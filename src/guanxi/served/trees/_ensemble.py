"""Trees grown with several seeds: scores, by tables for many rows, and SHAP values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _nodes
from ._nodes import Coder, Floats, Integers, Node
from ._shap import TreeShap

# The tables take as long to build as LightGBM needs for 700 rows (300 trees of 31 leaves) to 1,300 rows (600
# trees of 5 leaves) on two busy cores, up to twice as many on idle ones: benchmarks/drivers.py.
_MANY_ROWS = 2000
MOST_SPLITS = 8  # a pattern is one byte


class Trees:
    """LightGBM trees grown with several seeds; their score is the mean of the boosters.

    Parameters
    ----------
    texts : sequence of str
        The boosters in LightGBM's text format, one per seed.

    Examples
    --------
    >>> import lightgbm, numpy as np
    >>> X = np.arange(200.0).reshape(-1, 1)
    >>> grown = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, X[:, 0] > 99), 5)
    >>> trees = Trees([grown.model_to_string()])
    >>> contributions = trees.contributions(X)
    >>> bool(np.allclose(contributions.sum(axis=1), trees.predict(X)))
    True
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        self._loaded: list[Any] = []
        self._shap: TreeShap | None = None
        self._values: list[TreeValues] | None = None

    def predict(self, matrix: Floats) -> Floats:
        """Raw score of each row, shape (n,), on the scale of the offset the trees were grown from.

        For many rows and small trees it uses tables: the same numbers in a third of the time.
        """
        scores = [each.values(matrix) for each in self._tables()] if len(matrix) >= _MANY_ROWS else []
        scores = scores or [booster.predict(matrix, raw_score=True) for booster in self._boosters()]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """Exact path-dependent SHAP values of each row.

        Few rows use LightGBM's TreeSHAP, many use :class:`.TreeShap`; they agree up to rounding (1e-12).

        Parameters
        ----------
        matrix : array of shape (n, n_features)
            NaN is a missing value; categories are whole numbers.

        Returns
        -------
        array of shape (n, n_features + 1)
            Rows sum to :meth:`predict`; the last column is the mean of the trees over their training rows.

        References
        ----------
        Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI
        for trees, Nature Machine Intelligence 2.
        """
        if not len(matrix):
            return np.empty((0, matrix.shape[1] + 1))
        if len(matrix) < _MANY_ROWS:
            each = [booster.predict(matrix, pred_contrib=True) for booster in self._boosters()]
            return np.asarray(np.mean(each, axis=0), dtype=np.float64)
        if self._shap is None:
            self._shap = TreeShap([tree for trees in self._roots() for tree in trees])
        total = np.empty((len(matrix), matrix.shape[1] + 1))
        total[:, :-1], total[:, -1] = self._shap.values(matrix), self._shap.mean
        total /= len(self._texts)
        return total

    def _tables(self) -> list[TreeValues]:
        """Tables of each booster; none if a tree has too many splits."""
        if self._values is None:
            roots = self._roots()
            self._values = [TreeValues(trees) for trees in roots] if all(map(are_small, roots)) else []
        return self._values

    def _roots(self) -> list[list[Node]]:
        """Root nodes of each booster's trees."""
        models = [booster.dump_model() for booster in self._boosters()]
        return [[tree["tree_structure"] for tree in model["tree_info"]] for model in models]

    def _boosters(self) -> list[Any]:
        if not self._loaded:
            # Spinning threads would block the cores.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import lightgbm

            self._loaded = [lightgbm.Booster(model_str=text) for text in self._texts]
        return self._loaded


class TreeValues:
    """Sum of trees of at most ``MOST_SPLITS`` splits, by tables over decision patterns.

    A tree of few splits has few decision patterns: its leaf values are tabulated by pattern, and looked up
    for each row. They are added in the order of the trees, as in LightGBM, so that sums are the same bit for
    bit.

    Parameters
    ----------
    trees : sequence of mapping
        The trees' root nodes as in ``Booster.dump_model()``; all grown on the same features.

    Examples
    --------
    >>> stump = {"split_feature": 0, "decision_type": "<=", "threshold": 1.5, "missing_type": "None",
    ...          "default_left": True, "left_child": {"leaf_value": 0.0}, "right_child": {"leaf_value": 1.0}}
    >>> TreeValues([stump, stump]).values(np.array([[1.0], [2.0]]))
    array([0., 2.])
    """

    def __init__(self, trees: Sequence[Node]) -> None:
        self._coders = _nodes.coders(trees)
        self._tables = [_Table(tree, self._coders) for tree in trees]

    def values(self, matrix: Floats) -> Floats:
        """Sum of the trees for each row, shape (n,); NaN in the matrix is a missing value."""
        values = np.zeros(len(matrix))
        for rows, codes in _nodes.code_chunks(self._coders, matrix):
            for table in self._tables:
                table.add(codes, values[rows])
        return values


def are_small(trees: Sequence[Node]) -> bool:
    """Whether every tree has few enough splits for a table."""
    return all(sum(1 for _ in _nodes.splits(tree)) <= MOST_SPLITS for tree in trees)


class _Table:
    """Leaf values of a tree by decision pattern, which has a bit for each split (goes left)."""

    def __init__(self, tree: Node, coders: Mapping[int, Coder]) -> None:
        self._parts: dict[int, np.ndarray] = {}
        splits = list(_nodes.splits(tree))
        for bit, split in enumerate(splits):
            way = coders[split["split_feature"]].goes_left(split).astype(np.uint8) << bit
            self._parts[split["split_feature"]] = self._parts.get(split["split_feature"], 0) + way
        bits = {id(split): bit for bit, split in enumerate(splits)}
        self._leaf_values = np.array(
            [_leaf_value(tree, bits, pattern) for pattern in range(2 ** len(splits))]
        )

    def add(self, codes: Mapping[int, Integers], total: Floats) -> None:
        """Add the leaf values of rows with these codes."""
        pattern = np.zeros(len(total), dtype=np.uint8)
        # mode="clip" skips the check of every index; nothing is ever clipped.
        for feature, part in self._parts.items():
            pattern |= part.take(codes[feature], mode="clip")
        total += self._leaf_values.take(pattern, mode="clip")


def _leaf_value(node: Node, bits: Mapping[int, int], pattern: int) -> float:
    while _nodes.is_split(node):
        node = node["left_child" if pattern >> bits[id(node)] & 1 else "right_child"]
    return float(node["leaf_value"])
