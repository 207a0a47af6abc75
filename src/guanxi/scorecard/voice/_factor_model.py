"""Confirmatory factor models of several groups, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from guanxi.errors import FitError
from guanxi.scorecard.voice._resampling import Floats

Level = Literal["configural", "metric", "scalar"]
LEVELS: tuple[Level, ...] = ("configural", "metric", "scalar")
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class FactorFit:
    """Fit of a factor model.

    Attributes
    ----------
    chi_square : float
        Likelihood ratio against the groups' own means and covariances.
    degrees : int
        Degrees of freedom.
    comparative_fit : float
        CFI, against uncorrelated questions.
    root_mean_square_error : float
        RMSEA, with the correction for several groups (Steiger 1998).
    """

    chi_square: float
    degrees: int
    comparative_fit: float
    root_mean_square_error: float


@dataclass(frozen=True)
class _Group:
    size: int
    means: Floats
    covariance: Floats


class _Layout:
    """Positions of the parameters of all groups in one vector.

    Each question loads on one factor; the first question of a factor has loading 1. Equal parameters share
    their positions; factor means are 0 in the first group, and in all groups unless intercepts are equal.
    """

    def __init__(self, factors: NDArray[np.intp], groups: int, level: Level) -> None:
        self.factors, self.groups, self.level = factors, groups, level
        self.count = int(factors.max()) + 1
        self.markers = np.array([int(np.argmax(factors == factor)) for factor in range(self.count)])
        self.free = np.setdiff1d(np.arange(len(factors)), self.markers)
        self.pairs = np.tril_indices(self.count)
        self.size = 0
        shared = {"loadings": level != "configural", "intercepts": level == "scalar"}
        widths = {
            "loadings": len(self.free),
            "intercepts": len(factors),
            "uniquenesses": len(factors),
            "covariances": len(self.pairs[0]),
            "means": self.count if level == "scalar" else 0,
        }
        self.places = {name: self._place(width, shared.get(name, False)) for name, width in widths.items()}

    def _place(self, width: int, shared: bool) -> list[slice]:
        places = []
        for group in range(self.groups):
            if group == 0 or not shared:
                places.append(slice(self.size, self.size + width))
                self.size += width
            else:
                places.append(places[0])
        return places

    @property
    def parameters(self) -> int:
        """Free parameters: the first group's factor means stand in the vector and stay 0."""
        return self.size - (self.count if self.level == "scalar" else 0)

    def of(self, name: str, vector: Floats, group: int) -> Floats:
        return vector[self.places[name][group]]


def fit_factor_model(
    samples: Sequence[Floats], factors: Sequence[int] | NDArray[np.intp], level: Level
) -> FactorFit:
    """Fit a factor model with the same structure in all groups.

    Parameters
    ----------
    samples : sequence of numpy.ndarray, each shape (n_g, p)
        Answers of each group, complete and not constant.
    factors : sequence of int, shape (p,)
        Factor of each question, from 0. Factors are correlated.
    level : {"configural", "metric", "scalar"}
        Nothing is equal between groups, loadings are, or loadings and intercepts are.

    Raises
    ------
    FitError
        If the likelihood does not converge.

    References
    ----------
    Jöreskog, K. G. (1971), Simultaneous factor analysis in several populations, Psychometrika 36(4).
    Meredith, W. (1993), Measurement invariance, factor analysis and factorial invariance, Psychometrika
    58(4).

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> groups = [generator.normal(size=(200, 1)) + generator.normal(size=(200, 4)) for _ in range(2)]
    >>> fit_factor_model(groups, [0, 0, 0, 0], "metric").degrees
    7
    """
    pooled = np.vstack(samples)
    centre, spread = pooled.mean(axis=0), pooled.std(axis=0)  # the fit is the same on any scale
    groups = [_summarise((np.asarray(sample) - centre) / spread) for sample in samples]
    layout = _Layout(np.asarray(factors, dtype=np.intp), len(groups), level)
    start, bounds = _start(groups, layout)
    found = optimize.minimize(
        _discrepancy,
        start,
        args=(groups, layout),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-13, "gtol": 1e-7},
    )
    if not found.success and not np.abs(found.jac).max() < 1e-3 * len(pooled) ** 0.5:
        raise FitError(f"measurement invariance: the {level} factor model does not converge")
    return _fit(float(found.fun), groups, layout)


def _summarise(sample: Floats) -> _Group:
    means = sample.mean(axis=0)
    centred = sample - means
    return _Group(len(sample), means, centred.T @ centred / len(sample))


