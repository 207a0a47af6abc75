"""Means, medians and shares of groups of customers, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEVEL = 0.9
DENOMINATORS: Mapping[str, str] = {"clv_to_acquisition_cost": "acquisition_cost"}


def mean_interval(
    mean: ArrayLike, deviation: ArrayLike, count: ArrayLike, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Compute Student's t interval for a mean.

    Parameters
    ----------
    mean, deviation, count : array-like, shape (n,)
        Mean, sample standard deviation and size of each sample.
    level : float
        Confidence level.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (n,)
        NaN for samples of fewer than two.

    Examples
    --------
    >>> lower, upper = mean_interval(10.0, 2.0, 4)
    >>> round(float(lower), 3), round(float(upper), 3)
    (7.647, 12.353)
    """
    count = np.asarray(count, dtype=np.float64)
    several = np.where(count >= 2, count, np.nan)
    reach = stats.t.ppf(0.5 + level / 2, several - 1) * np.asarray(deviation) / np.sqrt(several)
    return np.asarray(mean) - reach, np.asarray(mean) + reach


def net_promoter_score(
    promoters: ArrayLike, passives: ArrayLike, detractors: ArrayLike, level: float = LEVEL
) -> tuple[Floats, Floats, Floats]:
    """Compute the net promoter score with Rocks' adjusted Wald interval.

    The score is 100 (promoters - detractors) / answers. The interval is that for the mean of 1, 0 and -1
    after adding three answers: 3/4 promoters, 3/2 passives and 3/4 detractors. It is defined even if all
    answers agree.

    Parameters
    ----------
    promoters, passives, detractors : array-like, shape (n,)
        Counts: answers of 9 and 10, 7 and 8, 0 to 6.
    level : float
        Confidence level.

    Returns
    -------
    score, lower, upper : numpy.ndarray, shape (n,)
        Between -100 and 100; NaN without an answer.

    References
    ----------
    Reichheld, F. F. (2003), The one number you need to grow, Harvard Business Review 81(12).
    Rocks, B. (2016), Interval estimation for the "Net Promoter Score", The American Statistician 70(4).

    Examples
    --------
    >>> score, lower, upper = net_promoter_score(20, 11, 5)
    >>> round(float(score), 1), round(float(lower), 1), round(float(upper), 1)
    (41.7, 19.3, 57.7)
    """
    up, middle, down = (np.asarray(each, dtype=np.float64) for each in (promoters, passives, detractors))
    answers = up + middle + down
    some = np.where(answers > 0, answers, np.nan)
    n = some + 3.0
    likely, unlikely = (up + 0.75) / n, (down + 0.75) / n
    centre = likely - unlikely
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt((likely + unlikely - centre**2) / n)
    lower, upper = np.clip(centre - reach, -1.0, 1.0), np.clip(centre + reach, -1.0, 1.0)
    return 100.0 * (up - down) / some, 100.0 * lower, 100.0 * upper


@dataclass(frozen=True)
class Sample:
    """A mean or median with its uncertainty.

    Attributes
    ----------
    known : int
        Number of known values.
    value, lower, upper, error : float
        The statistic, its confidence interval and standard error; NaN with too few values.
    """

    known: int
    value: float
    lower: float
    upper: float
    error: float


def sample_of(values: pd.Series[float], statistic: Literal["mean", "median"], level: float = LEVEL) -> Sample:
    """Estimate the mean or the median of the known values.

    The mean has Student's t interval. The median has a conservative interval of order statistics, whose width
    gives the standard error: Bonett, D. G. and Price, R. M. (2002), Statistical inference for a linear
    function of medians, Psychological Methods 7(3).

    Examples
    --------
    >>> sample = sample_of(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 80.0, 90.0]), "median")
    >>> sample.value, sample.lower, sample.upper
    (5.0, 2.0, 80.0)
    """
    known = np.sort(values.dropna().to_numpy(dtype=np.float64))
    n = len(known)
    if statistic == "mean":
        value = float(known.mean()) if n else np.nan
        deviation = float(known.std(ddof=1)) if n > 1 else np.nan
        lower, upper = mean_interval(value, deviation, n, level)
        return Sample(n, value, float(lower), float(upper), deviation / np.sqrt(n) if n else np.nan)
    value = float(np.median(known)) if n else np.nan
    skipped = int(stats.binom.ppf((1.0 - level) / 2, n, 0.5)) - 1
    if skipped < 0:
        return Sample(n, value, np.nan, np.nan, np.nan)
    low, high = float(known[skipped]), float(known[n - 1 - skipped])
    held = 1.0 - 2.0 * float(stats.binom.cdf(skipped, n, 0.5))
    return Sample(n, value, low, high, (high - low) / (2.0 * float(stats.norm.ppf(0.5 + held / 2))))


def ratio_of_sums(values: pd.Series[float], parts: pd.Series[float]) -> pd.Series[float]:
    """Return values whose mean is the ratio of a portfolio: sum of numerators over sum of denominators.

    In a mean of ratios a customer who cost 1 counts as much as one who cost 1,000; what a business gets for
    what it spends is the ratio of sums R. The values returned are ``R + d (r - R) / mean(d)`` for ratios r
    with denominators d. Their standard error is that of R by the delta method.

    Parameters
    ----------
    values : pandas.Series
        Ratios; NaN is unknown.
    parts : pandas.Series
        Their denominators, aligned.

    References
    ----------
    Cochran, W. G. (1977), Sampling Techniques, 3rd ed., chapter 6 (ratio estimators).

    Examples
    --------
    >>> ratio_of_sums(pd.Series([10.0, 2.0]), pd.Series([1.0, 9.0])).mean().round(2).item()
    2.8
    """
    known = values.notna() & (parts > 0)
    if not known.any():
        return values
    ratios, size = values.where(known), parts.where(known)
    ratio = (ratios * size).sum() / size.sum()
    return ratio + size * (ratios - ratio) / size.mean()


def portfolio(table: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return the values of an indicator; of a ratio with a known denominator as :func:`ratio_of_sums`."""
    parts = DENOMINATORS.get(name)
    return table[name] if parts is None or parts not in table else ratio_of_sums(table[name], table[parts])
