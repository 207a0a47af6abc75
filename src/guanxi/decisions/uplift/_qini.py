"""The Qini curve and its coefficient, with scikit-uplift's definition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError

Floats = NDArray[np.float64]


class QiniCurve(NamedTuple):
    """Points of a Qini curve, the first at (0, 0).

    Attributes
    ----------
    customers : array
        Customers targeted so far, in the order of falling scores; tied scores are one step.
    gain : array
        Additional responses among the treated of them: treated responses less control responses, the latter
        scaled to the number of treated customers.
    """

    customers: Floats
    gain: Floats


def qini_curve(
    outcome: ArrayLike, score: ArrayLike, treated: ArrayLike, weight: ArrayLike | None = None
) -> QiniCurve:
    """Compute the Qini curve of a score.

    Parameters
    ----------
    outcome : array of shape (n,)
        0 or 1.
    score : array of shape (n,)
        Customers with the highest are targeted first.
    treated : array of shape (n,)
        True or 1 for treated customers, False or 0 for controls.
    weight : array of shape (n,), optional
        Weight of each customer, such as its number of draws in a bootstrap sample. Default: 1.

    Raises
    ------
    DataError
        If the arrays differ in length or an arm is empty.

    References
    ----------
    Radcliffe, N. J. (2007), Using control groups to target on predicted lift: building and assessing uplift
    models, Direct Marketing Analytics Journal 3. Defined as ``qini_curve`` of scikit-uplift 0.5.1.

    Examples
    --------
    >>> curve = qini_curve([1, 0, 0, 1], [0.9, 0.8, 0.2, 0.1], [1, 0, 1, 0])
    >>> curve.gain.tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    y, s, t, w = _checked(outcome, score, treated, weight)
    return Ranking(y, s, t).curve(w)


def qini_auc_score(
    outcome: ArrayLike, score: ArrayLike, treated: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Compute the Qini coefficient: area between the curve and random targeting, 1 for perfect order.

    Perfect order is that of scikit-uplift (``negative_effect=True``): treated responders first, control
    responders last. 0 is random targeting. NaN if all outcomes are equal.

    Parameters
    ----------
    outcome, score, treated, weight : array-like of shape (n,)
        As in :func:`qini_curve`.

    Raises
    ------
    DataError
        If the arrays differ in length or an arm is empty.

    References
    ----------
    Defined as ``qini_auc_score`` of scikit-uplift 0.5.1.

    Examples
    --------
    >>> round(qini_auc_score([1, 0, 0, 1], [0.9, 0.8, 0.2, 0.1], [1, 0, 1, 0]), 2)
    1.0
    """
    y, s, t, w = _checked(outcome, score, treated, weight)
    return Ranking(y, s, t).coefficient(w)


class Ranking:
    """Customers sorted once by a score and once in perfect order, for many weights."""

    def __init__(self, outcome: Floats, score: Floats, treated: Floats) -> None:
        self._by_score = _Sorted(outcome, score, treated)
        self._perfect = _Sorted(outcome, outcome * treated - outcome * (1 - treated), treated)

    def curve(self, weight: Floats) -> QiniCurve:
        """Qini curve with these weights."""
        return self._by_score.curve(weight)

    def coefficient(self, weight: Floats) -> float:
        """Qini coefficient with these weights; NaN if all outcomes are equal."""
        best = _area_above_diagonal(self._perfect.curve(weight))
        return _area_above_diagonal(self.curve(weight)) / best if best else float("nan")


class _Sorted:
    """Customers in the order of falling scores, and the last one of each run of ties."""

    def __init__(self, outcome: Floats, score: Floats, treated: Floats) -> None:
        self._order = np.argsort(-score, kind="stable")
        self._last = np.append(np.flatnonzero(np.diff(score[self._order])), len(score) - 1)
        self._y, self._t = outcome[self._order], treated[self._order]

    def curve(self, weight: Floats) -> QiniCurve:
        w, t, y = weight[self._order], self._t, self._y
        sums = (w * t, w * (1 - t), w * t * y, w * (1 - t) * y)
        return _curve(*(np.cumsum(each)[self._last] for each in sums))


def _curve(treated: Floats, control: Floats, treated_yes: Floats, control_yes: Floats) -> QiniCurve:
    """Build the curve from cumulated numbers of customers and responders of both arms."""
    ratio = np.divide(treated, control, out=np.zeros_like(treated), where=control > 0)
    return QiniCurve(np.append(0.0, treated + control), np.append(0.0, treated_yes - control_yes * ratio))


def _area_above_diagonal(curve: QiniCurve) -> float:
    diagonal = 0.5 * curve.customers[-1] * curve.gain[-1]
    return float(np.trapezoid(curve.gain, curve.customers) - diagonal)


def _checked(
    outcome: ArrayLike, score: ArrayLike, treated: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats]:
    y, s, t = (np.asarray(each, dtype=np.float64) for each in (outcome, score, treated))
    w = np.ones_like(y) if weight is None else np.asarray(weight, dtype=np.float64)
    if len({each.shape for each in (y, s, t, w)}) != 1:
        shapes = ", ".join(str(each.shape) for each in (y, s, t, w))
        raise DataError(f"outcome, score, treated and weight have shapes {shapes}: give one value a customer")
    if not (np.any(w * t > 0) and np.any(w * (1 - t) > 0)):
        raise DataError("a Qini curve needs treated customers and controls: an arm is empty")
    return y, s, t, w
