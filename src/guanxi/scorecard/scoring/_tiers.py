"""Assignment of customers to three tiers (high, middle, low), and to grades by given cut points.

==================  ====================================================================================
method              high · middle · low
==================  ====================================================================================
``percentile``      the top 20 % by score · the next 30 % · the rest
``pareto``          the fewest customers with 80 % of the value · with the next 15 % · the rest
``natural_breaks``  three classes of the score with least variance within
==================  ====================================================================================

Each method yields two cut points, the least score (or value) of the high and of the middle tier. Ties stay
together, and the cuts can be applied to customers of another period or group.

References
----------
Dickie, H. F. (1951), ABC inventory analysis shoots for dollars, not pennies, Factory Management and
Maintenance 109 (80 %, 15 % and 5 % of value). Zeithaml, V. A., Rust, R. T. and Lemon, K. N. (2001), The
customer pyramid, California Management Review 43 (tiers of customers by profitability). Fisher, W. D. (1958),
On grouping for maximum homogeneity, Journal of the American Statistical Association 53, and Jenks, G. F.
(1967), The data model concept in statistical mapping, International Yearbook of Cartography 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError, ParamsError
from guanxi.served.ordering import ROUNDING, first_lowest

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Words = pd.api.extensions.ExtensionArray
TierMethod = Literal["percentile", "pareto", "natural_breaks"]

TIERS = ("high", "middle", "low")
GRADES: Mapping[str, float] = {"A": 80.0, "B": 60.0, "C": 40.0, "D": 20.0, "E": 0.0}
_SHARES: Mapping[TierMethod, tuple[float, float]] = {"percentile": (0.2, 0.3), "pareto": (0.8, 0.15)}
_BINS = 2000


@dataclass(frozen=True)
class TierRule:
    """How customers are assigned to tiers.

    Attributes
    ----------
    method : {"percentile", "pareto", "natural_breaks"}
    high, middle : float, optional
        ``percentile``: share of customers in the tier (default 0.2 and 0.3); ``pareto``: share of the value
        (default 0.8 and 0.15).
    value : str
        ``pareto``: the indicator that measures value.
    """

    method: TierMethod = "percentile"
    high: float | None = None
    middle: float | None = None
    value: str = "future_value"

    @property
    def on(self) -> str:
        """Variable that is cut: ``score``, or the indicator for ``pareto``."""
        return self.value if self.method == "pareto" else "score"

    def shares(self) -> tuple[float, float]:
        """Shares of the high and the middle tier; ParamsError if invalid."""
        if self.method not in get_args(TierMethod):
            known = ", ".join(get_args(TierMethod))
            raise ParamsError(f"tiers: {self.method!r} is not known: choose one of {known}")
        usual = _SHARES.get(self.method, (0.0, 0.0))
        high, middle = (
            default if own is None else own
            for own, default in zip((self.high, self.middle), usual, strict=True)
        )
        if self.method != "natural_breaks" and not (high > 0 and middle > 0 and high + middle < 1):
            raise ParamsError(
                f"tiers: the shares high {high:g} and middle {middle:g} must be above 0 "
                f"and add up to less than 1"
            )
        return high, middle


@dataclass(frozen=True)
class TierCuts:
    """Lower bounds of the high and the middle tier.

    Attributes
    ----------
    on : str
        ``score``, or the indicator that is cut.
    high, middle : float or None
        None: the high tier is empty (all scores were equal).
    """

    method: TierMethod
    on: str
    high: float | None
    middle: float

    def assign(self, numbers: ArrayLike) -> Words:
        """Assign customers to tiers, shape (n,); missing where the number is unknown.

        Examples
        --------
        >>> TierCuts("percentile", "score", 60.0, 40.0).assign([75.0, 40.0, 12.0, float("nan")]).tolist()
        ['high', 'middle', 'low', nan]
        """
        given = np.asarray(numbers, dtype=np.float64)
        high = math.inf if self.high is None else self.high
        codes = 2 - _reach(given, self.middle).astype(np.int8) - _reach(given, high).astype(np.int8)
        codes[np.isnan(given)] = -1
        return take_words(TIERS, codes)

    def document(self) -> dict[str, Any]:
        """Return the cuts as plain numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Restore from :meth:`document`."""
        return cls(**document)


def fit_tiers(numbers: ArrayLike, rule: TierRule) -> TierCuts:
    """Find the cut points between tiers.

    Numbers are scores, or values for ``pareto``; NaN and negative values are ignored.

    Raises
    ------
    ParamsError
        If the shares of the rule are invalid.
    DataError
        If no number is known, or none is above 0 for ``pareto``.

    Examples
    --------
    >>> fit_tiers([100.0, 40.0, 30.0, 20.0, 6.0, 4.0], TierRule("pareto")).high
    30.0
    """
    shares = rule.shares()
    given = np.asarray(numbers, dtype=np.float64)
    falling = np.sort(given[~np.isnan(given)])[::-1]
    if not falling.size:
        raise DataError("no customer has a score to assign a tier: no indicator with a weight is known")
    if rule.method == "natural_breaks":
        high, middle = natural_breaks(falling[::-1])
        return TierCuts(rule.method, rule.on, high, middle)
    if rule.method == "percentile":
        last = [max(1, math.floor(falling.size * share + ROUNDING)) for share in np.cumsum(shares)]
        return TierCuts(rule.method, rule.on, *(float(falling[place - 1]) for place in last))
    held = np.cumsum(np.maximum(falling, 0.0))
    if held[-1] <= 0:
        raise DataError(f"tiers pareto: no customer has a {rule.value} above 0; choose percentile")
    last = [int(np.searchsorted(held, (share - ROUNDING) * held[-1])) for share in np.cumsum(shares)]
    return TierCuts(rule.method, rule.on, *(float(falling[place]) for place in last))


def assign_grades(scores: ArrayLike, grades: Mapping[str, float] = GRADES) -> Words:
    """Assign each score, 0 to 100, the best grade whose cut point it reaches; missing if unknown.

    ``grades`` maps each grade to its lower bound, best first; ParamsError if the bounds do not fall to 0.

    Examples
    --------
    >>> assign_grades([80.0, 79.9, 3.0]).tolist()
    ['A', 'B', 'E']
    """
    cuts = list(grades.values())
    if not cuts or cuts[-1] != 0 or any(later >= cut for cut, later in pairwise(cuts)):
        raise ParamsError(
            f"grades: cut points must fall from the best grade to 0 for the last, "
            f"not {', '.join(f'{name} {cut:g}' for name, cut in grades.items())}"
        )
    given = np.asarray(scores, dtype=np.float64)
    codes = (given[:, None] < np.asarray(cuts[:-1])).sum(axis=1, dtype=np.int64)
    codes[np.isnan(given)] = -1
    return take_words(list(grades), codes)


def _reach(numbers: Floats, cut: float) -> NDArray[np.bool_]:
    """Whether numbers are at least the cut, up to rounding."""
    return np.asarray((numbers >= cut) | np.isclose(numbers, cut, rtol=ROUNDING, atol=0.0))


def take_words(words: Sequence[str], places: NDArray[np.integer[Any]]) -> Words:
    """Words at the given positions, shape (n,); missing at position -1."""
    return pd.array([*words, None], dtype="str").take(places)


def natural_breaks(rising: Floats) -> tuple[float | None, float]:
    """Divide numbers into three classes with the least within-class sum of squares.

    Exact for up to 2,000 distinct numbers; for more, breaks are at the edges of 2,000 bins of equal width.
    ``rising``, shape (n,), is sorted without NaN. Returns the lower bounds of the upper and the middle class.
    With two distinct numbers the middle class is empty; with one it is the only class and the first bound is
    None.

    Examples
    --------
    >>> natural_breaks(np.array([1.0, 2.0, 3.0, 50.0, 51.0, 90.0]))
    (90.0, 50.0)
    """
    least, counts, means = _bins(rising)
    if least.size <= 2:
        return (float(least[-1]) if least.size == 2 else None), float(least[-1])
    total, first, second = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (counts, counts * means, counts * means**2)
    )

    def within(start: int | Places, end: int | Places) -> Floats:
        """Sum of squares of the bins from start (inclusive) to end (exclusive)."""
        sums = first[end] - first[start]
        return np.asarray(second[end] - second[start] - sums * sums / (total[end] - total[start]))

    thirds = np.arange(2, least.size)
    sums = _least_below(within, least.size) + within(thirds, least.size)
    third = int(thirds[np.flatnonzero(sums <= sums.min() + ROUNDING * second[-1])[0]])
    starts = np.arange(1, third)
    start = int(starts[first_lowest(within(0, starts) + within(starts, third))])
    return float(least[third]), float(least[start])


def _least_below(within: Callable[..., Floats], size: int) -> Floats:
    """Least sum of squares of the bins below each bin from the third on, divided into two classes.

    The best first break never moves down as the bins below grow, so each level of a bisection searches only
    between the breaks of the level above: size x log(size) sums instead of size squared.
    """
    found = np.empty(size)
    low, high, least, most = (np.array([end]) for end in (2, size, 1, size - 1))
    while low.size:
        third = (low + high) // 2
        counts = np.minimum(most, third - 1) - least + 1
        offsets = np.cumsum(counts) - counts
        group = np.repeat(np.arange(third.size), counts)
        starts = np.arange(group.size) - (offsets - least)[group]
        sums = within(0, starts) + within(starts, third[group])
        found[third] = np.minimum.reduceat(sums, offsets)
        hits = np.flatnonzero(sums == found[third][group])[::-1]
        best = np.empty(third.size, dtype=np.int64)
        best[group[hits]] = starts[hits]  # the last written is the first of equal ones
        low, high = np.concatenate([low, third + 1]), np.concatenate([third, high])
        least, most = np.concatenate([least, best]), np.concatenate([best, most])
        some = low < high
        low, high, least, most = (each[some] for each in (low, high, least, most))
    return found[2:]


def _bins(rising: Floats) -> tuple[Floats, Floats, Floats]:
    """Minimum, count and (centred) mean of each distinct value, or of 2,000 bins of equal width."""
    centre = float(rising.mean())
    distinct, counts = np.unique(rising, return_counts=True)
    if distinct.size <= _BINS:
        return distinct, counts.astype(np.float64), distinct - centre
    edges = np.linspace(rising[0], rising[-1], _BINS + 1)[1:-1]
    starts = np.unique(np.concatenate([[0], np.searchsorted(rising, edges)]))
    sums = np.add.reduceat(rising - centre, starts)
    counts = np.diff(np.append(starts, rising.size))
    return rising[starts], counts.astype(np.float64), sums / counts
