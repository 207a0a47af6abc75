"""Sums and SHAP values of small trees, by tables over the decisions of a few trees at a time.

Every split compares small whole numbers, the codes of a feature's values, and gives a bit. The bits of a few
trees are the place in tables of their summed leaf values and SHAP values. Bits of thousands of rows are found
by few instructions of the processor, and a table is read once for several trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import _nodes
from ._nodes import Coder, CodesOf, Floats, Integers, Node
from ._shap import effects_by_pattern

MOST_SPLITS = 8
_GROUP_BITS = 12  # tables of 32 kB, which the processor's cache holds
_BYTE_BITS = 8
_ROWS_AT_ONCE = 65536
_FEW_ROWS = 256  # fewer are evaluated at all splits at once


class SmallTrees:
    """Sum of trees of at most ``MOST_SPLITS`` splits.

    The trees are added in their order, in groups; no row's numbers depend on other rows.

    Parameters
    ----------
    trees : sequence of mapping
        Root nodes, as in ``Booster.dump_model()``.
    coders : mapping of int to Coder
        Of each feature that the trees use, by its place; made for these and possibly other trees.

    Examples
    --------
    >>> stump = {"split_feature": 0, "decision_type": "<=", "threshold": 1.5, "missing_type": "None",
    ...          "default_left": True, "left_child": {"leaf_value": 0.0}, "right_child": {"leaf_value": 1.0}}
    >>> coder = Coder([stump])
    >>> trees = SmallTrees([stump, stump], {0: coder})
    >>> trees.values(2, lambda feature: coder.sided(np.array([1.0, 2.0])))
    array([0., 2.])
    """

    def __init__(self, trees: Sequence[Node], coders: Mapping[int, Coder]) -> None:
        self._coders = coders
        self._groups = [_Group(group, coders) for group in _grouped(trees)]

    @cached_property
    def _few(self) -> _AllSplits:
        return _AllSplits(self._groups)

    def values(self, rows: int, codes: CodesOf) -> Floats:
        """Sum of the trees for each row, shape (rows,)."""
        if rows <= _FEW_ROWS:
            found = self._few.patterns(rows, codes) + self._few.starts
            # Added one after the other, as below.
            return np.asarray(np.cumsum(self._few.sums.take(found), axis=1)[:, -1])
        total = np.zeros(rows)
        for part, patterns in self._patterns(rows, codes):
            for group, pattern in zip(self._groups, patterns, strict=True):
                total[part] += group.sums.take(pattern, mode="clip")
        return total

    def effects(self, rows: int, codes: CodesOf, features: int) -> Floats:
        """SHAP values of each row, shape (features, rows)."""
        total = np.zeros((features, rows))
        for part, patterns in self._patterns(rows, codes):
            for group, pattern in zip(self._groups, patterns, strict=True):
                for feature, table in group.effects.items():
                    total[feature, part] += table.take(pattern, mode="clip")
        return total

    def _patterns(self, rows: int, codes: CodesOf) -> Iterator[tuple[slice, Iterable[Integers]]]:
        """Yield parts of the rows, and their patterns in each group."""
        if rows <= _FEW_ROWS:
            yield slice(0, rows), self._few.patterns(rows, codes).T
            return
        for start in range(0, rows, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, rows))
            yield part, (group.patterns(part, codes) for group in self._groups)


class _Split:
    """A decision in terms of codes."""

    def __init__(self, node: Node, coder: Coder) -> None:
        self.feature = int(node["split_feature"])
        self.categories = coder.goes_left(node) if coder.is_categorical else None
        self.missing_left, self.limit = (False, 0) if coder.is_categorical else coder.limit(node)

    def goes_left(self, part: slice, codes: CodesOf, out: NDArray[np.bool_]) -> None:
        found = codes(self.feature)[self.missing_left][part]
        if self.categories is None:
            np.less_equal(found, self.limit, out=out)
        else:
            self.categories.take(found, out=out, mode="clip")


class _Group:
    """A few trees, and their tables over the bits of their splits, the first split's the highest."""

    def __init__(self, trees: Sequence[Node], coders: Mapping[int, Coder]) -> None:
        self._trees, self._coders = trees, coders
        self._bits = [sum(1 for _ in _nodes.splits(tree)) for tree in trees]
        nodes = [split for tree in trees for split in _nodes.splits(tree)]
        self.splits = [_Split(node, coders[node["split_feature"]]) for node in nodes]
        self.sums = np.zeros(1)
        for tree in trees:
            self.sums = np.add.outer(self.sums, _leaf_values(tree)).ravel()

    @cached_property
    def effects(self) -> dict[int, Floats]:
        """SHAP values of each feature by pattern."""
        tables: dict[int, Floats] = {}
        for number, tree in enumerate(self._trees):
            before, bits, after = (
                2 ** sum(part)
                for part in (self._bits[:number], self._bits[number : number + 1], self._bits[number + 1 :])
            )
            for feature, effects in effects_by_pattern(tree).items():
                table = tables.setdefault(feature, np.zeros(before * bits * after))
                table += np.tile(np.repeat(effects, after), before)
        return tables

    def patterns(self, part: slice, codes: CodesOf) -> Integers:
        """Pattern of the rows of a part."""
        pattern = np.zeros(part.stop - part.start, dtype=np.uint16)
        for first in range(0, len(self.splits), _BYTE_BITS):
            splits = self.splits[first : first + _BYTE_BITS]
            pattern <<= len(splits)
            pattern |= _byte(splits, part, codes)
        return pattern.astype(np.intp)


