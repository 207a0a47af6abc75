"""Choice of the retention model, and of a regression that corrects it, on a later window."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError, FitWarning
from guanxi.models import BetaDiscreteWeibull, ShiftedBetaGeometric
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, SampledRows, sampled_rows
from guanxi.pipeline.contracts._regression import fit_regression
from guanxi.served.contracts.document import Covariate, HazardRegression, RetentionModel
from guanxi.served.contracts.hazard import BlendedHazard
from guanxi.served.contracts.retention_hazard import covariate_values
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
_REGRESSED = ", corrected by a regression"


@dataclass(frozen=True)
class HazardChoice:
    """The chosen retention model and regression, fitted to all rows and to the earlier ones.

    Attributes
    ----------
    retention, retention_earlier : RetentionModel
    regression, regression_earlier : HazardRegression or None
    losses : dict of str to float
        Log loss of an opportunity in the later rows, by contender.
    reason : str
    """

    retention: RetentionModel
    regression: HazardRegression | None
    retention_earlier: RetentionModel
    regression_earlier: HazardRegression | None
    losses: dict[str, float]
    reason: str

    @property
    def hazard(self) -> BlendedHazard:
        """Log odds of churning without trees."""
        return BlendedHazard(self.retention, self.regression)

    @property
    def hazard_earlier(self) -> BlendedHazard:
        """The same, fitted to the earlier rows."""
        return BlendedHazard(self.retention_earlier, self.regression_earlier)


@dataclass(frozen=True)
class _Contender:
    retention: RetentionModel
    regression: HazardRegression | None
    losses: Floats

    @property
    def title(self) -> str:
        covariates = " with covariates" if self.retention.covariates else ""
        return self.retention.model.replace("_", " ") + covariates + (_REGRESSED if self.regression else "")


def choose_hazard(rows: OpportunityRows, later: NDArray[np.bool_], seed: int) -> HazardChoice:
    """Fit the contenders to the earlier rows, compare them on the later ones, refit the chosen to all rows.

    Contenders are the best retention model without covariates, the best with them, and each corrected by a
    regression. The simplest that is not clearly worse than the best is chosen.
    """
    earlier, after = rows.part(~later), rows.part(later)
    covariates = choose_covariates(earlier)
    comparison = _Comparison(sampled_rows(after, seed), after.customers)
    tried = [_retention_models(earlier, used, comparison, seed) for used in dict.fromkeys(((), covariates))]
    best = [comparison.best(each) for each in tried if each]
    if not best:
        raise FitError("no retention model could be fitted: give more customers or a longer history")
    corrected = [_regressed(base, covariates, earlier, comparison, seed) if covariates else None for base in best]
    # From simple to complex: effects on the log odds carry over to long tenures better than effects on the
    # heterogeneity.
    best = [each for each in (best[0], corrected[0], *best[1:], *corrected[1:]) if each]
    chosen = comparison.choose(best)
    retention = fit_retention(chosen.retention.model, chosen.retention.covariates, _sample(rows, seed))
    regression = fit_regression(retention, covariates, rows, seed) if chosen.regression else None
    means = {each.title: comparison.mean(each) for each in (*(one for many in tried for one in many), *best)}
    others = ", ".join(f"{name} {mean:.5f}" for name, mean in means.items() if name != chosen.title)
    reason = f"{chosen.title}: log loss {means[chosen.title]:.5f}" + (f" ({others})" if others else "")
    return HazardChoice(retention, regression, chosen.retention, chosen.regression, means, reason)


def _retention_models(
    earlier: OpportunityRows, covariates: tuple[Covariate, ...], comparison: _Comparison, seed: int
) -> list[_Contender]:
    sample, found = _sample(earlier, seed), []
    for name in MODELS:
        with suppress(FitError):
            model = fit_retention(name, covariates, sample)
            found.append(_Contender(model, None, comparison.losses(BlendedHazard(model))))
    return found


def _regressed(
    base: _Contender, covariates: tuple[Covariate, ...], earlier: OpportunityRows, comparison: _Comparison, seed: int
) -> _Contender | None:
    try:
        regression = fit_regression(base.retention, covariates, earlier, seed)
    except FitError:
        return None
    return _Contender(base.retention, regression, comparison.losses(BlendedHazard(base.retention, regression)))


@dataclass(frozen=True)
class _Comparison:
    """The later rows on which contenders are compared."""

    test: SampledRows
    customers: NDArray[np.int64]

    def losses(self, hazard: BlendedHazard) -> Floats:
        """Log loss of each row, at the level of the window: the level says nothing about who leaves."""
        score, churned, weight = hazard.next(self.test.table), self.test.churned, self.test.weight
        shift = CHURN.level(score, weight, float(np.average(churned, weights=weight)))
        return logistic_loss(churned, score + shift)

    def mean(self, contender: _Contender) -> float:
        return float(np.average(contender.losses, weights=self.test.weight))

    def best(self, contenders: list[_Contender]) -> _Contender:
        return contenders[first_lowest(self.mean(each) for each in contenders)]

    def choose(self, contenders: list[_Contender]) -> _Contender:
        """Choose the first that is not clearly worse than the best."""
        best, weight = self.best(contenders), self.test.weight
        for each in contenders:
            difference = (each.losses - best.losses) * weight / weight.mean()
            gain, error = paired_by_customer(difference, self.customers[self.test.places])
            if gain <= _CLEAR_GAIN * error:
                return each
        return best


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


def paired_by_customer(difference: Floats, customers: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of the differences of rows and its standard error; rows of one customer are dependent."""
    centred = difference - difference.mean()
    sums = np.bincount(customers, weights=centred)
    return float(difference.mean()), float(np.sqrt(np.sum(sums**2)) / len(difference))


def _sample(rows: OpportunityRows, seed: int) -> OpportunityRows:
    """Rows of a random sample of customers where there are very many: the parameters are few."""
    customers = int(rows.customers.max()) + 1
    if customers <= _MOST_CUSTOMERS:
        return rows
    kept = np.random.default_rng(seed).random(customers) < _MOST_CUSTOMERS / customers
    return rows.part(kept[rows.customers])
