"""BG/BB: Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting.

Marketing Science 29(6). ``params`` maps ``alpha, beta, gamma, delta`` to positive numbers. Time is counted in
transaction opportunities: ``frequency`` (x) of the ``T`` (n) opportunities saw a transaction, the last at
number ``recency`` (t_x), 0 if none did. Before each opportunity a customer dies with a probability that is
Beta(gamma, delta) across customers; while alive, the customer transacts with a probability that is
Beta(alpha, beta). All columns are whole numbers.

The arguments of the paper's gamma functions are a parameter plus a whole number: here they are cumulative
sums of logarithms, which are exact even with parameters at their limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.models._maximum_likelihood import by_log_params
from guanxi.served.contracts.retention_process import SHIFTED_BETA_GEOMETRIC
from guanxi.served.purchases.bg_bb_process import BG_BB

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Params = Mapping[str, float]

_CHUNK = 2**17  # terms per pass, to fit the processor's cache


def discounted_purchases(
    params: Params,
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    discount_rate: float,
    horizon: int | None = None,
) -> Floats:
    """Discounted expected residual transactions, the opportunity T + j discounted by (1 + d)^j.

    Equation (14) of the paper without a horizon, the sum of its first terms with one.

    Parameters
    ----------
    params : mapping
    x, t_x, T : array of int, shape (n,)
    discount_rate : float
        Per opportunity; above 0 without a horizon.
    horizon : int, optional
        Number of future opportunities; all by default.

    Examples
    --------
    >>> params = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}
    >>> discounted_purchases(params, [3], [4], [6], 0.1).round(4)
    array([1.6214])
    """
    params = {**params, "period": 1.0}
    alive = BG_BB.probability_alive(params, x, t_x, T)
    if horizon is not None:
        log_discount = -np.log1p(discount_rate)
        return alive * BG_BB.weighted_purchases_alive(
            params, x, t_x, T, horizon, lambda j: np.exp(log_discount * j)
        )
    x, T = _whole(x, T)
    transacts = (params["alpha"] + x) / (params["alpha"] + params["beta"] + T)
    dropout = {"alpha": params["gamma"], "beta": params["delta"]}
    return alive * transacts * SHIFTED_BETA_GEOMETRIC.discounted_renewals(dropout, T, discount_rate)


class BgBbLikelihood:
    """Sum of the weighted log-likelihoods of distinct histories, as a function of the log-parameters.

    Parameters
    ----------
    x, t_x, T, weight : array, shape (n,)
        Histories, and the number of customers with each.

    Examples
    --------
    >>> one = np.ones(1)
    >>> value, gradient, hessian = BgBbLikelihood(3 * one, 4 * one, 6 * one, one)(np.zeros(4))
    >>> gradient.shape, hessian.shape
    ((4,), (4, 4))
    """

    def __init__(self, x: Floats, t_x: Floats, T: Floats, weight: Floats) -> None:
        self._x, self._t_x, self._T = _whole(x, t_x, T)
        self._weight = weight
        self._chunks = list(_chunks(self._T - self._t_x + 1))

    def __call__(self, log_params: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to the log-parameters."""
        params = np.exp(log_params)
        named = dict(zip(("alpha", "beta", "gamma", "delta"), params.tolist(), strict=True))
        last = int(self._T.max())
        logs = _running_logs(named, last)
        firsts, seconds = _running_powers(params, last, 1), _running_powers(params, last, 2)
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for rows in self._chunks:
            x, weight = self._x[rows], self._weight[rows]
            lives = _lives(self._t_x[rows], self._T[rows])
            terms = _log_terms(named, logs, x, lives)
            largest = np.maximum.reduceat(terms, lives.starts)
            shares = np.exp(terms - largest[lives.row])
            total = np.add.reduceat(shares, lives.starts)
            shares /= total[lives.row]
            value += float(weight @ (largest + np.log(total)))
            _add_derivatives(params, firsts, seconds, x, weight, lives, shares, gradient, hessian)
        return by_log_params(params, value, gradient, hessian)


