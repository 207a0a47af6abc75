"""Correction of the log odds of churning by a regression on attributes and tenure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .document import HazardRegression
from .retention_hazard import covariate_values

Floats = NDArray[np.float64]


def tenure_steps(regression: HazardRegression, renewals: ArrayLike) -> Floats:
    """Part of the tenure, in the shape of ``renewals`` (made before an opportunity).

    Examples
    --------
    >>> tenure_steps(HazardRegression((), (), knots=(1, 12), steps=(-0.5, 0.2), intercept=0.0), [0, 1, 20])
    array([ 0. , -0.5, -0.3])
    """
    reached = np.searchsorted(np.asarray(regression.knots), np.asarray(renewals), side="right")
    return np.asarray(np.append(0.0, np.cumsum(regression.steps))[reached])


def log_tenure(regression: HazardRegression, renewals: ArrayLike) -> Floats:
    """Logarithm of 1 plus the renewals, with which the effects of attributes change.

    Examples
    --------
    >>> log_tenure(HazardRegression((), (), (), (), intercept=0.0, longest=3), [0, 3, 50]).round(3)
    array([0.   , 1.386, 1.386])
    """
    return np.asarray(np.log1p(np.minimum(np.asarray(renewals, dtype=np.float64), regression.longest)))


def attribute_parts(regression: HazardRegression, features: pd.DataFrame) -> dict[str, Floats]:
    """Part of each attribute at the next opportunity, arrays of shape (n,)."""
    tenure = log_tenure(regression, features["renewals"])
    found: dict[str, Floats] = {}
    for name, first, slope in _effects(regression, features):
        found[name] = found.get(name, 0.0) + first + slope * tenure
    return found


def attribute_score(regression: HazardRegression, features: pd.DataFrame, renewals: ArrayLike) -> Floats:
    """Intercept and the parts of all attributes at each number of renewals, shape (n, opportunities)."""
    first, slope = np.full(len(features), regression.intercept), np.zeros(len(features))
    for _, constant, change in _effects(regression, features):
        first, slope = first + constant, slope + change
    return np.asarray(first[:, None] + slope[:, None] * log_tenure(regression, renewals))


def _effects(regression: HazardRegression, features: pd.DataFrame) -> Iterator[tuple[str, Floats, Floats]]:
    """Attribute, effect at the first opportunity and its change, for each covariate."""
    values = covariate_values(features, regression.covariates)
    slopes = regression.slopes or (0.0,) * len(regression.coefficients)
    for each, first, slope in zip(regression.covariates, regression.coefficients, slopes, strict=True):
        yield each.attribute, first * values[each.name], slope * values[each.name]
