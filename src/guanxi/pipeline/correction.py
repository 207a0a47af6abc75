"""Corrections of the value models by trees and regressions, chosen on windows before the training day.

Contenders are compared for each target: the value model alone; trees that correct it (with its score as
offset); trees alone; for churn and purchases a regression on the latest window; and a blend, the mean of the
correcting trees and a second model fitted without offset: that regression, or trees for the amount of a
purchase. With few rows the blend is the mean of value model and regression: the correction by trees is shrunk
by the number of rows they are grown on. All are recalibrated to the observed mean of the window, since a
seasonal change of the level says nothing about which customers leave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.features.snapshots import SnapshotPlan
from guanxi.periods import add_days
from guanxi.pipeline._base_learners import (
    CORRECTING,
    REGRESSION,
    TREES,
    Base,
    ModelledOutcome,
    SharedTables,
    Snapshots,
    TrainingWindows,
    Window,
)
from guanxi.served.corrections import Correction
from guanxi.served.model import CorrectionModel
from guanxi.served.ordering import ROUNDING, first_lowest

Floats = NDArray[np.float64]
Flat = Callable[[str, pd.DataFrame, float], Floats]

ALONE, CORRECTED, TREES_ALONE, BLEND = "value model alone", "corrected by trees", "trees alone", "blend"
REGRESSED = "regression alone"
CONTENDERS = (ALONE, CORRECTED, TREES_ALONE, REGRESSED, BLEND)
SECOND_OPINION = {"churn": REGRESSION, "purchases": REGRESSION, "spend": TREES}
SECOND_WEIGHT = 0.5
_FOLDS = 2
_CLEAR_GAIN, _CLEAR_LEAD, _CLEAR_LEVEL = 2.0, 2.0, 2.0  # standard errors
_HALF_TRUSTED_ROWS = 3000
_WEIGHT_WITHOUT_TREES = {"churn": 2.0 / 3.0, "purchases": 0.5}  # of the regression
_MINIMUM_LEVELS = 3
_MINIMUM_ROWS = 50
_LENGTH_STEPS, _LONGEST = 6, 20.0
WORST = 1e6


@dataclass(frozen=True)
class _FittedCorrection:
    """The fitted contenders for one target, and the choice.

    Attributes
    ----------
    chosen : str
        One of :data:`CONTENDERS`.
    options : dict
        The models of the contenders that were fitted, and their boosters' texts; only :data:`ALONE` if no
        correction could be fitted, and no :data:`REGRESSED` for spend.
    losses : pandas.DataFrame
        ``cutoff, target, model, loss`` on the windows of the comparison.
    levels : tuple of float
        Errors of the value model's churn in earlier windows, latest first, where its purchases are right in
        total, as differences of log odds; empty for the other targets.
    rounds : int
        Number of correcting trees, chosen by early stopping.
    reason : str
    """

    chosen: str
    options: dict[str, tuple[CorrectionModel, list[str]]]
    losses: pd.DataFrame
    levels: tuple[float, ...]
    rounds: int
    reason: str

    @property
    def model(self) -> CorrectionModel:
        """The chosen contender's model."""
        return self.options[self.chosen][0]

    @property
    def texts(self) -> list[str]:
        """The chosen contender's boosters."""
        return self.options[self.chosen][1]


def _fit_correction(
    target: ModelledOutcome,
    plan: SnapshotPlan | None,
    snapshots: Snapshots,
    base: Base,
    flat: Flat,
    now: pd.DataFrame,
    horizon_days: int,
    settings: Mapping[str, Any],
    seed: int,
    shared: SharedTables | None = None,
    others: Collection[str] = CONTENDERS,
) -> _FittedCorrection:
    """Fit the contenders for one target and choose between them.

    Without a plan there is no earlier window, and the value model is used alone. ``snapshots`` returns
    features and outcomes at one of the plan's days. ``base`` returns the value model's score of a target for
    the rows of a day and a window after it, always with the parameters of the training day; ``flat`` that for
    a window in business time. ``now`` has the features on the training day, which determine the level;
    ``settings`` are as in ``churn.lightgbm``. What targets have in common is ``shared`` between calls. Of the
    contenders that are not chosen, the ``others`` are fitted to all snapshots too.
    """
    if plan is None:
        return _alone(target, "the history holds no earlier window to learn from")
    windows = TrainingWindows(target, plan, snapshots, base, settings, seed, shared or SharedTables())
    try:
        return _learn(_usable(windows), flat, now, horizon_days, others)
    except FitError as error:
        return _alone(target, str(error))


