"""Sums of small trees for many rows, by tables over decision patterns.

A tree of few splits has few patterns of answers: its leaf value for each pattern is tabulated once, and each
row looks its own up. Leaf values are added in the order of the trees, as LightGBM does, so that the sums are
the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from . import nodes
from .nodes import Coder, Floats, Integers, Node

MOST_SPLITS = 8  # a pattern is one byte
_ROWS_AT_ONCE = 16384


def are_small(trees: Sequence[Node]) -> bool:
    """Whether every tree has few enough splits for a table."""
    return all(sum(1 for _ in nodes.splits(tree)) <= MOST_SPLITS for tree in trees)


class TreeValues:
    """Sum of trees of at most ``MOST_SPLITS`` splits.

    Parameters
    ----------
    trees : sequence of mapping
        The trees' root nodes as in ``Booster.dump_model()``; all grown on the same features.

    Examples
    --------
    >>> import numpy as np
    >>> stump = {"split_feature": 0, "decision_type": "<=", "threshold": 1.5, "missing_type": "None",
    ...          "default_left": True, "left_child": {"leaf_value": 0.0}, "right_child": {"leaf_value": 1.0}}
    >>> TreeValues([stump, stump]).values(np.array([[1.0], [2.0]]))
    array([0., 2.])
    """

    def __init__(self, trees: Sequence[Node]) -> None:
        self._coders = nodes.coders(trees)
        self._tables = [_Table(tree, self._coders) for tree in trees]

    def values(self, matrix: Floats) -> Floats:
        """Sum of the trees for each row, shape (n,); NaN in the matrix is a missing value."""
        values = np.zeros(len(matrix))
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            codes = {feature: coder.codes(matrix[rows, feature]) for feature, coder in self._coders.items()}
            for table in self._tables:
                table.add(codes, values[rows])
        return values


class _Table:
    """Leaf values of a tree by decision pattern, which has a bit for each split (goes left)."""

    def __init__(self, tree: Node, coders: Mapping[int, Coder]) -> None:
        self._parts: dict[int, np.ndarray] = {}
        splits = list(nodes.splits(tree))
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
        # Clipping, which never happens here, spares the check of every index.
        for feature, part in self._parts.items():
            pattern |= part.take(codes[feature], mode="clip")
        total += self._leaf_values.take(pattern, mode="clip")


def _leaf_value(node: Node, bits: Mapping[int, int], pattern: int) -> float:
    while nodes.is_split(node):
        node = node["left_child" if pattern >> bits[id(node)] & 1 else "right_child"]
    return float(node["leaf_value"])
