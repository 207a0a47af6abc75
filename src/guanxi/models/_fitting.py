"""Fitting of purchase processes, with warnings and fallbacks to simpler models.

A likelihood that is maximised at the boundary of the parameter space means that the data do not support a
part of the model. In each such case either a model without that part is used (a fallback), or the fit has a
warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.models._covariates import named_params, on_original_scale
from guanxi.models._customer_table import Histories
from guanxi.models._maximum_likelihood import Objective, is_identified, maximize, maximize_from
from guanxi.models.likelihoods._purchases import BetaGeometricLikelihood, RowwiseLikelihood
from guanxi.served.purchases.beta_geometric_process import BG_CNBD, MBG_CNBD, BetaGeometricProcess
from guanxi.served.purchases.lifetime_process import GGOM_NBD, NBD, PARETO_NBD, LifetimeProcess
from guanxi.served.purchases.process import PurchaseProcess

Floats = NDArray[np.float64]

# With more than twice as many distinct histories the search begins on a sample of this size.
_SAMPLE = 20_000
_SAMPLE_ROWWISE = 1_000
_SAMPLE_REGULARITY = 2_000  # for the choice of k
_REGULARITIES = range(1, 13)

FEW_REPEATERS = 30
_FEW_GAPS = 30  # fewer do not show whether gaps are regular
_SAME = 0.01  # log units: models with closer likelihoods are equivalent
_LITTLE = 1.0  # log units: too small a gain for two more parameters at their limits
_RARE_DROPOUT = 1e-3
_EQUAL_RATES = 1e3  # at this r the purchase rates have a coefficient of variation of 3 %
_HETEROGENEITY = {"r": "purchase rates", "a": "dropout probabilities", "s": "dropout rates"}
_CLEARLY_REGULAR = 2.0  # log units
# Models used as fallbacks, by name.
STAND_INS: dict[str, PurchaseProcess] = {
    process.name: process for process in (NBD, PARETO_NBD, BG_CNBD, MBG_CNBD)
}

# Typical dropout parameters, each with whether it has the unit of time, and shifts of all log-parameters.
_BETA_GEOMETRIC: tuple[list[tuple[float, bool]], list[list[float]]] = (
    [(1.0, False), (3.0, False)],
    [[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -2.0, -1.0], [1.0, 1.0, 1.0, 2.0]],
)
_DROPOUT: dict[str, tuple[list[tuple[float, bool]], list[list[float]]]] = {
    "nbd": ([], [[-1.0, -1.0], [1.0, 1.0]]),
    "bg_nbd": _BETA_GEOMETRIC,
    "mbg_nbd": _BETA_GEOMETRIC,
    "pareto_nbd": (
        [(0.6, False), (0.5, True)],
        [[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0], [1.0, 1.0, 1.0, 1.0]],
    ),
    "ggom_nbd": ([(0.1, False), (0.6, False), (0.05, False)], [[0.0, 0.0, 2.0, 0.0, 3.0]]),
}


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
        Of the penalised log-likelihood by log-parameters (without k) and coefficients.
    converged : bool
    report : dict
        Iterations, starts, parameters at the limit of the search.
    fallback : str, optional
        Reason of a fallback to this model.
    warnings : list of str
    """

    process: PurchaseProcess
    params: dict[str, float]
    log_likelihood: float
    hessian: Floats
    converged: bool
    report: dict[str, Any]
    fallback: str | None = None
    warnings: list[str] = field(default_factory=list)