def _learn(
    windows: TrainingWindows, flat: Flat, now: pd.DataFrame, horizon_days: int, others: Collection[str]
) -> _FittedCorrection:
    target, plan = windows.target, windows.plan
    folds = [_evaluate(windows, day) for day in _fold_days(plan)]
    chosen, reason = _choose(target, folds)
    slope = _slope(target, folds, chosen)
    days = _disjoint_days(plan) if target.name == "churn" else []
    levels = tuple(_shape_error(windows, flat, day) for day in days)
    shift = _level_shift(levels)
    options = {}
    for name, (model, texts) in _refit(windows, folds[0], {chosen, *others}).items():
        model = replace(model, slope=slope if name == chosen else 1.0)
        level = _level(windows, model, texts, now, horizon_days, shift)
        options[name] = replace(model, level=level), texts
    shorter = f", shorter than the horizon of {horizon_days}" if plan.window_days < horizon_days else ""
    basis = f"{len(folds)} earlier window{'s' * (len(folds) > 1)} of {plan.window_days} days{shorter}"
    return _FittedCorrection(
        chosen=chosen,
        options=options,
        losses=pd.concat([fold.table(target.name) for fold in folds], ignore_index=True),
        levels=levels,
        rounds=folds[0].rounds[CORRECTING],
        reason=f"{reason} on {basis}",
    )


@dataclass(frozen=True)
class _Fold:
    """Contenders on one window after their training windows, all recalibrated to its observed mean.

    Early stopping used this window, which slightly favours the trees: one reason to require a clear gain.
    """

    day: date
    window: Window
    scores: dict[str, Floats]
    losses: dict[str, Floats]
    features: list[str]
    rounds: dict[str, int]

    def table(self, target: str) -> pd.DataFrame:
        """Mean loss of each contender."""
        means = {name: np.average(each, weights=self.window.weight) for name, each in self.losses.items()}
        return pd.DataFrame(
            {"cutoff": self.day, "target": target, "model": name, "loss": float(mean)}
            for name, mean in means.items()
        )


def _disjoint_days(plan: SnapshotPlan) -> list[date]:
    """Snapshot days with non-overlapping windows, latest first."""
    days = [plan.validation]
    for day in sorted(plan.training, reverse=True):
        if (days[-1] - day).days >= plan.window_days:
            days.append(day)
    return days


def _fold_days(plan: SnapshotPlan) -> list[date]:
    """Days of the comparison, latest first, each with a training day at least one window earlier."""
    return [day for day in _disjoint_days(plan) if _earlier_days(plan, day)][:_FOLDS]


def _earlier_days(plan: SnapshotPlan, day: date) -> list[date]:
    """Training days whose windows end no later than a day."""
    return [other for other in plan.training if (day - other).days >= plan.window_days]


def _usable(windows: TrainingWindows) -> TrainingWindows:
    """Drop training days with too few customers or constant outcomes.

    A FitError if no training day is left, or the validation day is affected.
    """
    plan = windows.plan
    dropped = {day: reason for day in (*plan.training, plan.validation) if (reason := _defect(windows, day))}
    training = tuple(day for day in plan.training if day not in dropped)
    if plan.validation in dropped or not training:
        raise FitError(dropped.get(plan.validation) or next(iter(dropped.values())))
    return replace(windows, plan=replace(plan, training=training))


def _defect(windows: TrainingWindows, day: date) -> str | None:
    window = windows.window(day)
    if len(window.rows) < _MINIMUM_ROWS:
        return f"only {len(window.rows)} customers to learn from in the window after {day}"
    if window.outcome.min() == window.outcome.max():
        return f"all customers had the same outcome in the window after {day}"
    return None


def _evaluate(windows: TrainingWindows, day: date) -> _Fold:
    """Fit to the windows that ended by a day, and forecast the one after it."""
    target, window, earlier = windows.target, windows.window(day), _earlier_days(windows.plan, day)
    features = windows.varying(earlier)
    grown = windows.try_on(day, (CORRECTING, TREES), earlier, features)
    by_member = {member: score for member, (score, _) in grown.items()}
    scores = {ALONE: window.centred, CORRECTED: by_member[CORRECTING], TREES_ALONE: by_member[TREES]}
    second = by_member[TREES]
    if SECOND_OPINION[target.name] == REGRESSION:
        second = windows.predict_regression(windows.regress(max(earlier)), day)
        scores[REGRESSED] = second
    scores[BLEND] = _blend(windows, day, by_member[CORRECTING], second)
    levelled = {
        name: score + target.level(score, window.weight, window.mean) for name, score in scores.items()
    }
    # Scores that overflow get the worst possible loss.
    losses = {
        name: np.nan_to_num(target.losses(window.outcome, score), nan=WORST, posinf=WORST)
        for name, score in levelled.items()
    }
    rounds = {member: count for member, (_, count) in grown.items()}
    return _Fold(day, window, levelled, losses, features, rounds)


