"""Parameters that the data leave possible: a few points that stand for their normal approximation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..purchases.process import Params

_LARGEST_DEVIATION = 0.5
_SMALLEST_ERROR = 0.01


def parameter_points(params: Params, log_covariance: ArrayLike | None) -> list[Params]:
    """Equally likely parameters with the mean and covariance of the Laplace approximation.

    The spherical cubature rule of degree 3 (Arasaratnam & Haykin 2009, Cubature Kalman Filters, IEEE
    Transactions on Automatic Control 54(6)): of d log-parameters, 2 d points at +- sqrt(d) standard
    deviations along the principal axes of their covariance.

    Parameters
    ----------
    params : mapping
    log_covariance : array, shape (d, d), or None
        Covariance of the log-parameters in the order of ``params``, without the regularity k, which is
        whole. Deviations along its axes are cut at .5, a factor of e in four dimensions: beyond it the normal
        approximation says nothing. None, or not finite: the parameters are taken as known. So they are where
        every standard error is below .01: at .01, correlated as on CDNOW, the points move the upper end of
        spend by .02 % of the interval's width (median), .08 % (99 of 100 customers).

    Examples
    --------
    >>> parameter_points({"r": 1.0}, None)
    [{'r': 1.0}]
    >>> [float(round(np.log(point["r"]), 6)) for point in parameter_points({"r": 1.0}, [[0.04]])]
    [0.2, -0.2]
    """
    if log_covariance is None:
        return [params]
    matrix = np.asarray(log_covariance, dtype=np.float64)
    if not np.isfinite(matrix).all() or (np.diag(matrix) < _SMALLEST_ERROR**2).all():
        return [params]
    names = [name for name in params if name != "k"]
    variances, axes = np.linalg.eigh(matrix)
    deviations = np.clip(np.sqrt(np.maximum(variances, 0.0)), 0.0, _LARGEST_DEVIATION)
    steps = (np.sqrt(len(names)) * deviations * axes).T
    return [
        {**params, **{name: params[name] * np.exp(s) for name, s in zip(names, sign * step, strict=True)}}
        for step in steps
        for sign in (1.0, -1.0)
    ]
