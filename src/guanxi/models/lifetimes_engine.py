"""The only door to the lifetimes package: imported where it is asked for, its warnings kept inside."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import FitError

Floats = NDArray[np.float64]


def fit_beta_geo(frequency: Floats, recency: Floats, T: Floats, weight: Floats) -> Floats:
    """(r, alpha, a, b) of BG/NBD as lifetimes finds them.

    Raises
    ------
    FitError
        If lifetimes does not converge.
    """
    # Archived: it overflows on its way, changes the warning filters, and its import sets a pandas option.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message="The 'mode.chained_assignment' option is deprecated")
        from lifetimes import BetaGeoFitter
        from lifetimes.utils import ConvergenceError

        try:
            fitter = BetaGeoFitter().fit(frequency, recency, T, weights=weight)
        except ConvergenceError:
            raise FitError("lifetimes did not converge: use engine='guanxi'") from None
    return np.asarray(fitter.params_.loc[["r", "alpha", "a", "b"]], dtype=np.float64)
