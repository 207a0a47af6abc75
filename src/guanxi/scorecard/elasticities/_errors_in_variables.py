"""Linear regression with measurement error in some explanatory variables.

Measurement error attenuates the slope of a variable and shifts part of its effect to correlated variables. If
the error variance is known, so are the moments of the error-free variables and hence the regression on them,
whatever their distribution and even if the error variance differs between customers (Fuller 1987, Measurement
Error Models, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from guanxi.errors import FitError

Floats = NDArray[np.float64]

_LEAST_RELIABILITY = 0.1


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of a linear regression.

    Attributes
    ----------
    coefficients : array, shape (p,)
    influence : array, shape (n, p)
        Influence function of each row; its mean approximates the error of the coefficients. The sandwich
        covariance is ``influence.T @ influence / n**2``.
    """

    coefficients: Floats
    influence: Floats


def fit_linear(design: Floats, error_variance: Floats, outcome: Floats) -> LinearFit:
    """Fit ``E[outcome] = x @ coefficients`` with x observed with error.

    Parameters
    ----------
    design : array, shape (n, p)
        Observed x, with linearly independent columns.
    error_variance : array, shape (n, p)
        Variance of the error, independent between columns and of the outcome; 0: observed without error.
    outcome : array, shape (n,)

    Raises
    ------
    FitError
        If some linear combination of the columns has a reliability below 0.1.

    Examples
    --------
    >>> x = np.repeat([0.0, 1.0], 50)
    >>> design = np.column_stack([np.ones(100), x])
    >>> fit_linear(design, np.zeros((100, 2)), 3.0 + 2.0 * x).coefficients.round(6)
    array([3., 2.])
    """
    n = len(outcome)
    seen = design.T @ design / n
    true = seen - np.diag(error_variance.mean(axis=0))
    reliability = float(eigh(true, seen, eigvals_only=True, subset_by_index=[0, 0])[0])
    if reliability < _LEAST_RELIABILITY:
        raise FitError(
            "the variation of the drivers given one another and the controls is mostly measurement error "
            f"(reliability {max(reliability, 0.0):.2f})"
        )
    inverse: Floats = np.asarray(np.linalg.inv(true), dtype=np.float64)
    coefficients = inverse @ (design.T @ outcome) / n
    residual = outcome - design @ coefficients
    score = design * residual[:, None] + error_variance * coefficients
    return LinearFit(coefficients=coefficients, influence=score @ inverse)


def noise_variance(number: Floats, spread: Floats) -> Floats | None:
    """Estimate the error variance of each customer's mean answer, unbiased on average over customers.

    Error is the variation between a customer's answers (one-way analysis of variance; Searle, Casella &
    McCulloch 1992, Variance Components, section 3.5), independent between answers. Variances are not pooled,
    since long-standing customers have answered more often and may answer differently; customers with the
    fewest repeated answers also represent those with one. A single customer's value is imprecise, but the
    spread of these values shows the precision of their mean. None if no customer has answered twice.

    Parameters
    ----------
    number : array, shape (n,)
        Answers of each customer, 1 or more.
    spread : array, shape (n,)
        Variance of each customer's answers, n - 1 in the denominator; NaN for one answer.

    Examples
    --------
    >>> noise_variance(np.array([2.0, 2.0, 1.0]), np.array([2.0, 0.0, np.nan]))
    array([2., 0., 0.])
    """
    repeated = number > 1.0
    if not repeated.any():
        return None
    variance = np.where(repeated, spread, 0.0) / number
    fewest = number == number[repeated].min()
    variance[fewest] += spread[fewest] * ((~repeated).sum() / fewest.sum())
    return np.asarray(variance)
