"""Maximum likelihood for one purchase process: starting values, search, what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.models.histories import Histories
from guanxi.models.likelihoods.beta_geometric_likelihood import BetaGeometricLikelihood
from guanxi.models.likelihoods.likelihood import RowwiseLikelihood
from guanxi.models.maximum_likelihood import maximize, maximize_from
from guanxi.served.purchases.beta_geometric_process import BetaGeometricProcess
from guanxi.served.purchases.process import PurchaseProcess

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

# Beyond this many distinct histories the search begins on a sample of them.
_SAMPLE = 20_000
_SAMPLE_ROWWISE = 1_000


@dataclass(frozen=True)
class Fit:
    """A fitted purchase process.

    Attributes
    ----------
    process : PurchaseProcess
    params : dict
        In the paper's order; coefficients of covariates after them, as ``parameter:covariate``.
    log_likelihood : float
        Sum over customers, without the penalty.
    hessian : array, shape (d, d)
        By log-parameters and coefficients (k left out) of the penalised log-likelihood.
    converged : bool
    report : dict
        Iterations, starts, parameters at the edge of the search.
    """

    process: PurchaseProcess
    params: dict[str, float]
    log_likelihood: float
    hessian: Floats
    converged: bool
    report: dict[str, Any]


def fit_process(
    process: PurchaseProcess,
    histories: Histories,
    *,
    k: int = 1,
    covariates: Mapping[str, list[str]] | None = None,
    penalty: float = 0.0,
    start: Floats | None = None,
) -> Fit:
    """Fit one process.

    Parameters
    ----------
    process : PurchaseProcess
    histories : Histories
    k : int
        Regularity, for the CNBD-k models.
    covariates : mapping, optional
        Parameter to the names of its covariates, which are the columns of ``histories.covariates``.
    penalty : float
        Ridge penalty on the coefficients of standardised covariates.
    start : array, optional
        The only log-parameters to start from; by default several, one after the other until one ends well.
    """
    covariates = dict(covariates or {})
    coefficients = sum(map(len, covariates.values()))
    likelihood = _likelihood(process, histories, k, covariates, penalty)
    starts = [np.append(each, np.zeros(coefficients)) for each in starting_values(process, histories, k)]
    starts = starts if start is None else [start]
    centre = None
    sample = _SAMPLE if isinstance(likelihood, BetaGeometricLikelihood) else _SAMPLE_ROWWISE
    if len(histories.weight) > 2 * sample:
        part = histories.every(len(histories.weight) // sample)
        centre = starts[0]
        sampled = maximize(_likelihood(process, part, k, covariates, penalty), centre)
        starts = [sampled.log_params, *starts]
    optimum, used = maximize_from(likelihood, starts, centre)
    theta, hessian = _on_original_scale(optimum.log_params, optimum.hessian, process, covariates, histories)
    plain = [name for name in process.parameters if name != "k"]
    params = {"k": float(k)} if "k" in process.parameters else {}
    params |= dict(zip(plain, np.exp(theta[: len(plain)]).tolist(), strict=True))
    names = [f"{parameter}:{name}" for parameter in plain for name in covariates.get(parameter, ())]
    params |= dict(zip(names, theta[len(plain) :].tolist(), strict=True))
    slopes = optimum.log_params[len(plain) :]
    limits = zip([*plain, *names], optimum.at_limit, strict=True)
    report = {
        "iterations": optimum.iterations,
        "starts": used,
        "at_limit": [name for name, limit in limits if limit],
    }
    value = optimum.value + 0.5 * penalty * float(slopes @ slopes)
    return Fit(process, params, value, hessian, optimum.converged, report)


def at_params(process: PurchaseProcess, histories: Histories, params: Mapping[str, float]) -> Fit:
    """Log-likelihood and curvature at parameters found elsewhere; no covariates."""
    plain = [name for name in process.parameters if name != "k"]
    theta = np.log([params[name] for name in plain])
    k = int(params.get("k", 1))
    value, _, hessian = _likelihood(process, histories, k, {}, 0.0)(theta)
    return Fit(process, dict(params), value, hessian, True, {"iterations": 0, "starts": 0, "at_limit": []})


_REGULARITIES = range(1, 13)


def fit_regularity(process: BetaGeometricProcess, histories: Histories) -> Fit:
    """Fit a CNBD-k process with the k of the highest likelihood, as Platzer & Reutterer (2016) do.

    The search goes up from k = 1 and ends after two values without progress.
    """
    best: Fit | None = None
    worse = 0
    for k in _REGULARITIES:
        fit = fit_process(process, histories, k=k, start=_start(process, histories, best, k))
        if best is None or (fit.converged and fit.log_likelihood > best.log_likelihood):
            best, worse = fit, 0
        else:
            worse += 1
        if worse == 2:
            break
    assert best is not None
    if best.params["k"] == _REGULARITIES[-1]:
        best = replace(best, report={**best.report, "at_limit": ["k", *best.report["at_limit"]]})
    return best


def _start(process: PurchaseProcess, histories: Histories, fit: Fit | None, k: int) -> Floats | None:
    """Where to start with another k: events k times as frequent give the same gaps.

    From a fit at the edge of its search another would run on to where rounding hides the likelihood.
    """
    if fit is None:
        return None
    if fit.report["at_limit"]:
        return starting_values(process, histories, k)[0]
    params = {**fit.params, "alpha": fit.params["alpha"] * fit.params["k"] / k}
    return np.log([value for name, value in params.items() if name != "k"])


def starting_values(process: PurchaseProcess, histories: Histories, k: int = 1) -> list[Floats]:
    """Log-parameters to start from: the moments of an NBD with a usual dropout, then others around them."""
    frequency, _, T, weight = histories.columns
    mean, age = np.average(frequency, weights=weight), np.average(T, weights=weight)
    surplus = np.average((frequency - mean) ** 2, weights=weight) - mean
    r = float(np.clip(mean**2 / surplus if surplus > 0 else 10.0, 0.1, 10.0))
    rate = [r, r * age / (k * mean)]
    dropout, shifts = _DROPOUT[process.name.replace("cnbd", "nbd")]
    moments = np.log([*rate, *(value * (age if unit else 1.0) for value, unit in dropout)])
    if process.name == "ggom_nbd":
        moments[2] = np.log(0.1 / age)
    return [moments, *(moments + np.array(shift) for shift in shifts)]


# Usual dropout parameters, each with whether it has the unit of time, and shifts of the logarithms of all.
_DROPOUT: dict[str, tuple[list[tuple[float, bool]], list[list[float]]]] = {
    "nbd": ([], [[-1.0, -1.0], [1.0, 1.0]]),
    "bg_nbd": (
        [(1.0, False), (3.0, False)],
        [[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -2.0, -1.0], [1.0, 1.0, 1.0, 2.0]],
    ),
    "mbg_nbd": (
        [(1.0, False), (3.0, False)],
        [[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -2.0, -1.0], [1.0, 1.0, 1.0, 2.0]],
    ),
    "pareto_nbd": (
        [(0.6, False), (0.5, True)],
        [[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0], [1.0, 1.0, 1.0, 1.0]],
    ),
    "ggom_nbd": (
        [(0.1, False), (0.6, False), (0.05, False)],
        [[0.0, 0.0, 2.0, 0.0, 3.0]],
    ),
}


def _likelihood(
    process: PurchaseProcess,
    histories: Histories,
    k: int,
    covariates: Mapping[str, list[str]],
    penalty: float,
) -> Objective:
    if isinstance(process, BetaGeometricProcess) and k == 1 and not covariates:
        return BetaGeometricLikelihood(*histories.columns, first=process.first)
    return RowwiseLikelihood(
        process,
        *histories.columns,
        covariates=dict.fromkeys(covariates, histories.covariates),
        penalty=penalty,
        k=k,
        log_gap_sum=histories.log_gap_sum,
    )


def _on_original_scale(
    theta: Floats,
    hessian: Floats,
    process: PurchaseProcess,
    covariates: Mapping[str, list[str]],
    histories: Histories,
) -> tuple[Floats, Floats]:
    """Undo the standardisation of the covariates."""
    plain = [name for name in process.parameters if name != "k"]
    back = np.eye(len(theta))
    position = len(plain)
    for i, name in enumerate(plain):
        for j in range(len(covariates.get(name, ()))):
            back[position, position] = 1.0 / histories.spread[j]
            back[i, position] = -histories.centre[j] / histories.spread[j]
            position += 1
    forth = np.linalg.inv(back)
    return back @ theta, forth.T @ hessian @ forth
