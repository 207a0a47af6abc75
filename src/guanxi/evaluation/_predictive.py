"""Metrics of predictive distributions and intervals, each with its functional, domain and direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.pipeline.fit import FittedModels

Floats = NDArray[np.float64]

_PIT_ROWS = 10_000  # batch size: limits memory for the distributions
_PIT_SEED = 0
_KEY_DIGITS = 16
_MANTISSA = 53


def measure_distributions(twin: FittedModels, table: pd.DataFrame) -> pd.DataFrame:
    """Evaluate a twin's predictive distributions and their intervals: ``target, metric, value``.

    ``table``: ``customer_id, horizon_days, purchases, spend`` of the holdout window, in the order of the
    features.
    """
    horizon, level = int(table["horizon_days"].iloc[0]), twin.model.lifetime_value.interval
    ends = twin.scorer.interval(twin.features, horizon, level)
    starts = range(0, len(table), _PIT_ROWS)
    pit = np.concatenate([_pit(twin, table, slice(start, start + _PIT_ROWS), horizon) for start in starts])
    rows = [("purchases", "pit_ks", ks_distance(pit))]
    for target in ("purchases", "spend") if twin.spend else ("purchases",):
        actual, lower, upper = table[target], ends[f"{target}_lower"], ends[f"{target}_upper"]
        rows += [
            (target, "coverage", coverage(actual, lower, upper)),
            (target, "mean_width", mean_width(lower, upper)),
            (target, "interval_score", interval_score(actual, lower, upper, level)),
        ]
    return pd.DataFrame(rows, columns=["target", "metric", "value"])


def _pit(twin: FittedModels, table: pd.DataFrame, rows: slice, horizon_days: int) -> Floats:
    purchases = table["purchases"].iloc[rows]
    chances = twin.scorer.count_probabilities(twin.features.iloc[rows], horizon_days, int(purchases.max()))
    return randomised_pit(purchases, chances, table["customer_id"].iloc[rows], _PIT_SEED)


def randomised_pit(actual: ArrayLike, probabilities: ArrayLike, customer_id: ArrayLike, seed: int) -> Floats:
    """Randomised probability integral transform of counts: uniform if the distributions are correct.

    Czado, Gneiting & Held (2009), Predictive Model Assessment for Count Data, Biometrics 65(4): F(n - 1) + u
    P(n) for the observed count n, with u uniform. Each u is a hash of the seed and the customer's id, so it
    does not depend on the order of the rows. ``probabilities``, shape (n, most + 1), are those of 0 ... most;
    the remaining mass belongs to larger counts.

    Examples
    --------
    >>> pit = randomised_pit([0, 2], [[0.5, 0.5], [0.5, 0.4]], ["A7", "B3"], seed=1)
    >>> bool(0 <= pit[0] <= 0.5), bool(0.9 <= pit[1] <= 1)
    (True, True)
    """
    counts, chances = np.asarray(actual, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    reached = np.column_stack([np.zeros(len(chances)), np.cumsum(chances, axis=1), np.ones(len(chances))])
    place = np.minimum(counts, chances.shape[1])
    rows = np.arange(len(counts))
    below, up_to = reached[rows, place], reached[rows, place + 1]
    return np.asarray(below + _uniform(customer_id, seed) * (up_to - below))


def ks_distance(pit: ArrayLike) -> float:
    """Kolmogorov-Smirnov distance between the empirical distribution and the uniform one on (0, 1).

    Evaluates the whole distribution; 0 to 1, lower is better.

    Examples
    --------
    >>> round(ks_distance([0.1, 0.3, 0.5, 0.7, 0.9]), 9)
    0.1
    """
    ordered = np.sort(_floats(pit))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(np.maximum(steps[1:] - ordered, ordered - steps[:-1]).max())


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of outcomes within their interval, ends included; 0 to 1, best at the nominal level.

    Intervals of counts cover more than their nominal level: read together with :func:`mean_width` and
    :func:`ks_distance`.

    Examples
    --------
    >>> coverage([0, 3, 9], [0, 1, 1], [2, 3, 5])
    0.6666666666666666
    """
    value = _floats(actual)
    return float(((_floats(lower) <= value) & (value <= _floats(upper))).mean())


def mean_width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean of upper - lower; from 0, lower is better at equal :func:`coverage`.

    Examples
    --------
    >>> mean_width([0, 1], [2, 5])
    3.0
    """
    return float((_floats(upper) - _floats(lower)).mean())


def interval_score(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike, level: float) -> float:
    """Mean width plus 2 / (1 - level) times the mean distance of outcomes outside their interval.

    Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation, Journal of the
    American Statistical Association 102(477), section 6.2: the score of the quantiles at (1 - level) / 2 and
    (1 + level) / 2; from 0, lower is better.

    Examples
    --------
    >>> round(interval_score([0, 4], [0, 1], [2, 3], level=0.9), 9)
    12.0
    """
    value, low, high = _floats(actual), _floats(lower), _floats(upper)
    outside = np.maximum(low - value, 0.0) + np.maximum(value - high, 0.0)
    return float((high - low + 2.0 / (1.0 - level) * outside).mean())


def _uniform(customer_id: ArrayLike, seed: int) -> Floats:
    """Pseudo-random numbers in (0, 1), functions of the seed and the id only."""
    key = f"{seed % 10**_KEY_DIGITS:0{_KEY_DIGITS}d}"
    text = pd.Series(customer_id).astype(str).to_numpy(dtype=object)
    bits = pd.util.hash_array(text, hash_key=key, categorize=False) >> np.uint64(64 - _MANTISSA)
    return np.asarray((bits.astype(np.float64) + 0.5) * 2.0**-_MANTISSA)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
