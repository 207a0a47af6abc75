"""Base learners that complement a value model: trees and a regression fitted to earlier snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guanxi.features.snapshots import LOG_GAPS, OUTCOMES, SnapshotPlan
from guanxi.models.boosting import Bins, Rows, grow, grow_in_parallel
from guanxi.models.losses import gamma_deviance, logistic_loss, poisson_deviance
from guanxi.served.corrections import Regression, logarithms, probability
from guanxi.served.model import RegressionModel

Floats = NDArray[np.float64]
Snapshots = Callable[[date], pd.DataFrame]
Base = Callable[[str, pd.DataFrame, date, int], Floats]

CORRECTING, TREES, REGRESSION = "correcting trees", "trees", "regression"
_LOGARITHMS = (
    *("frequency", "days_since_last", "T", "monetary_value", "amount_last", "amount_mean", "lines_last"),
    *("purchases_decayed_30", "purchases_decayed_90"),
)
_TRIAL_ROWS, _MOST_ROWS = 30_000, 200_000  # more rows hardly improve the fit
# Times the largest logarithm of a feature in training, up to which the regression is extrapolated.
_FURTHEST = 2.0
# On standardised columns, some of them nearly collinear. For churn it is a prior of standard deviation .3 for
# each coefficient, which yields to thousands of rows.
_RIDGE, _CHURN_PENALTY = 1e-4, 10.0
_MOST_ITERATIONS = 2000
_KEYS = ("customer_id", LOG_GAPS)
_COLUMNS = {"binary": "churned", "poisson": "purchases", "gamma": "spend"}
_LEVEL_LIMIT = 10.0


@dataclass(frozen=True)
class ModelledOutcome:
    """A target and its LightGBM objective.

    Scores are log odds (``binary``) or log means (``poisson``, ``gamma``).
    """

    name: str
    objective: str
    value_model: str
    loss_name: str

    def weights(self, rows: pd.DataFrame) -> Floats:
        """Weight of each row, shape (n,): for amounts, the number of purchases."""
        if self.objective == "gamma":
            return rows["purchases"].to_numpy(dtype=np.float64)
        return np.ones(len(rows))

    def rows(self, snapshot: pd.DataFrame) -> pd.DataFrame:
        """Rows with an outcome: for amounts, customers with positive spend."""
        if self.objective != "gamma":
            return snapshot
        return snapshot[(snapshot["purchases"] > 0) & (snapshot["spend"] > 0)]

    def outcome(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Outcome and weight of each row, arrays of shape (n,)."""
        total, weight = rows[_COLUMNS[self.objective]].to_numpy(dtype=np.float64), self.weights(rows)
        return (total / weight if self.objective == "gamma" else total), weight

    def mean(self, score: Floats) -> Floats:
        """Mean outcome at a score."""
        return probability(score) if self.objective == "binary" else np.exp(np.minimum(score, 700.0))

    def losses(self, outcome: Floats, score: Floats) -> Floats:
        """Loss of each row: log loss, Poisson deviance or gamma deviance."""
        if self.objective == "binary":
            return logistic_loss(outcome, score)
        deviance = poisson_deviance if self.objective == "poisson" else gamma_deviance
        return deviance(outcome, self.mean(score))

    def level(self, score: Floats, weight: Floats, mean: float) -> float:
        """Find the constant that, added to all scores, gives a weighted mean outcome of ``mean``.

        0 if there is none, as for a mean probability of 0 or 1.
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


@dataclass(frozen=True)
class Window:
    """One snapshot for one target: rows with an outcome, and the value model's scores.

    Attributes
    ----------
    rows : pandas.DataFrame
    outcome, weight : array, shape (n,)
    score : array, shape (n,)
        Scores of the value model.
    centre : float
        Constant that shifts the scores to the mean outcome.
    """

    rows: pd.DataFrame
    outcome: Floats
    weight: Floats
    score: Floats
    centre: float

    @property
    def mean(self) -> float:
        """Mean outcome."""
        return float(np.average(self.outcome, weights=self.weight))

    @property
    def centred(self) -> Floats:
        """Scores of the value model, shifted to the mean outcome."""
        return self.score + self.centre


@dataclass(frozen=True)
class SharedTables:
    """What the targets have in common: tables in bins, and the ends of features."""

    bins: dict[Any, Bins] = field(default_factory=dict)
    ends: dict[Any, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingWindows:
    """The snapshots available on a training day, for one target."""

    target: ModelledOutcome
    plan: SnapshotPlan
    snapshots: Snapshots
    base: Base
    settings: Mapping[str, Any]
    seed: int
    shared: SharedTables = field(default_factory=SharedTables)
    _known: dict[date, Window] = field(default_factory=dict)

    def window(self, day: date) -> Window:
        """Window after a day."""
        if day not in self._known:
            snapshot = self.snapshots(day)
            rows = self.target.rows(snapshot)
            outcome, weight = self.target.outcome(rows)
            score, centre = np.empty(0), 0.0
            if len(rows):
                score = self._score(rows, day)
                centre = self.target.level(score, weight, float(np.average(outcome, weights=weight)))
            self._known[day] = Window(rows, outcome, weight, score, centre)
        return self._known[day]

    def _score(self, rows: pd.DataFrame, day: date) -> Floats:
        return self.base(self.target.name, rows, day, self.plan.window_days)

    def varying(self, days: Sequence[date]) -> list[str]:
        """Features that are not constant."""
        ends = [self._ends(day) for day in days]
        least = pd.concat([each["least"] for each in ends], axis=1).min(axis=1)
        most = pd.concat([each["most"] for each in ends], axis=1).max(axis=1)
        return [str(name) for name in least.index if least[name] < most[name]]

    def _ends(self, day: date) -> pd.DataFrame:
        """Least and greatest value of each feature in the rows of a window."""
        key = self._kind, day
        if key not in self.shared.ends:
            rows = self.window(day).rows
            features = rows[[name for name in rows if name not in (*_KEYS, *OUTCOMES)]]
            self.shared.ends[key] = pd.DataFrame({"least": features.min(), "most": features.max()})
        return self.shared.ends[key]

    @property
    def _kind(self) -> str:
        """Targets of one kind have the same rows."""
        return "amounts" if self.target.objective == "gamma" else "customers"

    def _chosen(self, days: Sequence[date], most: int) -> list[NDArray[np.int64]]:
        """Positions of a random sample of at most ``most`` rows in each of several windows."""
        ends = np.cumsum([0, *(len(self.window(day).rows) for day in days)])
        chosen = np.arange(ends[-1])
        if len(chosen) > most:
            chosen = np.sort(np.random.default_rng(self.seed).choice(chosen, most, replace=False))
        return [chosen[(chosen >= low) & (chosen < high)] - low for low, high in pairwise(ends)]

    def _bins(self, days: Sequence[date], features: list[str], most: int, reference: Any = None) -> Bins:
        """Bins of a sample of rows, made once for all targets and members."""
        leaf, bins = self.settings["min_child_samples"], self.settings["max_bin"]
        key = self._kind, tuple(days), tuple(features), most, leaf, bins, reference
        if key not in self.shared.bins:
            picked = zip(days, self._chosen(days, most), strict=True)
            X = np.vstack([_matrix(self.window(day).rows[features].iloc[rows]) for day, rows in picked])
            self.shared.bins[key] = Bins(X, self.settings, self.seed, reference)
        return self.shared.bins[key]

    def boosting_rows(self, days: Sequence[date], bins: Bins, most: int, *, offset: bool) -> Rows:
        """Rows of several days for LightGBM: a random sample of at most ``most``."""
        pairs = [(self.window(day), rows) for day, rows in zip(days, self._chosen(days, most), strict=True)]
        return Rows(
            bins,
            np.concatenate([each.outcome[rows] for each, rows in pairs]),
            np.concatenate([each.centred[rows] for each, rows in pairs]) if offset else None,
            np.concatenate([each.weight[rows] for each, rows in pairs]),
        )

    def grow(
        self, rounds: Mapping[str, int], days: Sequence[date], features: list[str], later: date | None = None
    ) -> dict[str, Any]:
        """Grow trees with the value model's scores as offset, without offset, or both.

        ``rounds`` is the maximum number of trees of each; boosting stops early on a ``later`` day if given.
        """
        if not rounds:
            return {}
        most = _MOST_ROWS if later is None else _TRIAL_ROWS
        bins = self._bins(days, features, most)
        stopping = None if later is None else self._bins([later], features, most, bins)
        growers = []
        for member, trees in rounds.items():
            rows = partial(self.boosting_rows, most=most, offset=member == CORRECTING)
            stop = None if later is None or stopping is None else rows([later], stopping)
            given = (rows(days, bins), self.target.objective, self.settings, trees, self.seed)
            growers.append(partial(grow, *given, later=stop))
        return dict(zip(rounds, grow_in_parallel(growers, len(bins)), strict=True))

    def try_on(
        self, later: date, members: Sequence[str], days: Sequence[date], features: list[str]
    ) -> dict[str, tuple[Floats, int]]:
        """Grow trees on earlier days with early stopping on a later one; return its scores and the rounds."""
        most = dict.fromkeys(members, int(self.settings["n_estimators"]))
        window, found = self.window(later), {}
        matrix = _matrix(window.rows[features])
        for member, booster in self.grow(most, days, features, later=later).items():
            rounds = max(1, int(booster.best_iteration))
            score = np.asarray(booster.predict(matrix, raw_score=True, num_iteration=rounds))
            found[member] = (score + window.centred if member == CORRECTING else score), rounds
        return found

    def regress(self, day: date) -> RegressionModel:
        """Fit the regression to one window."""
        window = self.window(day)
        logs = logarithms(window.rows, _LOGARITHMS)
        varies = np.ptp(logs, axis=0) > 0
        names = [name for name, used in zip(_LOGARITHMS, varies, strict=True) if used]
        logs = logs[:, varies]
        mean, scale = logs.mean(axis=0), logs.std(axis=0)
        with threadpool_limits(1):  # one thread is faster on operations this small
            fitted = _regressor(self.target).fit(
                (logs - mean) / scale, window.outcome, sample_weight=window.weight
            )
        return RegressionModel(
            features=tuple(names),
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            coefficients=tuple(np.ravel(fitted.coef_).tolist()),
            intercept=float(np.ravel(fitted.intercept_)[0]),
            highest=tuple((_FURTHEST * logs.max(axis=0)).tolist()),
        )

    def predict_regression(self, model: RegressionModel, day: date) -> Floats:
        """Score a window's rows with a fitted regression."""
        return Regression(model).predict(self.window(day).rows)


def _matrix(features: pd.DataFrame) -> Floats:
    return features.to_numpy(dtype=np.float64, na_value=np.nan)


def _regressor(target: ModelledOutcome) -> Any:
    from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor

    if target.objective == "binary":
        return LogisticRegression(C=1.0 / _CHURN_PENALTY, max_iter=_MOST_ITERATIONS)
    regressor = PoissonRegressor if target.objective == "poisson" else GammaRegressor
    return regressor(alpha=_RIDGE, max_iter=_MOST_ITERATIONS)
