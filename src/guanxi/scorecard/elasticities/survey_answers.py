"""Survey answers as repeated measures of what moves value."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.relations.rules import SCALES

Floats = NDArray[np.float64]

_NAMES = {"csat": "csat", "nps": "nps_score", "ces": "ces", "servqual": "servqual_gap"}


def survey_answers(surveys: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """List every answer up to and including the cutoff day, named as the indicator that it measures.

    Parameters
    ----------
    surveys : DataFrame
        ``customer_id, timestamp, instrument, score``, where known ``scale_low, scale_high``, and for SERVQUAL
        ``expectation``; the dimensions that a customer rates at one moment are one answer.
    cutoff : date
        No later row is used.

    Returns
    -------
    DataFrame
        ``customer_id, driver, value``: ``csat, ces`` (0 to 1), ``nps_score`` (0 to 10), ``servqual_gap``
        (share of the scale).

    Examples
    --------
    >>> surveys = pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.Timestamp("2024-05-01")]})
    >>> survey_answers(surveys.assign(instrument="csat", score=4.0), date(2024, 5, 1))["value"].tolist()
    [0.75]
    """
    past = surveys[surveys["timestamp"] < pd.Timestamp(cutoff) + pd.Timedelta(days=1)]
    tables = [_answers(past[past["instrument"] == instrument], instrument) for instrument in _NAMES]
    return pd.concat(tables, ignore_index=True)[["customer_id", "driver", "value"]]


def _answers(rows: pd.DataFrame, instrument: str) -> pd.DataFrame:
    low, high = (
        rows[column].fillna(usual) if column in rows else usual
        for column, usual in zip(("scale_low", "scale_high"), SCALES[instrument], strict=True)
    )
    if instrument == "servqual":
        value = (rows["score"] - rows.get("expectation", np.nan)) / (high - low)
    else:
        value = (rows["score"] - low) / (high - low) * (10.0 if instrument == "nps" else 1.0)
    answers = rows[["customer_id", "timestamp"]].assign(driver=_NAMES[instrument], value=value)
    answers = answers.dropna(subset="value")
    if instrument != "servqual":
        return answers
    return answers.groupby(["customer_id", "timestamp", "driver"], as_index=False).agg(
        value=("value", "mean")
    )


def noise_variance(number: Floats, spread: Floats) -> Floats | None:
    """Variance of the noise in each customer's mean answer, so that the mean over customers is unbiased.

    Noise is what a customer's answers differ by among themselves (one-way analysis of variance; Searle,
    Casella & McCulloch 1992, Variance Components, section 3.5), independent between answers. Each customer
    stands for itself, since who stays longer has answered more often and may answer otherwise; those with the
    fewest repeated answers stand for those with one, too. So a single customer's number says little, but
    the spread of these numbers tells how well their mean is known.

    Parameters
    ----------
    number : array, shape (n,)
        Answers of each customer, 1 or more.
    spread : array, shape (n,)
        Variance of each customer's answers, n - 1 in the denominator; NaN for one answer.

    Returns
    -------
    array, shape (n,), or None
        None: nobody has answered twice, and one answer does not show how much of it is noise.

    Examples
    --------
    >>> noise_variance(np.array([2.0, 2.0, 1.0]), np.array([2.0, 0.0, np.nan]))
    array([2., 0., 0.])
    """
    repeated = number > 1.0
    if not repeated.any():
        return None
    variance = np.where(repeated, spread, 0.0) / number
    fewest = number == number[repeated].min()
    variance[fewest] += spread[fewest] * ((~repeated).sum() / fewest.sum())
    return np.asarray(variance)