def _blend(windows: TrainingWindows, day: date, corrected: Floats, second: Floats) -> Floats:
    """Score of the blend on the window after a day."""
    centred = windows.window(day).centred
    trees, weight = _blend_weights(windows, _earlier_days(windows.plan, day))
    return (1.0 - weight) * centred + trees * (corrected - centred) + weight * second


def _blend_weights(windows: TrainingWindows, days: Sequence[date]) -> tuple[float, float]:
    """Weights of the correcting trees and of the second member, by the rows of the days they are grown on.

    The fewer the rows, the less of the trees' correction is kept, and for churn the more of the regression.
    """
    name = windows.target.name
    if SECOND_OPINION[name] != REGRESSION:
        return 1.0 - SECOND_WEIGHT, SECOND_WEIGHT
    rows = sum(len(windows.window(day).rows) for day in days)
    trusted = rows / (rows + _HALF_TRUSTED_ROWS)
    second = SECOND_WEIGHT + (1.0 - trusted) * (_WEIGHT_WITHOUT_TREES[name] - SECOND_WEIGHT)
    return (1.0 - second) * trusted, second


def _choose(target: ModelledOutcome, folds: list[_Fold]) -> tuple[str, str]:
    """Choose the blend, unless another contender is better by more than two standard errors.

    The blend is the least extreme of contenders that do not differ significantly. Where trees are its second
    opinion, the value model alone is kept unless the gain exceeds two standard errors, or one with two
    windows.
    """
    weight = np.concatenate([fold.window.weight for fold in folds])
    names = [name for name in CONTENDERS if name in folds[0].losses]
    losses = {name: np.concatenate([fold.losses[name] for fold in folds]) for name in names}
    means = {name: float(np.average(loss, weights=weight)) for name, loss in losses.items()}
    best = names[first_lowest(means[name] for name in names)]
    gain, error = _paired(losses[BLEND], losses[best], weight)
    chosen = best if gain > _CLEAR_LEAD * error else BLEND
    if chosen == ALONE:
        return ALONE, f"{target.value_model} alone: better than the blend ({gain:.4f} +- {error:.4f})"
    gain, error = _paired(losses[ALONE], losses[chosen], weight)
    careful = SECOND_OPINION[target.name] != REGRESSION
    if careful and gain <= _CLEAR_GAIN / len(folds) * error:
        return ALONE, f"{target.value_model} alone: no clear gain from trees ({gain:.4f} +- {error:.4f})"
    others = ", ".join(f"{name} {means[name]:.4f}" for name in names if name != chosen)
    loss = f"{target.loss_name} {means[chosen]:.4f}"
    return chosen, f"{chosen}: {loss} ({others}; gain {gain:.4f} +- {error:.4f})"


