"""Rules of at most three conditions for each segment, from a shallow tree, with their quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.segments._attribute_space import AttributeSpace
from guanxi.segments._conditions import SIGNS, Condition, parse_condition

Booleans = NDArray[np.bool_]

DEPTH = 3
_SMALLEST_LEAF = 0.01  # of the segment


def segment_rule(attributes: pd.DataFrame, space: AttributeSpace, member: Booleans) -> dict[str, str]:
    """Find the rule of at most three conditions that best separates a segment from all other customers.

    The rule is the node with the highest F1 score in a classification tree of depth 3; ties go to the
    shortest rule. Thresholds are rounded to the fewest digits that split these customers in the same way.

    Parameters
    ----------
    attributes : pandas.DataFrame
        From :func:`guanxi.segments._attribute_space.readable_attributes`.
    space : AttributeSpace
    member : array of bool, shape (n,)

    Returns
    -------
    dict of str to str
        A condition for :func:`guanxi.segments._conditions.parse_condition`.

    Examples
    --------
    >>> from guanxi.segments._attribute_space import learn_space
    >>> attributes = pd.DataFrame({"age": [20.0] * 50 + [61.0] * 50})
    >>> segment_rule(attributes, learn_space(attributes), attributes["age"].to_numpy() > 50)
    {'age': '> 40'}
    """
    from sklearn.tree import DecisionTreeClassifier

    steps, columns = _questions(attributes, space)
    smallest = max(1, int(_SMALLEST_LEAF * member.sum()))
    tree = DecisionTreeClassifier(
        max_depth=DEPTH, class_weight="balanced", min_samples_leaf=smallest, random_state=0
    ).fit(columns, member)
    # Without the root, which holds for everyone; evaluated as written, since unknown values fail every test.
    paths = [_path(tree.tree_, node) for node in range(1, tree.tree_.node_count)]
    rules = [_when(path, steps, columns) for path in sorted(paths, key=len)]
    return max(rules, key=lambda rule: _f1(parse_condition(rule, "rule"), attributes, member))


def _f1(condition: Condition, attributes: pd.DataFrame, member: Booleans) -> float:
    found = condition.holds(attributes)
    return 2.0 * float((found & member).sum()) / float(found.sum() + member.sum())


def rule_quality(condition: Condition, attributes: pd.DataFrame, member: Booleans) -> tuple[float, float]:
    """Precision and recall of a rule for the members of a segment."""
    found = condition.holds(attributes)
    hits = float((found & member).sum())
    return (hits / float(found.sum()) if found.any() else np.nan), hits / float(member.sum())


def _questions(attributes: pd.DataFrame, space: AttributeSpace) -> tuple[list[tuple[str, str | None]], Any]:
    """Tree features: numbers, with the median for unknown ones, and dummy columns for categories."""
    steps: list[tuple[str, str | None]] = []
    columns = []
    for name, (median, _) in space.numbers.items():
        steps.append((name, None))
        columns.append(attributes[name].fillna(median).to_numpy(dtype=np.float64))
    for name, categories in space.categories.items():
        for category in categories:
            steps.append((name, category))
            columns.append((attributes[name] == category).to_numpy(dtype=np.float64))
    return steps, np.column_stack(columns)


def _path(tree: Any, node: int) -> list[tuple[int, bool, float]]:
    """Columns, directions (above or not) and thresholds from the root to a node."""
    parents = {int(child): (at, False) for at, child in enumerate(tree.children_left) if child >= 0}
    parents |= {int(child): (at, True) for at, child in enumerate(tree.children_right) if child >= 0}
    steps = []
    while node in parents:
        node, above = parents[node]
        steps.append((int(tree.feature[node]), above, float(tree.threshold[node])))
    return steps[::-1]


def _when(
    path: Sequence[tuple[int, bool, float]], questions: Sequence[tuple[str, str | None]], columns: Any
) -> dict[str, str]:
    """Convert a path to a condition: the tightest bounds of numbers and all tests of categories."""
    bounds: dict[tuple[str, str], str] = {}
    words: dict[str, list[str]] = {}
    for column, above, threshold in path:
        name, category = questions[column]
        if category is None:
            bounds[name, ">" if above else "<="] = _short(threshold, columns[:, column])
        elif above:
            words[name] = [f"== {category}" if category[0] in SIGNS else category]
        else:
            words.setdefault(name, []).append(f"!= {category}")
    parts = {name: list(tests) for name, tests in words.items()}
    for (name, sign), threshold_text in sorted(bounds.items(), reverse=True):
        parts.setdefault(name, []).append(f"{sign} {threshold_text}")
    return {name: " and ".join(parts[name]) for name in sorted(parts)}


def _short(threshold: float, values: NDArray[np.float64]) -> str:
    """Round the threshold to the fewest digits that split the values in the same way."""
    below = int((values <= threshold).sum())
    texts = (f"{threshold:.{digits}g}" for digits in range(1, 17))
    text = next((text for text in texts if int((values <= float(text)).sum()) == below), repr(threshold))
    return f"{float(text):.15g}"
