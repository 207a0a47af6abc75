"""Linear regression where some of what explains the outcome is measured with noise.

Noise in an explaining variable pulls its slope towards 0, and its share of the explanation over to whatever
goes along with it. Where the variance of the noise is known, the moments of the variables without noise are
known too, and the regression on these follows, whatever their distribution is and whoever has more noise than
others (Fuller 1987, Measurement Error Models, section 3.1).
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
        What each row adds to the error of the coefficients: they are off by its mean. The sandwich covariance
        is ``influence.T @ influence / n**2``.
    """

    coefficients: Floats
    influence: Floats


def fit_linear(design: Floats, error_variance: Floats, outcome: Floats) -> LinearFit:
    """Fit ``E[outcome] = x @ coefficients``, x seen with noise.

    Parameters
    ----------
    design : array, shape (n, p)
        What is seen of x, linearly independent columns.
    error_variance : array, shape (n, p)
        Variance of the noise, which is independent between columns and of the outcome; 0: seen as it is.
    outcome : array, shape (n,)

    Raises
    ------
    FitError
        If less than a tenth of the variance of some mixture of the columns is no noise.

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
            "what the drivers tell apart from one another and from the controls is noise for the most part "
            f"(reliability {max(reliability, 0.0):.2f})"
        )
    inverse: Floats = np.asarray(np.linalg.inv(true), dtype=np.float64)
    coefficients = inverse @ (design.T @ outcome) / n
    residual = outcome - design @ coefficients
    score = design * residual[:, None] + error_variance * coefficients
    return LinearFit(coefficients=coefficients, influence=score @ inverse)


def noise_variance(number: Floats, spread: Floats) -> Floats | None:
    """Variance of the noise in each customer's mean answer, so that the mean over customers is unbiased.

    Noise is what a customer's answers differ by among themselves (one-way analysis of variance; Searle,
    Casella & McCulloch 1992, Variance Components, section 3.5), independent between answers. Each customer
    stands for itself, since who stays longer has answered more often and may answer otherwise; those with the
    fewest repeated answers stand for those with one, too. So a single customer's number says little, but
    the spread of these numbers tells how well their mean is known. None where nobody has answered twice: one
    answer does not show how much of it is noise.

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