def _start(groups: Sequence[_Group], layout: _Layout) -> tuple[Floats, list[tuple[float, float]]]:
    start = np.zeros(layout.size)
    bounds = [(-np.inf, np.inf)] * layout.size
    for group, summary in enumerate(groups):
        start[layout.places["loadings"][group]] = 1.0
        start[layout.places["intercepts"][group]] = summary.means
        start[layout.places["uniquenesses"][group]] = 0.5 * np.diag(summary.covariance)
        start[layout.places["covariances"][group]] = np.where(np.equal(*layout.pairs), 0.5, 0.1)
        places = layout.places["uniquenesses"][group]
        bounds[places] = [(_LEAST_VARIANCE, np.inf)] * (places.stop - places.start)
    if layout.level == "scalar":
        start[layout.places["intercepts"][0]] = np.mean([summary.means for summary in groups], axis=0)
        first = layout.places["means"][0]
        bounds[first] = [(0.0, 0.0)] * layout.count
    return start, bounds


def _matrices(vector: Floats, layout: _Layout, group: int) -> tuple[Floats, Floats, Floats]:
    """Return the loadings (p, f), factor covariances (f, f) and factor means (f,) of a group."""
    loadings = np.zeros((len(layout.factors), layout.count))
    loadings[layout.markers, layout.factors[layout.markers]] = 1.0
    loadings[layout.free, layout.factors[layout.free]] = layout.of("loadings", vector, group)
    covariances = np.zeros((layout.count, layout.count))
    covariances[layout.pairs] = layout.of("covariances", vector, group)
    covariances = covariances + np.tril(covariances, -1).T
    means = layout.of("means", vector, group)
    return loadings, covariances, means if len(means) else np.zeros(layout.count)


def _discrepancy(vector: Floats, groups: Sequence[_Group], layout: _Layout) -> tuple[float, Floats]:
    """Chi square and its gradient."""
    total, gradient = 0.0, np.zeros_like(vector)
    for group, summary in enumerate(groups):
        loadings, covariances, factor_means = _matrices(vector, layout, group)
        implied = loadings @ covariances @ loadings.T
        implied[np.diag_indices_from(implied)] += layout.of("uniquenesses", vector, group)
        off = summary.means - layout.of("intercepts", vector, group) - loadings @ factor_means
        sign, logarithm = np.linalg.slogdet(implied)
        if sign <= 0:
            return 1e10, np.zeros_like(vector)
        inverse = np.linalg.inv(implied)
        observed = summary.covariance + np.outer(off, off)
        fixed = np.linalg.slogdet(summary.covariance)[1] + len(off)
        total += summary.size * (logarithm + float((inverse * observed).sum()) - fixed)
        outer = summary.size * (inverse - inverse @ observed @ inverse)
        slope = -2.0 * summary.size * (inverse @ off)
        on_loadings = 2.0 * outer @ loadings @ covariances + np.outer(slope, factor_means)
        on_covariances = loadings.T @ outer @ loadings
        doubled = 2.0 * on_covariances - np.diag(np.diag(on_covariances))
        gradient[layout.places["loadings"][group]] += on_loadings[layout.free, layout.factors[layout.free]]
        gradient[layout.places["intercepts"][group]] += slope
        gradient[layout.places["uniquenesses"][group]] += np.diag(outer)
        gradient[layout.places["covariances"][group]] += doubled[layout.pairs]
        if layout.level == "scalar":
            gradient[layout.places["means"][group]] += loadings.T @ slope
    return total, gradient


def _fit(chi_square: float, groups: Sequence[_Group], layout: _Layout) -> FactorFit:
    questions = len(layout.factors)
    moments = len(groups) * (questions + questions * (questions + 1) // 2)
    degrees = moments - layout.parameters
    apart = sum(
        each.size * (np.log(np.diag(each.covariance)).sum() - np.linalg.slogdet(each.covariance)[1])
        for each in groups
    )
    worst = float(apart) - len(groups) * questions * (questions - 1) // 2
    excess = max(chi_square - degrees, 0.0)
    reference = max(worst, excess)
    size = sum(each.size for each in groups)
    return FactorFit(
        max(chi_square, 0.0),
        degrees,
        1.0 - excess / reference if reference > 0 else 1.0,
        float(np.sqrt(len(groups) * excess / (size * degrees))) if degrees else 0.0,
    )
