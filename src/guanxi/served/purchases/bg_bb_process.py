"""BG/BB in whole periods: Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Setting.

Marketing Science 29(6). Every period after that of the first purchase is an opportunity to buy. Before each a
customer drops out with a probability that is Beta(gamma, delta) across customers; while alive, the customer
buys with a probability that is Beta(alpha, beta).

Given alive at T, a customer is a new one with the parameters alpha + x, beta + T - x, gamma and delta + T.
All sums have positive terms only, so that nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from .process import Floats, Params, PurchaseProcess, broadcast_floats

Integers = NDArray[np.int64]

_MOST = 1e6  # opportunities of a history: each is a term of a sum
_ENTRIES = 2**18  # numbers in a table at once
_ENDLESS = 45.0  # exp(-45) is left out of an infinite discounted sum
_DOUBLINGS = 50


class _BgBb(PurchaseProcess):
    """BG/BB for times in any unit, of which ``period`` are one opportunity.

    Times of a history are rounded to whole opportunities. A horizon of h + f opportunities, f < 1, holds
    h + 1 of them with probability f and h otherwise: predictions are linear between whole opportunities.
    ``probability_alive`` is that at T, which the next dropout follows; the paper's is a period later.

    Examples
    --------
    >>> params = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78, "period": 365.25}
    >>> BG_BB.expected_purchases(params, [0, 4], [0, 5 * 365], [6 * 365, 6 * 365], 10 * 365.25).round(3)
    array([0.129, 3.617])
    """

    name = "bg_bb"
    parameters = ("alpha", "beta", "gamma", "delta", "period")

    def opportunities(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike
    ) -> tuple[Floats, Floats, Floats]:
        """Convert histories to whole opportunities; at most one purchase counts for each.

        Examples
        --------
        >>> [column.tolist() for column in BG_BB.opportunities({"period": 7.0}, 5, 14, 23)]
        [[2.0], [2.0], [3.0]]
        """
        bought, *times = broadcast_floats(x, t_x, T)
        last, now = (np.minimum(np.round(time / params["period"]), _MOST) for time in times)
        return np.minimum(bought, last), last, now

    def log_likelihood(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        dropped = self.log_odds_dropped(params, x, t_x, T)
        x, t_x, T = self.opportunities(params, x, t_x, T)
        alpha, beta, gamma, delta = _columns(params, x)

        def alive(rows: slice) -> Floats:
            idle, bought = (T - x)[rows], x[rows]
            return (
                _at(_log_products(alpha[rows], beta[rows], idle.max()), idle)
                + _at(_log_products(beta[rows] + idle, alpha[rows], bought.max()), bought)
                + _at(_log_products(gamma[rows], delta[rows], T[rows].max()), T[rows])
            )

        return _by_chunks(alive, T) + np.logaddexp(0.0, dropped)

    def log_odds_dropped(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        x, t_x, T = self.opportunities(params, x, t_x, T)
        alpha, beta, gamma, delta = _columns(params, x)

        def log_odds(rows: slice) -> Floats:
            # P(lived m opportunities, then dropped out) over P(lived all T), for m = T - 1 ... t_x.
            silent = (T - t_x)[rows]
            m = np.maximum(T[rows, None] - 1.0 - np.arange(silent.max()), t_x[rows, None])
            a, b, g, d = (column[rows, None] for column in (alpha + x, beta, gamma, delta))
            passed = np.cumsum(np.log1p(a / (b + (m - x[rows, None]))) + np.log1p(g / (d + m)), axis=1)
            never = np.full((len(silent), 1), -np.inf)
            terms = np.hstack([never, passed - np.log1p((d + m) / g)])
            # Added one after the other, so that no row depends on the width of the others.
            return _at(np.logaddexp.accumulate(terms, axis=1), silent)

        return _by_chunks(log_odds, T - t_x)

    def survival(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, time: ArrayLike) -> Floats:
        def table(a: Floats, b: Floats, g: Floats, d: Floats, most: int) -> Floats:
            return np.exp(_log_products(g, d, most))

        return self._between(table, _linear, params, x, t_x, T, time)

    def expected_purchases_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        return self.weighted_purchases_alive(params, x, t_x, T, horizon, np.ones_like)

    def expected_purchases_kept(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Posterior mean probability of a purchase times the opportunities within the horizon."""
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        a, b, _, _ = self._given_alive(params, x, t_x, T)
        staying, returning = self._kept_at_rate(a / (a + b), "alpha", params, x, t_x, T)
        opportunities = horizon / params["period"]
        return staying * opportunities, returning * opportunities

    def weighted_purchases_alive(
        self,
        params: Params,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        horizon: ArrayLike,
        weight: Callable[[Floats], Floats],
    ) -> Floats:
        """E[sum of ``weight(j)`` over purchases at opportunities T + j in the horizon | alive at T]."""

        def table(a: Floats, b: Floats, g: Floats, d: Floats, most: int) -> Floats:
            lives = np.exp(_log_products(g, d, most)[:, 1:]) * weight(np.arange(1.0, most + 1.0))
            return (a / (a + b))[:, None] * _running(lives)

        return self._between(table, _linear, params, x, t_x, T, horizon)

    def log_no_purchase_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        def none(a: Floats, b: Floats, g: Floats, d: Floats, most: int) -> Floats:
            both = _log_products(g, d, most) + _log_products(a, b, most)  # alive and without a purchase
            leaves = both[:, :-1] - np.log1p((d[:, None] + np.arange(most)) / g[:, None])
            gone = np.logaddexp.accumulate(leaves, axis=1)
            return np.asarray(np.logaddexp(both, np.hstack([np.full((len(a), 1), -np.inf), gone])))

        def some(a: Floats, b: Floats, g: Floats, d: Floats, most: int) -> Floats:
            silent = _log_products(a, b, most)[:, :-1]
            first = silent - np.log1p((b[:, None] + np.arange(most)) / a[:, None])
            first += _log_products(g, d, most)[:, 1:]
            bought = np.logaddexp.accumulate(first, axis=1)
            return np.hstack([np.full((len(a), 1), -np.inf), bought])

        history = params, x, t_x, T, horizon
        return self._between(none, _linear_in_logs, *history), self._between(some, _linear_in_logs, *history)

    def count_probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        x, t_x, T, n, horizon = broadcast_floats(x, t_x, T, n, horizon)
        result = np.zeros(len(x))
        for each in np.unique(horizon):
            possible = np.flatnonzero((horizon == each) & (n <= self.most_purchases(params, each)))
            if len(possible):
                own = {name: _rows_of(value, possible) for name, value in params.items()}
                history = x[possible], t_x[possible], T[possible]
                counts = self.count_distribution_alive(own, *history, each, int(n[possible].max()))
                result[possible] = _at(counts, n[possible])
        return result

    def count_distribution_alive(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
    ) -> Floats:
        a, b, g, d = self._given_alive(params, x, t_x, T)
        whole, share = divmod(horizon / params["period"], 1.0)
        last = int(whole)
        lives = np.exp(_log_products(g, d, last + 1))
        gone = lives[:, :-1] * (g[:, None] / ((g + d)[:, None] + np.arange(last + 1)))
        gone[:, last] = (1.0 - share) * lives[:, last] + share * gone[:, last]
        lived = np.column_stack([gone, share * lives[:, -1]])  # P(opportunities that the customer sees)
        n = np.arange(most + 1.0)
        urn = np.zeros((len(a), most + 1))  # P(n purchases at l opportunities), as in an urn of Polya
        urn[:, 0] = 1.0
        result = lived[:, :1] * urn
        for seen in range(last + 1):
            total = (a + b)[:, None] + seen
            bought = urn[:, :-1] * ((a[:, None] + n[:-1]) / total)
            urn *= np.maximum(b[:, None] + seen - n, 0.0) / total
            urn[:, 1:] += bought
            result += lived[:, seen + 1, None] * urn
        return np.asarray(result)

    def most_purchases(self, params: Params, horizon: float) -> float:
        return float(np.ceil(horizon / params["period"]))

    def next_purchase_quantile(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Floats:
        """As in :class:`.PurchaseProcess`: whole periods, at most 2^50 of them."""
        x, t_x, T, q = broadcast_floats(x, t_x, T, q)
        a, b, _, _ = self._given_alive(params, x, t_x, T)
        low, high = np.full(len(a), -1.0), np.full(len(a), 2.0**_DOUBLINGS)
        for _ in range(_DOUBLINGS + 1):
            middle = np.ceil((low + high) / 2.0)
            # Rounding must not decide.
            reached = betaln(a, b + middle) - betaln(a, b) <= np.log1p(-q) + 1e-12
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return np.asarray(high * params["period"])

    def discounted_purchases(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rate: float, horizon: float = np.inf
    ) -> Floats:
        """As in :class:`.PurchaseProcess`; within a period purchases are spread evenly."""
        period = params["period"]
        length = min(horizon, _ENDLESS / rate) if rate > 0.0 else horizon
        opportunities = length / period

        def weight(j: Floats) -> Floats:
            # Mean discount over the part of the period within the horizon.
            part = np.minimum(opportunities - (j - 1.0), 1.0) * period * rate
            mean = np.divide(-np.expm1(-part), part, out=np.ones_like(part), where=part > 0.0)
            return np.asarray(np.exp(-rate * period * (j - 1.0)) * mean)

        alive = self.probability_alive(params, x, t_x, T)
        return alive * self.weighted_purchases_alive(params, x, t_x, T, length, weight)

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
        """Each history for itself: the recency bounds the purchases that count."""
        alive = self.probability_alive(params, *history)
        counts = self.count_distribution_alive(params, *history, horizon, most) * alive[:, None]
        counts[:, 0] += 1.0 - alive
        return np.asarray(counts)

    def _given_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike
    ) -> tuple[Floats, Floats, Floats, Floats]:
        x, t_x, T = self.opportunities(params, x, t_x, T)
        alpha, beta, gamma, delta = _columns(params, x)
        return alpha + x, beta + (T - x), gamma, delta + T

    def _between(
        self,
        table: Callable[..., Floats],
        interpolate: Callable[[Floats, Floats, Floats], Floats],
        params: Params,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        time: ArrayLike,
    ) -> Floats:
        """Interpolate a table of whole opportunities after T, 0 to ``most``."""
        x, t_x, T, time = broadcast_floats(x, t_x, T, time)
        columns = self._given_alive(params, x, t_x, T)
        share, whole = np.modf(time / params["period"])

        def values(rows: slice) -> Floats:
            known = table(*(column[rows] for column in columns), int(whole[rows].max()) + 1)
            return interpolate(_at(known, whole[rows]), _at(known, whole[rows] + 1.0), share[rows])

        return _by_chunks(values, whole)


