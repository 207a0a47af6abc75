"""A grade for each target: how predictions compare with the best naive method where it counts.

==========  ======================  ===================
target      found by (clearly)      not worse by
==========  ======================  ===================
churn       ``auc``                 ``log_loss``
purchases   ``top_decile_capture``  ``normalised_gini``
spend       ``top_decile_capture``  ``normalised_gini``
==========  ======================  ===================

A: the first metric is clearly better than that of the naive method which has the best (the 90 % paired
bootstrap interval of the difference lies above 0), and the second is not clearly worse than that of the naive
method which has the best of it. C: the first is clearly worse (the interval lies below 0). B: all between.

But for the log loss, which may only cost an A, the metrics see nothing but the order of the customers: a
forecast whose level is off, or was moved on purpose, gains nothing. One metric decides, so that there are not
several chances for one A; the second keeps from it who finds the best tenth and loses the rest, or who ranks
well with false probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from guanxi.errors import DataError
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.evaluation.metrics import COUNTS, PROBABILITIES, Metric
from guanxi.served.texts import Language, texts

OutcomeName = Literal["churn", "purchases", "spend"]
Letter = Literal["A", "B", "C"]

FEWEST = 30
_OWN = "own"
_METRICS: dict[OutcomeName, tuple[str, str]] = {
    "churn": ("auc", "log_loss"),
    "purchases": ("top_decile_capture", "normalised_gini"),
    "spend": ("top_decile_capture", "normalised_gini"),
}


@dataclass(frozen=True)
class Grade:
    """How predictions of one target compare with the best naive method.

    Attributes
    ----------
    target : {"churn", "purchases", "spend"}
    letter : {"A", "B", "C"}
    rule : str
        What the letters of this target mean, in one sentence.
    baseline : str
        The naive method with the best ``metric``.
    metric : str
        What decides.
    difference, lower, upper : float
        How much better (below 0: worse) the predictions are by it, with a 90 % interval.
    warning : str or None
        For wherever the predictions are shown; grade C only.
    """

    target: OutcomeName
    letter: Letter
    rule: str
    baseline: str
    metric: str
    difference: float
    lower: float
    upper: float
    warning: str | None


def _grade_forecast(
    target: OutcomeName,
    actual: ArrayLike,
    own: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    seed: int,
    *,
    language: Language = "en",
) -> Grade | None:
    """Grade predictions of a window that the models had not seen; the rule stands at the top of this file.

    Parameters
    ----------
    target : {"churn", "purchases", "spend"}
    actual, own : array, shape (n,)
        What happened: label (1: churned), purchases or spend, a row per customer; and what was predicted.
    baselines : mapping of name to array, shape (n,)
        Those of the naive methods (:func:`guanxi.evaluation._baselines.baseline_forecasts`).
    seed : int
        Of the bootstrap.
    language : {"en", "zh"}
        Of the rule and the warning.

    Returns
    -------
    Grade or None
        None where the window cannot tell: fewer than 30 customers bought, for churn also fewer than 30 did
        not, or all brought the same.

    Raises
    ------
    DataError
        If there is no baseline, or an array does not fit the others.

    Examples
    --------
    >>> churned = [0, 1] * 100
    >>> found = _grade_forecast("churn", churned, [0.2, 0.7] * 100, {"naive (chance)": [0.5] * 200}, seed=1)
    >>> found.letter, found.difference
    ('A', 0.5)
    """
    if not baselines:
        raise DataError(f"{target} cannot be graded without a baseline: give at least one")
    happened = np.asarray(actual, dtype=np.float64)
    decides, guards = _METRICS[target]
    metrics = {name: (PROBABILITIES if target == "churn" else COUNTS)[name] for name in _METRICS[target]}
    if _too_few(target, happened) or math.isnan(metrics[guards](happened, own)):
        return None
    best = {name: _best(metric, happened, baselines) for name, metric in metrics.items()}
    models = {_OWN: own} | {name: baselines[name] for name in best.values()}
    sampled = bootstrap(happened, models, metrics, seed=seed)
    gains = {name: sampled.gain(name, _OWN, best[name]) for name in metrics}
    letter = _letter(gains[decides], gains[guards])
    return Grade(
        target=target,
        letter=letter,
        rule=_rule(target, language),
        baseline=best[decides],
        metric=decides,
        difference=gains[decides]["gain"],
        lower=gains[decides]["lower"],
        upper=gains[decides]["upper"],
        warning=_warning(target, best[decides], decides, gains[decides], language) if letter == "C" else None,
    )


def _letter(decides: Mapping[str, float], guards: Mapping[str, float]) -> Letter:
    if decides["upper"] < 0:
        return "C"
    return "A" if decides["lower"] > 0 and guards["upper"] >= 0 else "B"


def _too_few(target: OutcomeName, actual: np.ndarray) -> bool:
    groups = [actual == 0, actual != 0] if target == "churn" else [actual > 0]
    return any(int(group.sum()) < FEWEST for group in groups)


def _best(metric: Metric, actual: ArrayLike, baselines: Mapping[str, ArrayLike]) -> str:
    values = {name: metric(actual, forecast) for name, forecast in baselines.items()}
    return max(values, key=lambda name: values[name] if metric.better == "higher" else -values[name])


def _rule(target: OutcomeName, language: Language) -> str:
    said = texts("guanxi.evaluation", language)["grade"]
    rule: str = said["churn_rule" if target == "churn" else "value_rule"]
    return rule.format(what=said["targets"][target]["what"])


def _warning(
    target: OutcomeName, baseline: str, metric: str, gain: Mapping[str, float], language: Language
) -> str:
    said = texts("guanxi.evaluation", language)["grade"]
    warning: str = said["warning"]
    return warning.format(
        what=said["targets"][target]["what"],
        found=said["targets"][target]["found"],
        baseline=said["baselines"].get(baseline, baseline),
        metric=said["metrics"][metric],
        difference=-gain["gain"],
        low=-gain["upper"],
        high=-gain["lower"],
    )
