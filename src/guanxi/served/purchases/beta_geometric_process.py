"""Models in which customers drop out after a purchase: BG/NBD, MBG/NBD, BG/CNBD-k and MBG/CNBD-k.

The gaps between purchases are Erlang-k: every k-th event of a Poisson process of rate lambda is a purchase.
lambda is Gamma(r, alpha) across customers; the probability p of dropping out after a purchase is Beta(a, b).
``k`` is 1 if it is not among the parameters. In the modified models (MBG) customers may drop out after their
first purchase too.

- BG/NBD: Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
- MBG/NBD: Batislam, Denizel & Filiztekin (2007), Empirical Validation and Comparison of Models for Customer
  Base Analysis, Int. J. of Research in Marketing 24(3).
- CNBD-k: Platzer & Reutterer (2016), Ticking Away the Moments, Marketing Science 35(5).

Given that a customer is alive, with j events since the last purchase, lambda is Gamma(r + k x + j, alpha + T)
and p is Beta(a, b + x) (MBG: b + x + 1), independently; for k > 1 this is a mixture over j = 0 ... k - 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, expit, gammaln, log_expit, logsumexp, xlogy

from ..numerics import distinct_rows
from . import _beta_geometric
from .process import Floats, Params, PurchaseProcess, broadcast_floats

_LARGEST_EXPONENT = 600.0  # exp nearly overflows beyond
_STEPS, _ROUNDING = 100, 1e-15
_LEAST_WEIGHT = 1e-18  # of a number of events since the last purchase


class BetaGeometricProcess(PurchaseProcess):
    """Dropout after a purchase with a beta distributed probability.

    Parameters
    ----------
    name : str
    first : bool
        Whether customers may drop out after their first purchase too.
    regular : bool
        Whether k is among the parameters.

    Examples
    --------
    >>> params = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
    >>> BG_NBD.expected_purchases(params, [26], [30.857], [31], 52).round(4)
    array([25.7573])
    """

    def __init__(self, name: str, *, first: bool, regular: bool) -> None:
        self.name = name
        self.first = first
        if not regular:
            self.cheap = frozenset({"probability_alive"})
        self.parameters = ("k", "r", "alpha", "a", "b") if regular else ("r", "alpha", "a", "b")

    def log_likelihood(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, log_gap_sum: ArrayLike | None = None
    ) -> Floats:
        """Log-likelihood of each history: equation (6) of Fader, Hardie & Lee and its generalisations.

        Parameters
        ----------
        log_gap_sum : array, shape (n,), optional
            Sum of the logarithms of the gaps between purchases. Without it, for k > 1, only the sum of the
            gaps (the recency) is taken as known. With k = 1 both agree with BG/NBD.

        Examples
        --------
        >>> params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
        >>> BG_NBD.log_likelihood(params, [0, 200], [0, 38], [40, 40]).round(4)
        array([ -0.5995, 100.7957])
        """
        x, t_x, T = broadcast_floats(x, t_x, T)
        k, r, alpha, a, b = _unpack(params)
        events, survived = k * x, b + x + self.first
        purchases = gammaln(r + events) - gammaln(r) - r * np.log1p(T / alpha) - events * np.log(alpha + T)
        chance = betaln(a, survived) - betaln(a, b) - log_expit(-self.log_odds_dropped(params, x, t_x, T))
        if k == 1:
            return np.asarray(purchases + chance)
        waiting = logsumexp(_log_hidden(k, r + events, alpha, t_x, T), axis=0)
        return np.asarray(purchases + chance + waiting + gap_terms(k, x, t_x, log_gap_sum))

    def log_odds_dropped(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Floats:
        """Log odds of having dropped out at the last purchase.

        Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model".
        """
        x, t_x, T = broadcast_floats(x, t_x, T)
        k, r, alpha, a, b = _unpack(params)
        possible = (x > 0) | self.first
        waiting = (r + k * x) * np.log1p((T - t_x) / (alpha + t_x))
        if k > 1:
            waiting = waiting - np.logaddexp.reduce(_log_hidden(k, r + k * x, alpha, t_x, T), axis=0)
        odds = np.log(a) - np.log(b + np.where(possible, x - 1.0 + self.first, 0.0))
        return np.where(possible, odds + waiting, -np.inf)

    def survival(self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, time: ArrayLike) -> Floats:
        """P(alive at T + time | alive at T): each purchase drops out with p, so 1 - E[p purchases]."""
        x, t_x, T, time = broadcast_floats(x, t_x, T, time)
        _, _, _, a, b = _unpack(params)
        dropped = a / (a + b + x + self.first) * self._expected(params, x, t_x, T, time, more_dropout=1.0)
        return np.asarray(np.clip(1.0 - dropped, 0.0, 1.0))

    def expected_purchases_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """E[purchases | alive]: equation (10) of Fader, Hardie & Lee over P(alive), also at a = 1."""
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        return self._expected(params, x, t_x, T, horizon, more_dropout=0.0)

    def expected_purchases_kept(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Those who left are taken to have bought on, unseen, since their last purchase.

        Examples
        --------
        >>> params = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.43}
        >>> BG_NBD.expected_purchases_kept(params, [5], [10], [38], 39)
        (array([0.13300955]), array([13.80002742]))
        """
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        k, r, alpha, _, _ = _unpack(params)
        dropped = self.log_odds_dropped(params, x, t_x, T)
        staying = sum(
            np.exp(log_weight) * _beta_geometric.renewals(shape, horizon / (alpha + T), k, j)
            for j, log_weight, shape in self._hidden(params, x, t_x, T)
        )
        shape, rate = broadcast_floats(r + k * x, alpha + t_x)
        returning = _beta_geometric.renewals(shape, horizon / rate)
        if k > 1:  # the purchases do not come at a constant rate
            ends = (T - t_x + horizon) / rate, (T - t_x) / rate
            until, unseen = (_beta_geometric.renewals(shape, end, k) for end in ends)
            returning = np.maximum(until - unseen, 0.0)
        return expit(-dropped) * staying, expit(dropped) * returning

    def log_no_purchase_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Log of P(no purchase | alive) and of P(some | alive): the k-th event is beyond or within it."""
        x, t_x, T, horizon = broadcast_floats(x, t_x, T, horizon)
        k, _, alpha, _, _ = _unpack(params)
        log_last = -np.log1p(horizon / (alpha + T))  # log(1 - z), z as below
        z = horizon / (alpha + T + horizon)
        none, some = np.full(x.shape, -np.inf), np.full(x.shape, -np.inf)
        with np.errstate(divide="ignore"):  # log of a probability that is 0
            for j, log_weight, shape in self._hidden(params, x, t_x, T):
                none = np.logaddexp(none, log_weight + _log_fewer(k - j, shape, z, log_last))
                some = np.logaddexp(some, log_weight + np.log(betainc(k - j, shape, z)))
        return none, some

    def count_probability_alive(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """P(n purchases | alive), n >= 1: equation (8) of Fader, Hardie & Lee at the posterior."""
        x, t_x, T, n, horizon = broadcast_floats(x, t_x, T, n, horizon)
        k, _, alpha, a, b = _unpack(params)
        survived = b + x + self.first
        z, log_last = horizon / (alpha + T + horizon), -np.log1p(horizon / (alpha + T))
        prior = betaln(a, survived)
        # Exactly n were due, the first n - 1 survived; or more were due, with dropout at the n-th.
        still = np.exp(betaln(a, survived + n - 1.0) - prior)
        dropped = np.exp(betaln(a + 1.0, survived + n - 1.0) - prior)
        total = np.zeros(x.shape)
        for j, log_weight, shape in self._hidden(params, x, t_x, T):
            just = sum(np.exp(_log_events(n * k - j + i, shape, z, log_last)) for i in range(k))
            more = betainc((n + 1.0) * k - j, shape, z)
            total += np.exp(log_weight) * (just * still + more * dropped)
        return total

    def count_distribution_alive(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: float, most: int
    ) -> Floats:
        """P(0 ... most purchases | alive): P(at least n) = P(n k - j events or more) E[(1 - p)^(n - 1)]."""
        x, t_x, T = broadcast_floats(x, t_x, T)
        k, _, alpha, _, _ = _unpack(params)
        ratio = horizon / (alpha + T)
        at_least = np.zeros((most + 1, len(x)))
        for j, log_weight, shape in self._hidden(params, x, t_x, T):
            wanted = np.arange(1, most + 2) * k - j
            at_least += np.exp(log_weight) * _at_least(wanted, shape, ratio)
        return self._thinned(params, x, at_least)

    def _thinned(self, params: Params, x: Floats, at_least: Floats) -> Floats:
        """Distribution of counts, shape (n, m), from P(at least 1 ... m) without dropout, shape (m, n)."""
        _, _, _, a, b = _unpack(params)
        survived = b + x + self.first
        still = np.ones(len(x))
        for n, some in enumerate(at_least):
            some *= still
            still = still * ((survived + n) / (a + survived + n))
        before = np.concatenate([np.ones((1, len(x))), at_least[:-1]])
        return np.asarray(np.maximum(before - at_least, 0.0).T)

    def hidden_weights(self, params: Params, x: Floats, t_x: Floats, T: Floats) -> list[Floats]:
        """Probability of each number of events since the last purchase."""
        return [np.exp(log_weight) for _, log_weight, _ in self._hidden(params, x, t_x, T)]

    def count_distributions_alive(
        self, params: Params, x: Floats, T: Floats, horizon: float, most: int, loops: Any = None
    ) -> list[Floats]:
        """Distribution for each number of events since the last purchase."""
        k, r, alpha, a, b = _unpack(params)
        ratio = horizon / (alpha + T)
        if loops and ((r + k * x + k) * np.log1p(ratio)).max() < _LARGEST_EXPONENT:
            survived = b + x + self.first
            return [
                loops.counts_under_dropout(k - j, k, most, r + k * x + j, ratio, a, survived)
                for j in range(k)
            ]
        wanted = np.arange(1, most + 2) * k
        return [self._thinned(params, x, _at_least(wanted - j, r + k * x + j, ratio)) for j in range(k)]

    def next_purchase_quantile(
        self, params: Params, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Floats:
        """Quantile of the waiting time given alive at T, at most about 1e260 times (alpha + T).

        For k = 1 the waiting time is Lomax distributed. For k > 1 the time until the k - j missing events, as
        a share of (alpha + T + time), is beta distributed; the mixture over j is solved by Newton's method.

        Examples
        --------
        >>> params = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
        >>> BG_NBD.next_purchase_quantile(params, [2], [30], [38], 0.5).round(3)
        array([15.153])
        """
        x, t_x, T, q = broadcast_floats(x, t_x, T, q)
        k, r, alpha, _, _ = _unpack(params)
        if k == 1:
            exponent = -np.log1p(-q) / (r + x)
            return np.asarray((alpha + T) * np.expm1(np.minimum(exponent, _LARGEST_EXPONENT)))
        weights = np.array(self.hidden_weights(params, x, t_x, T))
        y = _waiting_time(weights, r + k * x, np.log1p(-q))
        return np.asarray((alpha + T) * np.expm1(np.minimum(y, _LARGEST_EXPONENT)))

    def _hidden(
        self, params: Params, x: Floats, t_x: Floats, T: Floats
    ) -> Iterator[tuple[int, Floats, Floats]]:
        """Yield possible numbers of events since the last purchase, their log probability, lambda's shape."""
        k, r, alpha, _, _ = _unpack(params)
        shape = r + k * x
        if k == 1:
            yield 0, np.zeros(shape.shape), shape
            return
        log_weight = _log_hidden(k, shape, alpha, t_x, T)
        log_weight = log_weight - np.logaddexp.reduce(log_weight, axis=0)
        for j in range(k):
            yield j, log_weight[j], shape + j

    def _expected(
        self, params: Params, x: Floats, t_x: Floats, T: Floats, horizon: Floats, more_dropout: float
    ) -> Floats:
        k, _, alpha, a, b = _unpack(params)
        if k == 1 and all(np.ndim(value) == 0 for value in params.values()):
            # Given alive the recency is irrelevant: far fewer rows are distinct.
            (x, T, horizon), inverse = distinct_rows((x, T, horizon))
            ratio = horizon / (alpha + T)
            shape, left, stayed = broadcast_floats(params["r"] + x, a + more_dropout, b + x + self.first)
            return _beta_geometric.expected_purchases_alive(shape, left, stayed, ratio)[inverse]
        weights = self.hidden_weights(params, x, t_x, T)
        pairs, places = _pairs(params, x, T, horizon)
        r, alpha, a, b, x, T, horizon = pairs
        a, survived, ratio = broadcast_floats(a + more_dropout, b + x + self.first, horizon / (alpha + T))
        total = np.zeros(len(places))
        for j, weight in enumerate(weights):
            likely = weight > _LEAST_WEIGHT
            asked = np.zeros(len(x), dtype=bool)
            asked[places[likely]] = True
            expected = np.zeros(len(x))
            expected[asked] = _beta_geometric.expected_purchases_alive(
                (r + k * x + j)[asked], a[asked], survived[asked], ratio[asked], k, j
            )
            total[likely] += weight[likely] * expected[places[likely]]
        return total


