"""Interface to the lifetimes package: imported on use, with its warnings suppressed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError, ParamsError

Floats = NDArray[np.float64]

_PREDICT = "conditional_expected_number_of_purchases_up_to_time"
# Fitter and parameters in lifetimes, by our model names.
_FITTERS = {
    "bg_nbd": ("BetaGeoFitter", ("r", "alpha", "a", "b")),
    "mbg_nbd": ("ModifiedBetaGeoFitter", ("r", "alpha", "a", "b")),
    "pareto_nbd": ("ParetoNBDFitter", ("r", "alpha", "s", "beta")),
    "bg_bb": ("BetaGeoBetaBinomFitter", ("alpha", "beta", "gamma", "delta")),
    "gamma_gamma": ("GammaGammaFitter", ("p", "q", "v")),
}


def fit(name: str, frequency: Floats, recency: Floats, T: Floats, weight: Floats) -> dict[str, float]:
    """Fit a model of repeat purchases with lifetimes.

    Raises
    ------
    FitError
        If lifetimes does not converge.
    """
    with _quiet() as lifetimes:
        from lifetimes.utils import ConvergenceError

        fitter = getattr(lifetimes, _FITTERS[name][0])()
        try:
            fitter.fit(frequency, recency, T, weights=weight)
        except ConvergenceError:
            raise FitError("lifetimes did not converge: use engine='guanxi'") from None
    return from_fitter(fitter, name)


def to_fitter(name: str, params: Mapping[str, float]) -> Any:
    """Make a lifetimes fitter with these parameters, ready to predict.

    Raises
    ------
    ParamsError
        If lifetimes has no such model.
    """
    if name not in _FITTERS or any(":" in each for each in params):
        has = ", ".join(sorted(_FITTERS))
        raise ParamsError(f"lifetimes has no model {name} with {', '.join(params)}: it has {has}")
    fitter_name, symbols = _FITTERS[name]
    with _quiet() as lifetimes:
        fitter = getattr(lifetimes, fitter_name)()
    fitter.params_ = pd.Series({symbol: params[symbol] for symbol in symbols})
    fitter._scale = 1.0
    if hasattr(fitter, _PREDICT):
        fitter.predict = getattr(fitter, _PREDICT)
    return fitter


def from_fitter(fitter: Any, name: str) -> dict[str, float]:
    """Read the parameters of a fitted lifetimes fitter.

    Raises
    ------
    ParamsError
        If it is not fitted, or of another model.
    """
    fitter_name, symbols = _FITTERS.get(name, ("", ()))
    if type(fitter).__name__ != fitter_name:
        wanted = f"a {fitter_name}" if fitter_name else "none: lifetimes has no such model"
        raise ParamsError(f"the fitter is a {type(fitter).__name__}: {name} takes {wanted}")
    params = getattr(fitter, "params_", None)
    if params is None or not set(symbols) <= set(params.index):
        raise ParamsError(f"the {fitter_name} is not fitted: fit it first")
    return {symbol: float(params[symbol]) for symbol in symbols}


@contextmanager
def _quiet() -> Iterator[Any]:
    # Unmaintained: it overflows, changes the warning filters, and sets a pandas option on import.
    with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(StringIO()):
        warnings.filterwarnings("ignore", message="The 'mode.chained_assignment' option is deprecated")
        import lifetimes

        yield lifetimes