def _paired(worse: Floats, better: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted mean of the differences and its standard error; differences by rounding are none."""
    difference = np.where(np.isclose(worse, better, rtol=ROUNDING, atol=0.0), 0.0, worse - better)
    mean = float(np.average(difference, weights=weight))
    return mean, float(np.sqrt(np.sum((weight * (difference - mean)) ** 2)) / weight.sum())


def _slope(target: ModelledOutcome, folds: list[_Fold], chosen: str) -> float:
    """Calibration slope fitted to the earlier windows; 1 unless it clearly lowers the loss of the latest."""
    if target.objective != "binary" or len(folds) < 2:
        return 1.0
    from scipy.optimize import minimize_scalar

    def loss(slope: float, fold: _Fold) -> Floats:
        score, window = slope * fold.scores[chosen], fold.window
        return target.losses(window.outcome, score + target.level(score, window.weight, window.mean))

    found = minimize_scalar(
        lambda slope: float(np.mean(np.concatenate([loss(slope, fold) for fold in folds[1:]]))),
        bounds=(0.5, 2.0),
        method="bounded",
    )
    gain = folds[0].losses[chosen] - loss(float(found.x), folds[0])
    clear = gain.mean() > gain.std() / np.sqrt(len(gain))
    return float(found.x) if clear else 1.0


def _refit(
    windows: TrainingWindows, latest: _Fold, names: Collection[str]
) -> dict[str, tuple[CorrectionModel, list[str]]]:
    """Refit contenders to all snapshots, with the number of rounds chosen on the latest fold."""
    plan, second = windows.plan, SECOND_OPINION[windows.target.name]
    days = (*plan.training, plan.validation)
    members: dict[str, dict[str, float]] = {
        ALONE: {},
        CORRECTED: {CORRECTING: 1.0},
        TREES_ALONE: {TREES: 1.0},
        REGRESSED: {REGRESSION: 1.0},
        BLEND: dict(zip((CORRECTING, second), _blend_weights(windows, days), strict=True)),
    }
    if second != REGRESSION:
        del members[REGRESSED]
    members = {name: used for name, used in members.items() if name in (ALONE, *names)}
    needed = {member for used in members.values() for member in used}
    regression = windows.regress(plan.validation) if REGRESSION in needed else None
    boosters = windows.grow(
        {member: count for member, count in latest.rounds.items() if member in needed}, days, latest.features
    )
    texts = {member: booster.model_to_string() for member, booster in boosters.items()}
    return {
        name: (
            CorrectionModel(
                name,
                features=tuple(latest.features) if set(used) - {REGRESSION} else (),
                regression=regression if REGRESSION in used else None,
                weights=tuple(used.values()),
                window_days=plan.window_days,
                replaced=sum(weight for member, weight in used.items() if member != CORRECTING),
            ),
            [texts[member] for member in used if member != REGRESSION],
        )
        for name, used in members.items()
    }


def _shape_error(windows: TrainingWindows, flat: Flat, day: date) -> float:
    """Error of churn in a window whose length in business time makes the total of purchases right.

    What remains is no matter of the season: it is how the purchases spread over the customers.
    """
    snapshot, days = windows.snapshots(day), float(windows.plan.window_days)
    bought, length = float(snapshot["purchases"].sum()), days
    for _ in range(_LENGTH_STEPS if bought > 0 else 0):
        expected = float(np.exp(flat("purchases", snapshot, length)).sum())
        length = float(np.clip(length * bought / expected, days / _LONGEST, days * _LONGEST))
    score = flat("churn", snapshot, length)
    return windows.target.level(score, np.ones(len(snapshot)), float(snapshot["churned"].mean()))


def _level_shift(levels: Sequence[float]) -> float:
    """Systematic error of the value model's churn: the mean over windows, shrunk towards 0.

    Positive-part shrinkage (James & Stein 1961) beyond two standard errors; 0 with fewer than three windows.
    """
    if len(levels) < _MINIMUM_LEVELS:
        return 0.0
    mean, spread = float(np.mean(levels)), float(np.std(levels, ddof=1))
    noise = (_CLEAR_LEVEL * spread) ** 2 / len(levels)
    return mean * (1.0 - noise / mean**2) if mean**2 > noise else 0.0


def _level(
    windows: TrainingWindows,
    model: CorrectionModel,
    texts: Sequence[str],
    now: pd.DataFrame,
    horizon_days: int,
    shift: float,
) -> float:
    """Level at which the training day's customers have the value model's mean, shifted by ``shift``."""
    target, day = windows.target, add_days(windows.plan.validation, windows.plan.window_days)
    base = windows.base(target.name, now, day, horizon_days)
    if model.model == ALONE and model.slope == 1.0:
        return shift
    correction = Correction(model, texts)
    in_window = windows.base(target.name, now, day, windows.plan.window_days)
    score = correction.apply(base, correction.step(now, in_window))
    weight = np.ones(len(now))
    if target.name == "spend":  # weighted by purchases, to preserve the total
        weight = np.exp(windows.base("purchases", now, day, horizon_days))
    mean = float(np.average(target.mean(base + shift), weights=weight))
    return target.level(score, weight, mean)


def _alone(target: ModelledOutcome, reason: str) -> _FittedCorrection:
    """Use the value model without correction, for a given reason."""
    losses = pd.DataFrame(columns=["cutoff", "target", "model", "loss"])
    reason = f"{target.value_model} alone: {reason}"
    return _FittedCorrection(ALONE, {ALONE: (CorrectionModel(ALONE), [])}, losses, (), 0, reason)
