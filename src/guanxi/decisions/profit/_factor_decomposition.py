"""A change of a product divided among its factors."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd


def factor_changes(before: Mapping[str, float], after: Mapping[str, float]) -> pd.Series[float]:
    """Divide the change of a product among its factors by their Shapley values.

    A factor gets the mean change of the product when it moves, over all orders in which the factors can
    move one after the other. The parts add up to the change exactly, also with factors of 0 or below, where
    a decomposition by logarithms fails (Shorrocks 2013, Journal of Economic Inequality 11).

    Parameters
    ----------
    before, after : mapping of str to float
        The same factors, at most 6.

    Returns
    -------
    pandas.Series
        The part of each factor, in the unit of the product.

    Examples
    --------
    >>> parts = factor_changes({"customers": 10, "spend": 5.0}, {"customers": 12, "spend": 6.0})
    >>> parts.to_dict()
    {'customers': 11.0, 'spend': 11.0}
    """
    names = list(before)
    parts = dict.fromkeys(names, 0.0)
    for order in permutations(names):
        now = {name: float(before[name]) for name in names}
        for name in order:
            level = np.prod(list(now.values()))
            now[name] = float(after[name])
            parts[name] += float(np.prod(list(now.values())) - level)
    return pd.Series({name: part / factorial(len(names)) for name, part in parts.items()}, dtype=float)
