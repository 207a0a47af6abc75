"""Difference of two arms in the mean of an outcome, and their ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.decisions.campaign._inference import Inference

Floats = NDArray[np.float64]
_NORMAL_FROM = 5  # events and non-events in each arm
_ROUNDING = 1e-9
WIDEST = 50.0  # of a logarithm: the ratio is unknown


@dataclass(frozen=True)
class ArmDifference:
    """One arm against the control.

    Attributes
    ----------
    method : str
        ``difference`` (Welch), ``newcombe`` (a share with few events) or ``adjusted``.
    estimate, lower, upper : float
        Difference of the means; NaN bounds where the data cannot tell (nobody differs from anybody).
    standard_error, p_value : float
    relative, relative_lower, relative_upper : float
        The difference as a share of the baseline; NaN without a baseline.
    treated_mean, baseline : float
        Means of the arm and of the control.
    n_treated, n_control : int
    """

    method: str
    estimate: float
    lower: float
    upper: float
    standard_error: float
    p_value: float
    relative: float
    relative_lower: float
    relative_upper: float
    treated_mean: float
    baseline: float
    n_treated: int
    n_control: int

    @classmethod
    def unknown(cls, treated: Floats, control: Floats) -> Self:
        """Say that an arm has too few known values for a comparison."""
        means = [float(each.mean()) if each.size else math.nan for each in (treated, control)]
        given = {each.name: math.nan for each in fields(cls)[1:-2]}
        given |= {"treated_mean": means[0], "baseline": means[1]}
        return cls(method="difference", n_treated=treated.size, n_control=control.size, **given)


def difference(treated: ArrayLike, control: ArrayLike, inference: Inference | None = None) -> ArmDifference:
    """Compare the means of two independent samples.

    The interval of the difference is Welch's (Biometrika 34, 1947, with Satterthwaite's degrees of freedom),
    also for shares, except where an arm has fewer than 5 events or non-events: there it is Newcombe's
    (Statistics in Medicine 17, 1998, method 10). That of the ratio
    is by the delta method on its logarithm.

    Parameters
    ----------
    treated, control : array, shapes (n,) and (m,)
        Values of the customers; NaN is unknown and left out.
    inference : Inference, optional
        Default: 95 %, one look.

    Examples
    --------
    >>> found = difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    >>> round(found.estimate, 2), round(found.lower, 2), round(found.upper, 2), found.relative
    (2.0, -0.27, 4.27, 1.0)
    """
    inference = inference or Inference()
    first, second = _known(treated), _known(control)
    spread = np.array([first.var(ddof=1) / first.size, second.var(ddof=1) / second.size])
    parts = spread**2 / (np.array([first.size, second.size]) - 1)
    degrees = float(spread.sum() ** 2 / parts.sum()) if parts.sum() > 0 else math.inf
    covariance = np.array([[spread.sum(), -spread[1]], [-spread[1], spread[1]]])
    found = compared(
        "difference",
        float(first.mean() - second.mean()),
        float(second.mean()),
        covariance,
        degrees,
        (first.size, second.size),
        inference,
    )
    return _newcombe(found, first, second, inference) if _few_events(first, second) else found


def compared(
    method: str,
    estimate: float,
    baseline: float,
    covariance: Floats,
    degrees: float,
    sizes: tuple[int, int],
    inference: Inference,
) -> ArmDifference:
    """Intervals of an estimate and of its ratio to the baseline, with ``covariance`` of the two."""
    error, critical = math.sqrt(covariance[0, 0]), inference.critical(degrees)
    half = critical * error if error > 0 else math.nan
    relative = _relative(estimate, baseline, covariance, critical)
    return ArmDifference(
        method=method,
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        standard_error=error,
        p_value=inference.p_value(estimate / error, degrees) if error > 0 else math.nan,
        relative=relative[0],
        relative_lower=relative[1],
        relative_upper=relative[2],
        treated_mean=baseline + estimate,
        baseline=baseline,
        n_treated=sizes[0],
        n_control=sizes[1],
    )


def _relative(
    estimate: float, baseline: float, covariance: Floats, critical: float
) -> tuple[float, float, float]:
    """Return the estimate as a share of the baseline with its limits; NaN where a mean is not positive."""
    if abs(baseline) <= _ROUNDING * (abs(estimate) + math.sqrt(covariance[0, 0])):
        return math.nan, math.nan, math.nan
    relative, treated = estimate / baseline, baseline + estimate
    if min(treated, baseline) <= 0:
        return relative, math.nan, math.nan
    gradient = np.array([1.0 / treated, 1.0 / treated - 1.0 / baseline])
    error = math.sqrt(max(0.0, gradient @ covariance @ gradient))
    factor = math.exp(min(critical * error, WIDEST))
    return relative, (1.0 + relative) / factor - 1.0, (1.0 + relative) * factor - 1.0


def _known(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def is_share(values: Floats) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def _few_events(first: Floats, second: Floats) -> bool:
    if not (is_share(first) and is_share(second)):
        return False
    rarest = min(min(float(each.sum()), each.size - float(each.sum())) for each in (first, second))
    return rarest < _NORMAL_FROM


def _newcombe(found: ArmDifference, first: Floats, second: Floats, inference: Inference) -> ArmDifference:
    """Replace the intervals and the p-value of a difference of shares with few events."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = (first.sum(), first.size, second.sum(), second.size)
    level = inference.single_look_level
    lower, upper = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=level)
    ratios = (math.nan, math.nan)
    if first.sum() and second.sum():
        ratios = confint_proportions_2indep(*counts, method="log-adjusted", compare="ratio", alpha=level)
    return ArmDifference(
        **{
            **vars(found),
            "method": "newcombe",
            "lower": float(lower),
            "upper": float(upper),
            "p_value": _score_p_value(counts, inference),
            "relative_lower": float(ratios[0]) - 1.0,
            "relative_upper": float(ratios[1]) - 1.0,
        }
    )


def _score_p_value(counts: tuple[float, ...], inference: Inference) -> float:
    """P-value of the score test, whose variance is that of equal shares."""
    events, size, others, other_size = counts
    pooled = (events + others) / (size + other_size)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / size + 1.0 / other_size))
    if error == 0:
        return 1.0
    return inference.p_value((events / size - others / other_size) / error, math.inf)
