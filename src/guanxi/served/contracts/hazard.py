"""Blended log odds of churning: retention model, regression and trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..document_parts import Attribute
from .document import HazardRegression, HazardTrees, RetentionModel
from .hazard_regression import attribute_parts, attribute_score, tenure_steps
from .hazard_trees import RENEWALS, HazardCorrection
from .retention_hazard import RetentionHazard

Floats = NDArray[np.float64]


class BlendedHazard:
    """Log odds of churning at the next opportunities, without season and level of the month.

    Parameters
    ----------
    retention : RetentionModel
    regression : HazardRegression or None
    trees : HazardTrees or None
    texts : sequence of str
        The boosters of the trees in LightGBM's text format.
    attributes : sequence of Attribute
    """

    def __init__(
        self,
        retention: RetentionModel,
        regression: HazardRegression | None = None,
        trees: HazardTrees | None = None,
        texts: Sequence[str] = (),
        attributes: Sequence[Attribute] = (),
    ) -> None:
        self._retention = RetentionHazard(retention)
        self._regression = regression
        self._trees = HazardCorrection(trees, texts, attributes)

    def future(self, features: pd.DataFrame, opportunities: int) -> Floats:
        """Log odds at each of the next opportunities, shape (n, opportunities)."""
        return np.asarray(
            self._retention.future(features, opportunities) + self.steps(features, opportunities)
        )

    def next(self, features: pd.DataFrame) -> Floats:
        """Log odds at the next opportunity, shape (n,)."""
        steps = self.steps(features, 1)
        return np.asarray(self._retention.next(features) + (steps[:, 0] if np.ndim(steps) else steps))

    def steps(self, features: pd.DataFrame, opportunities: int) -> Any:
        """Sum what regression and trees add, shape (n, opportunities); 0 without both."""
        steps = self._trees.steps(features, opportunities)
        if self._regression is None:
            return steps
        renewals = features[RENEWALS].to_numpy(dtype=np.float64)[:, None] + np.arange(opportunities)
        tenure = tenure_steps(self._regression, renewals)
        return steps + tenure + attribute_score(self._regression, features, renewals)

    def contributions(self, features: pd.DataFrame) -> tuple[dict[str, Floats], float]:
        """Sum what each attribute adds to the log odds of the next opportunity, and a constant.

        ``renewals`` has the retention model at mean covariates, and all other effects of the tenure.
        """
        mean, total = self._retention.contributions(features)
        total[RENEWALS] = total.get(RENEWALS, 0.0) + mean
        by_tree, constant = self._trees.contributions(features)
        parts = [by_tree]
        if self._regression is not None:
            tenure = tenure_steps(self._regression, features[RENEWALS].to_numpy(dtype=np.float64))
            parts += [{RENEWALS: tenure}, attribute_parts(self._regression, features)]
            constant = constant + self._regression.intercept
        for part in parts:
            for name, effect in part.items():
                total[name] = total.get(name, 0.0) + effect
        return total, constant
