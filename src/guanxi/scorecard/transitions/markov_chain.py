"""A Markov chain of customer states: probabilities with intervals, customer equity, forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from guanxi.errors import DataError, ParamsError

Floats = NDArray[np.float64]

_ROUNDING = 1e-8


def markov_customer_equity(
    transitions: ArrayLike, cash_flows: ArrayLike, *, discount_rate: float, periods: int | None = None
) -> Floats:
    """Compute the expected present value of a customer in each state of a Markov chain.

    The customer is in a state now (period 0) and moves once per period. The value is the sum over the periods
    t = 0, 1, … of ``(P / (1 + d)) ** t @ R``, without end ``inv(I - P / (1 + d)) @ R``: Pfeifer, P. E. &
    Carraway, R. L. (2000), Modeling customer relationships as Markov chains, Journal of Interactive Marketing
    14(2), 43-55.

    Parameters
    ----------
    transitions : array, shape (n, n) or (draws, n, n)
        Probability of each later state (column) given the earlier one (row); rows add up to 1.
    cash_flows : array, shape (n,) or (draws, n)
        Cash flow of a period that begins in each state, in the currency of the data.
    discount_rate : float
        Per period, not per year: above 0 without end, else above -1.
    periods : int, optional
        Last period that counts; by default all.

    Returns
    -------
    array, shape (n,) or (draws, n)

    Raises
    ------
    DataError
        If the matrix is not square, a row is not a distribution, or the cash flows do not fit it.
    ParamsError
        If the rate or the number of periods is out of range.

    Examples
    --------
    The example of Pfeifer and Carraway: states are the periods since the last purchase (1 to 4) and a lost
    customer; a purchase earns 40, every period costs 4, the rate is 20 %.

    >>> P = np.diag([0.7, 0.8, 0.85, 0.95], 1)
    >>> P[:4, 0], P[4, 4] = [0.3, 0.2, 0.15, 0.05], 1.0
    >>> R = [36.0, -4.0, -4.0, -4.0, 0.0]
    >>> [round(float(value), 3) for value in markov_customer_equity(P, R, discount_rate=0.2)]
    [52.32, 5.554, 1.251, -1.82, 0.0]
    """
    matrix, flows = _checked_matrix(transitions), np.asarray(cash_flows, dtype=np.float64)
    if flows.shape[-1:] != matrix.shape[-1:] or not np.isfinite(flows).all():
        raise DataError(f"cash flows have shape {flows.shape}: give one number for each state of the matrix")
    if not discount_rate > (-1.0 if periods is not None else 0.0):
        raise ParamsError(f"discount rate {discount_rate!r}: without a last period it must be above 0")
    step = matrix / (1.0 + discount_rate)
    if periods is None:
        value = np.linalg.solve(np.eye(matrix.shape[-1]) - step, flows[..., None])
    elif periods < 0:
        raise ParamsError(f"periods is {periods}: give a number of at least 0")
    else:
        value = flows[..., None]
        for _ in range(periods):
            value = flows[..., None] + step @ value
    return np.asarray(value[..., 0])


def _checked_matrix(transitions: ArrayLike) -> Floats:
    matrix = np.asarray(transitions, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise DataError(f"transitions have shape {matrix.shape}: give a square matrix, one row per state")
    if not (np.abs(matrix.sum(axis=-1) - 1.0) < _ROUNDING).all() or not (matrix >= 0).all():
        raise DataError("transitions: each row must have probabilities of at least 0 that add up to 1")
    return matrix


@dataclass(frozen=True)
class TransitionProbabilities:
    """Posterior distribution of transition probabilities.

    Attributes
    ----------
    states : tuple of str
    concentration : array, shape (n, n)
        Parameters of the Dirichlet distribution of each row, above 0.
    """

    states: tuple[str, ...]
    concentration: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean of the probabilities, shape (n, n)."""
        return np.asarray(self.concentration / self.concentration.sum(axis=1, keepdims=True))

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """Central limits of each probability, both of shape (n, n); its distribution is a beta."""
        a = self.concentration
        b = a.sum(axis=1, keepdims=True) - a
        lower, upper = (betaincinv(a, b, tail) for tail in ((1 - level) / 2, (1 + level) / 2))
        return lower, upper

    def draw(self, draws: int, generator: np.random.Generator) -> Floats:
        """Draw transition matrices, shape (draws, n, n)."""
        shape = (draws, *self.concentration.shape)
        gammas = generator.gamma(self.concentration, size=shape)
        return np.asarray(gammas / gammas.sum(axis=-1, keepdims=True))


def fit_transitions(counts: pd.DataFrame, *, prior: float | None = None) -> TransitionProbabilities:
    """Estimate transition probabilities from counted transitions.

    Each row is a multinomial with a Dirichlet prior. By default the prior weighs one observation per row,
    spread evenly (Perks 1947, Journal of the Institute of Actuaries 73).

    Parameters
    ----------
    counts : pandas.DataFrame, shape (n, n)
        Customers by earlier (index) and later state (columns), in the same order.
    prior : float, optional
        Parameter of each transition, above 0.

    Raises
    ------
    DataError
        If index and columns differ, or a count is negative or unknown.

    Examples
    --------
    >>> counts = pd.DataFrame([[8, 1], [2, 7]], index=["high", "low"], columns=["high", "low"])
    >>> found = fit_transitions(counts)
    >>> found.mean.round(2).tolist()
    [[0.85, 0.15], [0.25, 0.75]]
    >>> [limit.round(2).tolist()[0] for limit in found.interval()]
    [[0.64, 0.02], [0.98, 0.36]]
    """
    states = tuple(str(name) for name in counts.index)
    numbers = counts.to_numpy(dtype=np.float64)
    if states != tuple(str(name) for name in counts.columns):
        raise DataError("counts of transitions: index and columns must be the same states in the same order")
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise DataError("counts of transitions: every count must be known and at least 0")
    return TransitionProbabilities(states, numbers + (1.0 / len(states) if prior is None else prior))


def forecast_states(
    start: ArrayLike,
    transitions: ArrayLike,
    *,
    periods: int,
    generator: np.random.Generator,
    arrivals: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Simulate how many customers are in each state over the coming periods.

    Parameters
    ----------
    start : array of int, shape (n,)
        Customers in each state now.
    transitions : array, shape (draws, n, n)
        A matrix for each draw, as from :meth:`TransitionProbabilities.draw`.
    periods : int
    generator : numpy.random.Generator
    arrivals : array of int, shape (draws, periods, n), optional
        New customers by the state in which they end the period they came in; default: none.

    Returns
    -------
    array of int, shape (draws, periods, n)

    Raises
    ------
    DataError
        If a matrix has a row that is not a distribution.

    Examples
    --------
    >>> stay = np.eye(2)[None]
    >>> forecast_states([3, 1], stay, periods=2, generator=np.random.default_rng(0))[0].tolist()
    [[3, 1], [3, 1]]
    """
    matrices = _checked_matrix(transitions)
    draws, n = matrices.shape[:2]
    state = np.broadcast_to(np.asarray(start, dtype=np.int64), (draws, n))
    found = np.empty((draws, periods, n), dtype=np.int64)
    for period in range(periods):
        moved = generator.multinomial(state, matrices)
        state = moved.sum(axis=1)
        if arrivals is not None:
            state = state + np.asarray(arrivals)[:, period]
        found[:, period] = state
    return found
