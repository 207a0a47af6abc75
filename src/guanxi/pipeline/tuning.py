"""Tuning of the tree settings with Optuna, on windows before the training day only.

The objective is the loss of the blend on the windows used by :mod:`.correction`, relative to the value model
alone and averaged over the targets. The best settings replace the given ones only if they are better by more
than two standard errors, since the lowest of many losses is biased downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.features.snapshots import SnapshotPlan
from guanxi.params import ChurnParams, TuningParams
from guanxi.pipeline._base_learners import (
    CORRECTING,
    REGRESSION,
    Base,
    ModelledOutcome,
    Snapshots,
    TrainingWindows,
)
from guanxi.pipeline.correction import (
    SECOND_OPINION,
    WORST,
    _blend,
    _earlier_days,
    _fold_days,
    _paired,
    _usable,
)
from guanxi.served.ordering import first_lowest

Floats = NDArray[np.float64]
TUNED = ("learning_rate", "num_leaves", "min_child_samples", "colsample_bytree", "reg_lambda")
_CLEAR_GAIN = 2.0  # standard errors


def _tune(
    targets: Sequence[ModelledOutcome],
    plan: SnapshotPlan | None,
    snapshots: Snapshots,
    base: Base,
    churn: ChurnParams,
    seed: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Search for better tree settings than the given ones, common to all targets.

    With a number of trials the result is reproducible given the seed; with a number of seconds it depends on
    the load of the machine. Other parameters are as for :func:`.correction._fit_correction`. Settings are
    proposed by the tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for hyper-parameter
    optimization, NeurIPS 24).

    Returns the settings as in ``churn.lightgbm``, and a table with one row per trial, number 0 with the given
    settings: ``trial``, the settings, a column per target and their mean ``loss`` (share of the value
    model's), ``gain`` over trial 0 and its standard ``error``, ``seconds`` and ``chosen``. The table is None
    if tuning is off or impossible.
    """
    given, budget = churn.lightgbm.model_dump(), churn.tuning
    if plan is None or (budget.trials == 0 and budget.seconds is None):
        return given, None
    objectives = []
    for target in targets:
        with suppress(FitError):  # a target without a usable window has no trees to tune
            windows = _usable(TrainingWindows(target, plan, snapshots, base, given, seed))
            objectives.append(_Objective.of(windows))
    if not objectives:
        return given, None
    started = perf_counter()
    first = [objective.losses(given) for objective in objectives]
    rows = [_row(objectives, given, first, first, perf_counter() - started)]
    study, space = _study(seed), _space()
    while not _spent(budget, len(rows) - 1, perf_counter() - started):
        on_step(f"tuning of the trees: trial {len(rows)}")
        begun, asked = perf_counter(), study.ask(space)
        losses = [objective.losses(given | asked.params) for objective in objectives]
        rows.append(_row(objectives, asked.params, losses, first, perf_counter() - begun))
        study.tell(asked, rows[-1]["loss"])
    trials = pd.DataFrame(rows).rename_axis("trial").reset_index()
    chosen, _ = choice(trials)
    return given | {name: rows[chosen][name] for name in TUNED}, trials.assign(chosen=trials.index == chosen)


def choice(trials: pd.DataFrame) -> tuple[int, str]:
    """Choose the best trial, or number 0 if the gain is within two standard errors; return the reason too.

    Examples
    --------
    >>> choice(pd.DataFrame({"loss": [0.9, 0.89], "gain": [0.0, 0.01], "error": [0.0, 0.02]}))
    (0, 'the given settings: the best of 1 other trials gained 0.0100 +- 0.0200')
    """
    best, others = first_lowest(trials["loss"]), len(trials) - 1
    if best == 0:
        return 0, f"the given settings: none of {others} other trials was better"
    gain, error = float(trials["gain"].iloc[best]), float(trials["error"].iloc[best])
    if gain > _CLEAR_GAIN * error:
        return best, f"the settings of trial {best} of {others}: gain {gain:.4f} +- {error:.4f}"
    return 0, f"the given settings: the best of {others} other trials gained {gain:.4f} +- {error:.4f}"


