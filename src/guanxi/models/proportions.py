"""Confidence interval of a proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute Wilson's score interval of a proportion.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22(158);
    by statsmodels, but for the limits of 0 of n and n of n, which are exact.

    Parameters
    ----------
    successes, trials : array-like, shape (n,)
        Number of successes and of trials.
    confidence : float
        Confidence level.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (n,)
        Between 0 and 1; NaN without trials.

    Examples
    --------
    >>> lower, upper = wilson_interval([0, 4], [10, 4])
    >>> lower.round(3).tolist(), upper.round(3).tolist()
    ([0.0, 0.51], [0.278, 1.0])
    """
    from statsmodels.stats.proportion import proportion_confint

    hits, count = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    some = np.where(count > 0, count, np.nan)
    lower, upper = proportion_confint(hits, some, 1.0 - confidence, "wilson")
    # Rounding would leave these two limits just inside.
    lower, upper = np.where(hits == 0, 0.0, lower), np.where(hits == some, 1.0, upper)
    return np.where(count > 0, lower, np.nan), upper
