"""Combination of judged weights and data weights, and weights given as numbers.

Weights map indicators to nonnegative numbers with sum 1. An indicator missing from one side has weight 0
there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import DataError

Floats = NDArray[np.float64]


def direct(given: Mapping[str, float]) -> dict[str, float]:
    """Normalise given weights to sum to 1.

    Parameters
    ----------
    given : mapping of str to float
        Points, percentages or shares: nonnegative, at least one positive.

    Raises
    ------
    DataError
        If a weight is negative or not finite, or none is above 0.

    Examples
    --------
    >>> direct({"revenue": 3, "csat": 1})
    {'revenue': 0.75, 'csat': 0.25}
    """
    for name, weight in given.items():
        if not (isinstance(weight, (int, float)) and math.isfinite(weight)) or weight < 0:
            raise DataError(f"the weight of {name} is {weight!r}: give a number of 0 or more")
    total = math.fsum(given.values())
    if not total > 0:
        raise DataError("no weight is above 0: give at least one")
    return {name: weight / total for name, weight in given.items()}


def linear(
    subjective: Mapping[str, float], objective: Mapping[str, float], *, share: float = 0.5
) -> dict[str, float]:
    """Mean of judged and data weights: ``share * subjective + (1 - share) * objective``.

    Raises DataError if the share is not between 0 and 1, or weights are invalid as in :func:`direct`.

    Examples
    --------
    >>> linear({"revenue": 0.8, "csat": 0.2}, {"revenue": 0.4, "csat": 0.6}, share=0.5)
    {'revenue': 0.6000000000000001, 'csat': 0.4}
    """
    names, judged, measured = _aligned(subjective, objective, share)
    return _named(names, share * judged + (1.0 - share) * measured)


def multiplicative(
    subjective: Mapping[str, float], objective: Mapping[str, float], *, share: float = 0.5
) -> dict[str, float]:
    """Geometric mean of judged and data weights, normalised to sum to 1.

    Weights are proportional to ``subjective**share * objective**(1 - share)``. They minimise the relative
    entropy ``share * D(w, subjective) + (1 - share) * D(w, objective)``. Weight 0 on either side gives 0:
    each side can veto an indicator. The plain product of Hwang & Yoon (1981, section 3.3) has no exponents;
    it exaggerates large weights, so that combining identical weights does not return them.

    Raises
    ------
    DataError
        If the share is 0 or 1, no indicator has positive weight on both sides, or as in :func:`linear`.

    References
    ----------
    Genest, C. & Zidek, J. V. (1986), Combining probability distributions: a critique and an annotated
    bibliography, Statistical Science 1 (the logarithmic pool).

    Examples
    --------
    >>> found = multiplicative({"revenue": 0.8, "csat": 0.2}, {"revenue": 0.2, "csat": 0.8})
    >>> {name: round(weight, 3) for name, weight in found.items()}
    {'revenue': 0.5, 'csat': 0.5}
    """
    names, judged, measured = _aligned(subjective, objective, share)
    if share in (0.0, 1.0):
        raise DataError(f"the share of judged weights is {share:g}: use one side alone, or a share between")
    product = judged**share * measured ** (1.0 - share)
    if not product.any():
        raise DataError("no indicator has weight both by judgement and by data: combine linearly instead")
    return _named(names, product / product.sum())


def least_squares(subjective: Mapping[str, float], objective: Mapping[str, float]) -> dict[str, float]:
    """Compromise of judged and data weights: :func:`linear` with :func:`least_squares_share`.

    Examples
    --------
    >>> found = least_squares({"revenue": 0.8, "csat": 0.2}, {"revenue": 0.4, "csat": 0.6})
    >>> {name: round(weight, 3) for name, weight in found.items()}
    {'revenue': 0.679, 'csat': 0.321}
    """
    return linear(subjective, objective, share=least_squares_share(subjective, objective))


def least_squares_share(subjective: Mapping[str, float], objective: Mapping[str, float]) -> float:
    """Share of judged weights in the game-theoretic least-squares compromise.

    Each side ``w_i`` chooses its factor ``a_i`` to minimise ``|a_1 w_1 + a_2 w_2 - w_i|**2``. In equilibrium
    ``w_i . (a_1 w_1 + a_2 w_2) = w_i . w_i``, so ``a_1 / a_2`` is the ratio of
    ``|w_2|**2 (|w_1|**2 - w_1 . w_2)`` to ``|w_1|**2 (|w_2|**2 - w_1 . w_2)``. The side with the more unequal
    weights gets the larger share; uniform weights carry no information and get none. A negative factor is set
    to 0, the best response of that side (the papers take its absolute value). If both sides are equal, each
    has 0.5.

    References
    ----------
    Chen, J. (2003), Research on evaluation method of combination weighting based on game theory, Journal of
    Fujian Computer 9 (in Chinese). Lai, C., Chen, X., Chen, X., Wang, Z., Wu, X. & Zhao, S. (2015), A fuzzy
    comprehensive evaluation model for flood risk based on the combination weight of game theory, Natural
    Hazards 77.

    Examples
    --------
    >>> round(least_squares_share({"revenue": 0.8, "csat": 0.2}, {"revenue": 0.4, "csat": 0.6}), 3)
    0.696
    """
    _, judged, measured = _aligned(subjective, objective, 0.5)
    one, other, overlap = (
        float(a @ b) for a, b in ((judged, judged), (measured, measured), (judged, measured))
    )
    first, second = max(other * (one - overlap), 0.0), max(one * (other - overlap), 0.0)
    # The two differences add up to the squared distance: both are 0 only if the sides agree.
    return first / (first + second) if first + second > 0 else 0.5


def _aligned(
    subjective: Mapping[str, float], objective: Mapping[str, float], share: float
) -> tuple[list[str], Floats, Floats]:
    if not 0.0 <= share <= 1.0:
        raise DataError(f"the share of judged weights is {share:g}: give a number from 0 to 1")
    judged, measured = direct(subjective), direct(objective)
    names = list(dict.fromkeys([*judged, *measured]))
    first, second = (np.array([side.get(name, 0.0) for name in names]) for side in (judged, measured))
    return names, first, second


def _named(names: list[str], weights: Floats) -> dict[str, float]:
    return dict(zip(names, weights.tolist(), strict=True))
