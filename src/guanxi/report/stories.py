"""Stories of many customers: what they bought, the probability that they are alive, and what moves it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 40


@dataclass(frozen=True)
class Stories:
    """Stories of n customers; drivers and points as in :class:`guanxi.report.story.Story`.

    Attributes
    ----------
    customer_ids : pandas.Series
        Shape (n,).
    first_days : pandas.Series of datetime64
        First purchase, shape (n,).
    number, day : array of int, shape (purchases,)
        Of each purchase: place of the customer, from 0, and days since the first one, in order.
    amount : array, shape (purchases,)
    alive : array, shape (n, STEPS)
        P(alive) at even steps from the first purchase to the day of the predictions.
    average : array, shape (n,)
        Churn probability of the average customer.
    drivers : list of pandas.DataFrame
        By rank: ``text`` and ``points`` (percentage points of churn probability), n rows each.
    others : array, shape (n,)
        Points of all other drivers together.
    """

    customer_ids: pd.Series
    first_days: pd.Series
    number: NDArray[np.int64]
    day: NDArray[np.int64]
    amount: Floats
    alive: Floats
    average: Floats
    drivers: list[pd.DataFrame] = field(repr=False)
    others: Floats = field(repr=False)


def history_steps(
    number: NDArray[np.int64], day: NDArray[np.int64], T: Floats
) -> tuple[Floats, Floats, Floats]:
    """Frequency, recency and T at even steps from the first purchase to T, each of shape (n, STEPS).

    ``number`` and ``day`` are those of :class:`Stories`.

    Examples
    --------
    >>> x, t_x, T = history_steps(np.array([0, 0]), np.array([0, 10]), np.array([39.0]))
    >>> x[0, [9, 10]].tolist(), t_x[0, [9, 39]].tolist(), T[0, -1].item()
    ([0.0, 1.0], [0.0, 10.0], 39.0)
    """
    at = np.rint(T[:, None] * np.linspace(0.0, 1.0, STEPS))
    span = float(T.max(initial=0.0)) + 1.0
    customers = np.arange(len(T))
    key = number * span + day
    last = np.searchsorted(key, customers[:, None] * span + at, side="right") - 1
    first = np.searchsorted(number, customers, side="left")
    return (last - first[:, None]).astype(float), day[last].astype(float), at
