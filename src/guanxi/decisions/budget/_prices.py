"""Prices of the limits: the Lagrangian dual of the choice, by cutting planes.

With prices p = A' l of the actions (l >= 0 for the limits ``A n <= b``), every customer takes the action of the
largest ``profit - p``, or none. The value of that choice plus ``l b`` is an upper bound of what any plan within
the limits earns; the smallest such bound is the linear relaxation's optimum (Sinha & Zoltners 1979, The
Multiple-Choice Knapsack Problem, Operations Research 27(3)). It is convex and piecewise linear in l, so that
Kelley's cutting planes (1960, Journal of the SIAM 8(4)) find it, and every cut holds for every budget.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from guanxi.decisions.budget._problem import Floats, Integers

NONE = -1
_MOST_CUTS = 400
_PRECISION = 1e-10


@dataclass(frozen=True)
class Prices:
    """Shadow prices of the limits, shape (limits,), and the upper bound that they give."""

    limits: Floats
    bound: float


@dataclass
class PricedChoices:
    """Choices at prices, for groups of customers with the same profits.

    Parameters
    ----------
    profits : array, shape (actions, groups)
        Expected gain less cost; -inf where the action is not allowed.
    sizes : array, shape (groups,)
        Customers of each group.
    matrix : array, shape (limits, actions)
    """

    profits: Floats
    sizes: Integers
    matrix: Floats
    _values: list[float] = field(default_factory=list)
    _uses: list[Floats] = field(default_factory=list)

    def best(self, prices: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Best action of each group at prices per action, shape (groups,), ``NONE`` for none; its profit."""
        best = np.zeros(self.profits.shape[1])
        action = np.full(len(best), NONE, dtype=np.intp)
        for at, row in enumerate(self.profits):
            net = row - prices[at]
            better = net > best
            best[better] = net[better]
            action[better] = at
        return action, best

    def counts(self, action: NDArray[np.intp]) -> Integers:
        """Customers per action, shape (actions,)."""
        taken = action != NONE
        counts = np.bincount(action[taken], weights=self.sizes[taken], minlength=len(self.profits))
        return counts.astype(np.int64)

    def solve(self, bounds: Floats) -> Prices:
        """Find the prices with the smallest upper bound under the limits ``A n <= bounds``."""
        if not len(bounds):
            return Prices(bounds, self._add_cut(bounds))
        best = Prices(np.zeros(len(bounds)), np.inf)
        box = self._largest_price()
        prices = best.limits
        for _ in range(_MOST_CUTS):
            bound = float(prices @ bounds) + self._add_cut(prices)
            if bound < best.bound:
                best = Prices(prices, bound)
            prices, floor = self._lowest_cut(bounds, box)
            if best.bound - floor <= _PRECISION * max(1.0, abs(best.bound)):
                break
        return best

    def _add_cut(self, limits: Floats) -> float:
        """Value of the best choice at prices of the limits; its profit and use are remembered as a cut."""
        prices = limits @ self.matrix
        action, best = self.best(prices)
        counts = self.counts(action)
        value = float(best @ self.sizes)
        self._values.append(value + float(prices @ counts))
        self._uses.append(self.matrix @ counts)
        return value

    def _lowest_cut(self, bounds: Floats, box: float) -> tuple[Floats, float]:
        """Prices at which the highest of all cuts is lowest, and its height."""
        uses = np.array(self._uses)
        cuts = np.column_stack([-uses, -np.ones(len(uses))])
        found = linprog(
            np.append(bounds, 1.0),
            A_ub=cuts,
            b_ub=-np.array(self._values),
            bounds=[(0.0, box)] * len(bounds) + [(None, None)],
            method="highs",
        )
        return np.asarray(found.x[:-1]), float(found.fun)

    def _largest_price(self) -> float:
        """No limit is worth more than swapping the best customer for the worst at the cheapest unit."""
        known = self.profits[np.isfinite(self.profits)]
        spread = float(np.abs(known).max(initial=0.0)) or 1.0
        units = np.abs(self.matrix[self.matrix != 0.0])
        return 4.0 * spread * (1.0 + units.max(initial=1.0)) / min(1.0, units.min(initial=1.0))
