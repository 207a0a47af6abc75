"""Predictions shared by all models of repeat purchases, and the formulas that each must define.

``params`` maps the papers' symbols to numbers, or to arrays of one value per row where there are covariates.
A history is x (``frequency``, the repeat purchases), t_x (``recency``, the time from the first purchase to
the last) and T (the time from the first purchase to now), numbers or arrays of shape (n,). All times have the
same unit. A new customer is (0, 0, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from ..numerics import _double_exponential, _gauss_legendre

Floats = NDArray[np.float64]
Params = Mapping[str, Any]

_DISCOUNT_PANELS, _DISCOUNT_NODES = 4, 12


class PurchaseProcess:
    """A model of when customers buy and when they drop out.

    Attributes
    ----------
    name : str
        As in ``clv.model``.
    parameters : tuple of str
        In the paper's order.
    cheap : frozenset of str
        Methods that are cheaper than finding the distinct histories first.
    """

    name: str
    parameters: tuple[str, ...]
    cheap: frozenset[str] = frozenset()

    # --- defined by each model ---------------------------------------------------------------------------

    def log_likelihood(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """Log-likelihood of each history, shape (n,)."""
        raise NotImplementedError

    def log_odds_dropped(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """Log odds of having dropped out by T; minus infinity where that is impossible."""
        raise NotImplementedError

    def survival(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, time: ArrayLike) -> Floats:
        """P(alive at T + time | alive at T, history)."""
        raise NotImplementedError

    def expected_purchases_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """E[purchases in (T, T + horizon] | alive at T, history]."""
        raise NotImplementedError

    def log_no_purchase_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Log of P(no purchase in (T, T + horizon] | alive at T) and of P(at least one | alive at T)."""
        raise NotImplementedError

    def count_probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """P(exactly n purchases in (T, T + horizon] | alive at T), n >= 1."""
        raise NotImplementedError

    def count_distribution_alive(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
    ) -> Floats:
        """P(exactly n purchases | alive at T) for n = 0 ... most, shape (n, most + 1), to about 1e-12."""
        raise NotImplementedError

    def next_purchase_quantile(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Floats:
        """Quantile of the time from T to the next purchase, given no dropout before it."""
        raise NotImplementedError

    def expected_purchases_kept(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """E[purchases in (T, T + horizon] | history] if no customer left before T + horizon.

        Returns
        -------
        staying, returning : array, shape (n,)
            The sum of both is the expectation: the part of customers alive at T, and of those who left by T
            and would have stayed.
        """
        raise NotImplementedError

    def most_purchases(self, params: Params, horizon: float) -> float:
        """Largest possible number of purchases within the horizon; by default there is no limit."""
        return np.inf

    # --- derived -----------------------------------------------------------------------------------------

    def probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, later: float = 0.0
    ) -> Floats:
        """P(alive at T + later | history up to T)."""
        alive = expit(-self.log_odds_dropped(params, x, t_x, T))
        if later == 0.0:
            return np.asarray(alive)
        return np.asarray(alive * self.survival(params, x, t_x, T, later))

    def expected_purchases(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """E[purchases in (T, T + horizon] | history]."""
        alive = self.probability_alive(params, x, t_x, T)
        return alive * self.expected_purchases_alive(params, x, t_x, T, horizon)

    def expected_purchases_new(self, params: Params, horizon: ArrayLike) -> Floats:
        """E[repeat purchases of a new customer within the horizon of the first]."""
        return self.expected_purchases(params, 0.0, 0.0, 0.0, horizon)

    def purchase_probability(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """P(exactly n purchases in (T, T + horizon] | history)."""
        x, t_x, T, n, horizon = broadcast_floats(x, t_x, T, n, horizon)
        alive = self.probability_alive(params, x, t_x, T)
        none = self.probability_no_purchase(params, x, t_x, T, horizon)
        some = self.count_probability_alive(params, x, t_x, T, np.maximum(n, 1.0), horizon)
        return np.where(n > 0, alive * some, none)

    def count_distribution(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
    ) -> Floats:
        """P(exactly n purchases in (T, T + horizon] | history) for n = 0 ... most, shape (n, most + 1)."""
        each = np.arange(len(x))
        return self.count_distribution_of_distinct(params, (x, t_x, T), (x, T), each, horizon, most)

    def count_distribution_of_distinct(
        self,
        params: Params,
        history: tuple[Floats, Floats, Floats],
        distinct: tuple[Floats, Floats],
        places: NDArray[np.int64],
        horizon: float,
        most: int,
        loops: Any = None,
    ) -> Floats:
        """Count distribution as of :meth:`count_distribution`, for many histories.

        Given that a customer is alive, the recency matters only through the events since the last purchase:
        the distributions are found for each pair of x and T once.

        Parameters
        ----------
        history : tuple of arrays, shape (n,)
        distinct : tuple of arrays, shape (m,)
            The pairs of x and T.
        places : array of int, shape (n,)
            Pair of each history.
        loops : module, optional
            Compiled loops: :mod:`guanxi.served.intervals._loops`.
        """
        alive = self.probability_alive(params, *history)
        weights = self.hidden_weights(params, *history)
        parts = self.count_distributions_alive(params, *distinct, horizon, most, loops)
        counts = np.zeros((len(places), most + 1))
        for weight, part in zip(weights, parts, strict=True):
            if loops:
                loops.add_weighted(counts, part, places, alive * weight)
            else:
                counts += part[places] * (alive * weight)[:, None]
        counts[:, 0] += 1.0 - alive
        return counts

    def hidden_weights(self, params: Params, x: Floats, t_x: Floats, T: Floats) -> list[Floats]:
        """Probability of each number of hidden events since the last purchase; without such events, 1."""
        return [np.ones(len(x))]

    def count_distributions_alive(
        self, params: Params, x: Floats, T: Floats, horizon: float, most: int, loops: Any = None
    ) -> list[Floats]:
        """Distribution as of :meth:`count_distribution_alive`, for each number of hidden events."""
        return [self.count_distribution_alive(params, x, np.zeros(len(x)), T, horizon, most)]

    def probability_no_purchase(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """P(no purchase in (T, T + horizon] | history) = L(x, t_x, T + horizon) / L(x, t_x, T)."""
        return np.exp(self.log_no_purchase(params, x, t_x, T, horizon)[0])

    def log_odds_no_purchase(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """Log odds of :meth:`probability_no_purchase`, finite where that rounds to 0 or 1; horizon > 0."""
        none, some = self.log_no_purchase(params, x, t_x, T, horizon)
        return none - some

    def discounted_purchases(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rate: float, horizon: float = np.inf
    ) -> Floats:
        """Discounted expected residual transactions: E[sum of exp(-rate t) over the purchases at T + t].

        DERT of Fader, Hardie & Lee (2005), RFM and CLV, Journal of Marketing Research 42(4). By integration
        by parts it is ``exp(-rate H) E(H) + rate * integral of exp(-rate t) E(t)``, where E(t) are the
        purchases expected until t.

        Parameters
        ----------
        rate : float
            Continuously compounded, per time unit; above 0 where the horizon is infinite.
        horizon : float
        """
        x, t_x, T = broadcast_floats(x, t_x, T)

        def until(time: float) -> Floats:
            return self.expected_purchases_alive(params, x, t_x, T, time)

        if np.isinf(horizon):
            times, weights = _double_exponential()
            total = sum(w * until(t / rate) for t, w in zip(times, weights, strict=True))
        else:
            total = np.exp(-rate * horizon) * until(horizon)
            if rate != 0.0:
                # Panels in log time: purchases come fast at first and slowly later.
                y, w = _gauss_legendre(_DISCOUNT_PANELS, _DISCOUNT_NODES)
                reach = np.log1p(100.0)
                times, weights = horizon * np.expm1(y * reach) / 100.0, w * reach * np.exp(y * reach) / 100.0
                weights = weights * horizon * rate * np.exp(-rate * times)
                total = total + sum(w * until(t) for t, w in zip(times, weights, strict=True))
        return np.asarray(self.probability_alive(params, x, t_x, T) * total)

    def _kept_at_rate(
        self, rate: Floats, shape: str, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Split the posterior mean rate of purchases into the parts of customers alive and dropped at T.

        ``rate`` is the posterior mean given alive. One more in the ``shape`` of the rate's prior multiplies
        the prior density by the rate, so the ratio of the likelihoods gives the mean given the history.
        """
        more = {**params, shape: params[shape] + 1.0}
        dropped, weighted = (self.log_odds_dropped(each, x, t_x, T) for each in (params, more))
        staying = rate * expit(-dropped)
        everyone = rate * np.exp(np.logaddexp(0.0, weighted) - np.logaddexp(0.0, dropped))
        return staying, np.maximum(everyone - staying, 0.0)

    def log_no_purchase(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Log of P(no purchase) and of P(a purchase), each without subtraction from 1."""
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        dropped = self.log_odds_dropped(params, x, t_x, T)
        none, some = self.log_no_purchase_alive(params, x, t_x, T, horizon)
        alive = log_expit(-dropped)
        return np.logaddexp(log_expit(dropped), alive + none), alive + some


def discounted(
    expected_purchases: Callable[[float], Floats],
    expected_spend: ArrayLike,
    horizon: float,
    *,
    annual_discount_rate: float,
    margin: ArrayLike,
    period: float,
    year: float,
) -> Floats:
    """Discounted margin of the purchases expected within the horizon.

    Purchases are discounted from the end of their period, as in lifetimes; the last period may be shorter.

    Parameters
    ----------
    expected_purchases : callable
        Expected purchases within a given time, array of shape (n,).
    expected_spend : array, shape (n,)
        Expected amount of a purchase.
    horizon, period, year : float
        In the time unit of ``expected_purchases``.
    annual_discount_rate : float
        0.1 is 10 % a year, compounded.
    margin : float or array, shape (n,)
        Profit as a share of the amount.

    Examples
    --------
    >>> one_a_month = lambda days: np.array([days / 30])
    >>> terms = {"annual_discount_rate": 0.1, "margin": 0.5, "period": 30.0, "year": 365.0}
    >>> discounted(one_a_month, [10.0], 360.0, **terms).round(3)
    array([57.042])
    """
    if annual_discount_rate == 0.0:
        return np.asarray(expected_purchases(horizon) * np.asarray(expected_spend) * np.asarray(margin))
    before, total = np.asarray(0.0), np.asarray(0.0)
    for end in _period_ends(horizon, period):
        until = expected_purchases(end)
        total = total + (until - before) * (1.0 + annual_discount_rate) ** (-end / year)
        before = until
    return np.asarray(total * np.asarray(expected_spend) * np.asarray(margin))


def _period_ends(horizon: float, period: float) -> list[float]:
    """Divide the horizon into periods and return their ends; the last is the horizon itself.

    Examples
    --------
    >>> _period_ends(70.0, 30.0)
    [30.0, 60.0, 70.0]
    """
    whole = int(np.ceil(horizon / period - 1e-9))  # no sliver of a period from rounding
    return [period * k for k in range(1, whole)] + [float(horizon)]


def broadcast_floats(*columns: ArrayLike) -> tuple[Floats, ...]:
    """Broadcast columns to floats of one shape, at least 1-d."""
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns))
