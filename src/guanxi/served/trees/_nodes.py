"""Trees in the format of ``lightgbm.Booster.dump_model()``: decisions, and shares of the training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.intp]
Codes = NDArray[Any]
Node = Mapping[str, Any]
Kind = tuple[str, bool]
#: Gives a feature's codes by its place: those in which a missing value is the highest, and is the lowest.
CodesOf = Callable[[int], tuple[Codes, Codes]]

_ROWS_AT_ONCE = 16384
_ZERO = float(np.float32(1e-35))  # as in LightGBM
_LARGEST_BYTE = 255


class Coder:
    """Codes of one feature: values with the same code go the same way at every split.

    Parameters
    ----------
    nodes : sequence of mapping
        All splits on the feature.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._categorical = bool(nodes[0]["decision_type"] == "==")
        self._zero_is_missing = nodes[0]["missing_type"] == "Zero"
        if self._categorical:
            self._n = 1 + max(category for node in nodes for category in _categories(node))
        else:
            self._thresholds = np.unique([_threshold(node) for node in nodes])
            self._n = len(self._thresholds) + 1

    def codes(self, values: Floats) -> Integers:
        """Code of each value; the last is for missing values and for categories that occur in no split."""
        if self._categorical:
            category = np.trunc(values)
            named = (category >= 0) & (category < self._n)
            return np.where(named, category, self._n).astype(np.intp)
        missing = np.isnan(values)
        if self._zero_is_missing:
            missing |= np.abs(values) <= _ZERO
        return np.where(missing, self._n, np.searchsorted(self._thresholds, values))

    def sided(self, values: Floats) -> tuple[Codes, Codes]:
        """Small codes of each value, for :meth:`limit`: with missing values highest, and lowest."""
        found = self.codes(values)
        size = np.uint8 if self._n + 1 <= _LARGEST_BYTE else np.uint32
        lowest = found if self._categorical else np.where(found == self._n, 0, found + 1)
        return found.astype(size), lowest.astype(size)

    def limit(self, node: Node) -> tuple[bool, int]:
        """Side and limit of a numerical split: the side's codes up to the limit go left."""
        left = self.goes_left(node)
        missing_left, highest = bool(left[-1]), int(left[:-1].sum()) - 1
        return missing_left, highest + missing_left

    @property
    def is_categorical(self) -> bool:
        """Whether the splits name categories."""
        return self._categorical

    def goes_left(self, node: Node) -> Bools:
        """Whether each code goes left at one of the splits."""
        left = np.zeros(self._n + 1, dtype=bool)
        if self._categorical:
            left[_categories(node)] = True
            return left
        threshold = _threshold(node)
        left[: np.searchsorted(self._thresholds, threshold) + 1] = True
        left[-1] = node["default_left"] if node["missing_type"] != "None" else threshold >= 0.0
        return left


def kind(split: Node) -> Kind:
    """Return what splits that share codes have in common: categories or numbers, and what is missing."""
    return split["decision_type"], split["missing_type"] == "Zero"


def splits(node: Node) -> Iterator[Node]:
    """Yield the splits at and below a node in pre-order."""
    if is_split(node):
        yield node
        yield from splits(node["left_child"])
        yield from splits(node["right_child"])


def coders(trees: Sequence[Node]) -> dict[int, Coder]:
    """Coder of each feature used by the trees."""
    asked: dict[int, list[Node]] = {}
    for split in (split for tree in trees for split in splits(tree)):
        asked.setdefault(split["split_feature"], []).append(split)
    return {feature: Coder(nodes) for feature, nodes in asked.items()}


def code_chunks(coders: Mapping[int, Coder], matrix: Floats) -> Iterator[tuple[slice, dict[int, Integers]]]:
    """Yield chunks of rows of a matrix, and their codes by feature."""
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        yield rows, {feature: coder.codes(matrix[rows, feature]) for feature, coder in coders.items()}


def is_split(node: Node) -> bool:
    """Whether the node is a split; otherwise it is a leaf."""
    return "split_feature" in node


def shares(node: Node) -> tuple[float, float]:
    """Shares of a split's training rows to the left and to the right."""
    left, right = (
        child["internal_count"] if is_split(child) else child["leaf_count"]
        for child in (node["left_child"], node["right_child"])
    )
    return left / node["internal_count"], right / node["internal_count"]


def mean(node: Node) -> float:
    """Mean leaf value of the training rows below a node."""
    if not is_split(node):
        return float(node["leaf_value"])
    left, right = shares(node)
    return left * mean(node["left_child"]) + right * mean(node["right_child"])


def _categories(node: Node) -> list[int]:
    return [int(category) for category in node["threshold"].split("||")]


def _threshold(node: Node) -> float:
    """Greatest value that goes left; LightGBM writes infinity as 1e300."""
    written = float(node["threshold"])
    return np.inf if written >= 1e300 else written
