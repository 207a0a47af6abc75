"""Corrections of the value models by trees and regressions, on the scale of a logarithm or of log odds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .input_checks import Features, _FeatureMatrix, _float_columns
from .model import CorrectionModel, RegressionModel
from .trees._ensemble import Trees
from .trees._nodes import Coder, CodesOf, Kind, Node, kind

Floats = NDArray[np.float64]


def probability(log_odds: ArrayLike) -> Floats:
    """Probability of log odds: ``1 / (1 + exp(-log_odds))``, without overflow.

    Examples
    --------
    >>> probability([0.0, 1000.0])
    array([0.5, 1. ])
    """
    z = np.asarray(log_odds, dtype=np.float64)
    # exp of a negative number cannot overflow.
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))


def logarithms(features: Features, names: Sequence[str]) -> Floats:
    """``log(1 + feature)``, shape (n, len(names)); negative and missing values count as 0."""
    values = _float_columns(features, names)
    return np.asarray(np.log1p(np.maximum(np.nan_to_num(values, nan=0.0), 0.0)))


class Regression:
    """Linear score of standardised logarithms of features.

    Parameters
    ----------
    model : RegressionModel

    Examples
    --------
    >>> import pandas as pd
    >>> model = RegressionModel(("T",), mean=(0.0,), scale=(1.0,), coefficients=(2.0,), intercept=1.0)
    >>> Regression(model).predict(pd.DataFrame({"T": [0.0, np.e - 1.0]}))
    array([1., 3.])
    """

    def __init__(self, model: RegressionModel) -> None:
        self.features = list(model.features)
        self._mean, self._scale, self._coefficients = (
            np.asarray(values, dtype=np.float64) for values in (model.mean, model.scale, model.coefficients)
        )
        self._intercept = float(model.intercept)
        self._highest = np.asarray(model.highest or np.inf, dtype=np.float64)

    def predict(self, features: Features) -> Floats:
        """Score of each row, shape (n,)."""
        return np.asarray(self.contributions(features).sum(axis=1))

    def contributions(self, features: Features) -> Floats:
        """Contribution of each feature to the score, shape (n, features + 1); the last is the average score.

        For a linear score and independent features these are the SHAP values (Lundberg & Lee 2017, A unified
        approach to interpreting model predictions, corollary 1).
        """
        known = np.minimum(logarithms(features, self.features), self._highest)
        standardised = (known - self._mean) / self._scale
        parts = standardised * self._coefficients
        return np.column_stack([parts, np.full(len(features), self._intercept)])


class Correction:
    """Weighted correction of a value model by several members: trees and possibly a regression.

    The value model gives the ``base``: log odds of no purchase, logarithm of expected purchases or of the
    expected amount. The corrected value is ``slope * (base + step) + level`` with
    ``step = weighted mean of the members - replaced * training_base``. Members that correct the base were
    fitted with it as offset. Members that replace it were fitted without, so their step is measured from the
    base of their training window.

    Parameters
    ----------
    model : CorrectionModel
    texts : sequence of str
        A booster for each tree member, in LightGBM's text format.
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
    def tree_members(self) -> list[_TreeMember]:
        """Members that are trees."""
        return [member for _, member in self._members if isinstance(member, _TreeMember)]

    @property
    def has_members(self) -> bool:
        """Whether it does more than apply slope and level."""
        return bool(self._members)

    def step(self, features: Features, training_base: Floats) -> Floats:
        """Step added to the base before slope and level, shape (n,).

        Parameters
        ----------
        features : pandas.DataFrame or _FeatureMatrix
        training_base : array, shape (n,)
            The value model's base for ``window_days``.
        """
        step = -self.replaced * training_base
        for weight, member in self._members:
            step = step + weight * member.predict(features)
        return np.asarray(step)

    def apply(self, base: Floats, step: Floats) -> Floats:
        """Corrected log odds or logarithms, shape (n,)."""
        return self.slope * (base + step) + self.level

    def contributions(self, features: Features) -> Floats:
        """Exact SHAP values of the members, shape (n, len(self.features) + 1); the last is their mean."""
        total = np.zeros((len(self.features) + 1, len(features)))  # a feature is read as a whole
        for places, (weight, member) in zip(self._places, self._members, strict=True):
            for place, contribution in zip(places, member.contributions(features).T, strict=True):
                if contribution.any():  # few features are used
                    total[place] += weight * contribution
        return total.T


class _TreeMember:
    """Trees on columns of a feature table."""

    def __init__(self, features: list[str], text: str) -> None:
        self.features = features
        self.trees = Trees([text])

    def predict(self, features: Features) -> Floats:
        codes = self._codes(features)
        if codes is None:
            return self.trees.predict(_float_columns(features, self.features))
        return self.trees.predict_coded(len(features), codes)

    def contributions(self, features: Features) -> Floats:
        codes = self._codes(features)
        if codes is None:
            return self.trees.contributions(_float_columns(features, self.features))
        return self.trees.contributions_coded(len(features), codes, len(self.features))

    def _codes(self, features: Features) -> CodesOf | None:
        """Codes that the table keeps; None where the trees need its values."""
        if not (self.trees.are_small and isinstance(features, _FeatureMatrix)):
            return None
        return lambda place: features.codes(self.features[place], self.trees.coders[place])


def share_coders(corrections: Iterable[Correction]) -> None:
    """Let the trees of several targets use the same codes of their features, so that each is coded once."""
    members = [member for each in corrections for member in each.tree_members]
    asked: dict[tuple[str, Kind], list[Node]] = {}
    for member in members:
        for split in member.trees.splits:
            asked.setdefault((member.features[split["split_feature"]], kind(split)), []).append(split)
    shared = {key: Coder(splits) for key, splits in asked.items()}
    for member in members:
        kinds = {split["split_feature"]: kind(split) for split in member.trees.splits}
        member.trees.share({place: shared[member.features[place], each] for place, each in kinds.items()})