def fit_process(
    process: PurchaseProcess,
    histories: Histories,
    *,
    k: int = 1,
    covariates: Mapping[str, list[str]] | None = None,
    penalty: float = 0.0,
    start: Floats | None = None,
) -> Fit:
    """Fit one process by maximum likelihood.

    Parameters
    ----------
    process : PurchaseProcess
    histories : Histories
    k : int
        Regularity, for the CNBD-k models.
    covariates : mapping, optional
        Names of the covariates of each parameter, the columns of ``histories.covariates``.
    penalty : float
        Ridge penalty on the coefficients of standardised covariates.
    start : array, optional
        The only starting value, as log-parameters; by default several are tried until one succeeds.
    """
    covariates = dict(covariates or {})
    coefficients = sum(map(len, covariates.values()))
    likelihood = _likelihood(process, histories, k, covariates, penalty)
    starts = [np.append(each, np.zeros(coefficients)) for each in _starting_values(process, histories, k)]
    starts = starts if start is None else [start]
    centre = None
    sample = _SAMPLE if isinstance(likelihood, BetaGeometricLikelihood) else _SAMPLE_ROWWISE
    if len(histories.weight) > 2 * sample:
        part = histories.sample(sample)
        centre = starts[0]
        sampled = maximize(_likelihood(process, part, k, covariates, penalty), centre)
        starts = [sampled.log_params, *starts]
    optimum, used = maximize_from(likelihood, starts, centre)
    plain = _without_k(process)
    theta, hessian = on_original_scale(
        optimum.log_params, optimum.hessian, plain, covariates, histories.centre, histories.spread
    )
    estimates = named_params(theta, plain, covariates)
    params = {"k": float(k)} if "k" in process.parameters else {}
    params |= estimates
    slopes = optimum.log_params[len(plain) :]
    value = optimum.value + 0.5 * penalty * float(slopes @ slopes)
    return Fit(process, params, value, hessian, optimum.converged, optimum.report(list(estimates), used))


def at_params(process: PurchaseProcess, histories: Histories, params: Mapping[str, float]) -> Fit:
    """Log-likelihood and Hessian at given parameters, without covariates."""
    theta = np.log([params[name] for name in _without_k(process)])
    k = int(params.get("k", 1))
    value, _, hessian = _likelihood(process, histories, k, {}, 0.0)(theta)
    return Fit(process, dict(params), value, hessian, True, {"iterations": 0, "starts": 0, "at_limit": []})


def fit_regularity(process: PurchaseProcess, histories: Histories) -> Fit:
    """Fit a CNBD-k process with the k of highest likelihood, as in Platzer & Reutterer (2016).

    The search starts at k = 1 and ends after two values without improvement.
    """
    best: Fit | None = None
    worse = 0
    for k in _REGULARITIES:
        fit = fit_process(process, histories, k=k, start=_start_from(process, histories, best, k))
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


def with_fallback(fit: Fit, histories: Histories) -> Fit:
    """Replace an unsupported fit by a simpler one, and add warnings.

    Raises
    ------
    FitError
        If even the NBD, which has no dropout, cannot be fitted.
    """
    simpler, reason = _simpler(fit, histories)
    if simpler is None:
        return with_warnings(fit, histories)
    usable = with_fallback(simpler, histories)
    chain = reason if usable.fallback is None else f"{reason}; {usable.fallback}"
    return replace(usable, fallback=chain)


def with_warnings(fit: Fit, histories: Histories) -> Fit:
    """Add the warnings of a fit."""
    warnings = []
    if histories.repeat_customers < FEW_REPEATERS:
        warnings.append(
            f"only {histories.repeat_customers:g} customers bought again, fewer than {FEW_REPEATERS}: "
            "the parameters are uncertain"
        )
    if fit.report["at_limit"]:
        warnings.append(_limit_warning(fit.process, fit.report["at_limit"]))
    warnings += [
        f"{name} is {fit.params[name]:.3g}: customers' {what} hardly differ"
        for name, what in _HETEROGENEITY.items()
        if fit.params.get(name, 0.0) >= _EQUAL_RATES and name not in fit.report["at_limit"]
    ]
    if not is_identified(fit.hessian):
        warnings.append("the data do not identify all parameters: standard errors are infinite")
    if fit.process is not NBD and _dropout_probability(fit, histories) < _RARE_DROPOUT:
        warnings.append("no sign that customers drop out")
    if "a" in fit.params and fit.params["a"] + fit.params["b"] < 1.0:
        warnings.append("a + b < 1: customers drop out almost at once or almost never")
    return replace(fit, warnings=warnings)


def _starting_values(process: PurchaseProcess, histories: Histories, k: int = 1) -> list[Floats]:
    """Choose starting values: the moments of an NBD with a typical dropout, then others around them."""
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