def _log_products(rival: Floats, start: Floats, most: float) -> Floats:
    """Log of the products over i < k of (start + i) / (start + i + rival), k = 0 ... most, a row each."""
    steps = -np.log1p(rival[:, None] / (start[:, None] + np.arange(int(most))))
    return _running(steps)


def _running(values: Floats) -> Floats:
    """Sum the first k = 0 ... n values of each row."""
    return np.hstack([np.zeros((len(values), 1)), np.cumsum(values, axis=1)])


def _at(table: Floats, column: Floats) -> Floats:
    return np.asarray(table[np.arange(len(table)), column.astype(np.int64)])


def _linear(low: Floats, high: Floats, share: Floats) -> Floats:
    return (1.0 - share) * low + share * high


def _linear_in_logs(low: Floats, high: Floats, share: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp(np.log1p(-share) + low, np.log(share) + high))


def _columns(params: Params, like: Floats) -> tuple[Floats, ...]:
    """Parameters as columns, one value per row."""
    return tuple(np.broadcast_to(params[name], like.shape) for name in ("alpha", "beta", "gamma", "delta"))


def _rows_of(value: ArrayLike, rows: Integers) -> ArrayLike:
    return value if np.ndim(value) == 0 else np.asarray(value)[rows]


def _by_chunks(evaluate: Callable[[slice], Floats], widths: Floats) -> Floats:
    """Evaluate rows by chunks with a table of limited size; its width is that of the widest row."""
    size = max(1, int(_ENTRIES // (widths.max(initial=0.0) + 2.0)))
    chunks = [evaluate(slice(start, start + size)) for start in range(0, len(widths), size)]
    return np.concatenate(chunks) if chunks else np.empty(0)


BG_BB = _BgBb()
