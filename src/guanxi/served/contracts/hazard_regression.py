"""Correction of the log odds of churning by a regression on attributes and tenure."""

from __future__ import annotations

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


def attribute_parts(regression: HazardRegression, features: pd.DataFrame) -> dict[str, Floats]:
    """Part of each attribute, arrays of shape (n,)."""
    values = covariate_values(features, regression.covariates)
    found: dict[str, Floats] = {}
    for each, coefficient in zip(regression.covariates, regression.coefficients, strict=True):
        found[each.attribute] = found.get(each.attribute, 0.0) + coefficient * values[each.name]
    return found


def attribute_score(regression: HazardRegression, features: pd.DataFrame) -> Floats:
    """Intercept and the parts of all attributes, shape (n,)."""
    score = np.full(len(features), regression.intercept)
    for part in attribute_parts(regression, features).values():
        score = score + part
    return score
