"""Maximum likelihood on log-parameters by Newton's method with analytic Hessian, and standard errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

_REACH = 10.0  # a parameter more than e^10 (22,000) times its start is at its limit
_ITERATIONS = 100
_LONGEST_STEP = 3.0
_HALVINGS = 30
_TOLERANCE = 1e-12
# Where rounding hides a rise, as on the flat ridges of small data, no more than this may be left to gain: in
# units of the log-likelihood, that is a hundredth of a standard error.
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class Optimum:
    """Where the search ended; ``at_limit`` tells of each parameter whether it stands at the search's edge."""

    log_params: Floats
    value: float
    hessian: Floats
    iterations: int
    converged: bool
    at_limit: NDArray[np.bool_]


def maximize_from(
    objective: Objective, starts: Sequence[Floats], centre: Floats | None = None
) -> tuple[Optimum, int]:
    """Search from one start after the other until one ends well; return the best end and the starts used.

    An end at the edge of the search, or where the objective does not curve downwards in every direction, may
    be a ridge beside the maximum.

    Examples
    --------
    >>> bowl = lambda u: (-float(u @ u), -2 * u, -2 * np.eye(1))
    >>> optimum, used = maximize_from(bowl, [np.array([1.0])])
    >>> bool(optimum.converged), used, float(optimum.log_params[0])
    (True, 1, 0.0)
    """
    found: list[Optimum] = []
    for start in starts:
        found.append(maximize(objective, start, centre))
        if found[-1].converged and not found[-1].at_limit.any() and _curves_down(found[-1].hessian):
            break
    best = max(found, key=lambda optimum: (np.isfinite(optimum.value), optimum.converged, optimum.value))
    return best, len(found)


def maximize(objective: Objective, start: Floats, centre: Floats | None = None) -> Optimum:
    """Maximise a smooth function of log-parameters within ``centre`` +- 10, by default the start.

    Newton steps on the Hessian with its eigenvalues made negative, shortened until the value rises. It has
    converged when a further step promises less than 1e-12 of the value, or less than 1e-4 hidden by rounding.
    """
    centre = start if centre is None else centre
    point, evaluated = start, objective(start)
    iterations, finished = 0, False
    while not finished and iterations < _ITERATIONS:
        iterations += 1
        value, gradient, hessian = evaluated
        step = _step_within_reach(gradient, hessian, np.sign(point - centre) * _at_limit(point, centre))
        promised = float(gradient @ step)
        finished = promised <= _TOLERANCE * max(1.0, abs(value))
        share = _longest_share(point - centre, step)
        trial = _risen(objective, point, share * step, value, share * promised)
        if trial is None:
            finished = promised <= _NEGLIGIBLE
            break
        point, evaluated = trial
    return Optimum(point, evaluated[0], evaluated[2], iterations, finished, _at_limit(point, centre))


def _at_limit(point: Floats, centre: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(point - centre) >= _REACH - 1e-9)


def _longest_share(moved: Floats, step: Floats) -> float:
    """How much of the step is not too long and stays within reach: all coordinates are shortened together.

    Cutting them one by one would leave the ridge along which the likelihood of small data rises.
    """
    moving = np.abs(step) > 0
    room = (_REACH - np.sign(step[moving]) * moved[moving]) / np.abs(step[moving])
    return float(min(1.0, *room, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300)))


def _step_within_reach(gradient: Floats, hessian: Floats, edge: Floats) -> Floats:
    """Newton step among the coordinates it does not push over the edge (-1 lower, 1 upper, 0 inside)."""
    step = np.zeros(len(gradient))
    free = np.full(len(gradient), True)
    while free.any():
        step[free] = _newton_step(gradient[free], hessian[np.ix_(free, free)])
        over = free & (step * edge > 0)
        step[over] = 0.0
        if not over.any():
            break
        free &= ~over
    return step


def _newton_step(gradient: Floats, hessian: Floats) -> Floats:
    eigenvalues, vectors = np.linalg.eigh(hessian)
    size = np.abs(eigenvalues)
    return np.asarray(vectors @ ((vectors.T @ gradient) / np.maximum(size, 1e-12 * size.max() + 1e-300)))


def _risen(
    objective: Objective, point: Floats, step: Floats, value: float, promised: float
) -> tuple[Floats, tuple[float, Floats, Floats]] | None:
    """Halve the step until the value rises enough; None if it never does."""
    length = 1.0
    for _ in range(_HALVINGS):
        trial = point + length * step
        evaluated = objective(trial)
        if np.isfinite(evaluated[0]) and evaluated[0] >= value + 1e-4 * length * promised:
            return trial, evaluated
        if length * promised <= _TOLERANCE * max(1.0, abs(value)):
            return None  # what is left to gain is less than rounding
        length /= 2.0
    return None


def log_covariance(hessian: Floats) -> Floats:
    """Covariance of log-parameters: the inverse of the observed information.

    Infinite throughout where the likelihood does not curve downwards in every direction: the data do not
    tell all parameters apart.

    Examples
    --------
    >>> log_covariance(np.array([[-4.0]]))
    array([[0.25]])
    """
    if not _curves_down(hessian):
        return np.full(hessian.shape, np.inf)
    eigenvalues, vectors = np.linalg.eigh(-hessian)
    return np.asarray((vectors / eigenvalues) @ vectors.T)


def _curves_down(hessian: Floats) -> bool:
    eigenvalues = np.linalg.eigvalsh(-hessian)
    return bool(eigenvalues[0] > 1e-10 * eigenvalues[-1])


def covariance(params: dict[str, float], log_covariance: Floats) -> pd.DataFrame:
    """Covariance of the parameters by the delta method: J C J', C that of log-parameters, J = diag(params).

    Coefficients of covariates, whose names hold a colon, have no logarithm: theirs is J = 1. Infinite
    throughout where the data do not tell all parameters apart.

    Examples
    --------
    >>> float(covariance({"r": 2.0}, np.array([[0.25]])).loc["r", "r"])
    1.0
    """
    names = list(params)
    slopes = np.array([1.0 if ":" in name else value for name, value in params.items()])
    return pd.DataFrame(slopes[:, None] * log_covariance * slopes, index=names, columns=names)


def standard_errors(covariance: pd.DataFrame) -> dict[str, float]:
    """Square roots of the covariance's diagonal, by parameter."""
    return {name: float(np.sqrt(covariance.loc[name, name])) for name in covariance.index}
