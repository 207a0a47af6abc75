"""Search for the parameters of a retention model, with fallbacks and warnings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.models._covariates import named_params, on_original_scale
from guanxi.models._maximum_likelihood import Optimum, is_identified, maximize, maximize_from
from guanxi.models._retention_table import Contracts
from guanxi.models.likelihoods._retention import RetentionLikelihood, RetentionTerms
from guanxi.served.contracts.retention_process import SHIFTED_BETA_GEOMETRIC, RetentionProcess

Floats = NDArray[np.float64]

_FEW = 30
_NO_SPREAD = 1e6  # practically the same churn probability for all customers
_SAMPLE = 20_000  # with more than twice as many distinct terms the search begins on a sample of this size
_ONE_OPPORTUNITY = "only one renewal opportunity is observed: one churn probability is used for all customers"
_TWO_OPPORTUNITIES = "only two renewal opportunities are observed: c stays 1, without duration dependence"
_NO_CONVERGENCE = "the search for duration dependence did not converge: c stays 1"
_SHIFTS = (0.0, -2.0, 2.0, 5.0)  # of both parameters of the beta distribution


@dataclass(frozen=True)
class RetentionFit:
    """A fitted retention model.

    Attributes
    ----------
    params : dict
    log_likelihood : float
        Without the penalty.
    hessian : array, shape (d, d)
        Of the penalised log-likelihood by log-parameters and coefficients; 0 after a fallback.
    report : dict
    """

    params: dict[str, float]
    log_likelihood: float
    hessian: Floats
    report: dict[str, Any]


def fit_retention_process(
    process: RetentionProcess, contracts: Contracts, names: list[Any], penalty: float
) -> RetentionFit:
    """Estimate the parameters of a process by maximum likelihood.

    Raises
    ------
    FitError
        If no customer churned or none renewed, if the effects of covariates cannot be told apart, or if the
        search does not converge.
    """
    terms = contracts.terms
    if not terms.churned:
        raise FitError("no customer churned: churn cannot be estimated; give more data")
    if not terms.renewals_seen:
        raise FitError("no customer renewed: retention cannot be estimated; give more data")
    if names and terms.opportunities == 1:
        raise FitError(
            "only one renewal opportunity is observed: effects of covariates cannot be estimated; give more "
            "periods, or leave the covariates out"
        )
    optimum, starts, fallback = _search(process, contracts, penalty)
    if not optimum.converged:
        raise FitError(
            f"the {process.name.replace('_', ' ')} model did not converge: give more periods or customers"
            + (", leave out covariates, or raise the penalty" if names else "")
        )
    covariates = dict.fromkeys(process.covariate_parameters if names else (), names)
    scale = (contracts.centre, contracts.spread)
    theta, hessian = on_original_scale(
        optimum.log_params, optimum.hessian, process.parameters, covariates, *scale
    )
    params = named_params(theta, process.parameters, covariates)
    slopes = optimum.log_params[len(process.parameters) :]
    report = {
        "customers": contracts.customers,
        "churned_customers": terms.churned,
        "renewal_opportunities": terms.opportunities,
        **optimum.report(list(params), starts),
        "warnings": _warnings(process, optimum, list(params), terms.churned, fallback),
        "fallback": fallback,
    }
    return RetentionFit(params, optimum.value + 0.5 * penalty * float(slopes @ slopes), hessian, report)


def _search(
    process: RetentionProcess, contracts: Contracts, penalty: float
) -> tuple[Optimum, int, str | None]:
    """Maximum of the likelihood, starts used, and the reason of a fallback, if any."""
    terms, weibull = contracts.terms, "c" in process.parameters
    centre = _moments(process, terms)
    if terms.opportunities == 1:
        end = centre + np.pad(np.full(2, np.log(_NO_SPREAD)), (0, len(centre) - 2))
        return _fallback(process, terms, penalty, end, 0), 0, _ONE_OPPORTUNITY
    if weibull and terms.opportunities == 2:
        return *_without_c(process, contracts, penalty), _TWO_OPPORTUNITIES
    likelihood = RetentionLikelihood(process, terms, penalty)
    starts = _starting_values(process, contracts, penalty, centre)
    if len(terms.weight) > 2 * _SAMPLE:
        sample = terms.rows(slice(None, None, len(terms.weight) // _SAMPLE))
        sampled = maximize(RetentionLikelihood(process, sample, penalty), starts[0], centre)
        starts.insert(0, sampled.log_params)
    optimum, used = maximize_from(likelihood, starts, centre)
    if weibull and not optimum.converged:
        return *_without_c(process, contracts, penalty), _NO_CONVERGENCE
    return optimum, used, None


def _moments(process: RetentionProcess, terms: RetentionTerms) -> Floats:
    """Choose log-parameters with the observed mean of churn, c = 1 and no effects of covariates."""
    start = np.zeros(len(process.parameters) + 2 * terms.covariates.shape[1])
    start[1] = np.log(terms.renewals_seen / terms.churned)
    return start


def _starting_values(
    process: RetentionProcess, contracts: Contracts, penalty: float, moments: Floats
) -> list[Floats]:
    """Choose starting values: the maximum of a simpler model if there is one, and moments."""
    if contracts.terms.covariates.size:
        simple = _search(process, contracts.without_covariates(), penalty)[0]
    elif "c" in process.parameters:
        simple = _search(SHIFTED_BETA_GEOMETRIC, contracts, penalty)[0]
    else:
        return [moments + shift for shift in _SHIFTS]
    nested = np.pad(simple.log_params, (0, len(moments) - len(simple.log_params)))
    return [moments, nested] if simple.at_limit.any() else [nested, moments]


def _without_c(process: RetentionProcess, contracts: Contracts, penalty: float) -> tuple[Optimum, int]:
    simple, starts, _ = _search(SHIFTED_BETA_GEOMETRIC, contracts, penalty)
    end = np.insert(simple.log_params, 2, 0.0)
    fallback = _fallback(process, contracts.terms, penalty, end, simple.iterations)
    return replace(fallback, converged=simple.converged), starts


def _fallback(
    process: RetentionProcess, terms: RetentionTerms, penalty: float, end: Floats, iterations: int
) -> Optimum:
    """Take the parameters of a simpler model; their covariance is not estimated."""
    value = RetentionLikelihood(process, terms, penalty)(end)[0]
    unknown = np.zeros((len(end), len(end)))
    return Optimum(end, value, unknown, iterations, True, np.zeros(len(end), dtype=bool))


def _warnings(
    process: RetentionProcess, optimum: Optimum, names: list[str], churned: float, fallback: str | None
) -> list[str]:
    found = []
    if churned < _FEW:
        found.append(f"only {churned:g} customers churned: the parameters are uncertain")
    limits = optimum.names_at_limit(names)
    if set(limits) & set(process.covariate_parameters):
        found.append("customers' churn probabilities hardly differ, or are almost 0 or 1")
    if "c" in limits:
        found.append("c is at the edge of the search: customers leave at one renewal, or churn ends early")
    if any(":" in name for name in limits):
        found.append("a covariate at the edge of the search tells exactly who churns or stays")
    if fallback is None and not is_identified(optimum.hessian):
        found.append("the data do not identify all parameters: standard errors are infinite")
    return found
