"""What is learnt for each target: whose outcome, on which scale, against which loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.served.corrections import probability

Floats = NDArray[np.float64]
_LEVEL_LIMIT = 10.0


@dataclass(frozen=True)
class ModelledOutcome:
    """A target with LightGBM's objective for it.

    Scores are log odds (``binary``) or logarithms of a mean (``poisson``, ``gamma``).
    """

    name: str
    objective: str
    value_model: str
    loss_name: str

    def concerned(self, snapshot: pd.DataFrame) -> pd.DataFrame:
        """Take the customers whom the target concerns: of amounts those who bought, for nothing too."""
        return snapshot[snapshot["purchases"] > 0] if self.objective == "gamma" else snapshot

    def weights(self, rows: pd.DataFrame) -> Floats:
        """Weight of each row, shape (n,): amounts weigh as often as they were paid."""
        if self.objective == "gamma":
            return rows["purchases"].to_numpy(dtype=np.float64)
        return np.ones(len(rows))

    def total(self, rows: pd.DataFrame) -> float:
        """Total of the outcome over rows."""
        columns = {"binary": "churned", "poisson": "purchases", "gamma": "spend"}
        return float(rows[columns[self.objective]].sum())

    def rows(self, snapshot: pd.DataFrame) -> pd.DataFrame:
        """Rows that have the outcome: amounts are known of those who bought for more than nothing."""
        if self.objective != "gamma":
            return snapshot
        return snapshot[(snapshot["purchases"] > 0) & (snapshot["spend"] > 0)]

    def outcome(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Outcome of each row and its weight, arrays of shape (n,)."""
        weight = self.weights(rows)
        if self.objective == "gamma":
            return rows["spend"].to_numpy(dtype=np.float64) / weight, weight
        column = "churned" if self.objective == "binary" else "purchases"
        return rows[column].to_numpy(dtype=np.float64), weight

    def mean(self, score: Floats) -> Floats:
        """Mean that a score stands for."""
        return probability(score) if self.objective == "binary" else np.exp(np.minimum(score, 700.0))

    def losses(self, outcome: Floats, score: Floats) -> Floats:
        """Loss of each row: log loss, or Poisson or gamma deviance."""
        from scipy.special import xlogy

        if self.objective == "binary":
            return np.asarray(np.logaddexp(0.0, score) - outcome * score)
        mean = np.maximum(self.mean(score), 1e-300)
        if self.objective == "poisson":
            return np.asarray(2.0 * (xlogy(outcome, outcome / mean) - outcome + mean))
        return np.asarray(2.0 * (np.log(mean / outcome) + outcome / mean - 1.0))

    def level(self, score: Floats, weight: Floats, mean: float) -> float:
        """Give what must be added to all scores for their weighted mean to be a given one.

        0 where nothing would do, as for a mean probability of 0 or 1.
        """
        if self.objective != "binary":
            own = float(np.average(self.mean(score), weights=weight))
            return float(np.log(mean / own)) if mean > 0 and own > 0 else 0.0
        from scipy.optimize import brentq

        def excess(shift: float) -> float:
            return float(np.average(probability(score + shift), weights=weight)) - mean

        if not 0.0 < mean < 1.0 or excess(-_LEVEL_LIMIT) > 0 or excess(_LEVEL_LIMIT) < 0:
            return 0.0
        return float(brentq(excess, -_LEVEL_LIMIT, _LEVEL_LIMIT))


CHURN = ModelledOutcome("churn", "binary", "purchase model", "log loss")
PURCHASES = ModelledOutcome("purchases", "poisson", "purchase model", "Poisson deviance")
SPEND = ModelledOutcome("spend", "gamma", "spend model", "gamma deviance")
MODELLED_OUTCOMES = (CHURN, PURCHASES, SPEND)