BG_NBD = BetaGeometricProcess("bg_nbd", first=False, regular=False)
MBG_NBD = BetaGeometricProcess("mbg_nbd", first=True, regular=False)
BG_CNBD = BetaGeometricProcess("bg_cnbd", first=False, regular=True)
MBG_CNBD = BetaGeometricProcess("mbg_cnbd", first=True, regular=True)


def gap_terms(k: int, x: Floats, t_x: Floats, log_gap_sum: ArrayLike | None) -> Floats:
    """Log density of the gaps without its powers of lambda, minus that of k = 1; 0 without repeats."""
    if log_gap_sum is not None:
        return np.asarray((k - 1) * np.asarray(log_gap_sum, dtype=np.float64) - x * gammaln(k))
    repeats = np.maximum(x, 1.0)
    return np.where(x > 0, xlogy((k - 1) * x, t_x) - gammaln(k * repeats) + gammaln(repeats), 0.0)


def _unpack(params: Params) -> tuple[int, Floats, Floats, Floats, Floats]:
    return int(params.get("k", 1)), params["r"], params["alpha"], params["a"], params["b"]


def _log_hidden(k: int, shape: Floats, alpha: Floats, t_x: Floats, T: Floats) -> Floats:
    """Log weights of j = 0 ... k - 1 events since the last purchase, 0 for j = 0; shape (k, n)."""
    j = np.arange(k)[:, None]
    log_weight = gammaln(shape + j) - gammaln(shape) - gammaln(j + 1.0)
    return np.asarray(log_weight + xlogy(j, (T - t_x) / (alpha + T)))


