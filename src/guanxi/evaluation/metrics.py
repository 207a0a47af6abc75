"""Metrics of counts, amounts and probabilities, each with its functional, domain and direction.

Ranking metrics average over random orders of tied predictions, so the order of the rows does not matter. All
take one-dimensional arrays, or raise a ``DataError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError
from guanxi.models import losses

Floats = NDArray[np.float64]
Direction = Literal["lower", "higher", "zero"]
Number = TypeVar("Number", float, Floats)
BINS = 10
DECILE = 0.1


@dataclass(frozen=True)
class Metric:
    """A metric and its direction: better if lower, higher, or nearer zero.

    Examples
    --------
    >>> AMOUNTS["bias"]([1, 3], [2, 3]), round(AMOUNTS["bias"].gain(0.1, -0.3), 9)
    (0.25, 0.2)
    """

    function: Callable[[ArrayLike, ArrayLike], float]
    better: Direction

    def __call__(self, actual: ArrayLike, predicted: ArrayLike) -> float:
        """Evaluate the predictions."""
        return self.function(actual, predicted)

    def gain(self, value: Number, reference: Number) -> Number:
        """How much better ``value`` is than ``reference``: positive is better, negative worse."""
        if self.better == "zero":
            return abs(reference) - abs(value)
        return value - reference if self.better == "higher" else reference - value


def mean_absolute_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of |predicted - actual|: the median's metric; any numbers; from 0, lower is better.

    It rewards forecasts of the median, and most customers buy nothing: on CDNOW (273 days after 1997-09-30)
    a forecast of 0 for everyone is almost as good as BG/NBD (.837, .819). Read together with :func:`bias`.
    """
    actual, predicted = _pair(actual, predicted)
    return float(np.abs(predicted - actual).mean())


def _root_mean_squared_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Square root of the mean squared error: the mean's metric; any numbers; from 0, lower is better."""
    actual, predicted = _pair(actual, predicted)
    return float(np.sqrt(((predicted - actual) ** 2).mean()))


def bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Relative error of the total, ``sum(predicted) / sum(actual) - 1``; from -1, nearer 0 is better.

    The mean's metric, for counts and amounts; NaN if the actual total is 0.
    """
    actual, predicted = _pair(actual, predicted)
    total = actual.sum()
    return float(predicted.sum() / total - 1.0) if total else math.nan


def poisson_deviance(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean Poisson deviance of counts: the mean's metric; from 0, lower is better.

    Predictions are at least 1e-12.
    """
    return float(losses.poisson_deviance(*_pair(actual, predicted)).mean())


