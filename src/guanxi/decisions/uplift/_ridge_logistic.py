"""Logistic regression with a ridge penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]


def fit_ridge_logistic(design: Floats, y: Floats) -> LogisticRegression:
    """Fit a logistic regression; half a squared coefficient costs as much as one unit of log likelihood."""
    from sklearn.linear_model import LogisticRegression

    # Newton's method: fast for the few terms and many customers of a campaign.
    return LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-8, max_iter=1000).fit(design, y)


def chances(model: LogisticRegression, design: Floats) -> Floats:
    """Probability of 1, shape (n,)."""
    return np.asarray(model.predict_proba(design)[:, 1], dtype=np.float64)