def _pairs(params: Params, x: Floats, T: Floats, horizon: Floats) -> tuple[list[Floats], NDArray[np.int64]]:
    """Distinct r, alpha, a, b, x, T and horizon, and the place of each row among them.

    Given alive and the events since the last purchase the recency is irrelevant: far fewer rows are distinct.
    """
    known = [np.asarray(params[name], dtype=np.float64) for name in ("r", "alpha", "a", "b")]
    if any(value.ndim for value in known):
        return [*known, x, T, horizon], np.arange(len(x))
    distinct, places = distinct_rows((x, T, horizon))
    return [*known, *distinct], places


def _waiting_time(weights: Floats, shape: Floats, log_left: Floats) -> Floats:
    """Solve P(no purchase until y) = exp(log_left), in the time y = log((alpha + T + time) / (alpha + T)).

    With j events since the last purchase, in probability ``weights[j]``, the next events come after
    exponential times in y of rates shape + j, shape + j + 1, …: at least one of them and at most k, whose
    rates give the bounds.
    """
    k = len(weights)
    low = -log_left / (shape + k - 1.0)
    high = k * (np.log(k) - log_left) / shape
    result, rows = np.zeros(len(shape)), np.arange(len(shape))
    y = (low + high) / 2.0
    for _ in range(_STEPS):
        log_none, hazard = _log_no_purchase_until(y, weights, shape)
        error = log_none - log_left  # falls with y
        low, high = np.where(error > 0.0, y, low), np.where(error < 0.0, y, high)
        newton = y + error / hazard
        moved = np.where((newton > low) & (newton < high), newton, (low + high) / 2.0)
        going_on = (np.abs(moved - y) > _ROUNDING * y) & (low < high)
        result[rows] = y = np.where(error == 0.0, y, moved)
        if not going_on.any():
            break
        rows, y, low, high, shape, log_left = (
            column[going_on] for column in (rows, y, low, high, shape, log_left)
        )
        weights = weights[:, going_on]
    return result


