"""Effective importance: how much of the differences between scores each branch and indicator makes.

A weight says how much an indicator should count. What it does count depends on its spread and on what it
moves with: of two indicators with the same weight, one that hardly differs between customers decides nothing,
and one that says what others say counts with them. With points ``c_j`` of indicator j that add up to the
score S, the share ``cov(c_j, S) / var(S)`` adds up to 1 over all indicators. It is the Shapley value of the
variance.

References
----------
Becker, W., Saisana, M., Paruolo, P. and Vandecasteele, I. (2017), Weights and importance in composite
indicators: closing the gap, Ecological Indicators 80. Colini-Baldeschi, R., Scarsini, M. and Vaccari, S.
(2018), Variance allocation and Shapley value, Methodology and Computing in Applied Probability 20.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.scorecard.scoring._branches import Branches
from guanxi.scorecard.scoring._scores import Scorecard
from guanxi.scorecard.scoring._scoring_methods import row_weights
from guanxi.scorecard.weights._objective import indicator_names, measure

Floats = NDArray[np.float64]

REDUNDANT = 0.9
_FEWEST = 3
_VARIES = 1e-9


def variance_shares(relative: Floats, score: Floats) -> Floats:
    """Share of the variance of the score that each indicator makes, shape (m,), adding up to 1.

    Parameters
    ----------
    relative : array, shape (n, m)
        Points of each indicator relative to the mean customer; NaN, where it is unknown, moves nothing.
    score : array, shape (n,)
        NaN is left out.

    Examples
    --------
    >>> points = np.array([[10.0, 1.0], [-10.0, 1.0], [10.0, -1.0], [-10.0, -1.0]])
    >>> variance_shares(points, points.sum(axis=1)).round(4).tolist()
    [0.9901, 0.0099]
    """
    scored = ~np.isnan(score)
    moved = np.nan_to_num(relative[scored], nan=0.0)
    parts = (moved - moved.mean(axis=0)).T @ (score[scored] - score[scored].mean())
    total = parts.sum()
    return np.asarray(parts / total) if total > 0 else np.full(len(parts), np.nan)


def weighted_points(values: Floats, weights: Floats, branches: Branches) -> tuple[Floats, Floats]:
    """Parts of a weighted sum of indicators, shape (n, m), relative to the mean customer, and the sum.

    NaN is unknown; its part is 0.
    """
    known = ~np.isnan(values)
    own = row_weights(weights, known, branches)[0]
    given = np.nan_to_num(values)
    relative = np.where(known, own * (given - np.nanmean(values, axis=0)), 0.0)
    return relative, np.where(known.any(axis=1), (own * given).sum(axis=1), np.nan)


def importance(
    normalised: pd.DataFrame,
    card: Scorecard,
    nominal: Mapping[str, float],
    dimensions: Mapping[str, str],
) -> pd.DataFrame:
    """Nominal and effective importance of each branch and of its indicators.

    Parameters
    ----------
    normalised : pandas.DataFrame
        ``customer_id`` and the indicators, 0 to 1, higher is better.
    card : Scorecard
    nominal : mapping of str to float
        Intended importance, adding up to 1.
    dimensions : mapping of str to str
        Top-level branch of each indicator.

    Returns
    -------
    pandas.DataFrame
        Branches in their order, each followed by its indicators: ``dimension, indicator`` (missing for the
        branch)``, nominal, effective`` (share of the variance of the score)``, correlation`` (with the score,
        over the customers with a known value; of a branch, of its points).
    """
    names, score = list(card.weights), np.asarray(card.table["score"], dtype=np.float64)
    branches = list(dict.fromkeys(dimensions[name] for name in names))
    inside = [[place for place, name in enumerate(names) if dimensions[name] == each] for each in branches]
    together, parts = np.empty((len(score), len(branches))), np.zeros(len(names))
    centre, start = float(np.nanmean(score)), 0
    for block in card.relative_blocks():  # a million customers need no second table
        rows = slice(start, start + len(block))
        known = ~np.isnan(block)
        block[~known] = 0.0
        parts += np.nan_to_num(score[rows] - centre) @ block
        for column, places in enumerate(inside):
            sums = block[:, places].sum(axis=1)
            together[rows, column] = np.where(known[:, places].any(axis=1), sums, np.nan)
        start += len(block)
    effective = parts / parts.sum() if parts.sum() > 0 else np.full(len(names), np.nan)
    found: list[tuple[str, str | None, float, float, float]] = []
    for column, (branch, places) in enumerate(zip(branches, inside, strict=True)):
        weight = math.fsum(nominal[names[place]] for place in places)
        correlation = _correlation(together[:, column], score)
        found.append((branch, None, weight, effective[places].sum(), correlation))
        for place in places:
            name = names[place]
            correlation = _correlation(normalised[name], score)
            found.append((branch, name, nominal[name], effective[place], correlation))
    return pd.DataFrame(found, columns=["dimension", "indicator", "nominal", "effective", "correlation"])


def redundant_pairs(
    normalised: pd.DataFrame, weights: Mapping[str, float], least: float = REDUNDANT
) -> pd.DataFrame:
    """Pairs of indicators that say the same: counted twice, with the weight of both.

    Returns
    -------
    pandas.DataFrame
        ``first, second, correlation`` (at least ``least``)``, weight`` (of both), strongest first.

    Examples
    --------
    >>> table = pd.DataFrame({"clv": [0.1, 0.5, 0.9], "stays": [0.1, 0.5, 0.8], "csat": [0.9, 0.1, 0.5]})
    >>> redundant_pairs(table, dict.fromkeys(table, 1 / 3))[["first", "second"]].values.tolist()
    [['clv', 'stays']]
    """
    used = [name for name in indicator_names(normalised) if weights.get(name, 0.0) > 0]
    rows = []
    if any(normalised[name].max() - normalised[name].min() > _VARIES for name in used):
        found = measure(normalised[used])
        rows = [
            (found.names[i], found.names[j], found.correlation[i, j])
            for i, j in combinations(range(len(found.names)), 2)
            if found.correlation[i, j] >= least
        ]
    table = pd.DataFrame(rows, columns=["first", "second", "correlation"])
    table["weight"] = [weights[one] + weights[other] for one, other, _ in rows]
    return table.sort_values("correlation", ascending=False, kind="stable").reset_index(drop=True)


def _correlation(values: Sequence[float] | Floats | pd.Series[float], score: Floats) -> float:
    own = np.asarray(values, dtype=np.float64)
    both = ~np.isnan(own) & ~np.isnan(score)
    if both.sum() < _FEWEST or np.ptp(own[both]) == 0 or np.ptp(score[both]) == 0:
        return float("nan")
    return float(np.corrcoef(own[both], score[both])[0, 1])
