"""Columns in bins, and how far two samples of one lie apart: the population stability index.

Bins of a number are cut at the nine deciles of the training table, equal ones merged; bins of a category are
its 20 most common values, other values that training saw, and those it did not. What is missing is a bin of
its own in both.
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
UNSEEN = -2  # place among the counts of a category
_MOMENTS = ("mean", "deviation")


def describe_number(values: ArrayLike) -> dict[str, Any]:
    """Cut a number into bins and count them; NaN is missing.

    Gives ``edges`` (a bin holds its upper edge), ``counts`` (one more than edges, then the missing), and
    ``mean, deviation`` (None where all are missing).

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
        if edges[0] == known.min():  # so that values below all of training's have a bin of their own
            edges.insert(0, float(np.nextafter(edges[0], -math.inf)))
    return {"edges": edges, "counts": count_number(given, edges), **moments(known)}


def moments(values: ArrayLike) -> dict[str, float | None]:
    """Mean and standard deviation of the values that are known."""
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    if not known.size:
        return dict.fromkeys(_MOMENTS)
    return {"mean": float(known.mean()), "deviation": float(known.std())}


def log_ratio(mean: float | None, mean_then: float | None) -> float:
    """Logarithm of the ratio of two means; 0 where one of them is not above 0 or not known."""
    if not (mean and mean_then and mean > 0 and mean_then > 0):
        return 0.0
    return math.log(mean / mean_then)


def count_number(values: ArrayLike, edges: Sequence[float]) -> list[int]:
    """Count the values in each bin, and the missing ones."""
    given = np.asarray(values, dtype=np.float64)
    missing = np.isnan(given)
    places = np.searchsorted(edges, given[~missing], side="left")
    return [*np.bincount(places, minlength=len(edges) + 1).tolist(), int(missing.sum())]


def describe_category(values: pd.Series[Any]) -> dict[str, Any]:
    """Count the most common values of a category: ``categories, counts`` (others, unseen, missing follow).

    Customers whose value stands once are counted as unseen: as many of the same kind will have a value that
    training did not see (Good 1953, The population frequencies of species, Biometrika 40).

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
    """Count the common values one by one, then other values seen in training, unseen and missing ones."""
    counts = values.value_counts()
    each = [int(counts.get(name, 0)) for name in common]
    known = int(counts[counts.index.isin(list(seen))].sum())
    return [*each, known - sum(each), int(counts.sum()) - known, int(values.isna().sum())]


def count_like(values: pd.Series[Any], described: Mapping[str, Any], seen: Sequence[str] | None) -> list[int]:
    """Count values in the bins of a described column; ``seen``: a category's values in training."""
    if seen is None:
        return count_number(values, described["edges"])
    return count_category(values, described["categories"], seen)


def population_stability_index(expected: Counts, actual: Counts) -> float:
    """Sum ``(p - q) ln(p / q)`` over the bins' shares: the population stability index; from 0, symmetric.

    A share below half a customer of the smaller sample counts as half a customer of it, in both samples, so
    that an empty bin is far off but not infinitely so. ``expected`` and ``actual`` count the customers in the
    same bins of two samples, neither of them empty.

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
    """Mean of the population stability index of two samples of one population, and a quantile of it.

    The second number is exceeded with the given probability. The index is about ``1 / n + 1 / m`` times a
    chi-squared number with one degree of freedom less than there are bins; bins that are empty in both
    samples do not count.

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
