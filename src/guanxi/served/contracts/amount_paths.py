"""Amounts that change at renewals, and the distribution of what a customer pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .document import AmountProcess

Floats = NDArray[np.float64]

_PATHS, _GRID = 4_000, 256
_SEED = 20180813


def mean_growth(process: AmountProcess) -> float:
    """Mean ratio of the amount after a renewal to that before it.

    Examples
    --------
    >>> round(mean_growth(AmountProcess(0.5, (0.1, -0.1))), 6)
    1.002502
    """
    if not process.log_ratios:
        return 1.0
    return 1.0 + process.change_probability * float(np.expm1(process.log_ratios).mean())


def expected_amounts(process: AmountProcess, opportunities: int) -> Floats:
    """Mean amount after each opportunity, relative to the present one; shape (opportunities,)."""
    return np.asarray(mean_growth(process) ** np.arange(1, opportunities + 1))


@dataclass(frozen=True)
class PaymentDistribution:
    """Distribution of the discounted payments of a customer who renews N times, for an amount of 1.

    The payments of simulated paths of the amount, the same for all customers.

    Attributes
    ----------
    grid : array, shape (grid,)
        Rising values.
    below : array, shape (opportunities + 1, grid)
        Probability of at most a value of the grid, for N = 0 ... opportunities.
    means : array, shape (opportunities + 1,)
    """

    grid: Floats
    below: Floats
    means: Floats

    @classmethod
    def simulate(cls, process: AmountProcess, discounts: Floats) -> PaymentDistribution:
        """Simulate paths; ``discounts`` are the factors of the payments at each opportunity.

        Examples
        --------
        >>> paid = PaymentDistribution.simulate(AmountProcess(), np.array([1.0, 0.5]))
        >>> paid.grid, paid.means
        (array([0. , 1. , 1.5]), array([0. , 1. , 1.5]))
        """
        amounts = _paths(process, len(discounts))
        paid = np.cumsum(amounts * discounts, axis=1)
        paid = np.concatenate([np.zeros((len(paid), 1)), paid], axis=1)
        unchanged = np.concatenate([[0.0], np.cumsum(discounts)])
        spread = np.quantile(paid[:, 1:], np.linspace(0.0, 1.0, _GRID)) if len(paid) > 1 else unchanged
        grid = np.unique(np.concatenate([unchanged, spread]))
        ordered = np.sort(paid, axis=0)
        below = [np.searchsorted(each, grid * (1.0 + 1e-12), side="right") for each in ordered.T]
        return cls(grid, np.array(below) / len(paid), paid.mean(axis=0))

    def interval(self, number: Floats, level: float) -> tuple[Floats, Floats]:
        """Compute the ends of the interval of each customer's payments, arrays of shape (n,).

        It is central where the distribution is continuous. Where the highest value has more than half of the
        probability to be left out, as for customers who hardly ever leave, the rest is left out below.

        Parameters
        ----------
        number : array, shape (n, opportunities + 1)
            Probability of each number of renewals.
        level : float
        """
        outside = 1.0 - level
        below = np.minimum(number @ self.below, 1.0)
        upper = _first(below >= 1.0 - outside / 2.0 - _EXACT)
        rows = np.arange(len(below))
        above = 1.0 - below[rows, upper]
        lower = _first(below > (outside - above)[:, None] + _EXACT)
        # Nothing is left out below if the lowest value has too much probability: then it is left out above.
        left = np.where(lower > 0, below[rows, np.maximum(lower - 1, 0)], 0.0)
        upper = np.maximum(_first(below >= (1.0 - outside + left)[:, None] - _EXACT), lower)
        return self.grid[lower], self.grid[upper]


_EXACT = 1e-9


def _first(true: NDArray[np.bool_]) -> NDArray[np.intp]:
    """First true place of each row, or the last if there is none."""
    return np.asarray(np.where(true.any(axis=1), true.argmax(axis=1), true.shape[1] - 1))


def _paths(process: AmountProcess, opportunities: int) -> Floats:
    """Amounts after each opportunity relative to the present one, shape (paths, opportunities)."""
    if not process.log_ratios or not process.change_probability:
        return np.ones((1, opportunities))
    generator = np.random.default_rng(_SEED)
    size = (_PATHS, opportunities)
    changes = generator.random(size) < process.change_probability
    ratios = np.asarray(process.log_ratios)[generator.integers(0, len(process.log_ratios), size)]
    drift = process.growth_error * generator.standard_normal((_PATHS, 1))
    return np.asarray(np.exp(np.cumsum(changes * ratios + drift, axis=1)))
