"""What can be learnt beside a value model from earlier snapshots: trees, and a regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guanxi.features.snapshots import OUTCOMES, SnapshotPlan
from guanxi.models.boosting import Rows, grow
from guanxi.models.regression import Regression, logarithms
from guanxi.pipeline.targets import Target

Floats = NDArray[np.float64]
Snapshots = Callable[[date], pd.DataFrame]
Base = Callable[[str, pd.DataFrame, date, int], Floats]

CORRECTING, TREES, REGRESSION = "correcting trees", "trees", "regression"
_LOGARITHMS = (
    "frequency",
    "days_since_last",
    "T",
    "monetary_value",
    "amount_last",
    "amount_mean",
    "lines_last",
    "purchases_decayed_30",
    "purchases_decayed_90",
)
_TRIAL_ROWS, _MOST_ROWS = 50_000, 200_000  # more customers than that tell next to nothing new
_RIDGE = 1e-4  # on standardised columns; some of them nearly repeat others
_MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Window:
    """One snapshot as a target sees it: rows with an outcome, and the value model's scores.

    Attributes
    ----------
    rows : pandas.DataFrame
    outcome, weight : array, shape (n,)
    score : array, shape (n,)
        The value model's.
    miss : float
        What must be added to the scores for their mean to be the one that came.
    """

    rows: pd.DataFrame
    outcome: Floats
    weight: Floats
    score: Floats
    miss: float

    @property
    def mean(self) -> float:
        """Mean outcome."""
        return float(np.average(self.outcome, weights=self.weight))

    @property
    def centred(self) -> Floats:
        """Scores of the value model moved to the mean that came."""
        return self.score + self.miss


@dataclass(frozen=True)
class Lessons:
    """The snapshots known on a training day, for one target."""

    target: Target
    plan: SnapshotPlan
    snapshots: Snapshots
    base: Base
    settings: Mapping[str, Any]
    seed: int
    _known: dict[date, Window] = field(default_factory=dict)

    def window(self, day: date) -> Window:
        """Snapshot of a day."""
        if day not in self._known:
            rows = self.target.rows(self.snapshots(day))
            outcome, weight = self.target.outcome(rows)
            score = self.base(self.target.name, rows, day, self.plan.window_days)
            mean = float(np.average(outcome, weights=weight)) if len(rows) else 0.0
            miss = self.target.level(score, weight, mean) if len(rows) else 0.0
            self._known[day] = Window(rows, outcome, weight, score, miss)
        return self._known[day]

    def varying(self, days: Sequence[date]) -> list[str]:
        """Features that are not the same for everybody."""
        rows = pd.concat([self.window(day).rows for day in days])
        names = [name for name in rows.columns if name not in ("customer_id", *OUTCOMES)]
        return [name for name in names if rows[name].min() < rows[name].max()]

    def boosting_rows(self, days: Sequence[date], features: list[str], *, offset: bool) -> Rows:
        """Rows of several days for LightGBM."""
        windows = [self.window(day) for day in days]
        tables = [each.rows[features].to_numpy(dtype=np.float64, na_value=np.nan) for each in windows]
        return Rows(
            np.vstack(tables),
            np.concatenate([each.outcome for each in windows]),
            np.concatenate([each.centred for each in windows]) if offset else None,
            np.concatenate([each.weight for each in windows]),
        )

    def sample(self, rows: Rows, most: int) -> Rows:
        """Draw at most so many rows, each with the same chance."""
        if len(rows.y) <= most:
            return rows
        chosen = np.sort(np.random.default_rng(self.seed).choice(len(rows.y), most, replace=False))
        offset = None if rows.offset is None else rows.offset[chosen]
        weight = None if rows.weight is None else rows.weight[chosen]
        return Rows(rows.X[chosen], rows.y[chosen], offset, weight)

    def grow(
        self, member: str, days: Sequence[date], features: list[str], rounds: int, later: date | None = None
    ) -> Any:
        """Grow trees from the value model's scores, or from nothing; stop early on a later day."""
        offset = member == CORRECTING
        rows = self.boosting_rows(days, features, offset=offset)
        return grow(
            self.sample(rows, _MOST_ROWS if later is None else _TRIAL_ROWS),
            self.target.objective,
            self.settings,
            rounds,
            self.seed,
            later=None if later is None else self.boosting_rows([later], features, offset=offset),
        )

    def regress(self, day: date) -> dict[str, Any]:
        """Fit the regression on one day: the document of a :class:`guanxi.models.regression.Regression`."""
        window = self.window(day)
        names = [name for name in _LOGARITHMS if window.rows[name].min() < window.rows[name].max()]
        logs = logarithms(window.rows, names)
        mean, scale = logs.mean(axis=0), logs.std(axis=0)
        with threadpool_limits(1):  # threads that wait for each other take longer than one alone
            fitted = _regressor(self.target).fit(
                (logs - mean) / scale, window.outcome, sample_weight=window.weight
            )
        return {
            "features": names,
            "mean": mean.tolist(),
            "scale": scale.tolist(),
            "coefficients": np.ravel(fitted.coef_).tolist(),
            "intercept": float(np.ravel(fitted.intercept_)[0]),
        }

    def regressed(self, document: Mapping[str, Any], day: date) -> Floats:
        """Score a day's rows with a fitted regression."""
        return Regression(document).predict(self.window(day).rows)


def _regressor(target: Target) -> Any:
    from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor

    if target.objective == "binary":
        return LogisticRegression(max_iter=_MOST_ITERATIONS)
    regressor = PoissonRegressor if target.objective == "poisson" else GammaRegressor
    return regressor(alpha=_RIDGE, max_iter=_MOST_ITERATIONS)
