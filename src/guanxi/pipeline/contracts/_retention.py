"""Choice of the retention model on a later window: its family, and whether it has covariates."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError, FitWarning
from guanxi.models import BetaDiscreteWeibull, ShiftedBetaGeometric
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows
from guanxi.served.contracts.document import Covariate, RetentionModel
from guanxi.served.contracts.retention_hazard import RetentionHazard, covariate_values
from guanxi.served.document_parts import Attribute
from guanxi.served.ordering import first_lowest

Floats = NDArray[np.float64]

MODELS = {"shifted_beta_geometric": ShiftedBetaGeometric, "beta_discrete_weibull": BetaDiscreteWeibull}
_CLEAR_GAIN = 2.0  # standard errors
_LEAST_SHARE = 0.02  # of a category
_MOST_CATEGORIES = 8
_MOST_COVARIATES = 40
_PENALTY = 1.0
_MOST_CUSTOMERS = 20_000


@dataclass(frozen=True)
class RetentionChoice:
    """The chosen retention model, and the loss of each candidate on the later rows.

    Attributes
    ----------
    model : RetentionModel
    losses : dict of str to float
        Mean log loss of an opportunity; one covariate-free and one covariate candidate per family.
    reason : str
    """

    model: RetentionModel
    losses: dict[str, float]
    reason: str


def choose_retention(rows: OpportunityRows, later: NDArray[np.bool_], seed: int) -> RetentionChoice:
    """Fit the candidates to the earlier rows, compare them on the later ones, refit the best to all rows.

    Candidates with covariates must be clearly better than the best without.
    """
    rows, later = _sample(rows, later, seed)
    earlier, after = rows.part(~later), rows.part(later)
    covariates = choose_covariates(earlier)
    candidates = {
        (name, bool(used)): used for used in ((), covariates)[: 1 + bool(covariates)] for name in MODELS
    }
    losses: dict[tuple[str, bool], Floats] = {}
    for key, used in candidates.items():
        try:
            losses[key] = _losses(fit_retention(key[0], used, earlier), after)
        except FitError as error:
            failed = error
    if not losses:
        raise failed
    best = _best(losses, after.customers)
    model = fit_retention(best[0], candidates[best], rows)
    means = {_title(key): float(each.mean()) for key, each in losses.items()}
    others = ", ".join(f"{name} {mean:.5f}" for name, mean in means.items() if name != _title(best))
    reason = f"{_title(best)}: log loss {means[_title(best)]:.5f}" + (f" ({others})" if others else "")
    return RetentionChoice(model, means, reason)


def fit_retention(name: str, covariates: tuple[Covariate, ...], rows: OpportunityRows) -> RetentionModel:
    """Fit one retention model by maximum likelihood, with the covariates of a document."""
    columns = pd.DataFrame(covariate_values(rows.table, covariates), index=rows.table.index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        fitted = MODELS[name](covariates=[each.name for each in covariates] or None, penalty=_PENALTY).fit(
            rows.durations(columns)
        )
    covariance = fitted.log_covariance_.to_numpy()
    known = tuple(map(tuple, covariance.tolist())) if np.isfinite(covariance).all() else None
    return RetentionModel(name, dict(fitted.params_), known, covariates)


def choose_covariates(rows: OpportunityRows) -> tuple[Covariate, ...]:
    """Make standardised covariates of the attributes, those of the strongest effect if there are many."""
    found = [each for attribute in rows.attributes for each in _covariates(rows.table, attribute)]
    if len(found) <= _MOST_COVARIATES:
        return tuple(found)
    values = covariate_values(rows.table, tuple(found))
    churned = rows.churned - rows.churned.mean()
    strength = {each.name: abs(float(values[each.name] @ churned)) for each in found}
    kept = sorted(strength, key=lambda name: -strength[name])[:_MOST_COVARIATES]
    return tuple(each for each in found if each.name in kept)


def _covariates(table: pd.DataFrame, attribute: Attribute) -> list[Covariate]:
    name = attribute.name
    if attribute.categories is None:
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        return _standardised(name, name, None, values)
    known = table[name].astype(object)
    shares = known.value_counts(normalize=True)
    used = shares[shares >= _LEAST_SHARE].head(_MOST_CATEGORIES).index
    if len(used) < 2:
        return []
    # One category is the reference: the others' covariates would add up to it.
    return [
        each
        for category in list(used)[1:]
        for each in _standardised(
            f"{name}={category}", name, str(category), np.where(known.isna(), np.nan, known == category)
        )
    ]


def _standardised(name: str, attribute: str, category: str | None, values: Floats) -> list[Covariate]:
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known) or not known.std() > 0.0:
        return []
    mean, scale = float(known.mean()), float(known.std())
    ends = (np.quantile(known, [0.001, 0.999]) if category is None else np.array([0.0, 1.0]) - 0.0)
    low, high = ((ends - mean) / scale).tolist()
    return [Covariate(name, attribute, category, mean, scale, low, high)]


def _losses(model: RetentionModel, after: OpportunityRows) -> Floats:
    """Log loss of each later row, with the level of the window: it says nothing about who leaves."""
    score = RetentionHazard(model).next(after.table)
    shift = CHURN.level(score, np.ones(len(score)), float(after.churned.mean()))
    return logistic_loss(after.churned, score + shift)


def _best(losses: dict[tuple[str, bool], Floats], customers: NDArray[np.int64]) -> tuple[str, bool]:
    plain = [key for key in losses if not key[1]]
    rich = [key for key in losses if key[1]]
    if not plain or not rich:
        keys = plain or rich
        return keys[first_lowest(losses[key].mean() for key in keys)]
    simple = plain[first_lowest(losses[key].mean() for key in plain)]
    best = rich[first_lowest(losses[key].mean() for key in rich)]
    gain, error = paired_by_customer(losses[simple] - losses[best], customers)
    return best if gain > _CLEAR_GAIN * error else simple


def paired_by_customer(difference: Floats, customers: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of the differences of rows and its standard error; rows of one customer are dependent."""
    centred = difference - difference.mean()
    sums = np.bincount(customers, weights=centred)
    return float(difference.mean()), float(np.sqrt(np.sum(sums**2)) / len(difference))


def _sample(
    rows: OpportunityRows, later: NDArray[np.bool_], seed: int
) -> tuple[OpportunityRows, NDArray[np.bool_]]:
    """Rows of a random sample of customers where there are very many: the parameters are few."""
    customers = int(rows.customers.max()) + 1
    if customers <= _MOST_CUSTOMERS:
        return rows, later
    kept = np.random.default_rng(seed).random(customers) < _MOST_CUSTOMERS / customers
    chosen = kept[rows.customers]
    return rows.part(chosen), later[chosen]


def _title(key: tuple[str, bool]) -> str:
    return key[0].replace("_", " ") + (" with covariates" if key[1] else "")


