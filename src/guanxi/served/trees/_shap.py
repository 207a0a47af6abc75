r"""Exact SHAP values of trees for many rows, by tables over decision patterns.

A leaf of value :math:`v` below :math:`u` features gives feature :math:`j` the Shapley value

.. math:: v (o_j - z_j) \int_0^1 \prod_{k \ne j} (o_k t + z_k (1 - t)) \, dt,

where :math:`o_k` is 1 if the row meets all conditions on feature :math:`k` on the path to the leaf, else 0,
and :math:`z_k` is the product of the shares of training rows that meet each of them. (The integral combines
all Shapley weights, since :math:`\int_0^1 t^s (1 - t)^{u - 1 - s} dt = s! (u - 1 - s)! / u!`.)
Gauss-Legendre quadrature with :math:`\lceil u / 2 \rceil` nodes is exact for this polynomial, and all its
terms are positive. As only the :math:`o` differ between rows, the results of a few leaves are tabulated once
and looked up for each row.

References
----------
Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI for trees,
Nature Machine Intelligence 2 (path-dependent SHAP values, weighted by the trees' row counts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from . import _nodes as tree_nodes
from ._nodes import Bools, Coder, Floats, Integers, Node

# Measured with 31 leaves: larger groups need fewer look-ups, but in tables too large for the cache.
_GROUP_BITS = 8
_TABLE_BITS = 12  # for a single leaf below many features


class TreeShap:
    """Exact path-dependent SHAP values of the sum of trees.

    Parameters
    ----------
    trees : sequence of mapping
        The trees' root nodes as in ``Booster.dump_model()``; all grown on the same features.

    Attributes
    ----------
    mean : float
        Mean of the sum of the trees over their training rows.

    Examples
    --------
    >>> import numpy as np
    >>> stump = {"split_feature": 0, "decision_type": "<=", "threshold": 1.5, "missing_type": "None",
    ...          "default_left": True, "internal_count": 4,
    ...          "left_child": {"leaf_value": 0.0, "leaf_count": 3},
    ...          "right_child": {"leaf_value": 1.0, "leaf_count": 1}}
    >>> trees = TreeShap([stump])
    >>> trees.mean, trees.values(np.array([[1.0], [2.0]])).ravel()
    (0.25, array([-0.25,  0.75]))
    """

    def __init__(self, trees: Sequence[Node]) -> None:
        self._coders = tree_nodes.coders(trees)
        self._groups = [group for tree in trees for group in self._grouped(tree, _Path())]
        self.mean = float(sum(tree_nodes.mean(tree) for tree in trees))

    def values(self, matrix: Floats) -> Floats:
        """SHAP values of each row, shape (n, n_features); NaN in the matrix is a missing value."""
        values = np.empty(matrix.shape)
        for rows, codes in tree_nodes.code_chunks(self._coders, matrix):
            total = np.zeros(matrix[rows].T.shape)
            for group in self._groups:
                group.add(codes, total)
            values[rows] = total.T
        return values

    def _grouped(self, node: Node, path: _Path) -> Iterator[_Group | _DeepLeaf]:
        """Split a tree into groups of leaves small enough for a table."""
        bits = len(path.shares) + sum(1 for _ in tree_nodes.splits(node))
        if bits <= _GROUP_BITS or (not tree_nodes.is_split(node) and bits <= _TABLE_BITS):
            yield _Group(node, path, self._coders)
        elif not tree_nodes.is_split(node):
            yield _DeepLeaf(float(node["leaf_value"]), path)
        else:
            left = self._coders[node["split_feature"]].goes_left(node)
            yield from self._grouped(node["left_child"], path.left(node, left))
            yield from self._grouped(node["right_child"], path.right(node, left))


def effects_by_pattern(tree: Node) -> dict[int, Floats]:
    """SHAP values of each feature of a small tree by pattern; the first split has the highest bit."""
    splits = list(tree_nodes.splits(tree))
    tables = {int(split["split_feature"]): np.zeros(2 ** len(splits)) for split in splits}
    patterns = iter(_all_patterns(len(splits))[::-1])
    for value, end in _leaves(tree, patterns, _Path()):
        for feature, effects in _leaf_effects(value, end.met, end.shares):
            tables[feature] += effects
    return tables


class _Path:
    """Path to a node: for each feature, which codes meet all conditions, and the product of shares."""

    def __init__(self, met: Mapping[int, Bools] | None = None, shares: Mapping[int, float] | None = None):
        self.met = dict(met or {})
        self.shares = dict(shares or {})

    def left(self, split: Node, goes_left: Bools) -> _Path:
        return self._on(split["split_feature"], goes_left, tree_nodes.shares(split)[0])

    def right(self, split: Node, goes_left: Bools) -> _Path:
        return self._on(split["split_feature"], ~goes_left, tree_nodes.shares(split)[1])

    def _on(self, feature: int, way: Bools, share: float) -> _Path:
        met = self.met[feature] & way if feature in self.met else way
        return _Path(
            self.met | {feature: met}, self.shares | {feature: self.shares.get(feature, 1.0) * share}
        )


class _Group:
    """The leaves below a node, and their contribution to each feature by decision pattern.

    A pattern has a bit for each feature on the path to the node (all conditions met) and for each split
    below it (goes left).
    """

    def __init__(self, node: Node, path: _Path, coders: Mapping[int, Coder]) -> None:
        bits = list(path.met.items())
        for split in tree_nodes.splits(node):
            bits.append((split["split_feature"], coders[split["split_feature"]].goes_left(split)))
        self._parts: dict[int, Integers] = {}
        for bit, (feature, way) in enumerate(bits):
            self._parts[feature] = self._parts.get(feature, 0) + (way.astype(np.intp) << bit)
        self._table = {feature: np.zeros(2 ** len(bits)) for feature in self._parts}
        patterns = iter(_all_patterns(len(bits)))
        start = _Path({feature: next(patterns) for feature in path.met}, path.shares)
        for value, end in _leaves(node, patterns, start):
            for feature, effects in _leaf_effects(value, end.met, end.shares):
                self._table[feature] += effects

    def add(self, codes: Mapping[int, Integers], total: Floats) -> None:
        """Add the SHAP values of rows with these codes to ``total``, shape (n_features, n)."""
        pattern = np.zeros(total.shape[1], dtype=np.intp)
        # mode="clip" skips the check of every index, a sixth of all time; nothing is ever clipped.
        for feature, part in self._parts.items():
            pattern += part.take(codes[feature], mode="clip")
        for feature, effects in self._table.items():
            total[feature] += effects.take(pattern, mode="clip")


class _DeepLeaf:
    """A leaf below so many features that a table would have more patterns than there are rows."""

    def __init__(self, value: float, path: _Path) -> None:
        self._value, self._path = value, path

    def add(self, codes: Mapping[int, Integers], total: Floats) -> None:
        """Add the SHAP values of rows with these codes to ``total``, shape (n_features, n)."""
        met = {feature: way[codes[feature]] for feature, way in self._path.met.items()}
        for feature, effects in _leaf_effects(self._value, met, self._path.shares):
            total[feature] += effects


def _leaves(node: Node, patterns: Iterator[Bools], path: _Path) -> Iterator[tuple[float, _Path]]:
    """Yield each leaf's value and its path in terms of patterns, which follow the order of the splits."""
    if tree_nodes.is_split(node):
        left = next(patterns)
        yield from _leaves(node["left_child"], patterns, path.left(node, left))
        yield from _leaves(node["right_child"], patterns, path.right(node, left))
    else:
        yield float(node["leaf_value"]), path