def _start_from(process: PurchaseProcess, histories: Histories, fit: Fit | None, k: int) -> Floats | None:
    """Choose a starting value for another k: events k times as frequent give the same gaps.

    It is not taken from a fit at the limit of its search, where rounding hides the likelihood.
    """
    if fit is None:
        return None
    if fit.report["at_limit"]:
        return _starting_values(process, histories, k)[0]
    params = {**fit.params, "alpha": fit.params["alpha"] * fit.params["k"] / k}
    return np.log([value for name, value in params.items() if name != "k"])


def _without_k(process: PurchaseProcess) -> list[str]:
    """Parameters of the search: all but the integer regularity."""
    return [name for name in process.parameters if name != "k"]


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


def _simpler(fit: Fit, histories: Histories) -> tuple[Fit | None, str]:
    if fit.process is NBD:
        if not fit.converged:
            raise FitError("NBD did not converge: check the histories for outliers, or give more customers")
        return None, ""
    name = fit.process.name
    if fit.process is GGOM_NBD:
        pareto = fit_process(PARETO_NBD, histories)
        if not fit.converged or fit.log_likelihood <= pareto.log_likelihood + _SAME:
            return pareto, f"{name}: the dropout rate does not rise with age, using pareto_nbd instead"
    if not fit.converged:
        return fit_process(NBD, histories), f"{name}: the search did not converge, using nbd instead"
    regular = _regular_fit(fit, histories)
    if regular is not None:
        k = int(regular.params["k"])
        return regular, (
            f"{name}: r is {fit.params['r']:.3g}, so all customers buy at one rate, and their gaps are "
            f"regular, using {regular.process.name} with k = {k} instead"
        )
    if _dropout_probability(fit, histories) < _RARE_DROPOUT:
        nbd = fit_process(NBD, histories)
        # Unlike NBD, a model with regular gaps can tell long gaps from dropout.
        if nbd.converged and nbd.log_likelihood >= fit.log_likelihood - _LITTLE:
            return nbd, f"{name}: no sign that customers drop out, using nbd instead"
    return None, ""


def _regular_fit(fit: Fit, histories: Histories) -> Fit | None:
    """Fit with Erlang-k gaps if all customers buy at one rate and the gaps are clearly regular, else None."""
    if "k" in fit.params or fit.params["r"] < _EQUAL_RATES:
        return None
    if histories.frequency @ histories.weight < _FEW_GAPS:
        return None
    first = fit.process.first if isinstance(fit.process, BetaGeometricProcess) else True
    if (histories.recency[histories.frequency > 0] <= 0).any():
        return None  # a gap of 0 has no regularity
    process = MBG_CNBD if first else BG_CNBD
    few = len(histories.weight) <= 2 * _SAMPLE_REGULARITY
    sample = histories if few else histories.sample(_SAMPLE_REGULARITY)
    regular = fit_regularity(process, sample)
    if sample is not histories and regular.params["k"] > 1:
        regular = fit_process(process, histories, k=int(regular.params["k"]))
    clearly = regular.log_likelihood > fit.log_likelihood + _CLEARLY_REGULAR
    return regular if regular.converged and regular.params["k"] > 1 and clearly else None


def _dropout_probability(fit: Fit, histories: Histories) -> float:
    """Mean probability of dropping out after a purchase, or of having left by the highest age."""
    if isinstance(fit.process, LifetimeProcess):
        return float(-np.expm1(fit.process.log_survivor(fit.params, histories.T.max())))
    return fit.params["a"] / (fit.params["a"] + fit.params["b"])


def _limit_warning(process: PurchaseProcess, names: list[str]) -> str:
    meaning = {
        "r": "customers' purchase rates cannot be distinguished",
        "alpha": "customers' purchase rates cannot be distinguished",
        "a": "customers' dropout probabilities cannot be distinguished",
        "s": "customers' dropout rates cannot be distinguished",
        "beta": "customers' dropout rates cannot be distinguished",
        "k": "the gaps are more regular than with the largest k",
    }
    if "a" in process.parameters:
        meaning["b"] = meaning["a"]
    meanings = dict.fromkeys(meaning.get(name, "it has almost no effect") for name in names)
    return f"{', '.join(names)} at the edge of the search: {'; '.join(meanings)}"
