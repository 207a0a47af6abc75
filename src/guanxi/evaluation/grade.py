"""A grade for each target: a comparison of the predictions with the best naive method, and with the total.

==========  ======================  ===================  ============
target      deciding metric         guarding metric      proper score
==========  ======================  ===================  ============
churn       ``auc``                                      ``log_loss``
purchases   ``top_decile_capture``  ``normalised_gini``  ``crps``
spend       ``top_decile_capture``  ``normalised_gini``  ``crps``
==========  ======================  ===================  ============

A needs all of these:

- the deciding metric is clearly better than the best naive method's (the 90 % paired bootstrap interval of
  the difference lies above 0),
- the guarding metric is not clearly worse than the best naive method's,
- the proper score is not worse than the best naive method's (of a forecast of one number the CRPS is its
  mean absolute error),
- the total is within a factor of 1.15 of the actual one.

C: the deciding metric is clearly worse (the interval lies below 0), or the total is off by more than a
factor of 1.5. B: everything else, with the reasons that withhold the A. A reason given from outside, such as
a window shorter than the horizon, withholds it too.

The total of churn is the worse of two: the churners, and the customers who buy again. A total counts as off
only if the error is greater than chance: beyond 1.645 standard errors of the actual total if customers were
drawn anew. The bounds: the root mean square error of totals is 14 % on many logs (``benchmarks/level.py``),
so 1.15 is a usual miss and 1.5 nearly three of them.

Only one metric decides, which avoids several chances for an A. The guarding metric withholds an A if the best
tenth is found but the rest is ranked badly; the proper score if the ranking is good but the numbers are
wrong. The Poisson deviance would not do: a naive forecast of 0 for a customer who buys makes it as large as
one likes, so that nothing would ever be worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from guanxi.errors import DataError
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.evaluation.metrics import COUNTS, PROBABILITIES, Metric
from guanxi.served.input_checks import LANGUAGES
from guanxi.served.ordering import first_highest, first_lowest
from guanxi.served.texts import Language, texts

OutcomeName = Literal["churn", "purchases", "spend"]
Letter = Literal["A", "B", "C"]

FEWEST = 30
BEST_TOTAL, WORST_TOTAL = 1.15, 1.5
_NORMAL = 1.645  # quantile of a 90 % interval
_ROUNDING = 1e-12
_OWN = "own"
_VALUE = ("top_decile_capture", "normalised_gini")
_METRICS: dict[OutcomeName, tuple[str, ...]] = {"churn": ("auc",), "purchases": _VALUE, "spend": _VALUE}


class GradeSentences(NamedTuple):
    """Why a grade is no A, and the warning of a grade C; None where there is none."""

    reason: str | None
    warning: str | None


@dataclass(frozen=True)
class Grade:
    """Grade of the predictions of one target.

    Attributes
    ----------
    target : {"churn", "purchases", "spend"}
    letter : {"A", "B", "C"}
    baseline : str
        The naive method with the best ``metric``.
    metric : str
        The deciding metric.
    difference, lower, upper : float
        Lead over the baseline by this metric (negative: worse), with a 90 % interval.
    said : mapping of {"en", "zh"} to GradeSentences
    language : {"en", "zh"}
        Of ``reason`` and ``warning``.
    biased : bool
        Whether the total is off by more than a grade above C allows.
    """

    target: OutcomeName
    letter: Letter
    baseline: str
    metric: str
    difference: float
    lower: float
    upper: float
    said: Mapping[Language, GradeSentences]
    language: Language
    biased: bool = False

    @property
    def rule(self) -> str:
        """Meaning of the letters for this target, in one sentence."""
        return _Wording(self.target, self.language).rule

    @property
    def reason(self) -> str | None:
        """Why it is no A, in a sentence; grade B only."""
        return self.said[self.language].reason

    @property
    def warning(self) -> str | None:
        """Warning to be shown with the predictions; grade C only."""
        return self.said[self.language].warning


@dataclass(frozen=True)
class _Total:
    """A total of the forecast and the actual one."""

    name: str
    forecast: float
    actual: float
    chance: float

    @property
    def factor(self) -> float:
        """Factor by which the forecast is off, at least 1; 1 if the error is within chance."""
        if abs(self.forecast - self.actual) <= self.chance:
            return 1.0
        low, high = sorted((self.forecast, self.actual))
        return high / low if low > 0 else math.inf

    @property
    def bias(self) -> float:
        """Relative error."""
        return self.forecast / self.actual - 1.0


def letters_in_words(language: Language) -> str:
    """Return the meaning of the letters for all targets, in one sentence."""
    return str(texts("guanxi.evaluation", language)["grade"]["letters"])


def _grade_forecast(
    target: OutcomeName,
    actual: ArrayLike,
    own: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    seed: int,
    *,
    crps: ArrayLike | None = None,
    shorter: tuple[int, int] | None = None,
    language: Language = "en",
) -> Grade | None:
    """Grade predictions of a holdout window by the rule in the module docstring.

    ``actual`` (label with 1 for churned, purchases or spend), ``own`` (predictions) and the naive forecasts
    in ``baselines`` have shape (n,), and so has ``crps``, the score of each customer's distribution of
    purchases or spend (default: the absolute error). ``shorter`` are the days of a window that is shorter
    than the horizon, and those of the horizon: then the grade is at most B. The grade is None if the window
    is not informative: fewer than 30 customers bought (for churn: or fewer than 30 did not), or all outcomes
    are equal. A missing baseline or arrays of different length raise a DataError.

    Examples
    --------
    >>> churned = [0, 1] * 100
    >>> found = _grade_forecast("churn", churned, [0.2, 0.7] * 100, {"naive (chance)": [0.5] * 200}, seed=1)
    >>> found.letter, found.difference
    ('A', 0.5)
    """
    if not baselines:
        raise DataError(f"{target} cannot be graded without a baseline: give at least one")
    observed, forecast = np.asarray(actual, dtype=np.float64), np.asarray(own, dtype=np.float64)
    metrics = {name: (PROBABILITIES if target == "churn" else COUNTS)[name] for name in _METRICS[target]}
    if _too_few(target, observed) or any(math.isnan(each(observed, own)) for each in metrics.values()):
        return None
    best = {name: _best(metric, observed, baselines) for name, metric in metrics.items()}
    models = {_OWN: own} | {name: baselines[name] for name in best.values()}
    sampled = bootstrap(observed, models, metrics, seed=seed)
    gains = {name: sampled.gain(name, _OWN, best[name]) for name in metrics}
    decides = _METRICS[target][0]
    total = _worst_total(target, observed, forecast)
    losing = _beaten_score(target, observed, forecast, baselines, crps)

    def say(wording: _Wording) -> tuple[Letter, GradeSentences]:
        if total.factor > WORST_TOTAL:
            return "C", GradeSentences(None, wording.total_warning(total))
        if gains[decides]["upper"] < 0:
            return "C", GradeSentences(None, wording.warning(best[decides], decides, gains[decides]))
        reasons = _reasons(gains, best, wording)
        reasons += [wording.score(*losing)] if losing else []
        reasons += [wording.total(total)] if total.factor > BEST_TOTAL else []
        reasons += [wording.shorter(*shorter)] if shorter else []
        letter: Letter = "B" if reasons else "A"
        return letter, GradeSentences(wording.reason(letter, reasons) if reasons else None, None)

    said = {each: say(_Wording(target, each)) for each in LANGUAGES}
    return Grade(
        target=target,
        letter=said[language][0],
        baseline=best[decides],
        metric=decides,
        difference=gains[decides]["gain"],
        lower=gains[decides]["lower"],
        upper=gains[decides]["upper"],
        said={each: sentences for each, (_, sentences) in said.items()},
        language=language,
        biased=total.factor > WORST_TOTAL,
    )


def _reasons(
    gains: Mapping[str, Mapping[str, float]], best: Mapping[str, str], wording: _Wording
) -> list[str]:
    """Reasons of the deciding and the guarding metric that withhold an A."""
    decides, *guards = gains
    found = [] if gains[decides]["lower"] > 0 else [wording.unclear(best[decides])]
    return found + [wording.guard(best[name]) for name in guards if gains[name]["upper"] < 0]


def _beaten_score(
    target: OutcomeName,
    actual: np.ndarray,
    own: np.ndarray,
    baselines: Mapping[str, ArrayLike],
    crps: ArrayLike | None,
) -> tuple[str, float, float] | None:
    """Name the naive method with a better proper score, after it the own score and its; None if none has."""
    score = PROBABILITIES["log_loss"] if target == "churn" else COUNTS["mae"]
    values = {name: score(actual, forecast) for name, forecast in baselines.items()}
    best = list(values)[first_lowest(values.values())]
    value = score(actual, own) if crps is None else float(np.asarray(crps, dtype=np.float64).mean())
    better = value <= values[best] * (1.0 + _ROUNDING)
    return None if better else (best, value, values[best])


def _worst_total(target: OutcomeName, actual: np.ndarray, own: np.ndarray) -> _Total:
    """Return the total that is off by the greatest factor."""
    chance = _NORMAL * math.sqrt(float(((actual - actual.mean()) ** 2).sum()))
    if target != "churn":
        return _Total(target, float(own.sum()), float(actual.sum()), chance)
    totals = [
        _Total(name, float(forecast.sum()), float(found.sum()), chance)
        for name, forecast, found in (("churners", own, actual), ("stayers", 1.0 - own, 1.0 - actual))
    ]
    return totals[first_highest(total.factor for total in totals)]


def _too_few(target: OutcomeName, actual: np.ndarray) -> bool:
    groups = [actual == 0, actual != 0] if target == "churn" else [actual > 0]
    return any(int(group.sum()) < FEWEST for group in groups)


def _best(metric: Metric, actual: ArrayLike, baselines: Mapping[str, ArrayLike]) -> str:
    values = {name: metric(actual, forecast) for name, forecast in baselines.items()}
    best = first_highest if metric.better == "higher" else first_lowest
    return list(values)[best(values.values())]


class _Wording:
    """Sentences about one target in one language."""

    def __init__(self, target: OutcomeName, language: Language) -> None:
        self._texts = texts("guanxi.evaluation", language)["grade"]
        self._target = target

    @property
    def rule(self) -> str:
        text = self._texts["churn_rule" if self._target == "churn" else "value_rule"]
        return str(text).format(**self._texts["targets"][self._target])

    def reason(self, letter: Letter, reasons: Sequence[str]) -> str:
        text: str = self._texts["reason"]
        what = self._texts["targets"][self._target]["what"]
        return text.format(target=what, letter=letter, reason="; ".join(reasons))

    def unclear(self, baseline: str) -> str:
        return str(self._texts["unclear"]).format(baseline=self._baseline(baseline))

    def guard(self, baseline: str) -> str:
        return str(self._texts["guard"]).format(baseline=self._baseline(baseline))

    def score(self, baseline: str, own: float, other: float) -> str:
        name = self._texts["metrics"]["log_loss" if self._target == "churn" else "crps"]
        text: str = self._texts["score"]
        return text.format(score=name, own=own, other=other, baseline=self._baseline(baseline))

    def shorter(self, days: int, horizon_days: int) -> str:
        return str(self._texts["shorter"]).format(days=days, horizon_days=horizon_days)

    def total(self, total: _Total) -> str:
        return self._about("total", total)

    def total_warning(self, total: _Total) -> str:
        return self._about("total_warning", total)

    def warning(self, baseline: str, metric: str, gain: Mapping[str, float]) -> str:
        text: str = self._texts["warning"]
        return text.format(
            **self._texts["targets"][self._target],
            baseline=self._baseline(baseline),
            metric=self._texts["metrics"][metric],
            difference=-gain["gain"],
            low=-gain["upper"],
            high=-gain["lower"],
        )

    def _about(self, key: str, total: _Total) -> str:
        text: str = self._texts[key]
        return text.format(
            what=self._texts["targets"][self._target]["what"],
            whose=self._texts["totals"][total.name],
            actual=total.actual,
            forecast=total.forecast,
            bias=total.bias,
        )

    def _baseline(self, name: str) -> str:
        return str(self._texts["baselines"].get(name, name))
