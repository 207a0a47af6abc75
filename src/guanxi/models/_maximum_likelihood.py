"""Maximum likelihood: the search, and the covariance of the estimates.

The search is on log-parameters, by Newton's method with analytic Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

_REACH = 10.0  # a parameter e^10 (22,000) times its start is at its limit
_ITERATIONS = 100
_LONGEST_STEP = 3.0
_HALVINGS = 30
_TOLERANCE = 1e-12
# Gain of the log-likelihood that may remain where rounding hides it, as on the flat ridges of small data: a
# hundredth of a standard error.
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class Optimum:
    """End of the search; ``at_limit`` marks the parameters at the limit of the search."""

    log_params: Floats
    value: float
    hessian: Floats
    iterations: int
    converged: bool
    at_limit: NDArray[np.bool_]

    def params(self, names: Sequence[str]) -> dict[str, float]:
        """Parameters by name."""
        return dict(zip(names, np.exp(self.log_params).tolist(), strict=True))

    def names_at_limit(self, names: Sequence[str]) -> list[str]:
        """Names of the parameters at the limit of the search."""
        return [name for name, limit in zip(names, self.at_limit, strict=True) if limit]

    def report(self, names: Sequence[str], starts: int) -> dict[str, Any]:
        """Entries of the search in the fit report."""
        return {"iterations": self.iterations, "starts": starts, "at_limit": self.names_at_limit(names)}


def maximize_from(
    objective: Objective, starts: Sequence[Floats], centre: Floats | None = None
) -> tuple[Optimum, int]:
    """Search from one start after the other until one succeeds; return the best end and the starts used.

    An end at the limit of the search, or without negative definite Hessian, may be a ridge away from the
    maximum.

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
        if found[-1].converged and not found[-1].at_limit.any() and _is_concave(found[-1].hessian):
            break
    best = max(found, key=lambda optimum: (np.isfinite(optimum.value), optimum.converged, optimum.value))
    return best, len(found)


def maximize(objective: Objective, start: Floats, centre: Floats | None = None) -> Optimum:
    """Maximise a smooth function of log-parameters within ``centre`` +- 10, by default the start.

    Newton steps on the Hessian with its eigenvalues made negative, shortened until the value increases. The
    search has converged when the predicted gain is below 1e-12 of the value, or below 1e-4 and hidden by
    rounding.
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
        trial = _line_search(objective, point, share * step, value, share * promised)
        if trial is None:
            finished = promised <= _NEGLIGIBLE
            break
        point, evaluated = trial
    return Optimum(point, evaluated[0], evaluated[2], iterations, finished, _at_limit(point, centre))


def log_covariance(hessian: Floats) -> Floats:
    """Covariance of log-parameters: the inverse of the observed information.

    Infinite throughout if the Hessian is not negative definite: the data do not identify all parameters.

    Examples
    --------
    >>> log_covariance(np.array([[-4.0]]))
    array([[0.25]])
    """
    if not _is_concave(hessian):
        return np.full(hessian.shape, np.inf)
    eigenvalues, vectors = np.linalg.eigh(-hessian)
    return np.asarray((vectors / eigenvalues) @ vectors.T)


def covariance(params: dict[str, float], log_covariance: Floats) -> pd.DataFrame:
    """Covariance of the parameters by the delta method: J C J', C that of log-parameters, J = diag(params).

    Coefficients of covariates, whose names contain a colon, are not on the log scale: for them J = 1.
    Infinite throughout if the data do not identify all parameters.

    Examples
    --------
    >>> float(covariance({"r": 2.0}, np.array([[0.25]])).loc["r", "r"])
    1.0
    """
    names = list(params)
    slopes = np.array([1.0 if ":" in name else value for name, value in params.items()])
    return pd.DataFrame(slopes[:, None] * log_covariance * slopes, index=names, columns=names)


def by_log_params(
    params: Floats, value: float, gradient: Floats, hessian: Floats
) -> tuple[float, Floats, Floats]:
    """Convert derivatives by parameters to derivatives by their logarithms."""
    gradient = params * gradient
    return float(value), gradient, np.outer(params, params) * hessian + np.diag(gradient)


def is_identified(hessian: Floats) -> bool:
    """Whether the data identify all parameters, so that their covariance is finite."""
    return bool(np.isfinite(log_covariance(hessian)).all())


def _at_limit(point: Floats, centre: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(point - centre) >= _REACH - 1e-9)


def _longest_share(moved: Floats, step: Floats) -> float:
    """Share of the step that is not too long and stays within the limits, the same for all coordinates.

    Shortening them one by one would leave the ridge along which the likelihood of small data increases.
    """
    moving = np.abs(step) > 0
    room = (_REACH - np.sign(step[moving]) * moved[moving]) / np.abs(step[moving])
    return float(min(1.0, *room, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300)))


def _step_within_reach(gradient: Floats, hessian: Floats, limit: Floats) -> Floats:
    """Newton step in the coordinates not pushed beyond their limit (-1 lower, 1 upper, 0 inside)."""
    step = np.zeros(len(gradient))
    free = np.full(len(gradient), True)
    while free.any():
        step[free] = _newton_step(gradient[free], hessian[np.ix_(free, free)])
        over = free & (step * limit > 0)
        step[over] = 0.0
        if not over.any():
            break
        free &= ~over
    return step


def _newton_step(gradient: Floats, hessian: Floats) -> Floats:
    eigenvalues, vectors = np.linalg.eigh(hessian)
    size = np.abs(eigenvalues)
    return np.asarray(vectors @ ((vectors.T @ gradient) / np.maximum(size, 1e-12 * size.max() + 1e-300)))


def _line_search(
    objective: Objective, point: Floats, step: Floats, value: float, promised: float
) -> tuple[Floats, tuple[float, Floats, Floats]] | None:
    """Halve the step until the value increases enough; None if it never does."""
    length = 1.0
    for _ in range(_HALVINGS):
        trial = point + length * step
        evaluated = objective(trial)
        if np.isfinite(evaluated[0]) and evaluated[0] >= value + 1e-4 * length * promised:
            return trial, evaluated
        if length * promised <= _TOLERANCE * max(1.0, abs(value)):
            return None  # the possible gain is below rounding
        length /= 2.0
    return None


def _is_concave(hessian: Floats) -> bool:
    eigenvalues = np.linalg.eigvalsh(-hessian)
    return bool(eigenvalues[0] > 1e-10 * eigenvalues[-1])
