"""Four kinds of customers by predicted uplift and by response without treatment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEGMENTS = ("persuadables", "sure_things", "lost_causes", "do_not_disturb")


@dataclass(frozen=True)
class Thresholds:
    """Where the segments divide.

    Attributes
    ----------
    uplift : float
        Persuadables have a predicted uplift above it: the mean uplift, or 0 if that is negative.
    response : float
        Of the others whose uplift is not negative, sure things respond at least with this probability if not
        treated, lost causes with less: the response rate of the controls. A negative predicted uplift is
        do-not-disturb.
    """

    uplift: float
    response: float

    def divide(self, uplift: Floats, without: Floats) -> NDArray[np.int64]:
        """Place of each customer's segment in ``SEGMENTS``, shape (n,).

        Examples
        --------
        >>> Thresholds(0.02, 0.1).divide([0.05, 0.01, 0.01, -0.01], [0.1, 0.3, 0.02, 0.3]).tolist()
        [0, 1, 2, 3]
        """
        u, p = np.asarray(uplift), np.asarray(without)
        return np.select([u < 0, u > self.uplift, p >= self.response], [3, 0, 1], 2)
