"""Models in which customers leave at any time, or never: NBD, Pareto/NBD and GGom/NBD.

While alive a customer buys at a rate that is Gamma(r, alpha) across customers; the lifetime has survivor
function S(t). Given alive at T, the rate is Gamma(r + x, alpha + T) and, independently, the remaining
lifetime has survivor function S(T + t) / S(T). The hypergeometric functions of the papers are integrals over
the time of leaving, computed here by quadrature of a positive, smooth integrand, without overflow or
cancellation.

- NBD: Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1). S = 1.
- Pareto/NBD: Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1).
  S(t) = (beta / (beta + t))^s.
- GGom/NBD: Bemmaor & Glady (2012), Modeling Purchasing Behavior with Sudden "Death", Management Science
  58(5). S(t) = (beta / (beta + exp(b t) - 1))^s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel, gammaln, logsumexp, xlog1py, xlogy

from ..numerics import _gauss_legendre
from .process import Floats, Params, PurchaseProcess, broadcast_floats

_NODES = 16  # per panel
_CHUNK = 2048  # rows per pass, to fit the processor's cache
_LARGEST_EXPONENT = 600.0  # exp nearly overflows beyond
_OLD = 30.0  # beyond it exp(b t) - 1 equals exp(b t) up to rounding
_LOG_DROP = 45.0  # an integrand below e^-45 of its initial value is negligible


class LifetimeProcess(PurchaseProcess):
    """Poisson purchases while alive, with a lifetime that does not depend on them."""

    # At 20,000 random points over the whole parameter range this agrees with 24 x 24 nodes to 3e-13
    # (Pareto/NBD); for GGom/NBD to 2e-15 in 99 % of them, and to 2e-3 at worst.
    panels = 4

    # --- the lifetime, defined by each model ---------------------------------------------------------------

    def log_survivor(self, params: Params, time: Floats) -> Floats:
        """Log of S(t): alive at t."""
        raise NotImplementedError

    def log_density(self, params: Params, time: Floats) -> Floats:
        """Log density of the time of leaving."""
        raise NotImplementedError

    def scale(self, params: Params, time: Floats) -> Floats:
        """Time scale on which the density changes after ``time``."""
        raise NotImplementedError

    def time_to_fall(self, params: Params, time: Floats, log_drop: float) -> Floats:
        """Time after ``time`` by which the survivor function has fallen by exp(-log_drop)."""
        raise NotImplementedError

    # --- derived -------------------------------------------------------------------------------------------

    def log_likelihood(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """Log-likelihood of each history."""
        x, t_x, T = broadcast_floats(x, t_x, T)
        r, alpha = params["r"], params["alpha"]
        purchases = gammaln(r + x) - gammaln(r) - r * np.log1p(T / alpha) - x * np.log(alpha + T)
        dropped = self.log_odds_dropped(params, x, t_x, T)
        return np.asarray(purchases + self.log_survivor(params, T) + np.logaddexp(0.0, dropped))

    def log_odds_dropped(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """Log odds of having left between the last purchase and T."""
        x, t_x, T = broadcast_floats(x, t_x, T)
        n, rate = params["r"] + x, params["alpha"] + t_x

        def integrand(own: Params, since: Floats, t_x: Floats, n: Floats, rate: Floats) -> Floats:
            return self.log_density(own, t_x + since) - n * np.log1p(since / rate)

        left = self._log_integral(integrand, params, T - t_x, n, rate, t_x)
        stayed = self.log_survivor(params, T) - n * np.log1p((T - t_x) / rate)
        return np.asarray(np.where(t_x < T, left - stayed, -np.inf))

    def survival(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, time: ArrayLike) -> Floats:
        """S(T + time) / S(T)."""
        _, _, T, time = broadcast_floats(x, t_x, T, time)
        return np.exp(self.log_survivor(params, T + time) - self.log_survivor(params, T))

    def expected_purchases_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """Mean purchase rate times the expected time alive within the horizon."""
        x, _, T, horizon = broadcast_floats(x, t_x, T, horizon)
        return np.asarray((params["r"] + x) / (params["alpha"] + T) * self._time_alive(params, T, horizon))

    def expected_purchases_kept(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Posterior mean purchase rate times the horizon.

        Examples
        --------
        >>> params = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}
        >>> PARETO_NBD.expected_purchases_kept(params, [5], [10], [38], 39)
        (array([0.22984657]), array([8.58717407]))
        """
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        rate = (params["r"] + x) / (params["alpha"] + T)
        staying, returning = self._kept_at_rate(rate, "r", params, x, t_x, T)
        return staying * horizon, returning * horizon

    def log_no_purchase_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Log of P(no purchase | alive at T) and of P(at least one | alive at T)."""
        x, _, T, horizon = broadcast_floats(x, t_x, T, horizon)
        n, rate = params["r"] + x, params["alpha"] + T

        def leaving(own: Params, since: Floats, T: Floats, n: Floats, rate: Floats) -> Floats:
            return self.log_density(own, T + since) - n * np.log1p(since / rate)

        def buying(own: Params, since: Floats, T: Floats, n: Floats, rate: Floats) -> Floats:
            first = np.log(n / rate) - (n + 1.0) * np.log1p(since / rate)
            return self.log_survivor(own, T + since) + first

        alive = self.log_survivor(params, T)
        stayed = self.log_survivor(params, T + horizon) - n * np.log1p(horizon / rate)
        none = np.logaddexp(stayed, self._log_integral(leaving, params, horizon, n, rate, T)) - alive
        some = self._log_integral(buying, params, horizon, n, rate, T) - alive
        return np.minimum(none, 0.0), np.minimum(some, 0.0)

    def count_probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """P(n purchases | alive at T), n >= 1: over the whole horizon or until leaving."""
        x, _, T, n, horizon = broadcast_floats(x, t_x, T, n, horizon)
        shape, rate = params["r"] + x, params["alpha"] + T
        count = gammaln(shape + n) - gammaln(shape) - gammaln(n + 1.0)

        def made(since: Floats, n: Floats, shape: Floats, rate: Floats) -> Floats:
            return np.asarray(xlogy(n, since / (rate + since)) - shape * np.log1p(since / rate))

        def leaving(own: Params, since: Floats, T: Floats, n: Floats, shape: Floats, rate: Floats) -> Floats:
            return self.log_density(own, T + since) + made(since, n, shape, rate)

        whole = self.log_survivor(params, T + horizon) + made(horizon, n, shape, rate)
        # Many purchases take long: the end of the horizon must not be cut off.
        left = self._log_integral(leaving, params, horizon, _steady(T), rate, T, n, shape, rate)
        return np.asarray(np.exp(np.logaddexp(whole, left) + count - self.log_survivor(params, T)))

    def count_distribution_alive(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
    ) -> Floats:
        """P(0 ... most purchases | alive at T): counts by recurrence at each node of the time of leaving."""
        x, _, T = broadcast_floats(x, t_x, T)
        columns = {name: np.broadcast_to(params[name], T.shape) for name in self.parameters}
        result = np.empty((len(x), most + 1))
        for first in range(0, len(x), _CHUNK):
            rows = slice(first, first + _CHUNK)
            own = {name: column[rows] for name, column in columns.items()}
            result[rows] = self._counts(own, x[rows], T[rows], horizon, most)
        return result

    def _counts(self, params: Params, x: Floats, T: Floats, horizon: float, most: int) -> Floats:
        shape, rate = (params["r"] + x)[:, None], (params["alpha"] + T)[:, None]
        since, log_weight = self._moments(params, T, horizon, rate[:, 0])
        probability = np.exp(log_weight - shape * np.log1p(since / rate))
        share = since / (rate + since)
        result = np.empty((len(x), most + 1))
        for n in range(most + 1):
            result[:, n] = probability.sum(axis=1)
            probability = probability * (share * ((shape + n) / (n + 1.0)))
        # The recurrence cannot start where P(no purchase) underflows.
        for row in np.flatnonzero(shape[:, 0] * np.log1p(horizon / rate[:, 0]) > _LARGEST_EXPONENT):
            one = {name: value[row] for name, value in params.items()}
            counts = self.count_probability_alive(one, x[row], 0.0, T[row], np.arange(1, most + 1), horizon)
            log_none, _ = self.log_no_purchase_alive(one, x[row], 0.0, T[row], horizon)
            result[row] = [np.exp(log_none)[0], *counts]
        return result

    def _moments(self, params: Params, T: Floats, horizon: float, rate: Floats) -> tuple[Floats, Floats]:
        """Nodes of the time of leaving, the end of the horizon for those who stay, and log probabilities."""
        since, log_weight = self.nodes(params, T, np.full(T.shape, horizon), _steady(T), rate)
        own = {name: value[:, None] for name, value in params.items()}
        log_weight = log_weight + self.log_density(own, T[:, None] + since)
        stayed = self.log_survivor(params, T + horizon)
        log_weight = np.column_stack([log_weight, stayed]) - self.log_survivor(params, T)[:, None]
        return np.column_stack([since, np.full(T.shape, horizon)]), log_weight

    def next_purchase_quantile(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Floats:
        """Quantile of the Lomax distributed waiting time while alive, at most about 1e260 (alpha + T)."""
        x, _, T, q = broadcast_floats(x, t_x, T, q)
        exponent = -np.log1p(-q) / (params["r"] + x)
        return np.asarray((params["alpha"] + T) * np.expm1(np.minimum(exponent, _LARGEST_EXPONENT)))

    def nodes(
        self, params: Params, start: Floats, length: Floats, n: Floats, rate: Floats
    ) -> tuple[Floats, Floats]:
        """Nodes, as times after ``start``, and log weights of integrals over (0, length), shape (n, nodes).

        The integrands fall as S(start + t) and as (1 + t / rate)^-n. In y = log(1 + t / scale), with the
        scale of the faster fall, they are smooth on panels of equal width; they are cut off below exp(-45).
        """
        y, w = _gauss_legendre(self.panels, _NODES)
        with np.errstate(over="ignore"):
            fall = rate * np.expm1(np.minimum(_LOG_DROP / n, _LARGEST_EXPONENT))
        length = np.minimum(length, np.minimum(fall, self.time_to_fall(params, start, _LOG_DROP)))
        scale = np.minimum(rate / np.maximum(n, 1.0), self.scale(params, start))[:, None]
        reach = np.log1p(length[:, None] / scale)
        with np.errstate(divide="ignore"):  # a length of 0 has weights of 0
            return scale * np.expm1(y * reach), np.log(w * reach) + np.log(scale) + y * reach

    def _log_integral(
        self,
        integrand: Any,
        params: Params,
        length: Floats,
        n: Floats,
        rate: Floats,
        start: Floats,
        *more: Floats,
    ) -> Floats:
        """Log of the integral of exp(integrand) over (0, length), row by row, in chunks."""
        columns = {name: np.broadcast_to(params[name], length.shape) for name in self.parameters}
        result = np.empty(length.shape)
        for first in range(0, len(length), _CHUNK):
            rows = slice(first, first + _CHUNK)
            own = {name: column[rows] for name, column in columns.items()}
            since, log_weight = self.nodes(own, start[rows], length[rows], n[rows], rate[rows])
            own = {name: column[:, None] for name, column in own.items()}
            others = [column[rows, None] for column in (start, *(more or (n, rate)))]
            result[rows] = logsumexp(integrand(own, since, *others) + log_weight, axis=1)
        return result

    def _time_alive(self, params: Params, T: Floats, horizon: Floats) -> Floats:
        """Integral of S(T + t) / S(T) over the horizon."""

        def alive(own: Params, since: Floats, T: Floats, *_: Floats) -> Floats:
            return self.log_survivor(own, T + since)

        log_time = self._log_integral(alive, params, horizon, _steady(T), np.full(T.shape, np.inf), T)
        return np.exp(log_time - self.log_survivor(params, T))


class _Nbd(LifetimeProcess):
    """No dropout."""

    name = "nbd"
    parameters = ("r", "alpha")

    def log_survivor(self, params: Params, time: Floats) -> Floats:
        return np.zeros(np.shape(time))

    def log_odds_dropped(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        return np.full(broadcast_floats(x, t_x, T)[0].shape, -np.inf)

    def log_no_purchase_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        x, _, T, horizon = broadcast_floats(x, t_x, T, horizon)
        none = -(params["r"] + x) * np.log1p(horizon / (params["alpha"] + T))
        with np.errstate(divide="ignore"):  # a horizon of 0
            return none, np.log(-none * exprel(none))

    def count_probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        x, _, T, n, horizon = broadcast_floats(x, t_x, T, n, horizon)
        shape, rate = params["r"] + x, params["alpha"] + T
        count = gammaln(shape + n) - gammaln(shape) - gammaln(n + 1.0)
        log_count = count + xlogy(n, horizon / (rate + horizon)) - xlog1py(shape, horizon / rate)
        return np.asarray(np.exp(log_count))

    def _time_alive(self, params: Params, T: Floats, horizon: Floats) -> Floats:
        return horizon

    def _moments(self, params: Params, T: Floats, horizon: float, rate: Floats) -> tuple[Floats, Floats]:
        return np.full((len(T), 1), horizon), np.zeros((len(T), 1))


class _ParetoNbd(LifetimeProcess):
    """Dropout at a constant rate that is Gamma(s, beta) across customers."""

    name = "pareto_nbd"
    parameters = ("r", "alpha", "s", "beta")

    def log_survivor(self, params: Params, time: Floats) -> Floats:
        return np.asarray(-params["s"] * np.log1p(time / params["beta"]))

    def log_density(self, params: Params, time: Floats) -> Floats:
        s, beta = params["s"], params["beta"]
        return np.asarray(np.log(s / beta) - (s + 1.0) * np.log1p(time / beta))

    def scale(self, params: Params, time: Floats) -> Floats:
        return np.asarray((params["beta"] + time) / np.maximum(params["s"], 1.0))

    def time_to_fall(self, params: Params, time: Floats, log_drop: float) -> Floats:
        fall = np.minimum(log_drop / params["s"], _LARGEST_EXPONENT)
        return np.asarray((params["beta"] + time) * np.expm1(fall))

    def _time_alive(self, params: Params, T: Floats, horizon: Floats) -> Floats:
        log_ratio = np.log1p(horizon / (params["beta"] + T))
        return np.asarray((params["beta"] + T) * log_ratio * exprel((1.0 - params["s"]) * log_ratio))


class _GgomNbd(LifetimeProcess):
    """Dropout at a rate that grows as exp(b t), from a base rate that is Gamma(s, beta) across customers."""

    name = "ggom_nbd"
    panels = 6
    parameters = ("r", "alpha", "b", "s", "beta")

    def log_survivor(self, params: Params, time: Floats) -> Floats:
        return np.asarray(-params["s"] * self._log_growth(params, time))

    def log_density(self, params: Params, time: Floats) -> Floats:
        b, s, beta = params["b"], params["s"], params["beta"]
        return np.asarray(np.log(s * b / beta) + b * time - (s + 1.0) * self._log_growth(params, time))

    def scale(self, params: Params, time: Floats) -> Floats:
        slope = np.exp(params["b"] * -time) * (params["beta"] - 1.0) + 1.0
        return np.asarray(np.minimum(slope, 1.0) / (params["b"] * np.maximum(params["s"], 1.0)))

    def time_to_fall(self, params: Params, time: Floats, log_drop: float) -> Floats:
        # (beta + exp(b (t + u)) - 1) = (beta + exp(b t) - 1) exp(drop / s), solved for u in logs.
        fall = log_drop / params["s"]
        near = np.minimum(fall, _LARGEST_EXPONENT)
        slope = np.exp(params["b"] * -time) * (params["beta"] - 1.0) + 1.0
        return np.asarray((np.log1p(slope * np.expm1(near)) + fall - near) / params["b"])

    def _log_growth(self, params: Params, time: Floats) -> Floats:
        """log(1 + (exp(b t) - 1) / beta), without overflow."""
        age = params["b"] * time
        early = np.log1p(np.expm1(np.minimum(age, _OLD)) / params["beta"])
        if not (age > _OLD).any():
            return np.asarray(early)
        small = np.minimum(age, _LARGEST_EXPONENT)
        late = age - np.log(params["beta"]) + np.log1p((params["beta"] - 1.0) * np.exp(-small))
        return np.asarray(np.where(age > _OLD, late, early))


def _steady(column: Floats) -> Floats:
    """Power for an integrand that does not fall with the purchases: next to 0."""
    return np.full(column.shape, 1e-300)


NBD = _Nbd()
PARETO_NBD = _ParetoNbd()
GGOM_NBD = _GgomNbd()