class _Logs(NamedTuple):
    """Sums of log(parameter + i) over i < k, for k = 0 ... last."""

    transact: Floats  # alpha
    idle: Floats  # beta
    both: Floats  # alpha + beta
    survive: Floats  # delta
    die: Floats  # gamma + delta


class _Lives(NamedTuple):
    """For each row, all possible numbers of opportunities lived: t_x ... T."""

    row: Integers
    lived: Integers
    dropped: Integers  # 1 where that is less than T
    starts: Integers


def _running_logs(params: Params, last: int) -> _Logs:
    alpha, beta, gamma, delta = (params[name] for name in ("alpha", "beta", "gamma", "delta"))
    i = np.arange(last)
    sums = (_running(np.log(start + i)) for start in (alpha, beta, alpha + beta, delta, gamma + delta))
    return _Logs(*sums)


def _running_powers(params: Floats, last: int, power: int) -> list[Floats]:
    """Sum (parameter + i)^-power over i < k, in the order of :class:`_Logs`."""
    alpha, beta, gamma, delta = params
    i = np.arange(last)
    return [_running((start + i) ** -power) for start in (alpha, beta, alpha + beta, delta, gamma + delta)]


def _running(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _lives(t_x: Integers, T: Integers) -> _Lives:
    counts = T - t_x + 1
    starts = np.cumsum(counts) - counts
    row = np.repeat(np.arange(len(T)), counts)
    lived = np.arange(len(row)) - (starts - t_x)[row]
    return _Lives(row, lived, (lived < T[row]).astype(np.int64), starts)


def _log_terms(params: Params, logs: _Logs, x: Integers, lives: _Lives) -> Floats:
    """Log of P(history and life): the summands of the likelihood."""
    x, lived, dropped = x[lives.row], lives.lived, lives.dropped
    terms = logs.transact[x] + logs.idle[lived - x] - logs.both[lived]
    terms += logs.survive[lived] - logs.die[lived + dropped] + dropped * np.log(params["gamma"])
    return np.asarray(terms)


def _add_derivatives(
    params: Floats,
    firsts: list[Floats],
    seconds: list[Floats],
    x: Integers,
    weight: Floats,
    lives: _Lives,
    shares: Floats,
    gradient: Floats,
    hessian: Floats,
) -> None:
    """Add the derivatives by the parameters; ``shares`` are the posterior probabilities of the lives."""
    all_x, lived, died = x[lives.row], lives.lived, lives.lived + lives.dropped
    transact, idle, both, survive, die = firsts
    slopes = np.stack(
        [
            transact[all_x] - both[lived],
            idle[lived - all_x] - both[lived],
            lives.dropped / params[2] - die[died],
            survive[lived] - die[died],
        ]
    )
    weighted = weight[lives.row] * shares
    means = np.add.reduceat(slopes * shares, lives.starts, axis=1)
    gradient += means @ weight
    hessian += (slopes * weighted) @ slopes.T - (means * weight) @ means.T

    transact, idle, both, survive, die = seconds
    hessian[:2, :2] += weighted @ both[lived]
    hessian[2:, 2:] += weighted @ die[died]
    hessian[0, 0] -= weighted @ transact[all_x]
    hessian[1, 1] -= weighted @ idle[lived - all_x]
    hessian[2, 2] -= weighted @ lives.dropped / params[2] ** 2
    hessian[3, 3] -= weighted @ survive[lived]


def _chunks(counts: Integers) -> Iterator[slice]:
    """Split the rows into chunks of about ``_CHUNK`` terms."""
    ends = np.cumsum(counts)
    cuts = np.flatnonzero(np.diff(ends // _CHUNK)) + 1
    edges = [0, *cuts.tolist(), len(counts)]
    return (slice(start, end) for start, end in pairwise(edges))


def _whole(*columns: ArrayLike) -> tuple[Integers, ...]:
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(column)).astype(np.int64) for column in columns))
