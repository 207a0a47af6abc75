"""A logistic regression on attributes and tenure, with the retention model's log odds as offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, sampled_rows
from guanxi.served.contracts.document import Covariate, HazardRegression, RetentionModel
from guanxi.served.contracts.hazard_regression import log_tenure
from guanxi.served.contracts.retention_hazard import RetentionHazard, covariate_values
from guanxi.served.corrections import probability

Floats = NDArray[np.float64]

_KNOTS = (1, 2, 3, 4, 6, 9, 12, 18, 24, 30, 36, 48, 60, 84, 120)
_FEWEST_CHURNED = 20  # from one knot to the next
_PENALTY = 2.0  # a normal prior of standard deviation .7 for each coefficient
_ITERATIONS, _TOLERANCE = 50, 1e-8


def fit_regression(
    retention: RetentionModel,
    covariates: tuple[Covariate, ...],
    rows: OpportunityRows,
    seed: int,
    *,
    changing: bool = False,
) -> HazardRegression:
    """Fit by penalised maximum likelihood (Newton's method).

    The attributes of a row are those known a number of opportunities before it
    (:func:`._opportunity_rows.sampled_rows`), as in forecasts. Effects that are ``changing`` do so with the
    logarithm of the tenure (time-dependent effects as in Cox 1972, Regression models and life-tables, Journal
    of the Royal Statistical Society B 34(2)).

    Raises
    ------
    FitError
        If the search does not converge.
    """
    chosen = sampled_rows(rows, seed)
    form = HazardRegression(
        covariates, (), _knots(rows), (), 0.0, longest=int(rows.table["renewals"].max()) if changing else 0
    )
    renewals = chosen.table["renewals"].to_numpy(dtype=np.float64)
    values = np.column_stack(list(covariate_values(chosen.table, covariates).values()))
    slopes = [values * log_tenure(form, renewals)[:, None]] if changing else []
    reached = [(renewals >= knot).astype(np.float64) for knot in form.knots]
    X = np.column_stack([np.ones(len(renewals)), values, *slopes, *reached])
    offset = RetentionHazard(retention).next(chosen.table) + chosen.offset
    intercept, *found = _newton(X, chosen.churned, offset).tolist()
    first, after = len(covariates), len(covariates) * (1 + changing)
    return replace(
        form,
        coefficients=tuple(found[:first]),
        slopes=tuple(found[first:after]),
        steps=tuple(found[after:]),
        intercept=intercept,
    )


def _knots(rows: OpportunityRows) -> tuple[int, ...]:
    """Knots with enough customers who left between them."""
    left = np.sort(rows.table.loc[rows.churned == 1, "renewals"].to_numpy(dtype=np.float64))
    knots: list[int] = []
    for knot in _KNOTS:
        between = np.searchsorted(left, knot) - np.searchsorted(left, knots[-1] if knots else 0)
        if between >= _FEWEST_CHURNED and len(left) - np.searchsorted(left, knot) >= _FEWEST_CHURNED:
            knots.append(knot)
    return tuple(knots)


def _newton(X: Floats, churned: Floats, offset: Floats) -> Floats:
    penalty = np.full(X.shape[1], _PENALTY)
    penalty[0] = 0.0
    weights = np.zeros(X.shape[1])
    for _ in range(_ITERATIONS):
        p = probability(offset + X @ weights)
        gradient = X.T @ (churned - p) - penalty * weights
        information = (X * (p * (1.0 - p))[:, None]).T @ X + np.diag(penalty)
        step = np.linalg.solve(information, gradient)
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < _TOLERANCE:
            return np.asarray(weights)
    raise FitError("the regression of the hazard did not converge")
