"""Logistic regression with a ridge penalty, by Newton's method: fast for many fits of few terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guanxi.models.losses import logistic_loss
from guanxi.served.corrections import probability

Floats = NDArray[np.float64]

_PENALTY = 1.0  # half a squared coefficient of a standardised term costs this much log likelihood
_MOST_STEPS, _TOLERANCE = 50, 1e-8


@dataclass(frozen=True)
class RidgeLogistic:
    """A fitted logistic regression.

    Attributes
    ----------
    coefficients : array of shape (n_terms + 1,)
        The first is the intercept, which is not penalised.
    """

    coefficients: Floats

    def predict(self, design: Floats) -> Floats:
        """Probability of 1, shape (n,)."""
        return np.asarray(probability(self.coefficients[0] + design @ self.coefficients[1:]))


def fit_ridge_logistic(design: Floats, y: Floats) -> RidgeLogistic:
    """Maximise the log likelihood less the penalty; steps that do not are halved.

    Equal to scikit-learn's ``LogisticRegression(C=1)``.
    """
    Z = np.column_stack([np.ones(len(y)), design])
    penalty = np.append(0.0, np.full(design.shape[1], _PENALTY))
    theta = np.zeros(Z.shape[1])

    def loss(at: Floats) -> float:
        return float(logistic_loss(y, Z @ at).sum() + 0.5 * np.sum(penalty * at**2))

    for _ in range(_MOST_STEPS):
        p = probability(Z @ theta)
        gradient = Z.T @ (p - y) + penalty * theta
        hessian = (Z * (p * (1.0 - p))[:, None]).T @ Z + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        before = loss(theta)
        while loss(theta - step) > before and np.abs(step).max() > _TOLERANCE:
            step = step / 2.0
        theta = theta - step
        if np.abs(step).max() <= _TOLERANCE:
            break
    return RidgeLogistic(theta)
