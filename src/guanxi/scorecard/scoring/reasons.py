"""Why a customer scores above or below the mean: the indicators that move the score most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from guanxi.scorecard.scoring.renormalisation import row_weights
from guanxi.scorecard.scoring.tiers import Words, take_words

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

# Sums in another order differ in the last digits, which must not change a reason.
_DECIMALS = 9
_TENTHS = 1000  # 100 points, the most that one indicator can move
_STEPS = 2 * _TENTHS + 1


def relative_points(points: Floats, weights: Floats, mean_levels: Floats) -> Floats:
    """Points above or below what the mean customer gets from each indicator.

    They add up to the score less what the mean customer would score on the indicators known of this one;
    where all are known of everybody that is the mean score.

    Parameters
    ----------
    points : array, shape (n, m)
        Points of each indicator; NaN is unknown.
    weights : array, shape (m,)
        Adding up to 1.
    mean_levels : array, shape (m,)
        Mean of points divided by the customer's weight, 0 to 100, over those who have the indicator.

    Returns
    -------
    array, shape (n, m)
        NaN where unknown.

    Examples
    --------
    >>> points, weights = np.array([[60.0, 20.0], [20.0, np.nan]]), np.array([0.6, 0.4])
    >>> relative_points(points, weights, np.array([60.0, 50.0])).tolist()
    [[24.0, 0.0], [-40.0, nan]]
    """
    return points - row_weights(weights, ~np.isnan(points))[0] * mean_levels


def reason_places(relative: Floats, most: int) -> Places:
    """Find the indicators that move each customer most from the mean, the largest first.

    Parameters
    ----------
    relative : array, shape (n, m)
        From :func:`relative_points`.
    most : int
        How many.

    Returns
    -------
    array of int, shape (n, at most ``most``)
        For :func:`reason_words`; -1 where nothing moves the score by a twentieth of a point.
    """
    known = np.nan_to_num(relative, nan=0.0).round(_DECIMALS)
    order = np.argsort(-np.abs(known), axis=1, kind="stable")[:, :most]
    moved = np.rint(np.take_along_axis(known, order, axis=1) * 10.0).astype(np.intp)
    return np.where(moved == 0, -1, order * _STEPS + moved + _TENTHS)


def reason_words(places: Places, labels: Sequence[str]) -> list[Words]:
    """Say each reason, such as ``complaints -3.2``: a list of arrays, shape (n,), the largest first.

    Parameters
    ----------
    places : array of int, shape (n, most)
        From :func:`reason_places`.
    labels : sequence of str
        What each indicator is called.

    Examples
    --------
    >>> relative = np.array([[24.0, -3.21], [0.01, 7.0]])
    >>> first, second = reason_words(reason_places(relative, 2), ["revenue", "complaints"])
    >>> first.tolist(), second.tolist()
    (['revenue +24.0', 'complaints +7.0'], ['complaints -3.2', nan])
    """
    used, where = np.unique(places, return_inverse=True)
    words = [f"{labels[place // _STEPS]} {(place % _STEPS - _TENTHS) / 10:+.1f}" for place in used.tolist()]
    return [take_words(words, column) for column in np.where(places < 0, -1, where.reshape(places.shape)).T]
