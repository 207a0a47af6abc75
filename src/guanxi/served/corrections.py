"""What trees and regressions add to the value models, on the scale of a logarithm or of log odds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .input_checks import Features, _float_columns
from .model import CorrectionModel
from .regression import Regression
from .trees._ensemble import Trees

Floats = NDArray[np.float64]


def probability(log_odds: ArrayLike) -> Floats:
    """Probability of log odds: ``1 / (1 + exp(-log_odds))``, without overflow.

    Examples
    --------
    >>> probability([0.0, 1000.0])
    array([0.5, 1. ])
    """
    z = np.asarray(log_odds, dtype=np.float64)
    # Both halves are written with exp of a negative number, so that none overflows.
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))


class Correction:
    """What several members say beside a value model, weighted: trees, and a regression.

    With the value model's own ``base`` (log odds of no purchase, logarithm of expected purchases or of the
    expected amount), the corrected one is ``slope * (base + step) + level`` with
    ``step = weighted mean of the members - replaced * base_learnt``. Members that correct were learnt from
    the base as offset; members that replace it were learnt from nothing, so that their step is measured from
    the base of the window they learnt on.

    Parameters
    ----------
    model : CorrectionModel
    texts : sequence of str
        One booster for each member that is trees, in LightGBM's text format.
    """

    def __init__(self, model: CorrectionModel, texts: Sequence[str]) -> None:
        self.window_days, self.replaced = float(model.window_days), float(model.replaced)
        self.slope, self.level = float(model.slope), float(model.level)
        names = list(model.features)
        members: list[_TreeMember | Regression] = [_TreeMember(names, text) for text in texts]
        if model.regression is not None:
            members.append(Regression(model.regression))
        self._members = list(zip(model.weights, members, strict=True))
        #: Feature columns that a table must have.
        self.features = list(dict.fromkeys(name for member in members for name in member.features))
        self._places = [[*map(self.features.index, member.features), -1] for member in members]

    @property
    def has_members(self) -> bool:
        """Whether anything is added but slope and level."""
        return bool(self._members)

    def step(self, features: Features, base_learnt: Floats) -> Floats:
        """Give what is added to the base before slope and level, shape (n,).

        Parameters
        ----------
        features : pandas.DataFrame or FeatureMatrix
        base_learnt : array, shape (n,)
            The value model's base for ``window_days``.
        """
        step = -self.replaced * base_learnt
        for weight, member in self._members:
            step = step + weight * member.predict(features)
        return np.asarray(step)

    def apply(self, base: Floats, step: Floats) -> Floats:
        """Corrected log odds or logarithm, shape (n,)."""
        return self.slope * (base + step) + self.level

    def contributions(self, features: Features) -> Floats:
        """Exact SHAP values of the members, shape (n, len(self.features) + 1); the last is their mean."""
        total = np.zeros((len(features), len(self.features) + 1))
        for places, (weight, member) in zip(self._places, self._members, strict=True):
            total[:, places] += weight * member.contributions(features)
        return total


class _TreeMember:
    """Trees on columns of a feature table."""

    def __init__(self, features: list[str], text: str) -> None:
        self.features = features
        self._trees = Trees([text])

    def predict(self, features: Features) -> Floats:
        return self._trees.predict(self._matrix(features))

    def contributions(self, features: Features) -> Floats:
        return self._trees.contributions(self._matrix(features))

    def _matrix(self, features: Features) -> Floats:
        return _float_columns(features, self.features)