def _byte(splits: Sequence[_Split], part: slice, codes: CodesOf) -> NDArray[np.uint8]:
    """Bits of at most eight splits."""
    byte = np.zeros(part.stop - part.start, dtype=np.uint8)
    left = np.zeros_like(byte)
    for split in splits:
        byte += byte
        split.goes_left(part, codes, left.view(bool))
        byte |= left
    return byte


class _AllSplits:
    """The splits of all groups side by side, for few rows."""

    def __init__(self, groups: Sequence[_Group]) -> None:
        splits = [split for group in groups for split in group.splits]
        self._features = sorted({split.feature for split in splits})
        places = {feature: 2 * place for place, feature in enumerate(self._features)}
        columns = [places[split.feature] + split.missing_left for split in splits]
        self._columns, self._limits = np.array(columns, dtype=np.intp), np.array([s.limit for s in splits])
        self._categorical = {
            place: split.categories for place, split in enumerate(splits) if split.categories is not None
        }
        sizes = [len(group.splits) for group in groups]
        self._firsts = np.cumsum([0, *sizes[:-1]])
        weights = [2 ** np.arange(size)[::-1] for size in sizes]
        self._weights = np.concatenate([*weights, np.zeros(0, dtype=np.int64)])
        self.starts = np.cumsum([0, *(len(group.sums) for group in groups[:-1])])
        self.sums = np.concatenate([group.sums for group in groups])

    def patterns(self, rows: int, codes: CodesOf) -> Integers:
        """Pattern of each row in each group, shape (rows, groups)."""
        if not self._features:
            return np.zeros((rows, len(self.starts)), dtype=np.intp)
        sided = [side for feature in self._features for side in codes(feature)]
        found = np.array(sided).T[:, self._columns]
        left = found <= self._limits
        for place, categories in self._categorical.items():
            left[:, place] = categories[found[:, place]]
        return np.asarray(np.add.reduceat(left * self._weights, self._firsts, axis=1))


def are_small(trees: Sequence[Node]) -> bool:
    """Whether every tree has few enough splits for a table."""
    return all(sum(1 for _ in _nodes.splits(tree)) <= MOST_SPLITS for tree in trees)


def _grouped(trees: Sequence[Node]) -> Iterator[list[Node]]:
    """Yield following trees that have few enough splits together; those without a split join others."""
    group: list[Node] = []
    bits = 0
    for tree in trees:
        size = sum(1 for _ in _nodes.splits(tree))
        if group and bits and bits + size > _GROUP_BITS:
            yield group
            group, bits = [], 0
        group.append(tree)
        bits += size
    if group:
        yield group


def _leaf_values(tree: Node) -> Floats:
    """Leaf value by pattern of the tree's splits."""
    splits = list(_nodes.splits(tree))
    bits = {id(split): len(splits) - 1 - place for place, split in enumerate(splits)}
    return np.array([_leaf_value(tree, bits, pattern) for pattern in range(2 ** len(splits))])


def _leaf_value(node: Node, bits: Mapping[int, int], pattern: int) -> float:
    while _nodes.is_split(node):
        node = node["left_child" if pattern >> bits[id(node)] & 1 else "right_child"]
    return float(node["leaf_value"])
