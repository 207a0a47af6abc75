"""A grade for each target: a comparison of the predictions with the best naive method.

==========  ======================  ===================
target      deciding metric         guarding metric
==========  ======================  ===================
churn       ``auc``                 ``log_loss``
purchases   ``top_decile_capture``  ``normalised_gini``
spend       ``top_decile_capture``  ``normalised_gini``
==========  ======================  ===================

A: the deciding metric is clearly better than the best naive method's (the 90 % paired bootstrap interval of
the difference lies above 0), and the guarding metric is not clearly worse than the best naive method's. C:
the deciding metric is clearly worse (the interval lies below 0). B: everything else.

Apart from the log loss, which can only prevent an A, the metrics depend on the ranking of the customers
alone, so shifting the level of a forecast gains nothing; but a total of purchases or spend that is off by
more than a factor of 1.5 is a C, however good the ranking. Only one metric decides, which avoids several
chances for an A. The guarding metric withholds an A if the best tenth is found but the rest is ranked badly,
or if the ranking is good but the probabilities are wrong.
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
from guanxi.served.ordering import first_highest, first_lowest
from guanxi.served.texts import Language, texts

OutcomeName = Literal["churn", "purchases", "spend"]
Letter = Literal["A", "B", "C"]

FEWEST = 30
WORST_TOTAL = 1.5
_OWN = "own"
_METRICS: dict[OutcomeName, tuple[str, str]] = {
    "churn": ("auc", "log_loss"),
    "purchases": ("top_decile_capture", "normalised_gini"),
    "spend": ("top_decile_capture", "normalised_gini"),
}


@dataclass(frozen=True)
class Grade:
    """Grade of the predictions of one target.

    Attributes
    ----------
    target : {"churn", "purchases", "spend"}
    letter : {"A", "B", "C"}
    rule : str
        Meaning of the letters for this target, in one sentence.
    baseline : str
        The naive method with the best ``metric``.
    metric : str
        The deciding metric.
    difference, lower, upper : float
        Lead over the baseline by this metric (negative: worse), with a 90 % interval.
    warning : str or None
        To be shown with the predictions; grade C only.
    biased : bool
        Whether the total is off by more than a grade above C allows.
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
    biased: bool = False


def _grade_forecast(
    target: OutcomeName,
    actual: ArrayLike,
    own: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    seed: int,
    *,
    language: Language = "en",
) -> Grade | None:
    """Grade predictions of a holdout window by the rule in the module docstring.

    ``actual`` (label with 1 for churned, purchases or spend), ``own`` (predictions) and the naive forecasts
    in ``baselines`` have shape (n,). The grade is None if the window is not informative: fewer than 30
    customers bought (for churn: or fewer than 30 did not), or all outcomes are equal. A missing baseline or
    arrays of different length raise a DataError.

    Examples
    --------
    >>> churned = [0, 1] * 100
    >>> found = _grade_forecast("churn", churned, [0.2, 0.7] * 100, {"naive (chance)": [0.5] * 200}, seed=1)
    >>> found.letter, found.difference
    ('A', 0.5)
    """
    if not baselines:
        raise DataError(f"{target} cannot be graded without a baseline: give at least one")
    observed = np.asarray(actual, dtype=np.float64)
    decides, guards = _METRICS[target]
    metrics = {name: (PROBABILITIES if target == "churn" else COUNTS)[name] for name in _METRICS[target]}
    if _too_few(target, observed) or math.isnan(metrics[guards](observed, own)):
        return None
    best = {name: _best(metric, observed, baselines) for name, metric in metrics.items()}
    models = {_OWN: own} | {name: baselines[name] for name in best.values()}
    sampled = bootstrap(observed, models, metrics, seed=seed)
    gains = {name: sampled.gain(name, _OWN, best[name]) for name in metrics}
    biased = target != "churn" and _is_biased(observed, np.asarray(own, dtype=np.float64))
    letter = "C" if biased else _letter(gains[decides], gains[guards])
    warning = None
    if biased:
        warning = _total_warning(target, observed.sum(), float(np.sum(own)), language)
    elif letter == "C":
        warning = _warning(target, best[decides], decides, gains[decides], language)
    return Grade(
        target=target,
        letter=letter,
        rule=_rule(target, language),
        baseline=best[decides],
        metric=decides,
        difference=gains[decides]["gain"],
        lower=gains[decides]["lower"],
        upper=gains[decides]["upper"],
        warning=warning,
        biased=biased,
    )


def _letter(decides: Mapping[str, float], guards: Mapping[str, float]) -> Letter:
    if decides["upper"] < 0:
        return "C"
    return "A" if decides["lower"] > 0 and guards["upper"] >= 0 else "B"


def _is_biased(actual: np.ndarray, forecast: np.ndarray) -> bool:
    return not actual.sum() / WORST_TOTAL <= forecast.sum() <= actual.sum() * WORST_TOTAL


def _too_few(target: OutcomeName, actual: np.ndarray) -> bool:
    groups = [actual == 0, actual != 0] if target == "churn" else [actual > 0]
    return any(int(group.sum()) < FEWEST for group in groups)


def _best(metric: Metric, actual: ArrayLike, baselines: Mapping[str, ArrayLike]) -> str:
    values = {name: metric(actual, forecast) for name, forecast in baselines.items()}
    best = first_highest if metric.better == "higher" else first_lowest
    return list(values)[best(values.values())]


def _rule(target: OutcomeName, language: Language) -> str:
    wording = texts("guanxi.evaluation", language)["grade"]
    rule: str = wording["churn_rule" if target == "churn" else "value_rule"]
    return rule.format(what=wording["targets"][target]["what"])


def _total_warning(target: OutcomeName, actual: float, forecast: float, language: Language) -> str:
    wording = texts("guanxi.evaluation", language)["grade"]
    warning: str = wording["total_warning"]
    return warning.format(
        what=wording["targets"][target]["what"], actual=actual, forecast=forecast, bias=forecast / actual - 1
    )


def _warning(
    target: OutcomeName, baseline: str, metric: str, gain: Mapping[str, float], language: Language
) -> str:
    wording = texts("guanxi.evaluation", language)["grade"]
    warning: str = wording["warning"]
    return warning.format(
        **wording["targets"][target],
        baseline=wording["baselines"].get(baseline, baseline),
        metric=wording["metrics"][metric],
        difference=-gain["gain"],
        low=-gain["upper"],
        high=-gain["lower"],
    )
