"""Log odds of churning by the retention model, and what each covariate adds to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .document import Covariate, RetentionModel
from .retention_process import RETENTION_PROCESSES

Floats = NDArray[np.float64]

_SMALL = 1e-8


class RetentionHazard:
    """Churn by the retention model of a document.

    Parameters
    ----------
    model : RetentionModel
    """

    def __init__(self, model: RetentionModel) -> None:
        self.model = model
        self._process = RETENTION_PROCESSES[model.model]

    def future(self, features: pd.DataFrame, opportunities: int) -> Floats:
        """Log odds of churning at each of the next opportunities, shape (n, opportunities)."""
        params = self._row_params(covariate_values(features, self.model.covariates))
        return self._process.future_churn_log_odds(params, _renewals(features), opportunities)

    def next(self, features: pd.DataFrame) -> Floats:
        """Log odds of churning at the next opportunity, shape (n,)."""
        params = self._row_params(covariate_values(features, self.model.covariates))
        return self._process.churn_log_odds(params, _renewals(features))

    def contributions(self, features: pd.DataFrame) -> tuple[Floats, dict[str, Floats]]:
        """Log odds at mean covariates, shape (n,), and what the covariates of each attribute add to them.

        The covariates act through two linear predictors, those of the two parameters of the beta
        distribution. The effect is divided between the predictors by the Shapley value, and within a
        predictor in proportion to its terms.
        """
        renewals = _renewals(features)
        mean = np.broadcast_to(
            self._process.churn_log_odds(self.model.params, renewals), renewals.shape
        ).astype(np.float64)
        if not self.model.covariates:
            return mean, {}
        values = covariate_values(features, self.model.covariates)
        whole = self._row_params(values)
        names = self._process.covariate_parameters
        alone = [self._with(whole, [name], renewals) for name in names]
        both = self._with(whole, list(names), renewals)
        parts = {}
        for place, name in enumerate(names):
            other = alone[1 - place]
            part = (alone[place] - mean + both - other) / 2.0
            terms = {
                each.name: self.model.params[f"{name}:{each.name}"] * values[each.name]
                for each in self.model.covariates
            }
            total = np.sum(list(terms.values()), axis=0)
            ratio = np.divide(part, total, out=np.zeros_like(part), where=np.abs(total) > _SMALL)
            parts[name] = {key: term * ratio for key, term in terms.items()}
        found: dict[str, Floats] = {}
        for each in self.model.covariates:
            added = sum(parts[name][each.name] for name in names)
            found[each.attribute] = found.get(each.attribute, 0.0) + added
        return mean, found

    def _with(self, whole: dict[str, Floats], names: list[str], renewals: Floats) -> Floats:
        """Log odds with the covariates' effect on some parameters only."""
        params = {**self.model.params, **{name: whole[name] for name in names}}
        return self._process.churn_log_odds(params, renewals)

    def _row_params(self, values: dict[str, Floats]) -> dict[str, Floats]:
        return self._process.row_params(self.model.params, values or None)


def covariate_values(features: pd.DataFrame, covariates: tuple[Covariate, ...]) -> dict[str, Floats]:
    """Standardised covariates by name, arrays of shape (n,).

    Examples
    --------
    >>> paper = Covariate("bill: paper", "bill", "paper", mean=0.5, scale=0.5, lowest=-1.0, highest=1.0)
    >>> covariate_values(pd.DataFrame({"bill": ["paper", "mail", None]}), (paper,))
    {'bill: paper': array([ 1., -1.,  0.])}
    """
    return {each.name: _standardised(features[each.attribute], each) for each in covariates}


def _standardised(values: pd.Series, covariate: Covariate) -> Floats:
    if covariate.category is None:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        there = values.astype(object)
        numbers = np.where(there.isna(), np.nan, (there == covariate.category).astype(np.float64))
    standardised = (numbers - covariate.mean) / covariate.scale
    return np.clip(np.nan_to_num(standardised, nan=0.0), covariate.lowest, covariate.highest)


def _renewals(features: pd.DataFrame) -> Floats:
    return features["renewals"].to_numpy(dtype=np.float64)