def _leaf_effects(
    value: float, met: Mapping[int, Bools], shares: Mapping[int, float]
) -> Iterator[tuple[int, Floats]]:
    """Yield each feature on a leaf's path, and its SHAP values over the patterns (rows) of ``met``."""
    u = len(shares)
    if not u:
        return
    o, z = np.array([met[feature] for feature in shares]), np.array(list(shares.values()))
    if 2**u < o.shape[1]:
        # The leaf has fewer patterns than rows are given: compute each once.
        effects = _shapley(value, _all_patterns(u), z)[:, 2 ** np.arange(u) @ o]
    else:
        effects = _shapley(value, o, z)
    yield from zip(shares, effects, strict=True)


def _shapley(value: float, o: Bools, z: Floats) -> Floats:
    """Evaluate the module's formula: shape (u, n) from ``o`` of that shape and ``z`` (u,)."""
    nodes, weights = _quadrature(len(z))
    outside = z[:, None] * (1 - nodes)
    factors = np.array([outside, nodes + outside])
    product = np.full((o.shape[1], len(nodes)), value)
    for feature, inside in enumerate(o.astype(np.intp)):
        product *= factors[inside, feature]
    left_out, met = (product @ (weights * (k - z[:, None]) / factors[k]).T for k in (0, 1))
    return np.asarray(np.where(o, met.T, left_out.T))


@cache
def _quadrature(u: int) -> tuple[Floats, Floats]:
    """Nodes and weights on (0, 1), exact for polynomials of degree ``u - 1``."""
    nodes, weights = np.polynomial.legendre.leggauss((u + 1) // 2)
    return (nodes + 1) / 2, weights / 2


@cache
def _all_patterns(bits: int) -> Bools:
    """All bit patterns, shape (bits, 2 ** bits)."""
    return (np.arange(2**bits) >> np.arange(bits)[:, None] & 1).astype(bool)
