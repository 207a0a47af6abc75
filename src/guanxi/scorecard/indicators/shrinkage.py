"""Means of few answers, shrunk towards everybody's mean."""

from __future__ import annotations

import numpy as np

from guanxi.scorecard.indicators.definition import Series

# A single question's reliability as measured by Wanous, Reichers & Hudy 1997, J. Applied Psychology 82(2).
_SINGLE_ANSWER_RELIABILITY = 0.7
_FEWEST_CUSTOMERS = 100


def shrunken_mean(sums: Series[float], answers: Series[float]) -> Series[float]:
    """Mean of each customer's answers, shrunk towards the mean of all by how little it rests on.

    ``(sum + k * mean) / (answers + k)``: the credibility estimator, with the weight ``k`` of the common mean
    from :func:`prior_answers` and the common mean weighted by credibility.

    Parameters
    ----------
    sums, answers : pandas.Series, shape (n,)
        Sum and number of each customer's answers.

    Returns
    -------
    pandas.Series, shape (n,)
        Between own mean and common mean; NaN without an answer.

    References
    ----------
    Bühlmann, H. and Gisler, A. (2005), A Course in Credibility Theory and its Applications, chapter 3.
    Morris, C. N. (1983), Parametric empirical Bayes inference, JASA 78(381).

    Examples
    --------
    >>> import pandas as pd
    >>> shrunken_mean(pd.Series([1.0, 0.0, 5.0]), pd.Series([1.0, 0.0, 10.0])).round(3).tolist()
    [0.913, nan, 0.509]
    """
    known = answers > 0
    means = (sums / answers).where(known)
    if not known.any():
        return means
    k = prior_answers(means, answers)
    if np.isinf(k):
        common = float(sums[known].sum() / answers[known].sum())
        return means.where(~known, common)
    credibility = (answers / (answers + k)).where(known)
    common = float((credibility * means).sum() / credibility.sum())
    return credibility * means + (1.0 - credibility) * common


def prior_answers(means: Series[float], answers: Series[float]) -> float:
    """How many answers the common mean is worth: the variance within customers over that between them.

    The squared distance of a mean of ``n`` answers from the common mean is expected to be
    ``between + within / n``: both follow by least squares on ``1 / n``. Where fewer than 100 customers have
    one answer, or fewer than 100 several, these are too uncertain, and a single answer's usual
    reliability of .7 decides: 3/7.

    Parameters
    ----------
    means, answers : pandas.Series, shape (n,)

    Returns
    -------
    float
        0: own means are exact; infinite: customers do not differ beyond chance.
    """
    known = answers > 0
    own, n = means[known].to_numpy(), answers[known].to_numpy()
    if min((n == 1).sum(), (n > 1).sum()) < _FEWEST_CUSTOMERS:
        return (1.0 - _SINGLE_ANSWER_RELIABILITY) / _SINGLE_ANSWER_RELIABILITY
    distances = (own - np.average(own, weights=n)) ** 2
    within, between = np.polyfit(1.0 / n, distances, 1)
    if between <= 0.0:
        return float("inf")
    return float(max(within, 0.0) / between)
