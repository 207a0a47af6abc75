"""The purchase processes by name, as in ``clv.model`` and in the served model, and the mean of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .beta_geometric_process import BG_CNBD, BG_NBD, MBG_CNBD, MBG_NBD
from .bg_bb_process import BG_BB
from .lifetime_process import GGOM_NBD, NBD, PARETO_NBD
from .process import Floats, Params, PurchaseProcess

PROCESSES: dict[str, PurchaseProcess] = {
    process.name: process
    for process in (NBD, BG_NBD, MBG_NBD, BG_CNBD, MBG_CNBD, PARETO_NBD, GGOM_NBD, BG_BB)
}


class PurchaseMixture:
    """Equal-weight mean of one or more purchase models.

    Parameters
    ----------
    members : sequence of (PurchaseProcess, params)

    Examples
    --------
    >>> from .beta_geometric_process import BG_NBD
    >>> from .lifetime_process import NBD
    >>> members = [(BG_NBD, {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}), (NBD, {"r": 0.4, "alpha": 12.0})]
    >>> PurchaseMixture(members).expected_purchases([2], [30], [38], 39).round(3)
    array([1.571])
    """

    def __init__(self, members: Sequence[tuple[PurchaseProcess, Params]]) -> None:
        self._members = list(members)

    def probability_alive(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """P(alive at T | history)."""
        return self._mean("probability_alive", x, t_x, T)

    def expected_purchases(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike) -> Floats:
        """E[purchases in (T, T + horizon] | history]."""
        return self.purchases_until(x, t_x, T)(horizon)

    def purchases_until(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Callable[[ArrayLike], Floats]:
        """Return the expected purchases as a function of the horizon; P(alive) is found only once."""
        alive = [process.probability_alive(params, x, t_x, T) for process, params in self._members]

        def expected(horizon: ArrayLike) -> Floats:
            each = (
                probability * process.expected_purchases_alive(params, x, t_x, T, horizon)
                for probability, (process, params) in zip(alive, self._members, strict=True)
            )
            return np.asarray(sum(each) / len(alive))

        return expected

    def expected_purchases_kept(
        self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """As in :class:`.PurchaseProcess`: of customers alive at T, and of the others."""
        parts = [
            process.expected_purchases_kept(params, x, t_x, T, horizon) for process, params in self._members
        ]
        staying, returning = (np.asarray(sum(part) / len(parts)) for part in zip(*parts, strict=True))
        return staying, returning

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """E[repeat purchases of a new customer within the horizon of the first]."""
        return self._mean("expected_purchases_new", horizon)

    def log_odds_no_purchase(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike) -> Floats:
        """Log odds of the mean probability of no purchase, finite where that rounds to 0 or 1."""
        history = x, t_x, T
        logs = [process.log_no_purchase(params, *history, horizon) for process, params in self._members]
        none, some = (np.logaddexp.reduce(column) for column in zip(*logs, strict=True))
        return np.asarray(none - some)

    def next_purchase_quantile(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike) -> Floats:
        """Mean of the members' quantiles of the time to the next purchase, given alive."""
        return self._mean("next_purchase_quantile", x, t_x, T, q)

    def _mean(self, formula: str, *arguments: ArrayLike) -> Floats:
        values = [getattr(process, formula)(params, *arguments) for process, params in self._members]
        return np.asarray(sum(values) / len(values))
