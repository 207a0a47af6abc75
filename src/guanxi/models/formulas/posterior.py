"""What a customer may do within a horizon: posterior-predictive simulation of BG/NBD with Gamma-Gamma.

Given alive at T the purchase rate is Gamma(r + x, alpha + T) and the dropout probability Beta(a, b + x),
independent, so that purchases are the lesser of a Poisson count and a geometric one (Fader, Hardie & Lee
2005). Given spend history the rate of an amount is nu ~ Gamma(q + p x, v + x m), and n amounts total
Gamma(p n, nu) (Fader & Hardie, note 025).

The draws of a row depend on the seed and on the row's own numbers, nothing else: order, chunks, duplicates
and engines change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bg_nbd import probability_alive, probability_no_purchase
from .distinct import distinct_rows

Floats = NDArray[np.float64]
Params = Mapping[str, float]

_CHUNK = 2000  # rows whose draws are held at once: 8 MB a thousand draws
_LEAST = 1e-300  # a drawn rate or probability that underflows to 0 would divide by 0


def simulate(
    transactions: Params,
    spend: Params,
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    monetary_value: ArrayLike,
    horizon: float,
    *,
    draws: int = 500,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Draws of each customer's purchases and total spend in (T, T + horizon].

    Parameters
    ----------
    transactions, spend : mapping
        Parameters of BG/NBD (r, alpha, a, b) and Gamma-Gamma (p, q, v).
    frequency, recency, T, monetary_value : array, shape (n,)
    horizon : float
        In the unit of T.
    draws, seed : int

    Returns
    -------
    purchases, total_spend : array, shape (n, draws)

    Examples
    --------
    >>> transactions = {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}
    >>> spend = {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> purchases, total = simulate(transactions, spend, [2], [200], [270], [22.0], 365)
    >>> purchases.shape, bool(((purchases == 0) == (total == 0)).all())
    ((1, 500), True)
    """
    columns = _floats(frequency, recency, T, monetary_value, horizon)
    rows = np.stack(columns, axis=1) + 0.0  # no negative zeros
    alive = probability_alive(transactions, *rows[:, :3].T)
    bits = np.random.Philox(0)
    generator = np.random.Generator(bits)
    purchases, total = np.zeros((len(rows), draws)), np.zeros((len(rows), draws))
    for i, row in enumerate(rows):
        # Setting the state of one generator costs a tenth of making one.
        bits.state = _state(seed, row)
        x, _, age, mean, _ = row
        purchases[i] = _purchases(generator, transactions, float(alive[i]), x, age, horizon, draws)
        bought = np.flatnonzero(purchases[i])
        rate = generator.standard_gamma(spend["q"] + spend["p"] * x, len(bought)) / (spend["v"] + x * mean)
        amounts = generator.standard_gamma(spend["p"] * purchases[i, bought])
        total[i, bought] = np.maximum(amounts, _LEAST) / np.maximum(rate, _LEAST)
    return purchases, total


def interval(
    transactions: Params,
    spend: Params,
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    monetary_value: ArrayLike,
    horizon: float,
    *,
    level: float = 0.9,
    draws: int = 500,
    seed: int = 0,
) -> dict[str, Floats]:
    """Central posterior-predictive interval of each customer's purchases and total spend within the horizon.

    Parameters
    ----------
    level : float
        Probability inside; the rest is halved between the two ends. The others: see :func:`simulate`.

    Returns
    -------
    dict of arrays, shape (n,)
        ``purchases_lower, purchases_upper, spend_lower, spend_upper``; spend is undiscounted, without margin.

    Examples
    --------
    >>> transactions = {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}
    >>> ends = interval(transactions, {"p": 6.0, "q": 4.0, "v": 15.0}, [2], [200], [270], [22.0], 365)
    >>> bool(ends["spend_lower"] <= ends["spend_upper"])
    True
    """
    rows, inverse = distinct_rows(_floats(frequency, recency, T, monetary_value))
    levels = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    ends = np.zeros((4, len(rows[0])))
    # Where no purchase is as likely as the upper level, all ends are 0 and need no draws.
    silent = probability_no_purchase(transactions, rows[0], rows[1], rows[2], horizon)
    uncertain = np.flatnonzero(silent < levels[1])
    for start in range(0, len(uncertain), _CHUNK):
        chunk = uncertain[start : start + _CHUNK]
        x, t_x, age, mean = (column[chunk] for column in rows)
        drawn = simulate(transactions, spend, x, t_x, age, mean, horizon, draws=draws, seed=seed)
        ends[:2, chunk], ends[2:, chunk] = (np.quantile(values, levels, axis=1) for values in drawn)
    names = ("purchases_lower", "purchases_upper", "spend_lower", "spend_upper")
    return dict(zip(names, ends[:, inverse], strict=True))


def _purchases(
    generator: np.random.Generator,
    transactions: Params,
    alive: float,
    x: float,
    age: float,
    horizon: float,
    draws: int,
) -> Floats:
    """Draw purchases within the horizon; each step only for the draws that the steps before leave open."""
    purchases = np.zeros(draws)
    survives = np.flatnonzero(generator.random(draws) < alive)
    rate = generator.standard_gamma(transactions["r"] + x, len(survives)) / (transactions["alpha"] + age)
    purchases[survives] = generator.poisson(rate * horizon)
    # The first purchase is always made; dropout can cut off only what would follow it.
    several = np.flatnonzero(purchases > 1)
    dropout = generator.beta(transactions["a"], transactions["b"] + x, len(several))
    dropout = np.clip(dropout, _LEAST, 1.0 - 1e-16)
    # The geometric count by inversion of an exponential draw: finite where dropout is next to nothing.
    last = 1.0 + np.floor(generator.standard_exponential(len(several)) / -np.log1p(-dropout))
    purchases[several] = np.minimum(purchases[several], last)
    return purchases


def _floats(*columns: ArrayLike) -> tuple[Floats, ...]:
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns))


def _state(seed: int, row: Floats) -> Any:
    """State of a Philox generator whose key is a hash of the seed and the row's numbers, counter at 0."""
    digest = blake2b(seed.to_bytes(16, "little", signed=True) + row.tobytes(), digest_size=16).digest()
    return {
        "bit_generator": "Philox",
        "state": {"counter": np.zeros(4, dtype=np.uint64), "key": np.frombuffer(digest, dtype="<u8")},
        "buffer": np.zeros(4, dtype=np.uint64),
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
