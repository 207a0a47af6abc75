"""The holdout: chosen customers who at random do not get their action, so that its effect can be measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from guanxi.decisions.budget._problem import Floats, Integers, held_out

_CONFIDENCE, _POWER = 0.95, 0.8
_PARTS = 6


def customer_keys(customer_ids: ArrayLike, seed: int) -> NDArray[np.uint64]:
    """One random number per customer, from the seed and the identifier only, shape (n,).

    Examples
    --------
    >>> bool((customer_keys(["a", "b"], 1) == customer_keys(["b", "a"], 1)[::-1]).all())
    True
    """
    texts = pd.Series(customer_ids).astype(str).to_numpy(dtype=object)
    return pd.util.hash_array(texts, hash_key=f"{seed:016d}", categorize=False)


def strata(value: Floats, churn_probability: Floats, action: Integers) -> Integers:
    """Cells of sixths by value and by churn probability among the customers of an action, shape (n,)."""
    table = pd.DataFrame({"value": value, "churn": churn_probability})
    groups = table.groupby(np.asarray(action))
    places = groups.rank(method="min").to_numpy() - 1.0
    sizes = groups["value"].transform("size").to_numpy()
    sixth = np.minimum((places * _PARTS // sizes[:, None]).astype(np.int64), _PARTS - 1)
    return np.asarray(sixth[:, 0] * _PARTS + sixth[:, 1])


def draw_holdout(
    action: Integers, stratum: Integers, keys: NDArray[np.uint64], share: float
) -> NDArray[np.bool_]:
    """Draw the holdout of each action: every customer with the same probability, evenly across strata.

    The customers of an action are ordered by stratum, and by their random keys within it; a systematic sample
    with a random start takes ``ceil(share n)`` of them, so that each stratum gives its share to within one
    customer (Madow & Madow 1944, On the Theory of Systematic Sampling, Annals of Mathematical Statistics 15).

    Parameters
    ----------
    action : array of int, shape (n,)
        Chosen action, -1 for none.
    stratum : array of int, shape (n,)
    keys : array of uint64, shape (n,)
        From :func:`customer_keys`.
    share : float

    Returns
    -------
    array of bool, shape (n,)

    Examples
    --------
    >>> keys = customer_keys(np.arange(100), seed=1)
    >>> held = draw_holdout(np.repeat([0, -1], 50), np.arange(100) % 5, keys, 0.2)
    >>> int(held.sum()), int(held[50:].sum()), np.bincount(np.arange(100)[held] % 5).tolist()
    (10, 0, [2, 2, 2, 2, 2])
    """
    held = np.zeros(len(action), dtype=bool)
    for each in np.unique(action[action >= 0]):
        chosen = np.flatnonzero(action == each)
        chosen = chosen[np.lexsort((keys[chosen], stratum[chosen]))]
        count = held_out(len(chosen), share)
        start = float(np.bitwise_xor.reduce(keys[chosen])) / 2.0**64
        steps = np.floor(np.arange(len(chosen) + 1) * (count / len(chosen)) + start)
        held[chosen[np.diff(steps) > 0]] = True
    return held


@dataclass(frozen=True)
class HoldoutPower:
    """Whether the holdout can show the effect that the plan expects.

    Attributes
    ----------
    treated, holdout : int
    effect : float
        Expected mean gain per treated customer, before cost.
    standard_deviation : float
        Of a customer's outcome.
    power : float
        Probability that the 95 % interval of the difference of means excludes 0 if the effect is as expected.
    detectable : float
        Smallest effect found with a probability of 80 %.
    share_needed : float
        Smallest share of the chosen customers that gives 80 %; NaN: no share does.
    """

    treated: int
    holdout: int
    effect: float
    standard_deviation: float
    power: float
    detectable: float
    share_needed: float

    @property
    def enough(self) -> bool:
        """Whether the effect is found with a probability of 80 %; also where that is unknown."""
        return not self.power < _POWER


def holdout_power(treated: int, holdout: int, effect: float, standard_deviation: float) -> HoldoutPower:
    """Compute the power of treated against held out customers for a difference of means.

    Normal approximation of the two-sided test: Cohen 1988, Statistical Power Analysis for the Behavioral
    Sciences, section 2. An analysis adjusted by a forecast made before has more.

    Parameters
    ----------
    treated, holdout : int
    effect : float
        Expected difference of the means.
    standard_deviation : float
        Of the outcome between customers; NaN: unknown.

    Examples
    --------
    >>> found = holdout_power(9000, 1000, effect=2.0, standard_deviation=20.0)
    >>> round(found.power, 3), round(found.detectable, 3), round(found.share_needed, 3)
    (0.851, 1.868, 0.086)
    """
    chosen = treated + holdout
    if not (treated and holdout and standard_deviation > 0):
        return HoldoutPower(treated, holdout, effect, standard_deviation, math.nan, math.nan, math.nan)
    error = standard_deviation * math.sqrt(1.0 / treated + 1.0 / holdout)
    limit, target = norm.ppf((1.0 + _CONFIDENCE) / 2.0), norm.ppf(_POWER)
    power = norm.sf(limit - effect / error) + norm.cdf(-limit - effect / error)
    detectable = (limit + target) * error
    needed = math.nan
    if effect > 0:
        product = ((limit + target) * standard_deviation / effect) ** 2 / chosen  # share * (1 - share)
        needed = (1.0 - math.sqrt(1.0 - 4.0 * product)) / 2.0 if product <= 0.25 else math.nan
    return HoldoutPower(treated, holdout, effect, standard_deviation, float(power), float(detectable), needed)


def balance(customers: pd.DataFrame, arm: NDArray[np.object_], columns: list[str]) -> pd.DataFrame:
    """Compare treated and held out customers before anything is done.

    Returns
    -------
    pandas.DataFrame
        ``variable, treated, holdout`` (means) and ``difference`` in standard deviations (Austin 2009,
        Statistics in Medicine 28: below 0.1 is negligible); no rows without a holdout.
    """
    rows = []
    one, other = customers[arm == "treated"], customers[arm == "holdout"]
    for name in columns if len(other) and len(one) else ():
        first, second = one[name].to_numpy(dtype=np.float64), other[name].to_numpy(dtype=np.float64)
        spread = math.sqrt((first.var() + second.var()) / 2.0)
        apart = first.mean() - second.mean()
        difference = apart / spread if spread > 0 else 0.0
        rows.append((name, first.mean(), second.mean(), difference))
    return pd.DataFrame(rows, columns=["variable", "treated", "holdout", "difference"])