def _tweedie_deviance(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean Tweedie deviance (power 1.5) of amounts of 0 or more: the mean's metric; from 0, lower is better.

    In the square root of the currency; predictions are at least 1e-12.
    """
    return float(losses.tweedie_deviance(*_pair(actual, predicted)).mean())


def _mean_score(actual: ArrayLike, scores: ArrayLike) -> float:
    """Mean of scores that were computed customer by customer, such as the CRPS; lower is better."""
    return float(_pair(actual, scores)[1].mean())


def spearman(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Rank correlation with mid-ranks for ties: order only; any numbers; -1 to 1, higher is better.

    NaN if either side is constant.
    """
    actual, predicted = _pair(actual, predicted)
    x, y = (_mid_ranks(values) - (len(values) + 1) / 2 for values in (actual, predicted))
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread if spread else math.nan


def normalised_gini(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Gini index of the actual values in predicted order over that in actual order; -1 to 1, higher better.

    Ranking only, with customers weighted by their actual value: 0 is a random order, 1 the true one. For
    non-negative counts and amounts; for a label it is ``2 AUC - 1``. NaN if all values are equal.

    Examples
    --------
    >>> normalised_gini([0, 10, 90], [1, 3, 2])
    0.1111111111111111
    """
    actual, predicted = _pair(actual, predicted)
    middle = (len(actual) + 1) / 2
    best = float(actual @ (_mid_ranks(actual) - middle))
    return float(actual @ (_mid_ranks(predicted) - middle)) / best if best else math.nan


def top_decile_capture(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Actual total of the predicted top tenth over that of the actual top tenth.

    Ranking only; for non-negative counts and amounts; 0 to 1, higher is better. NaN if the total is 0.

    Examples
    --------
    >>> top_decile_capture([100, 50, *[0] * 8], [1, 2, *[0] * 8])
    0.5
    """
    actual, predicted = _pair(actual, predicted)
    k = _contacted(len(actual), DECILE)
    best = np.partition(actual, len(actual) - k)[len(actual) - k :].sum()
    return _total_of_top(actual, predicted, k) / float(best) if best else math.nan


def _capture_at_k(actual: ArrayLike, predicted: ArrayLike, k: float = DECILE) -> float:
    """Share of the actual total (churners, purchases, spend) among the top-ranked customers.

    Ranking only; for labels and non-negative counts and amounts; 0 to 1, higher is better, ``k`` by chance.
    NaN if the total is 0. ``k``, above 0 and up to 1, is the share of customers contacted, those with the
    highest predictions.

    Examples
    --------
    >>> _capture_at_k([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1], k=0.5)
    0.5
    """
    actual, predicted = _pair(actual, predicted)
    total = float(actual.sum())
    return _total_of_top(actual, predicted, _contacted(len(actual), k)) / total if total else math.nan


def _lift_at_k(actual: ArrayLike, predicted: ArrayLike, k: float = DECILE) -> float:
    """Mean of the top-ranked customers over the overall mean: from 0, 1 by chance, higher is better.

    Ranking only; for labels (at most 1 / mean) and non-negative counts and amounts; ``k`` as in
    :func:`_capture_at_k`.

    Examples
    --------
    >>> _lift_at_k([1, 0, 0, 0], [0.9, 0.4, 0.6, 0.1], k=0.5)
    2.0
    """
    n = np.size(actual)
    return _capture_at_k(actual, predicted, k) * n / _contacted(n, k)


def auc(actual: ArrayLike, probability: ArrayLike) -> float:
    """Area under the ROC curve of a label: ranking only; 0 to 1, .5 by chance, higher is better.

    The probability that a random churner ranks above a random stayer, ties counting half (the Mann-Whitney U
    over the number of pairs). NaN with only one class.
    """
    actual, probability = _pair(actual, probability)
    positive = actual == 1.0
    ones = int(positive.sum())
    zeros = len(actual) - ones
    if not ones or not zeros:
        return math.nan
    return (float(_mid_ranks(probability)[positive].sum()) - ones * (ones + 1) / 2) / (ones * zeros)


def average_precision(actual: ArrayLike, probability: ArrayLike) -> float:
    """Area under the stepwise precision-recall curve of a label: ranking only; 0 to 1, higher is better.

    The mean precision at the churners' thresholds; by chance the share of churners. NaN without churners.
    """
    actual, probability = _pair(actual, probability)
    order = np.argsort(probability, kind="stable")[::-1]
    ends = np.append(_starts(probability[order])[1:], len(order))
    found = np.cumsum(actual[order])[ends - 1]
    total = float(found[-1])
    return float(np.diff(found, prepend=0.0) @ (found / ends)) / total if total else math.nan


def log_loss(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log-likelihood of a label: the probability's metric; from 0, lower is better.

    Probabilities are clipped to 1e-15 and 1 - 1e-15.
    """
    return float(losses.log_loss(*_pair(actual, probability)).mean())


def brier(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of a label's probability: the probability's metric; 0 to 1, lower is better."""
    actual, probability = _pair(actual, probability)
    return float(((probability - actual) ** 2).mean())


def _expected_calibration_error(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean gap between predicted and observed share over ten equal-count bins; 0 to 1, lower is better.

    The probability's metric, but blind to the ranking: a constant at the right level scores near 0.
    """
    predicted, observed, customers = _bins(*_pair(actual, probability))
    return float(customers @ np.abs(predicted - observed)) / float(customers.sum())


def _reliability_curve(actual: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Predicted and observed share in ten equal-count bins, in increasing order of probability.

    Tied probabilities that span several bins contribute the same observed share to each. With fewer rows than
    bins, each row is a bin. The columns ``predicted, observed`` are means, ``customers`` counts.

    Examples
    --------
    >>> _reliability_curve([0, 1], [0.2, 0.7]).to_dict("list")
    {'predicted': [0.2, 0.7], 'observed': [0.0, 1.0], 'customers': [1, 1]}
    """
    predicted, observed, customers = _bins(*_pair(actual, probability))
    return pd.DataFrame({"predicted": predicted, "observed": observed, "customers": customers.astype(int)})


def _totals_by_decile(actual: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Forecast and actual totals of ten equal-count groups of customers, in increasing order of forecast.

    The columns are ``decile`` from 1, ``customers, forecast, actual`` (sums) and ``ratio``, forecast over
    actual: near 1 in every group if the level is right for small and great customers alike, infinite or NaN
    where the actual total is 0. Ties as in :func:`_reliability_curve`.

    Examples
    --------
    >>> _totals_by_decile([0, 4], [1, 2]).to_dict("list")["ratio"]
    [inf, 0.5]
    """
    predicted, observed, customers = _bins(*_pair(actual, predicted))
    forecast, found = predicted * customers, observed * customers
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = forecast / found
    return pd.DataFrame(
        {
            "decile": np.arange(1, len(customers) + 1),
            "customers": customers.astype(int),
            "forecast": forecast,
            "actual": found,
            "ratio": ratio,
        }
    )


AMOUNTS = {
    "mae": Metric(mean_absolute_error, "lower"),
    "rmse": Metric(_root_mean_squared_error, "lower"),
    "bias": Metric(bias, "zero"),
    "spearman": Metric(spearman, "higher"),
    "normalised_gini": Metric(normalised_gini, "higher"),
    "top_decile_capture": Metric(top_decile_capture, "higher"),
}
COUNTS = {**AMOUNTS, "poisson_deviance": Metric(poisson_deviance, "lower")}
SPEND = {**AMOUNTS, "tweedie_deviance": Metric(_tweedie_deviance, "lower")}
SCORES = {"crps": Metric(_mean_score, "lower")}
PROBABILITIES = {
    "auc": Metric(auc, "higher"),
    "average_precision": Metric(average_precision, "higher"),
    "log_loss": Metric(log_loss, "lower"),
    "brier": Metric(brier, "lower"),
    "ece": Metric(_expected_calibration_error, "lower"),
    "lift_at_10": Metric(_lift_at_k, "higher"),
    "capture_at_10": Metric(_capture_at_k, "higher"),
}


def _pair(actual: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    pair = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise DataError(
            f"actual has shape {pair[0].shape}, predicted {pair[1].shape}: give each one value per customer"
        )
    if not pair[0].size:
        raise DataError("there are no customers to evaluate: give at least one")
    for name, values in zip(("actual", "predicted"), pair, strict=True):
        if not np.isfinite(values).all():
            raise DataError(f"{name} contains a value that is not finite: pass finite values only")
    return pair


def _starts(ordered: Floats) -> NDArray[np.intp]:
    """Start of each run of equal values."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def _mid_ranks(values: Floats) -> Floats:
    """Ranks from 1; ties share their mean rank."""
    if (values[1:] >= values[:-1]).all():  # as the bootstrap passes predictions
        return _ranks_of_runs(values)
    order = np.argsort(values)
    ranks = np.empty(len(values))
    ranks[order] = _ranks_of_runs(values[order])
    return ranks


def _ranks_of_runs(ordered: Floats) -> Floats:
    bounds = np.append(_starts(ordered), len(ordered))
    return np.repeat((bounds[1:] + bounds[:-1] + 1) / 2, np.diff(bounds))


def _contacted(customers: int, share: float) -> int:
    """Count the customers in the share, rounded down, at least one."""
    if not 0.0 < share <= 1.0:
        raise DataError(f"the share of customers contacted is {share!r}: give a number above 0 and up to 1")
    return max(1, math.floor(customers * share + 1e-9))


def _total_of_top(actual: Floats, predicted: Floats, k: int) -> float:
    """Actual total of the k highest predictions; ties at the boundary share the remaining places."""
    last = np.partition(predicted, len(predicted) - k)[len(predicted) - k]
    above, equal = predicted > last, predicted == last
    places = k - int(above.sum())
    return float(actual[above].sum() + places * actual[equal].mean())


def _bins(actual: Floats, probability: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean probability, mean outcome and number of rows of each equal-count bin."""
    order = np.argsort(probability, kind="stable")
    ordered = probability[order]
    starts = _starts(ordered)
    sizes = np.diff(np.append(starts, len(ordered)))
    shares = np.repeat(np.add.reduceat(actual[order], starts) / sizes, sizes)
    bins = min(BINS, len(ordered))
    # If the count does not divide evenly, the first bins hold one more row, as in numpy.array_split.
    customers = np.full(bins, len(ordered) // bins) + (np.arange(bins) < len(ordered) % bins)
    edges = np.cumsum(customers) - customers
    counts = customers.astype(np.float64)
    return np.add.reduceat(ordered, edges) / counts, np.add.reduceat(shares, edges) / counts, counts
