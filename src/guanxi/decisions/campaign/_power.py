"""How many customers a campaign needs, and the smallest effect it can find."""

from __future__ import annotations

import math

import numpy as np

from guanxi.errors import ParamsError


def minimum_detectable_effect(
    n_treated: int,
    n_control: int,
    standard_deviation: float,
    *,
    confidence: float = 0.95,
    power: float = 0.8,
    variance_saved: float = 0.0,
) -> float:
    """Smallest true difference of the means that a campaign finds with the given probability.

    Parameters
    ----------
    n_treated, n_control : int
        Customers in the arm and in the control, at least 2 each.
    standard_deviation : float
        Of the outcome between customers; of a share p it is sqrt(p (1 - p)).
    confidence : float
        Of the interval that is not to contain 0.
    power : float
        Probability of finding the effect.
    variance_saved : float
        Share of the variance that the prediction made before the campaign explains (0: no adjustment).

    Raises
    ------
    ParamsError

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, section 2: two-sided t test.

    Examples
    --------
    >>> round(minimum_detectable_effect(1000, 1000, standard_deviation=0.3), 4)
    0.0376
    """
    _check(standard_deviation, confidence, power, variance_saved)
    if min(n_treated, n_control) < 2:
        raise ParamsError(f"{n_treated} treated and {n_control} control customers: give at least 2 of each")
    size = _solve(nobs1=n_treated, ratio=n_control / n_treated, alpha=1 - confidence, power=power)
    return size * _left(standard_deviation, variance_saved)


def customers_needed(
    effect: float,
    standard_deviation: float,
    *,
    control_share: float = 0.5,
    confidence: float = 0.95,
    power: float = 0.8,
    variance_saved: float = 0.0,
) -> tuple[int, int]:
    """Count the customers to treat and to leave as control to find an effect, before there is any result.

    Parameters
    ----------
    effect : float
        True difference of the means to find, not 0.
    standard_deviation, confidence, power, variance_saved : float
        As in :func:`minimum_detectable_effect`.
    control_share : float
        Share of all customers in the control.

    Returns
    -------
    tuple of int
        Treated and control customers.

    Raises
    ------
    ParamsError

    Examples
    --------
    >>> customers_needed(0.0376, standard_deviation=0.3)
    (1001, 1001)
    """
    _check(standard_deviation, confidence, power, variance_saved)
    if not math.isfinite(effect) or effect == 0:
        raise ParamsError(f"effect is {effect}: give the difference of the means to find, not 0")
    if not 0 < control_share < 1:
        raise ParamsError(f"control_share is {control_share}: give a share between 0 and 1")
    ratio = control_share / (1 - control_share)
    size = abs(effect) / _left(standard_deviation, variance_saved)
    treated = _solve(effect_size=size, ratio=ratio, alpha=1 - confidence, power=power)
    return math.ceil(treated), math.ceil(treated * ratio)


def _solve(**known: float) -> float:
    from statsmodels.stats.power import TTestIndPower

    # Depending on the search that converged, it is a number or an array of one.
    return float(np.ravel(TTestIndPower().solve_power(**known))[0])


def _left(standard_deviation: float, variance_saved: float) -> float:
    return standard_deviation * math.sqrt(1.0 - variance_saved)


def _check(standard_deviation: float, confidence: float, power: float, variance_saved: float) -> None:
    if not (math.isfinite(standard_deviation) and standard_deviation > 0):
        raise ParamsError(f"standard_deviation is {standard_deviation}: give a number above 0")
    for name, value in (("confidence", confidence), ("power", power)):
        if not 0 < value < 1:
            raise ParamsError(f"{name} is {value}: give a probability between 0 and 1")
    if not 0 <= variance_saved < 1:
        raise ParamsError(f"variance_saved is {variance_saved}: give a share from 0 to below 1")
