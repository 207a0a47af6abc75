"""Trees grown with several seeds, what they say and why.

Copied into every served model together with ``scoring.py``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nodes import Node
from .shap import TreeShap
from .values import TreeValues, are_small

Floats = NDArray[np.float64]

# Making the tables takes as long as LightGBM takes for 700 rows (300 trees of 31 leaves) to 1,300 rows (600
# of 5 leaves) on two busy cores, up to twice as many on idle ones: benchmarks/drivers.py.
_MANY_ROWS = 2000


class Trees:
    """LightGBM trees grown with several seeds: what they say is the mean of the boosters.

    Parameters
    ----------
    texts : sequence of str
        The boosters in LightGBM's own text format, one per seed.

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

        Many rows go through tables where the trees are small: the same numbers in a third of the time.
        """
        scores = [each.values(matrix) for each in self._tables()] if len(matrix) >= _MANY_ROWS else []
        scores = scores or [booster.predict(matrix, raw_score=True) for booster in self._boosters()]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """Explain each row exactly by path-dependent SHAP values.

        Few rows go through LightGBM's own TreeSHAP, many through :class:`~.formulas.tree_shap.TreeShap`; the
        two agree to rounding (1e-12).

        Parameters
        ----------
        matrix : array of shape (n, n_features)
            NaN is a missing value, a category its whole number.

        Returns
        -------
        array of shape (n, n_features + 1)
            On the scale of :meth:`predict`, to which the rows add up; the last column is the trees' mean over
            the rows they were grown on.

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
        """Tables of each booster; none where a tree has too many splits for one."""
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
            # Threads that wait by spinning take the cores from others.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import lightgbm

            self._loaded = [lightgbm.Booster(model_str=text) for text in self._texts]
        return self._loaded
