"""The tree of a scorecard: goal at the root, branches of any depth, indicators as leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import ParamsError, did_you_mean

Floats = NDArray[np.float64]

GOAL = "goal"


@dataclass(frozen=True)
class Node:
    """A branch of the tree, or an indicator.

    Attributes
    ----------
    name : str
        Unique in the tree.
    children : tuple of Node
        Empty for an indicator.
    """

    name: str
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Yield this node and all its descendants in preorder."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def leaves(self) -> tuple[str, ...]:
        """Names of the indicators below, in document order."""
        return tuple(node.name for node in self.walk() if not node.children)

    @property
    def compared(self) -> dict[str, tuple[str, ...]]:
        """Nodes with two or more children, and their names: the comparisons of the experts."""
        return {
            node.name: tuple(child.name for child in node.children)
            for node in self.walk()
            if len(node.children) > 1
        }


def parse_tree(document: Any, known: Collection[str], where: str = "tree") -> Node:
    """Parse a tree from YAML: branches are keys of a map, indicators items of a list.

    A key with an empty value is an indicator too, and a list may contain maps, so that branches and
    indicators can be siblings. The root is called ``goal``. ``known`` are the valid indicators; ``where``
    names the document in messages, for instance by its key in ``params.yaml``.

    Raises
    ------
    ParamsError
        If an indicator is unknown or appears twice, a branch is empty or its name is used twice, or the
        document is neither map nor list.

    Examples
    --------
    >>> tree = parse_tree({"value": ["margin", "revenue"], "loyalty": "repeat_rate"},
    ...                   known=["margin", "revenue", "repeat_rate"])
    >>> tree.leaves
    ('margin', 'revenue', 'repeat_rate')
    >>> dimensions(tree)
    {'margin': 'value', 'revenue': 'value', 'repeat_rate': 'loyalty'}
    """
    root = Node(GOAL, _children(document, known, where))
    twice = [name for name, count in Counter(node.name for node in root.walk()).items() if count > 1]
    if GOAL in twice:
        raise ParamsError(f"{where}: {GOAL} is the name of the whole tree: give the branch another name")
    if twice:
        kind = "indicator" if twice[0] in known else "branch"
        raise ParamsError(
            f"{where}: {kind} {twice[0]} appears twice: keep one, or weights would count it twice"
        )
    return root


def _children(document: Any, known: Collection[str], where: str) -> tuple[Node, ...]:
    if isinstance(document, str):
        return (_indicator(document, known, where),)
    if isinstance(document, Mapping) and document:
        return tuple(_child(str(name), below, known, where) for name, below in document.items())
    if isinstance(document, list | tuple) and document:
        return tuple(child for entry in document for child in _children(entry, known, where))
    raise ParamsError(f"{where} = {document!r} is not a tree: write a list of indicators or branches")


def _child(name: str, below: Any, known: Collection[str], where: str) -> Node:
    if below is None and name not in known:
        raise ParamsError(
            f"{where}.{name} has no indicator below it and is not one: {did_you_mean(name, known)}"
        )
    if below is None:
        return Node(name)
    if name in known:
        raise ParamsError(f"{where}.{name}: a branch cannot have the name of an indicator: rename the branch")
    return Node(name, _children(below, known, f"{where}.{name}"))


def _indicator(name: str, known: Collection[str], where: str) -> Node:
    if name not in known:
        raise ParamsError(f"{where}: indicator {name!r} is unknown: {did_you_mean(name, known)}")
    return Node(name)


def dimensions(tree: Node) -> dict[str, str]:
    """Map each indicator to its top-level branch; an indicator directly below the root is its own."""
    return {leaf: top.name for top in tree.children for leaf in top.leaves}


def branch_paths(tree: Node) -> dict[str, tuple[str, ...]]:
    """Map each indicator to the branches above it, from the top; one directly below the root is its own.

    Examples
    --------
    >>> tree = parse_tree({"value": ["margin", {"sales": "revenue"}]}, known=["margin", "revenue"])
    >>> branch_paths(tree)
    {'margin': ('value',), 'revenue': ('value', 'sales')}
    """

    def below(node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not node.children:
            yield node.name, path or (node.name,)
        for child in node.children:
            yield from below(child, path if not child.children else (*path, child.name))

    return dict(below(tree, ()))


def global_weights(tree: Node, local: Mapping[str, Floats]) -> Floats:
    """Compute global weights as products of local weights along the tree.

    ``local`` maps each node of ``tree.compared`` to the weights of its children, shape (..., n_children). The
    global weights, shape (..., n_leaves), are in the order of ``tree.leaves``. Rows sum to 1 in both.

    Examples
    --------
    >>> tree = parse_tree({"value": ["margin", "revenue"], "loyalty": "repeat_rate"},
    ...                   known=["margin", "revenue", "repeat_rate"])
    >>> global_weights(tree, {"goal": np.array([0.6, 0.4]), "value": np.array([0.5, 0.5])})
    array([0.3, 0.3, 0.4])
    """
    columns = list(_spread(tree, np.float64(1.0), local))
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _spread(node: Node, weight: Any, local: Mapping[str, Floats]) -> Iterator[Any]:
    if not node.children:
        yield weight
    for i, child in enumerate(node.children):
        share = local[node.name][..., i] if len(node.children) > 1 else 1.0
        yield from _spread(child, weight * share, local)
