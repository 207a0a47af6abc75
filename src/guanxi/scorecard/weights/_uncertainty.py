"""Uncertainty of weights, and of pairwise judgements from their scale and inconsistency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.scorecard.weights._combination import direct

Floats = NDArray[np.float64]

DRAWS = 1_000
CONCENTRATION = 500.0
_TRIANGLE = np.sqrt(6.0)  # half the base of a symmetric triangle over its standard deviation


def draw_weights(
    weights: Mapping[str, float],
    *,
    seed: int,
    draws: int = DRAWS,
    concentration: float = CONCENTRATION,
) -> Floats:
    """Draw weights from a Dirichlet distribution with the given weights as means.

    A weight w has the standard deviation ``sqrt(w (1 - w) / (concentration + 1))``: with the default of 500,
    it is .009 for a weight of .04 (one of 25 equal ones) and .018 for .2. Zero weights stay zero.

    Returns
    -------
    array, shape (draws, n_indicators)
        In the order of the weights; each row adds up to 1.

    Raises
    ------
    DataError
        If the concentration or the number of draws is not above 0, or a weight is negative.

    Examples
    --------
    >>> drawn = draw_weights({"revenue": 0.8, "csat": 0.2}, seed=1)
    >>> drawn.shape, drawn.mean(axis=0).round(2), drawn.std(axis=0).round(3)
    ((1000, 2), array([0.8, 0.2]), array([0.018, 0.018]))
    """
    if not (concentration > 0 and draws > 0):
        raise DataError(f"{draws} draws with concentration {concentration:g}: give numbers above 0")
    means = np.array(list(direct(weights).values()))
    drawn = np.zeros((draws, len(means)))
    drawn[:, means > 0] = np.random.default_rng(seed).dirichlet(concentration * means[means > 0], draws)
    return drawn


def judgement_factors(matrix: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Draw random perturbations of each judgement, as factors that keep the matrix reciprocal.

    A fuzzy judgement is drawn from its triangle; the factor is the draw over the modal value. A crisp
    judgement is log-normal. Its standard deviation is that of the log ratios of judgements to ratios of
    weights (the residuals of Crawford & Williams 1985), and at least that of a triangle of one step on either
    side on Saaty's scale: even a fully consistent expert cannot express 3.4.

    ``matrix`` has shape (n, n), or (n, n, 3) if fuzzy; the factors have shape (count, n, n).
    """
    n = len(matrix)
    rows, columns = np.triu_indices(n, 1)
    if matrix.ndim == 3:
        logs = _within_triangles(matrix[rows, columns], count, generator)
    else:
        judged = matrix[rows, columns]
        spread = np.maximum(_step(judged), _residual(matrix))
        logs = generator.normal(scale=spread, size=(count, len(judged)))
    drawn = np.zeros((count, n, n))
    drawn[:, rows, columns] = logs
    drawn[:, columns, rows] = -logs
    return np.exp(drawn)


def _within_triangles(triangles: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Log ratios of draws to modal values, by inverse transform sampling; 0 for crisp judgements."""
    lower, modal, upper = triangles.T
    base = upper - lower
    u = generator.random((count, len(triangles)))
    rising = lower + np.sqrt(u * base * (modal - lower))
    falling = upper - np.sqrt((1.0 - u) * base * (upper - modal))
    logs: Floats = np.log(np.where(u * base < modal - lower, rising, falling) / modal)
    return logs


def _residual(matrix: Floats) -> float:
    """Residual standard deviation of the log judgements; 0 if they are consistent."""
    n = len(matrix)
    freedom = (n - 1) * (n - 2) / 2
    if freedom == 0:
        return 0.0
    logs = np.log(matrix)
    means = logs.mean(axis=1)
    left = logs - (means[:, None] - means)
    return float(np.sqrt((np.triu(left) ** 2).sum() / freedom))


def _step(judged: Floats) -> Floats:
    """Deviation of log judgements within one step of the scale 1/3, 1/2, 1, 2, 3, ..."""
    place = np.maximum(judged, 1.0 / judged) - 1.0
    spread: Floats = np.log(_value(place + 1.0) / _value(place - 1.0)) / 2.0 / _TRIANGLE
    return spread


def _value(place: Floats) -> Floats:
    """Judgement at a position of the scale; 1 is at position 0 and 1/2 at -1."""
    return np.where(place < 0.0, 1.0 / (1.0 - np.minimum(place, 0.0)), 1.0 + place)
