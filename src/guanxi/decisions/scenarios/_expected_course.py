"""The course over time of what a group of customers is expected to buy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.decisions.scenarios._curve import Curve
from guanxi.served.numerics import distinct_rows

Floats = NDArray[np.float64]

MOST_HISTORIES = 4_000
_TINY = 1e-200


class Purchases(Protocol):
    """A model of purchases such as :class:`guanxi.served.purchases.registry.PurchaseMixture`."""

    def purchases_until(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Callable[[ArrayLike], Floats]:
        """Return the expected purchases of each history as a function of the horizon."""
        ...

    def expected_purchases_kept(
        self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Return the expected purchases if no customer left: of those alive, and of the others."""
        ...


def expected_course(
    purchases: Purchases,
    histories: tuple[Floats, ...],
    weights: Floats,
    horizon: float,
    nodes: Floats,
    most: int = MOST_HISTORIES,
) -> Curve:
    """Sum of weights times the share of each history's purchases within the horizon, as a curve.

    Parameters
    ----------
    purchases : Purchases
    histories : tuple of arrays, shape (n,)
        Frequency, recency and T.
    weights : array, shape (n,)
        Margin expected within the horizon, at least 0.
    horizon : float
        In the time of the purchase model, as the nodes.
    nodes : array, shape (m,)
    most : int
        Of more distinct histories as many are drawn.
    """
    distinct, inverse = distinct_rows(histories)
    weight: Floats = np.bincount(inverse, weights, len(distinct[0])).astype(np.float64)
    if len(weight) > most and weight.sum() > 0.0:
        # Systematic sampling in the order of the histories: each drawn one stands for the same value.
        reached = np.cumsum(weight)
        middles = (np.arange(most) + 0.5) * (reached[-1] / most)
        drawn, count = np.unique(np.searchsorted(reached, middles), return_counts=True)
        distinct = tuple(column[drawn] for column in distinct)
        weight = count.astype(np.float64) * float(reached[-1] / most)
    x, t_x, T = distinct
    until = purchases.purchases_until(x, t_x, T)
    whole = until(horizon)
    likely = whole > _TINY  # else the course is a straight line

    def share(purchases_within: Floats, node: float) -> float:
        straight = np.full(len(whole), node / horizon)
        return float(weight @ np.divide(purchases_within, whole, out=straight, where=likely))

    expected = np.array([share(until(node), node) for node in nodes])
    kept = [share(purchases.expected_purchases_kept(x, t_x, T, node)[0], node) for node in nodes]
    return Curve(nodes, expected, np.array(kept))
