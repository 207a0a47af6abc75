"""Trees grown with several seeds: scores and SHAP values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from . import _nodes, _text
from ._nodes import Coder, CodesOf, Floats, Node
from ._shap import TreeShap
from ._small import SmallTrees, are_small

# Tables of larger trees take as long to build as LightGBM needs for 700 rows (300 trees of 31 leaves) on two
# busy cores, up to twice as many on idle ones: benchmarks/drivers.py.
_MANY_ROWS = 2000


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
        self._roots = [root for text in self._texts for root in _text.roots(text)]
        self.are_small = are_small(self._roots)
        self._loaded: list[Any] = []
        if not self.are_small:
            self._load()  # what is not installed is missed now, not when the first row is scored

    @property
    def splits(self) -> Iterator[Node]:
        """All splits of the trees."""
        return (split for root in self._roots for split in _nodes.splits(root))

    @cached_property
    def coders(self) -> Mapping[int, Coder]:
        """Coder of each feature that the trees use, by its place."""
        return _nodes.coders(self._roots)

    def share(self, coders: Mapping[int, Coder]) -> None:
        """Use coders, by place of the feature, that were made for other trees too."""
        self.coders = coders

    def predict(self, matrix: Floats) -> Floats:
        """Raw score of each row, shape (n,), on the scale of the offset the trees were grown from.

        Parameters
        ----------
        matrix : array of shape (n, n_features)
            NaN is a missing value; categories are whole numbers.
        """
        if self.are_small:
            return self.predict_coded(len(matrix), self._codes(matrix))
        scores = [booster.predict(matrix, raw_score=True) for booster in self._load()] if len(matrix) else []
        return np.asarray(np.mean(scores, axis=0) if scores else np.empty(0), dtype=np.float64)

    def predict_coded(self, rows: int, codes: CodesOf) -> Floats:
        """Score as :meth:`predict` does, from the codes of the features of small trees."""
        return np.asarray(self._small.values(rows, codes) / len(self._texts))

    def contributions(self, matrix: Floats) -> Floats:
        """Exact path-dependent SHAP values of each row.

        Few rows of large trees use LightGBM's TreeSHAP, others tables; they agree up to rounding (1e-12).

        Parameters
        ----------
        matrix : array of shape (n, n_features)

        Returns
        -------
        array of shape (n, n_features + 1)
            Rows sum to :meth:`predict`; the last column is the mean of the trees over their training rows.

        References
        ----------
        Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI
        for trees, Nature Machine Intelligence 2.
        """
        n, features = matrix.shape
        if self.are_small:
            return self.contributions_coded(n, self._codes(matrix), features)
        if 0 < n < _MANY_ROWS:
            each = [booster.predict(matrix, pred_contrib=True) for booster in self._load()]
            return np.asarray(np.mean(each, axis=0), dtype=np.float64)
        return self._with_mean(np.vstack([self._large.values(matrix).T, np.empty((1, n))]))

    def contributions_coded(self, rows: int, codes: CodesOf, features: int) -> Floats:
        """SHAP values as of :meth:`contributions`, from the codes of the features of small trees."""
        return self._with_mean(self._small.effects(rows, codes, features + 1))

    def _with_mean(self, effects: Floats) -> Floats:
        """Write the mean into the last row; return rows of means over the boosters."""
        effects[-1] = self._mean
        return (effects / len(self._texts) if len(self._texts) > 1 else effects).T

    @cached_property
    def _small(self) -> SmallTrees:
        return SmallTrees(self._roots, self.coders)

    @cached_property
    def _large(self) -> TreeShap:
        return TreeShap(self._roots)

    @cached_property
    def _mean(self) -> float:
        """Sum of the trees' means over their training rows."""
        return float(sum(map(_nodes.mean, self._roots)))

    def _codes(self, matrix: Floats) -> CodesOf:
        return cache(lambda feature: self.coders[feature].sided(matrix[:, feature]))

    def _load(self) -> list[Any]:
        if not self._loaded:
            # Spinning threads would block the cores.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import lightgbm

            self._loaded = [lightgbm.Booster(model_str=text) for text in self._texts]
        return self._loaded
