"""LightGBM's text format: the trees of a booster, as :meth:`lightgbm.Booster.dump_model` gives them.

Read here, the trees need neither LightGBM nor the seconds of its import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._nodes import Node

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING = ("None", "Zero", "NaN")
_WORD_BITS = 32  # of a set of categories


def roots(text: str) -> list[Node]:
    """Root node of each tree of a booster.

    Parameters
    ----------
    text : str
        Of ``Booster.model_to_string()``.
    """
    trees, _, _ = text.partition("\nend of trees")
    return [_root(dict(_fields(block))) for block in trees.split("\nTree=")[1:]]


def _fields(block: str) -> Iterator[tuple[str, list[str]]]:
    for line in block.splitlines()[1:]:
        name, separator, values = line.partition("=")
        if separator:
            yield name, values.split()


def _root(fields: Mapping[str, list[str]]) -> Node:
    leaves = [
        {"leaf_value": float(value), "leaf_count": int(count)}
        for value, count in zip(
            fields["leaf_value"], fields.get("leaf_count", ["0"] * len(fields["leaf_value"])), strict=True
        )
    ]
    if len(leaves) == 1:
        return leaves[0]
    splits: list[dict[str, Any]] = [_split(fields, place) for place in range(len(leaves) - 1)]
    for place, split in enumerate(splits):
        for side in ("left_child", "right_child"):
            child = int(fields[side][place])
            split[side] = splits[child] if child >= 0 else leaves[~child]
    return splits[0]


def _split(fields: Mapping[str, list[str]], place: int) -> dict[str, Any]:
    kind, threshold = int(fields["decision_type"][place]), fields["threshold"][place]
    categorical = bool(kind & _CATEGORICAL)
    return {
        "split_feature": int(fields["split_feature"][place]),
        "decision_type": "==" if categorical else "<=",
        "threshold": _categories(fields, int(threshold)) if categorical else float(threshold),
        "default_left": bool(kind & _DEFAULT_LEFT),
        "missing_type": _MISSING[kind >> 2 & 3],
        "internal_count": int(fields["internal_count"][place]),
    }


def _categories(fields: Mapping[str, list[str]], place: int) -> str:
    """Categories that go left, as in ``dump_model``: ``1||4``."""
    first, end = (int(bound) for bound in fields["cat_boundaries"][place : place + 2])
    words = [int(word) for word in fields["cat_threshold"][first:end]]
    bits = (bit for bit in range(len(words) * _WORD_BITS) if words[bit // _WORD_BITS] >> bit % _WORD_BITS & 1)
    return "||".join(map(str, bits))