@dataclass(frozen=True)
class _Objective:
    """Loss of the blend for one target on held-out windows, with the parts that no setting changes.

    Fitting all contenders, as in :mod:`.correction`, takes 2.8 times as long.
    """

    windows: TrainingWindows
    days: list[date]
    features: dict[date, list[str]]
    regressed: dict[date, Floats]
    weight: Floats
    alone: float

    @classmethod
    def of(cls, windows: TrainingWindows) -> _Objective:
        """Prepare the windows on which the contenders are compared."""
        days, target = _fold_days(windows.plan), windows.target
        earlier = {day: _earlier_days(windows.plan, day) for day in days}
        tried = [windows.window(day) for day in days]
        weight = np.concatenate([window.weight for window in tried])
        alone = np.concatenate([target.losses(window.outcome, window.centred) for window in tried])
        regressed = {}
        if SECOND_OPINION[target.name] == REGRESSION:
            regressed = {
                day: windows.predict_regression(windows.regress(max(earlier[day])), day) for day in days
            }
        features = {day: windows.varying(earlier[day]) for day in days}
        return cls(windows, days, features, regressed, weight, float(np.average(alone, weights=weight)))

    def losses(self, settings: Mapping[str, Any]) -> Floats:
        """Loss of each row with these settings, as a share of the value model's mean loss."""
        windows = replace(self.windows, settings=settings)
        try:
            losses = np.concatenate([self._losses(windows, day) for day in self.days])
        except FitError:  # the worst possible loss
            losses = np.full(len(self.weight), WORST)
        return np.asarray(np.nan_to_num(losses, nan=WORST, posinf=WORST) / self.alone)

    def _losses(self, windows: TrainingWindows, day: date) -> Floats:
        target, window, second = windows.target, windows.window(day), SECOND_OPINION[windows.target.name]
        corrected = self._grown(windows, CORRECTING, day)
        other = self.regressed[day] if second == REGRESSION else self._grown(windows, second, day)
        score = _blend(windows, day, corrected, other)
        return target.losses(window.outcome, score + target.level(score, window.weight, window.mean))

    def _grown(self, windows: TrainingWindows, member: str, day: date) -> Floats:
        return windows.try_on(day, [member], _earlier_days(windows.plan, day), self.features[day])[member][0]


def _row(
    objectives: Sequence[_Objective],
    settings: Mapping[str, Any],
    losses: Sequence[Floats],
    first: Sequence[Floats],
    seconds: float,
) -> dict[str, Any]:
    """Summarise one trial.

    The mean of the targets' standard errors is an upper bound on the standard error of the mean, whatever the
    correlation between targets.
    """
    tried = list(zip(objectives, losses, first, strict=True))
    means = [float(np.average(each, weights=objective.weight)) for objective, each, _ in tried]
    gains = [_paired(before, each, objective.weight) for objective, each, before in tried]
    gain, error = np.mean(gains, axis=0)
    names = [objective.windows.target.name for objective in objectives]
    return {
        **{name: settings[name] for name in TUNED},
        **dict(zip(names, means, strict=True)),
        "loss": float(np.mean(means)),
        "gain": float(gain),
        "error": float(error),
        "seconds": seconds,
    }


def _spent(budget: TuningParams, tried: int, seconds: float) -> bool:
    """Whether either limit is reached; 0 trials set no limit if a number of seconds is given."""
    by_trials = tried >= budget.trials and (budget.trials > 0 or budget.seconds is None)
    return by_trials or (budget.seconds is not None and seconds >= budget.seconds)


def _space() -> dict[str, Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "learning_rate": FloatDistribution(0.03, 0.2, log=True),
        "num_leaves": IntDistribution(3, 31, log=True),
        "min_child_samples": IntDistribution(30, 1000, log=True),
        "colsample_bytree": FloatDistribution(0.1, 1.0),
        "reg_lambda": FloatDistribution(0.1, 200.0, log=True),
    }


def _study(seed: int) -> Any:
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # suppress the message on each new study
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    optuna.logging.set_verbosity(verbosity)
    return study