def _log_no_purchase_until(y: Floats, weights: Floats, shape: Floats) -> tuple[Floats, Floats]:
    """Log of P(no purchase until y), and minus its slope; see :func:`_waiting_time`."""
    k, z = len(weights), -np.expm1(-y)
    none, density = np.zeros(len(y)), np.zeros(len(y))
    for j, weight in enumerate(weights):
        # Negative binomial terms of i = 0 ... k - j - 1 events, over exp(-shape y).
        term = weight * np.exp(-j * y)
        for i in range(k - j):
            none += term
            last = term * (shape + j + i)  # the next event is the purchase only after the last of them
            term = term * ((shape + j + i) / (i + 1.0)) * z
        density += last
    return np.log(none) - shape * y, density / none


def _log_events(events: ArrayLike, shape: Floats, z: Floats, log_last: Floats) -> Floats:
    """Log of the negative binomial probability of the events; z is the horizon's share of the time."""
    events = np.asarray(events, dtype=np.float64)
    count = gammaln(shape + events) - gammaln(shape) - gammaln(events + 1.0)
    return np.asarray(count + xlogy(events, z) + shape * log_last)


def _log_fewer(events: int, shape: Floats, z: Floats, log_last: Floats) -> Floats:
    """Log of the probability of fewer events."""
    return np.asarray(logsumexp([_log_events(i, shape, z, log_last) for i in range(events)], axis=0))


def _at_least(wanted: NDArray[np.int64], shape: Floats, ratio: Floats) -> Floats:
    """P(at least the wanted events), shape (len(wanted), n); by recurrence unless its start underflows."""
    log_none = -shape * np.log1p(ratio)
    result = np.empty((len(wanted), len(shape)))
    far = log_none < -_LARGEST_EXPONENT
    result[:, far] = betainc(wanted[:, None], shape[far], (ratio / (1.0 + ratio))[far])
    near = ~far
    shape, ratio = shape[near], ratio[near]
    z, probability = ratio / (1.0 + ratio), np.exp(log_none[near])
    rest, row = np.ones(len(shape)), 0
    for events in range(int(wanted[-1]) + 1):
        if events == wanted[row]:
            result[row, near] = np.maximum(rest, 0.0)
            row += 1
        rest = rest - probability
        probability = probability * (z * (shape + events) / (events + 1.0))
    return result
