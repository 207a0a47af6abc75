"""Metrics of survival curves under right censoring.

``duration`` is the number of renewal opportunities observed and ``churned`` 1 if the customer left at the
last of them, 0 if it renewed at all of them (censored), arrays of shape (n,). S(t) is the probability of
having renewed at each of the first t opportunities.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError

Floats = NDArray[np.float64]

_DECILES = 10


def kaplan_meier(duration: ArrayLike, churned: ArrayLike, times: ArrayLike) -> Floats:
    """Survival by the product-limit estimator (Kaplan & Meier 1958), at each time; shape (len(times),).

    Examples
    --------
    >>> kaplan_meier([1, 2, 2, 3], [1, 0, 1, 0], [0, 1, 2, 3])
    array([1.  , 0.75, 0.5 , 0.5 ])
    """
    t, left = _checked(duration, churned)
    ends, place = np.unique(t, return_inverse=True)
    lost = np.bincount(place, weights=left)
    at_risk = len(t) - np.searchsorted(np.sort(t), ends, side="left")
    curve = np.append(1.0, np.cumprod(1.0 - lost / at_risk))
    return np.asarray(curve[np.searchsorted(ends, np.asarray(times, dtype=np.float64), side="right")])


def brier_by_time(duration: ArrayLike, churned: ArrayLike, survival: ArrayLike, times: ArrayLike) -> Floats:
    """Mean squared error of S(t) at each time, with inverse-probability-of-censoring weights.

    Graf, Schmoor, Sauerbrei & Schumacher (1999), Assessment and comparison of prognostic classification
    schemes for survival data, Statistics in Medicine 18, 2529-2545. Customers censored by t count through
    those still observed.

    Parameters
    ----------
    duration, churned : array, shape (n,)
    survival : array, shape (n, len(times))
    times : array, shape (len(times),)

    Examples
    --------
    >>> brier_by_time([1, 3], [1, 0], [[0.4], [0.9]], [2])
    array([0.085])
    """
    t, left = _checked(duration, churned)
    when, predicted = np.asarray(times, dtype=np.float64), np.asarray(survival, dtype=np.float64)
    if predicted.shape != (len(t), len(when)):
        raise DataError(
            f"survival has shape {predicted.shape}: give {(len(t), len(when))}, a row per customer"
        )
    observed = _observed(t, left, when)
    just_before = _observed(t, left, np.nextafter(t, 0.0))  # who leaves at t was observed up to t
    gone = (t[:, None] <= when) & (left[:, None] == 1.0)
    there = t[:, None] > when
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(gone, predicted**2 / just_before[:, None], 0.0)
        errors += np.where(there, (1.0 - predicted) ** 2 / observed, 0.0)
    return np.asarray(errors.mean(axis=0))


def integrated_brier(duration: ArrayLike, churned: ArrayLike, survival: ArrayLike, times: ArrayLike) -> float:
    """Mean of :func:`brier_by_time` over time, by the trapezoidal rule; from 0, lower is better."""
    when = np.asarray(times, dtype=np.float64)
    errors = brier_by_time(duration, churned, survival, when)
    return float(np.trapezoid(errors, when) / (when[-1] - when[0])) if len(when) > 1 else float(errors[0])


def concordance(duration: ArrayLike, churned: ArrayLike, risk: ArrayLike) -> float:
    """Share of comparable pairs in which who left earlier has the higher risk; ties count half.

    Harrell, Lee & Mark (1996), Multivariable prognostic models, Statistics in Medicine 15, 361-387. A pair is
    comparable if one customer left and the other was still under contract afterwards. NaN without a pair.

    Examples
    --------
    >>> concordance([1, 2, 3], [1, 1, 0], [0.9, 0.1, 0.2])
    0.6666666666666666
    """
    t, left = _checked(duration, churned)
    score = np.asarray(risk, dtype=np.float64)
    right = pairs = 0.0
    for time in np.unique(t[left == 1.0]):
        risks = np.sort(score[(t > time) | ((t == time) & (left == 0.0))])
        own = score[(t == time) & (left == 1.0)]
        below = np.searchsorted(risks, own, side="left")
        right += float((below + np.searchsorted(risks, own, side="right")).sum()) / 2.0
        pairs += float(len(own) * len(risks))
    return right / pairs if pairs else float("nan")


def calibration_by_decile(
    duration: ArrayLike, churned: ArrayLike, survival_at: ArrayLike, time: float
) -> pd.DataFrame:
    """Predicted S(t) at one time and the Kaplan-Meier estimate, in ten equal-count groups of the prediction.

    Columns: ``decile`` from 1 (the lowest S), ``customers``, ``predicted`` (mean) and ``observed``.

    Examples
    --------
    >>> calibration_by_decile([1, 3], [1, 0], [0.2, 0.9], 2).to_dict("list")
    {'decile': [1, 2], 'customers': [1, 1], 'predicted': [0.2, 0.9], 'observed': [0.0, 1.0]}
    """
    t, left = _checked(duration, churned)
    predicted = np.asarray(survival_at, dtype=np.float64)
    groups = [each for each in np.array_split(np.argsort(predicted, kind="stable"), _DECILES) if len(each)]
    return pd.DataFrame(
        {
            "decile": range(1, len(groups) + 1),
            "customers": [len(each) for each in groups],
            "predicted": [float(predicted[each].mean()) for each in groups],
            "observed": [float(kaplan_meier(t[each], left[each], [time])[0]) for each in groups],
        }
    )


def _observed(t: Floats, left: Floats, times: Floats) -> Floats:
    """Probability of not being censored up to each time; who leaves at it is not at risk of that."""
    ends, place = np.unique(t, return_inverse=True)
    lost = np.bincount(place, weights=1.0 - left)
    at_risk = len(t) - np.searchsorted(np.sort(t), ends, side="left") - np.bincount(place, weights=left)
    curve = np.append(1.0, np.cumprod(1.0 - lost / np.maximum(at_risk, 1.0)))
    return np.asarray(curve[np.searchsorted(ends, times, side="right")])


def _checked(duration: ArrayLike, churned: ArrayLike) -> tuple[Floats, Floats]:
    t, left = np.asarray(duration, dtype=np.float64), np.asarray(churned, dtype=np.float64)
    if t.ndim != 1 or t.shape != left.shape or not len(t):
        raise DataError(
            f"duration has shape {t.shape}, churned {left.shape}: give each one value per customer"
        )
    return t, left
