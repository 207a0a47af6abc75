"""Prices of the limits: the Lagrangian dual of the choice, by cutting planes.

With prices p = A' l of the actions (l >= 0 for the limits ``A n <= b``), every customer takes the action with
the largest ``profit - p``, or none. The value of that choice plus ``l b`` is an upper bound of what any plan
within the limits earns; the smallest such bound is the linear relaxation's optimum (Sinha & Zoltners 1979,
The Multiple-Choice Knapsack Problem, Operations Research 27(3)). It is convex and piecewise linear in l, so
that Kelley's cutting planes (1960, Journal of the SIAM 8(4)) find it, and every cut holds for every budget.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from guanxi.decisions.budget._problem import Floats, Integers

NONE = -1
_MOST_CUTS = 200
_PRECISION = 1e-9


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
    _cuts: dict[tuple[int, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = np.where(np.isfinite(self.profits), np.abs(self.profits), 0.0)
        mean = float((known.max(axis=0, initial=0.0) @ self.sizes) / max(self.sizes.sum(), 1))
        self._unit = mean or 1.0
        units = np.abs(self.matrix[self.matrix != 0.0])
        # No limit is worth more than a swap of the best for the worst at the cheapest unit.
        swap = 4.0 * (1.0 + units.max(initial=1.0)) / min(1.0, units.min(initial=1.0))
        self._largest_price = swap * max(float(known.max(initial=0.0)) / self._unit, 1.0)

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
        """Count customers per action, shape (actions,)."""
        taken = action != NONE
        counts = np.bincount(action[taken], weights=self.sizes[taken], minlength=len(self.profits))
        return counts.astype(np.int64)

    def solve(self, bounds: Floats, precision: float = _PRECISION) -> Prices:
        """Find the prices with the smallest upper bound under the limits ``A n <= bounds``.

        ``precision`` is relative to the bound.
        """
        value, _ = self._add_cut(np.zeros(len(bounds)))
        best = Prices(np.zeros(len(bounds)), value)
        for _ in range(_MOST_CUTS if len(bounds) else 0):
            prices, floor = self._lowest_cut(bounds)
            value, is_new = self._add_cut(prices)
            bound = float(prices @ bounds) + value
            if bound < best.bound:
                best = Prices(prices, bound)
            # A cut that is there already: the lowest point of the cuts lies on the function itself.
            if not is_new or best.bound - floor <= precision * max(self._unit, abs(best.bound)):
                break
        return best

    def _add_cut(self, limits: Floats) -> tuple[float, bool]:
        """Value of the best choice at prices of the limits, and whether its cut is new.

        A choice of n customers per action with profit v is worth at least ``v - l A n`` at any prices l.
        """
        prices = limits @ self.matrix
        action, best = self.best(prices)
        counts = self.counts(action)
        value = float(best @ self.sizes)
        key = tuple(counts.tolist())
        is_new = key not in self._cuts
        self._cuts[key] = max(value + float(prices @ counts), self._cuts.get(key, -np.inf))
        return value, is_new

    def _lowest_cut(self, bounds: Floats) -> tuple[Floats, float]:
        """Prices at which the highest of all cuts is lowest, and its height."""
        customers = float(self.sizes.sum())  # in customers and mean profits: HiGHS's tolerances are absolute
        uses = np.array(list(self._cuts)) @ self.matrix.T / customers
        found = linprog(
            np.append(bounds / customers, 1.0),
            A_ub=np.column_stack([-uses, -np.ones(len(uses))]),
            b_ub=-np.array(list(self._cuts.values())) / (customers * self._unit),
            bounds=[(0.0, self._largest_price)] * len(bounds) + [(None, None)],
            method="highs-ds",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        return np.asarray(found.x[:-1]) * self._unit, float(found.fun) * customers * self._unit
