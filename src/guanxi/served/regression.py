"""A regression on logarithms of features: what it says and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .input_checks import Features, _float_columns
from .model import RegressionModel

Floats = NDArray[np.float64]


def logarithms(features: Features, names: Sequence[str]) -> Floats:
    """``log(1 + feature)``, negative and missing ones as 0, shape (n, len(names))."""
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

    def predict(self, features: Features) -> Floats:
        """Score of each row, shape (n,)."""
        return np.asarray(self.contributions(features).sum(axis=1))

    def contributions(self, features: Features) -> Floats:
        """Part of each feature in the score, shape (n, features + 1); the last is the score of the average.

        For a linear score these are the SHAP values, features taken as independent (Lundberg & Lee 2017, A
        unified approach to interpreting model predictions, corollary 1).
        """
        standardised = (logarithms(features, self.features) - self._mean) / self._scale
        parts = standardised * self._coefficients
        return np.column_stack([parts, np.full(len(features), self._intercept)])
