"""Weights of the indicators that are known: within a branch first, then between branches.

An indicator that is missing gives its weight to the others of its branch, in proportion, so that the branch
keeps its weight. Only a branch of which nothing is known gives its weight to its siblings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]  # single or double precision
Flags = NDArray[np.bool_]

Paths = Mapping[str, Sequence[str]]  # of each indicator, the names of its branches from the top

LEAST_WEIGHT = 1e-12  # a drawn weight of 0 still lets the only known indicator of a branch stand for it


@dataclass(frozen=True)
class Branches:
    """A branch of the tree, as positions in the list of indicators.

    Attributes
    ----------
    leaves : tuple of int
        Indicators directly in this branch.
    children : tuple of Branches
    stretch : tuple of float
        Of the whole tree: weights over nominal weights of indicators whose effective importance was matched.
        What is missing then passes on its nominal weight. Empty: weights are nominal.
    """

    leaves: tuple[int, ...]
    children: tuple[Branches, ...] = ()
    stretch: tuple[float, ...] = ()

    @classmethod
    def of(cls, paths: Sequence[Sequence[str]]) -> Self:
        """Build the tree from the path of each indicator: the names of its branches from the top.

        Examples
        --------
        >>> tree = Branches.of([("value",), ("value",), ("satisfaction", "service")])
        >>> tree.children[0].leaves, tree.children[1].children[0].leaves
        ((0, 1), (2,))
        """
        return cls._build([tuple(path) for path in paths], range(len(paths)), 0)

    @classmethod
    def _build(cls, paths: Sequence[tuple[str, ...]], places: Sequence[int], depth: int) -> Self:
        inner: dict[str, list[int]] = {}
        for place in places:
            if len(paths[place]) > depth:
                inner.setdefault(paths[place][depth], []).append(place)
        children = tuple(cls._build(paths, below, depth + 1) for below in inner.values())
        return cls(tuple(place for place in places if len(paths[place]) == depth), children)

    @property
    def below(self) -> tuple[int, ...]:
        """All indicators of the branch."""
        return (*self.leaves, *(place for child in self.children for place in child.below))

    def factors(self, known: Flags, weights: Numbers) -> Iterator[tuple[list[int], Numbers | None]]:
        """Yield indicators with the common factor of their weights, shape (n, n_sets); None is 1.

        Parameters
        ----------
        known : array, shape (n, m)
        weights : array, shape (m, n_sets)
            At least 0. For a customer of whom nothing is known the factors mean nothing.
        """
        nominal = weights / self._column(weights) if self.stretch else weights
        return self._factors(known, np.maximum(nominal, LEAST_WEIGHT), None)

    def _column(self, weights: Numbers) -> Numbers:
        return np.asarray(self.stretch, dtype=weights.dtype)[:, None]

    def _factors(
        self, known: Flags, weights: Numbers, outer: Numbers | None
    ) -> Iterator[tuple[list[int], Numbers | None]]:
        below = list(self.below)
        if known[:, below].all():
            yield below, outer
            return
        parts = [list(child.below) for child in self.children]
        there = np.column_stack(
            [known[:, list(self.leaves)], *(known[:, part].any(axis=1) for part in parts)]
        )
        nominal = np.vstack([weights[list(self.leaves)], *(weights[part].sum(axis=0) for part in parts)])
        found = there.astype(weights.dtype) @ nominal
        # Where nothing is known the branch has no part in the score, and its factor is not used.
        factor = np.divide(nominal.sum(axis=0), found, out=np.ones_like(found), where=found > 0)
        if outer is not None:
            factor *= outer
        if self.leaves:
            yield list(self.leaves), factor
        for child in self.children:
            yield from child._factors(known, weights, factor)

    def reallocate(self, weights: Numbers, known: Flags) -> Numbers:
        """Weights of each customer, shape (n, m), adding up to the sum of all weights if those are nominal.

        Parameters
        ----------
        weights : array, shape (m,)
        known : array, shape (n, m)

        Examples
        --------
        >>> branches = Branches.of([("value",), ("value",), ("satisfaction",), ("satisfaction",)])
        >>> known = np.array([[True, True, True, False], [True, False, False, False]])
        >>> branches.reallocate(np.array([0.6, 0.3, 0.05, 0.05]), known).round(3).tolist()
        [[0.6, 0.3, 0.1, 0.0], [1.0, 0.0, 0.0, 0.0]]
        """
        own = np.where(known, np.maximum(weights, LEAST_WEIGHT), 0.0)
        for columns, factor in self.factors(known, weights[:, None]):
            if factor is not None:
                own[:, columns] *= factor
        return own


class MatchedPaths(dict[str, tuple[str, ...]]):
    """Paths of indicators whose weights were stretched so that their effective importance is nominal."""

    def __init__(self, paths: Mapping[str, tuple[str, ...]], stretch: Mapping[str, float]) -> None:
        super().__init__(paths)
        self.stretch = stretch


def branches_of(names: Sequence[str], paths: Paths | None) -> Branches:
    """Build the tree of some indicators; without paths all are in one branch."""
    tree = Branches.of([() if paths is None else paths[name] for name in names])
    if isinstance(paths, MatchedPaths):
        return replace(tree, stretch=tuple(paths.stretch[name] for name in names))
    return tree
