"""Choice of the retention model, and of a regression that corrects it, on a later window."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError, FitWarning
from guanxi.models import BetaDiscreteWeibull, ShiftedBetaGeometric
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._opportunity_rows import (
    OpportunityRows,
    SampledRows,
    learnt_from,
    sampled_rows,
)
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
_REGRESSED, _CHANGING = ", corrected by a regression", " with effects that change with the tenure"


Pair = tuple[RetentionModel, HazardRegression | None]


@dataclass(frozen=True)
class HazardChoice:
    """The chosen retention model and regression.

    Attributes
    ----------
    retention : RetentionModel
    regression : HazardRegression or None
    before : tuple of BlendedHazard
        The same, fitted to the rows before each part of the comparison.
    losses : dict of str to float
        Log loss of an opportunity in the comparison, by contender.
    reason : str
    """

    retention: RetentionModel
    regression: HazardRegression | None
    before: tuple[BlendedHazard, ...]
    losses: dict[str, float]
    reason: str

    @property
    def hazard(self) -> BlendedHazard:
        """Log odds of churning without trees."""
        return BlendedHazard(self.retention, self.regression)


def choose_hazard(rows: OpportunityRows, parts: Sequence[NDArray[np.bool_]], seed: int) -> HazardChoice:
    """Fit the contenders to the rows before each part, compare them on it, refit the chosen to all rows.

    Contenders are the best retention model without covariates, the best with them, and each corrected by a
    regression; without covariates, also by one whose effects change with the tenure. The simplest that is not
    clearly worse than the best is chosen.
    """
    windows = [_Window.cut(rows, part, seed) for part in parts]
    covariates = choose_covariates(windows[0].earlier)
    # What changes within a spell is not constant over the opportunities of a forecast; the regression and the
    # trees learn how it acts some time ahead.
    constant = tuple(each for each in covariates if each.attribute not in rows.changing)
    tried = [_retention_models(windows, used) for used in dict.fromkeys(((), constant))]
    bases = [_lowest(each) for each in tried if each]
    if not bases:
        raise FitError("no retention model could be fitted: give more customers or a longer history")
    corrected = [_regressed(base, covariates, windows) if covariates else None for base in bases]
    changing = _regressed(bases[0], covariates, windows, changing=True) if covariates else None
    # From simple to complex: effects on the log odds carry over to long tenures better than effects on the
    # heterogeneity.
    ordered = [each for each in (bases[0], corrected[0], *bases[1:], changing, *corrected[1:]) if each]
    chosen = _choose(ordered)
    base = chosen.fitted[0][0]
    retention = fit_retention(base.model, base.covariates, _sample(rows, seed))
    before = chosen.fitted[0][1]
    regression = (
        fit_regression(retention, covariates, rows, seed, changing=bool(before.slopes)) if before else None
    )
    means = {each.title: each.mean for each in (*(one for many in tried for one in many), *ordered)}
    others = ", ".join(f"{name} {mean:.5f}" for name, mean in means.items() if name != chosen.title)
    reason = f"{chosen.title}: log loss {chosen.mean:.5f}" + (f" ({others})" if others else "")
    compared = tuple(BlendedHazard(*pair) for pair in chosen.fitted)
    return HazardChoice(retention, regression, compared, means, reason)


@dataclass(frozen=True)
class _Window:
    """One part of the comparison: the rows before it, and sampled rows of its own."""

    earlier: OpportunityRows
    test: SampledRows
    customers: NDArray[np.int64]
    seed: int

    @classmethod
    def cut(cls, rows: OpportunityRows, part: NDArray[np.bool_], seed: int) -> _Window:
        after = rows.part(part)
        test = sampled_rows(after, seed)
        return cls(rows.part(learnt_from(rows, part)), test, rows.customers[part][test.places], seed)

    @cached_property
    def sample(self) -> OpportunityRows:
        return _sample(self.earlier, self.seed)

    def losses(self, pair: Pair) -> Floats:
        """Log loss of each row, at the level of the window: the level says nothing about who leaves."""
        score, churned, weight = (
            BlendedHazard(*pair).next(self.test.table),
            self.test.churned,
            self.test.weight,
        )
        shift = CHURN.level(score, weight, float(np.average(churned, weights=weight)))
        return logistic_loss(churned, score + shift)


@dataclass(frozen=True)
class _Contender:
    """A contender fitted before each window, with the loss of all rows."""

    fitted: tuple[Pair, ...]
    losses: Floats
    weight: Floats
    customers: NDArray[np.int64]

    @classmethod
    def compare(cls, fitted: Sequence[Pair], windows: Sequence[_Window]) -> _Contender:
        return cls(
            tuple(fitted),
            np.concatenate([each.losses(pair) for pair, each in zip(fitted, windows, strict=True)]),
            np.concatenate([each.test.weight for each in windows]),
            np.concatenate([each.customers for each in windows]),
        )

    @property
    def title(self) -> str:
        retention, regression = self.fitted[0]
        covariates = " with covariates" if retention.covariates else ""
        return retention.model.replace("_", " ") + covariates + _in_words(regression)

    @property
    def mean(self) -> float:
        return float(np.average(self.losses, weights=self.weight))


def _in_words(regression: HazardRegression | None) -> str:
    if regression is None:
        return ""
    return _REGRESSED + (_CHANGING if regression.slopes else "")


def _retention_models(windows: Sequence[_Window], covariates: tuple[Covariate, ...]) -> list[_Contender]:
    found = []
    for name in MODELS:
        with suppress(FitError):
            fitted = [(fit_retention(name, covariates, each.sample), None) for each in windows]
            found.append(_Contender.compare(fitted, windows))
    return found


def _regressed(
    base: _Contender,
    covariates: tuple[Covariate, ...],
    windows: Sequence[_Window],
    *,
    changing: bool = False,
) -> _Contender | None:
    try:
        fitted = [
            (retention, fit_regression(retention, covariates, window.earlier, window.seed, changing=changing))
            for (retention, _), window in zip(base.fitted, windows, strict=True)
        ]
    except FitError:
        return None
    return _Contender.compare(fitted, windows)


def _lowest(contenders: Sequence[_Contender]) -> _Contender:
    return contenders[first_lowest(each.mean for each in contenders)]


def _choose(contenders: Sequence[_Contender]) -> _Contender:
    """Choose the first that is not clearly worse than the best."""
    best = _lowest(contenders)
    for each in contenders:
        gain, error = paired_by_customer(each.losses - best.losses, best.weight, best.customers)
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
        return _standardised(f"{name}: number", name, None, values)
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
            f"{name}: {category}", name, str(category), np.where(known.isna(), np.nan, known == category)
        )
    ]


def _standardised(name: str, attribute: str, category: str | None, values: Floats) -> list[Covariate]:
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known) or not known.std() > 0.0:
        return []
    mean, scale = float(known.mean()), float(known.std())
    ends = np.quantile(known, [0.001, 0.999]) if category is None else np.array([0.0, 1.0]) - 0.0
    low, high = ((ends - mean) / scale).tolist()
    return [Covariate(name, attribute, category, mean, scale, low, high)]


def paired_by_customer(
    difference: Floats, weight: Floats, customers: NDArray[np.int64]
) -> tuple[float, float]:
    """Weighted mean of the differences of rows and its standard error; rows of one customer are dependent."""
    mean = float(np.average(difference, weights=weight))
    sums = np.bincount(customers, weights=weight * (difference - mean))
    return mean, float(np.sqrt(np.sum(sums**2)) / weight.sum())


def _sample(rows: OpportunityRows, seed: int) -> OpportunityRows:
    """Rows of a random sample of customers where there are very many: the parameters are few."""
    customers = int(rows.customers.max()) + 1
    if customers <= _MOST_CUSTOMERS:
        return rows
    kept = np.random.default_rng(seed).random(customers) < _MOST_CUSTOMERS / customers
    return rows.part(kept[rows.customers])
