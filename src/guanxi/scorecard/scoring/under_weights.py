"""Scores of customers under one set of weights or many at once, by each method.

The weights of what is known of a customer count in proportion; a customer of whom nothing with weight is
known has no score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.scorecard.scoring.fuzzy_evaluation import FuzzyEvaluation
from guanxi.scorecard.scoring.normalisation import Normalisation
from guanxi.scorecard.scoring.scoring_methods import DECIMALS, ScoreMethod
from guanxi.scorecard.weights.combination import direct

Floats = NDArray[np.float64]
Numbers = NDArray[Any]  # of single or double precision
UnderWeights = Callable[[pd.DataFrame, Numbers], Numbers]

_ROWS_AT_ONCE = 20_000


def under_weights(method: ScoreMethod, scale: Normalisation) -> UnderWeights:
    """Give a method as a function of indicators and sets of weights.

    Parameters
    ----------
    method : {"weighted_sum", "topsis", "fuzzy"}
        Fuzzy evaluation as the scorecard does it, by weighted averages: there the score is a weighted sum of
        what each indicator alone would give.
    scale : Normalisation
        That of the indicators.

    Returns
    -------
    callable
        ``score(normalised, weights)`` of a table with one column per weight, 0 to 1, NaN unknown, and of
        weights of shape (m, n_sets), gives scores from 0 to 100, shape (n, n_sets), in the weights'
        precision.

    Examples
    --------
    >>> table = pd.DataFrame({"revenue": [1.0, 0.5], "csat": [0.5, None]})
    >>> topsis = under_weights("topsis", Normalisation.fit(table, {"revenue": True, "csat": True}))
    >>> topsis(table, np.array([[0.6, 0.5], [0.4, 0.5]])).round(2)
    array([[75.97, 69.1 ],
           [50.  , 50.  ]])
    """
    if method == "topsis":
        return partial(_closeness, scale)
    return _fuzzy_scores if method == "fuzzy" else weighted_sums


def scores_with(
    normalised: pd.DataFrame, weights: Mapping[str, float], score: UnderWeights | None = None
) -> Floats:
    """Scores under one set of weights, 0 to 100.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher the better; NaN is unknown. Other columns are left aside.
    weights : mapping of str to float
    score : callable, optional
        From :func:`under_weights`; default: the weighted sum.

    Returns
    -------
    array, shape (n,)
        NaN where no indicator with weight is known.

    Raises
    ------
    DataError
        If a weight is negative, or its indicator no column.

    Examples
    --------
    >>> table = pd.DataFrame({"revenue": [1.0, 0.5, None], "csat": [0.0, None, None]})
    >>> scores_with(table, {"revenue": 0.75, "csat": 0.25})
    array([75., 50., nan])
    """
    shares = used_weights(normalised, weights)
    column, score = np.array(list(shares.values()))[:, None], score or weighted_sums
    found = np.empty(len(normalised))
    for start in range(0, len(found), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        found[block] = score(normalised.iloc[block][list(shares)], column)[:, 0]
    # A matrix product gives equals other last bits.
    return found.round(DECIMALS)


def used_weights(normalised: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, float]:
    """Shares of the indicators with weight.

    Raises
    ------
    DataError
        If a weight is negative, or its indicator no column.
    """
    shares = {name: share for name, share in direct(weights).items() if share > 0}
    missing = [name for name in shares if name not in normalised.columns]
    if missing:
        raise DataError(f"no column for the weight of {', '.join(missing)}: give the indicator or no weight")
    return shares


def weighted_sums(table: pd.DataFrame, weights: Numbers) -> Numbers:
    """Weighted sums of the known indicators: see :func:`under_weights`."""
    return _averages(table.to_numpy(dtype=weights.dtype), weights)


def _fuzzy_scores(table: pd.DataFrame, weights: Numbers) -> Numbers:
    evaluation, values = FuzzyEvaluation(), table.to_numpy(dtype=np.float64)
    alone = evaluation.defuzzify(evaluation.memberships(values.ravel())).reshape(values.shape)
    return _averages((alone / 100.0).astype(weights.dtype), weights)


def _averages(values: Numbers, weights: Numbers) -> Numbers:
    unknown = np.isnan(values)
    sums = np.where(unknown, 0, values) @ (100 * weights)
    if not unknown.any():
        return np.asarray(sums)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / ((~unknown).astype(weights.dtype) @ weights))


def _closeness(scale: Normalisation, table: pd.DataFrame, weights: Numbers) -> Numbers:
    """TOPSIS: see :func:`.topsis.topsis`. What is known counts in proportion anyhow: closeness is a ratio."""
    spread = np.array([scale.curves[str(name)].spread for name in table.columns])
    # Squares of small weights need double precision.
    values, reach = table.to_numpy(dtype=np.float64), np.square(weights * spread[:, None])
    unknown = np.isnan(values)
    far = np.sqrt(np.where(unknown, 0, np.square(values)) @ reach)
    near = np.sqrt(np.where(unknown, 0, np.square(1 - values)) @ reach)
    score = np.full_like(far, 50.0)
    np.divide(100 * far, far + near, out=score, where=far + near > 0)
    score[unknown.all(axis=1)] = np.nan
    return np.asarray(score, dtype=weights.dtype)
