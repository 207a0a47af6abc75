"""Weights whose effective importance is what the nominal weights say.

For a weighted sum with covariance matrix C of the indicators, the share of the variance of indicator j is
``w_j (C w)_j / w' C w``. Shares ``p`` are reached by the minimum of ``w' C w / 2 - sum p_j ln w_j``, which is
convex and has exactly one minimum: the problem of risk budgeting.

References
----------
Bruder, B. and Roncalli, T. (2012), Managing risk exposures using the risk budgeting approach.
Griveau-Billion, T., Richard, J.-C. and Roncalli, T. (2013), A fast algorithm for computing high-dimensional
risk parity portfolios (the cyclical coordinate descent). Becker, W., Saisana, M., Paruolo, P. and
Vandecasteele, I. (2017), Weights and importance in composite indicators: closing the gap, Ecological
Indicators 80.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.scorecard.scoring._branches import MatchedPaths, Paths, branches_of
from guanxi.scorecard.scoring._importance import variance_shares, weighted_points
from guanxi.scorecard.weights._objective import CUSTOMER, measure

Floats = NDArray[np.float64]

_SAMPLE = 20_000
_SWEEPS, _STEADY = 1_000, 1e-10
NOTICEABLE_MISS = 0.005
_ROUNDS, _CLOSE = 50, 0.0005


def match_variance(
    normalised: pd.DataFrame, nominal: Mapping[str, float], paths: Paths
) -> tuple[dict[str, float], float]:
    """Find the weights whose shares of the variance are the nominal weights.

    Unknown values are allowed for: the shares are those of the scores with reallocated weights, on at most
    20,000 customers evenly spaced. An indicator that does not vary keeps its nominal weight, since no weight
    gives it a share.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators from 0 to 1, NaN is unknown.
    nominal : mapping of str to float
    paths : mapping of str to sequence of str
        Branches of each indicator.

    Returns
    -------
    weights : dict of str to float
        Adding up to 1.
    miss : float
        Largest difference that is left between effective and nominal importance.

    Raises
    ------
    FitError
        If no weights come within .05.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.0, 0.0, 1.0, 1.0], "b": [0.4, 0.6, 0.4, 0.6]})
    >>> weights, miss = match_variance(table, {"a": 0.5, "b": 0.5}, {"a": ("a",), "b": ("b",)})
    >>> {name: round(weight, 3) for name, weight in weights.items()}, round(miss, 3)
    ({'a': 0.167, 'b': 0.833}, 0.0)
    """
    moments = measure(normalised[[name for name, weight in nominal.items() if weight > 0]])
    names = list(moments.names)
    target = np.array([nominal[name] for name in names])
    target /= target.sum()
    values = _sample(normalised)[names].to_numpy(dtype=np.float64)
    budget = weights = best = target
    miss = math.inf
    for _ in range(_ROUNDS):
        stretch = dict(zip(names, (weights / target).tolist(), strict=True))
        branches = branches_of(names, MatchedPaths({name: tuple(paths[name]) for name in names}, stretch))
        parts, score = weighted_points(values, weights, branches)
        shares = variance_shares(parts, score)
        off = float(np.abs(shares - target).max())
        if off < miss:
            best, miss = weights, off
        if miss < _CLOSE:
            break
        budget = budget * np.clip(target / np.maximum(shares, target / 2.0), 0.5, 2.0)
        budget = budget / budget.sum()
        # Parts per weight: what is missing is in them, so that only the sums of weights change with them.
        weights = _budgeted(np.cov(parts / weights, rowvar=False), budget, weights)
    if not miss < 0.05:
        raise FitError(
            f"scorecard.weights.match: no weights give every indicator its nominal share of the variance "
            f"(off by {miss:.3f}): leave out one of each redundant pair, or leave match out"
        )
    left = 1.0 - sum(nominal[name] for name in names)
    scaled = dict(zip(names, (best * (1.0 - left)).tolist(), strict=True))
    return {name: scaled.get(name, weight) for name, weight in nominal.items()}, miss


def _budgeted(covariance: Floats, budget: Floats, start: Floats) -> Floats:
    """Weights, adding up to 1, whose shares of the variance are the budget: coordinate descent."""
    weights = start / np.sqrt(start @ covariance @ start)
    for _ in range(_SWEEPS):
        before = weights.copy()
        for j in range(len(weights)):
            own = covariance[j, j]
            rest = covariance[j] @ weights - own * weights[j]
            weights[j] = (-rest + np.sqrt(rest**2 + 4.0 * own * budget[j])) / (2.0 * own)
        if np.abs(weights - before).max() < _STEADY * weights.max():
            break
    return np.asarray(weights / weights.sum())


def _sample(normalised: pd.DataFrame) -> pd.DataFrame:
    """At most 20,000 customers, whatever their order in the table."""
    if len(normalised) <= _SAMPLE:
        return normalised
    ordered = normalised.sort_values(CUSTOMER) if CUSTOMER in normalised else normalised
    return ordered.iloc[np.linspace(0, len(normalised) - 1, _SAMPLE).round().astype(int)]
