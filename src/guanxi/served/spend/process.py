"""What every model of the amount of a purchase can tell.

``params`` is a mapping from names to numbers. ``frequency`` (x) counts the repeat purchases whose mean amount
is ``monetary_value`` (m), 0 where there are none.

Given the history, the total of n purchases is ``scale`` times a variable whose distribution depends on n and
x only: own amounts matter through the scale. That is what makes intervals cheap.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Params = Mapping[str, float]


class SpendProcess:
    """A model of what customers spend on a purchase.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    """

    name: str
    parameters: tuple[str, ...]

    def expected_spend(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history], shape (n,)."""
        raise NotImplementedError

    def scale(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """Scale of the total of future purchases, in the unit of the amounts, shape (n,)."""
        raise NotImplementedError

    def log_total_range(
        self, params: Params, purchases: Floats, frequency: float
    ) -> tuple[Floats, Floats, Floats]:
        """Where y = log(total / scale) of so many purchases lies, but for about 1e-8, and its spread.

        Returns
        -------
        lower, upper, spread : array, shape (n,)
            Lower and upper grow with the purchases; the density is smooth over a spread.
        """
        raise NotImplementedError

    def log_total_density(
        self, params: Params, purchases: Floats, frequency: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Density of log(total / scale) and its slope at every y, shape (len(purchases), len(y))."""
        raise NotImplementedError
