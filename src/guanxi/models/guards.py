"""What a fit found that its user must know, and the simpler model that stands in where it found too little.

A likelihood that keeps rising towards the edge of the parameters says that the data do not hold what the
model looks for. Each such case has a name, and either a model without that part takes over (a fallback) or
the fit stays and carries a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guanxi.errors import FitError
from guanxi.models.fitting import Fit, fit_process, fit_regularity
from guanxi.models.histories import Histories
from guanxi.models.maximum_likelihood import log_covariance
from guanxi.served.purchases.beta_geometric_process import BG_CNBD, MBG_CNBD, BetaGeometricProcess
from guanxi.served.purchases.lifetime_process import GGOM_NBD, NBD, PARETO_NBD, LifetimeProcess
from guanxi.served.purchases.process import PurchaseProcess

FEW_REPEATERS = 30
_FEW_GAPS = 30  # with fewer there is no telling whether gaps are regular
_SAME = 0.01  # log units: two models whose likelihoods are closer say the same
_LITTLE = 1.0  # log units: so little does not pay for two more parameters at their edge
_RARE_DROPOUT = 1e-3
_EQUAL_RATES = 1e3  # at this r the purchase rates differ by 3 % among customers
_HETEROGENEITY = {"r": "purchase rates", "a": "dropout probabilities", "s": "rates of leaving"}
_SAMPLE = 2_000  # histories that k is looked for in
_CLEARLY_REGULAR = 2.0  # log units


@dataclass(frozen=True)
class Guarded:
    """A fit that can be used, why it is not of the model asked for (if so), and what else to know."""

    fit: Fit
    fallback: str | None
    warnings: list[str]


def guarded(fit: Fit, histories: Histories) -> Guarded:
    """Replace a fit that found too little by a simpler one, and say what was found.

    Raises
    ------
    FitError
        If not even the NBD, which has no dropout, can be fitted.
    """
    simpler, reason = _simpler(fit, histories)
    if simpler is None:
        return Guarded(fit, None, fit_warnings(fit, histories))
    rest = guarded(simpler, histories)
    chain = reason if rest.fallback is None else f"{reason}; {rest.fallback}"
    return Guarded(rest.fit, chain, rest.warnings)


def _simpler(fit: Fit, histories: Histories) -> tuple[Fit | None, str]:
    if fit.process is NBD:
        if not fit.converged:
            raise FitError("NBD did not converge: check the histories for outliers, or give more customers")
        return None, ""
    name = fit.process.name
    if fit.process is GGOM_NBD:
        pareto = fit_process(PARETO_NBD, histories)
        if not fit.converged or fit.log_likelihood <= pareto.log_likelihood + _SAME:
            return pareto, f"{name}: leaving does not become likelier with age, pareto_nbd stands in"
    if not fit.converged:
        return fit_process(NBD, histories), f"{name}: the search did not converge, nbd stands in"
    regular = _regular(fit, histories)
    if regular is not None:
        k = int(regular.params["k"])
        return regular, (
            f"{name}: r is {fit.params['r']:.3g}, so all customers buy at one rate, and their gaps are "
            f"regular; {regular.process.name} with k = {k} stands in"
        )
    if _dropout_seen(fit, histories) < _RARE_DROPOUT:
        nbd = fit_process(NBD, histories)
        # A regular fit has seen what NBD cannot: its silence is no dropout.
        if nbd.converged and nbd.log_likelihood >= fit.log_likelihood - _LITTLE:
            return nbd, f"{name}: no sign that customers drop out, nbd stands in"
    return None, ""


def _regular(fit: Fit, histories: Histories) -> Fit | None:
    """Fit with Erlang-k gaps, where all customers buy at one rate and the gaps are clearly regular."""
    if "k" in fit.params or fit.params["r"] < _EQUAL_RATES:
        return None
    if histories.frequency @ histories.weight < _FEW_GAPS:
        return None
    first = fit.process.first if isinstance(fit.process, BetaGeometricProcess) else True
    if (histories.recency[histories.frequency > 0] <= 0).any():
        return None  # a gap of 0 has no regularity
    process = MBG_CNBD if first else BG_CNBD
    size = len(histories.weight)
    sample = histories if size <= 2 * _SAMPLE else histories.every(size // _SAMPLE)
    regular = fit_regularity(process, sample)
    if sample is not histories and regular.params["k"] > 1:
        regular = fit_process(process, histories, k=int(regular.params["k"]))
    clearly = regular.log_likelihood > fit.log_likelihood + _CLEARLY_REGULAR
    return regular if regular.converged and regular.params["k"] > 1 and clearly else None


def _dropout_seen(fit: Fit, histories: Histories) -> float:
    """Mean probability to drop out after a purchase, or to have left by the highest age."""
    if isinstance(fit.process, LifetimeProcess):
        return float(-np.expm1(fit.process.log_survivor(fit.params, histories.T.max())))
    return fit.params["a"] / (fit.params["a"] + fit.params["b"])


def fit_warnings(fit: Fit, histories: Histories) -> list[str]:
    """Say what the user of a fit must know."""
    said = []
    if histories.repeat_customers < FEW_REPEATERS:
        said.append(
            f"only {histories.repeat_customers:g} customers bought again, fewer than {FEW_REPEATERS}: "
            "the parameters rest on little"
        )
    if fit.report["at_limit"]:
        said.append(_at_limit(fit.process, fit.report["at_limit"]))
    hardly = [name for name in _HETEROGENEITY if fit.params.get(name, 0.0) >= _EQUAL_RATES]
    said += [
        f"{name} is {fit.params[name]:.3g}: customers' {_HETEROGENEITY[name]} hardly differ"
        for name in hardly
        if name not in fit.report["at_limit"]
    ]
    if not np.isfinite(log_covariance(fit.hessian)).all():
        said.append("the data do not tell all parameters apart: standard errors are infinite")
    if fit.process is not NBD and _dropout_seen(fit, histories) < _RARE_DROPOUT:
        said.append("no sign that customers drop out")
    if "a" in fit.params and fit.params["a"] + fit.params["b"] < 1.0:
        said.append("a + b < 1: customers drop out almost at once or almost never")
    return said


def _at_limit(process: PurchaseProcess, names: list[str]) -> str:
    meaning = {
        "r": "customers' purchase rates cannot be told apart",
        "alpha": "customers' purchase rates cannot be told apart",
        "a": "customers' dropout probabilities cannot be told apart",
        "s": "customers' rates of leaving cannot be told apart",
        "beta": "customers' rates of leaving cannot be told apart",
        "k": "the gaps are more regular than the search goes",
    }
    if "a" in process.parameters:
        meaning["b"] = meaning["a"]
    said = dict.fromkeys(meaning.get(name, "it has next to no effect") for name in names)
    return f"{', '.join(names)} at the edge of the search: {'; '.join(said)}"
