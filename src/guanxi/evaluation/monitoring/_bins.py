"""Binning of columns, and the population stability index of two samples of a column.

Numbers are binned at the nine deciles of the training table, with ties merged. Categories are binned into the
20 most common values, other values seen in training, and unseen values. Missing values have a separate bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

Floats = NDArray[np.float64]
Counts = Sequence[int]

_QUANTILES = np.arange(1, 10) / 10
_COMMON_CATEGORIES = 20
_HALF = 0.5
UNSEEN = -2  # index among the counts of a category
_MOMENTS = ("mean", "deviation")


def describe_number(values: ArrayLike) -> dict[str, Any]:
    """Bin a number and count the values per bin; NaN is missing.

    Returns ``edges`` (a bin includes its upper edge), ``counts`` (one more than edges, then the missing), and
    ``mean, deviation`` (None if all are missing).

    Examples
    --------
    >>> found = describe_number([1, 1, 1, 1, 1, 1, 2, 2, 3, 9, float("nan")])
    >>> found["edges"][1:], found["counts"], found["mean"]
    ([1.0, 2.0, 3.0], [0, 6, 2, 1, 1, 1], 2.2)
    """
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    edges: list[float] = []
    if known.size:
        edges = sorted({float(edge) for edge in np.quantile(known, _QUANTILES, method="inverted_cdf")})
        if edges[0] == known.min():  # a separate bin for values below the training minimum
            edges.insert(0, float(np.nextafter(edges[0], -math.inf)))
    return {"edges": edges, "counts": count_number(given, edges), **moments(known)}


def moments(values: ArrayLike) -> dict[str, float | None]:
    """Mean and standard deviation of the non-missing values."""
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    if not known.size:
        return dict.fromkeys(_MOMENTS)
    return {"mean": float(known.mean()), "deviation": float(known.std())}


def log_ratio(mean: float | None, mean_then: float | None) -> float:
    """Logarithm of the ratio of two means; 0 unless both are known and positive."""
    if not (mean and mean_then and mean > 0 and mean_then > 0):
        return 0.0
    return math.log(mean / mean_then)


def count_number(values: ArrayLike, edges: Sequence[float]) -> list[int]:
    """Count the values in each bin, then the missing ones."""
    given = np.asarray(values, dtype=np.float64)
    missing = np.isnan(given)
    places = np.searchsorted(edges, given[~missing], side="left")
    return [*np.bincount(places, minlength=len(edges) + 1).tolist(), int(missing.sum())]


def describe_category(values: pd.Series[Any]) -> dict[str, Any]:
    """Count the most common values of a category: ``categories, counts`` (others, unseen, missing follow).

    Values that occur once are counted as unseen: they estimate how many new customers will have a value not
    seen in training (Good 1953, The population frequencies of species, Biometrika 40).

    Examples
    --------
    >>> describe_category(pd.Series(["a"] * 5 + [f"{i // 2}" for i in range(48)] + ["x", "y"]))["counts"][-3:]
    [10, 2, 0]
    """
    shares = values.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    common = [str(name) for name in shares.index[:_COMMON_CATEGORIES]]
    *each, others, _, missing = count_category(values, common, list(shares.index))
    once = min(others, int((shares == 1).sum()))
    return {"categories": common, "counts": [*each, others - once, once, missing]}


def count_category(values: pd.Series[Any], common: Sequence[str], seen: Sequence[str]) -> list[int]:
    """Count each common value, then other values seen in training, unseen values and missing ones."""
    counts = values.value_counts()
    each = [int(counts.get(name, 0)) for name in common]
    known = int(counts[counts.index.isin(list(seen))].sum())
    return [*each, known - sum(each), int(counts.sum()) - known, int(values.isna().sum())]


def count_like(values: pd.Series[Any], described: Mapping[str, Any], seen: Sequence[str] | None) -> list[int]:
    """Count values in the bins of a described column; ``seen``: the training values of a category."""
    if seen is None:
        return count_number(values, described["edges"])
    return count_category(values, described["categories"], seen)


def population_stability_index(expected: Counts, actual: Counts) -> float:
    """Sum ``(p - q) ln(p / q)`` over the bins' shares: the population stability index; from 0, symmetric.

    Shares are at least half a customer of the smaller sample, in both samples, so an empty bin contributes a
    finite amount. ``expected`` and ``actual`` count the customers of two non-empty samples in the same bins.

    References
    ----------
    Jeffreys, H. (1946), An invariant form for the prior probability in estimation problems, Proceedings of
    the Royal Society A 186. Siddiqi, N. (2006), Credit Risk Scorecards.

    Examples
    --------
    >>> round(population_stability_index([50, 50], [80, 20]), 4)
    0.4159
    """
    p, q = (np.asarray(counts, dtype=np.float64) for counts in (expected, actual))
    least = _HALF / min(p.sum(), q.sum())
    p, q = (np.maximum(counts / counts.sum(), least) for counts in (p, q))
    return float(((p - q) * np.log(p / q)).sum())


def by_chance(expected: Counts, actual: Counts, probability: float) -> tuple[float, float]:
    """Mean and upper quantile of the population stability index of two samples of one population.

    The quantile is exceeded with the given probability. The index is approximately ``1 / n + 1 / m`` times a
    chi-squared variable with one degree of freedom fewer than bins; bins empty in both samples do not count.

    References
    ----------
    Yurdakul, B. (2018), Statistical properties of the population stability index, dissertation, Western
    Michigan University.

    Examples
    --------
    >>> mean, most = by_chance([100] * 11, [10] * 11, probability=0.01)
    >>> round(mean, 4), round(most, 4)
    (0.1, 0.2321)
    """
    p, q = (np.asarray(counts, dtype=np.float64) for counts in (expected, actual))
    freedom = int(((p > 0) | (q > 0)).sum()) - 1
    if freedom < 1:
        return 0.0, 0.0
    scale = float(1.0 / p.sum() + 1.0 / q.sum())
    return freedom * scale, float(chdtri(freedom, probability)) * scale
