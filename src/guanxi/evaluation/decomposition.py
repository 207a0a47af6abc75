"""Decomposition of a mean loss into miscalibration of level and shape, discrimination and uncertainty.

After Murphy (1973, A New Vector Partition of the Probability Score, Journal of Applied Meteorology 12(4)), in
the form of Dimitriadis, Gneiting & Jordan (2021, Stable reliability diagrams for probabilistic classifiers,
PNAS 118(8)) and, for means and the split of the miscalibration, Gneiting & Resin (2023, Regression
diagnostics meets forecast evaluation, Electronic Journal of Statistics 17(2)):

    loss = level + shape - discrimination + uncertainty

With the forecast itself, recalibrated by the one constant that is best in hindsight (``leveled``: a factor,
or for probabilities a shift of the log odds), recalibrated by isotonic regression on the outcomes, and
replaced by the mean outcome for everyone:

- ``level`` (unconditional miscalibration) = loss(forecast) - loss(leveled): all forecasts too high or low;
- ``shape`` (conditional miscalibration) = loss(leveled) - loss(isotonic): some too high, others too low,
  or in the wrong order;
- ``discrimination`` = loss(mean) - loss(isotonic): what the ranking of the customers is worth;
- ``uncertainty`` = loss(mean): the spread of the outcomes, which no forecast changes. What remains of it
  after the discrimination is noise to this forecast.

None is negative. Isotonic regression follows the noise a little: with few customers shape and discrimination
are both too large, by about the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.models import losses

Floats = NDArray[np.float64]
LossName = Literal["log_loss", "poisson_deviance", "tweedie_deviance"]

PARTS = ("level", "shape", "discrimination", "uncertainty")
_LEAST = 1e-12  # means below count as this, as in the losses
_CERTAIN = 1e-15
_WIDEST = 80.0  # log odds
_LOSSES: dict[LossName, Callable[[Floats, Floats], Floats]] = {
    "log_loss": losses.log_loss,
    "poisson_deviance": losses.poisson_deviance,
    "tweedie_deviance": losses.tweedie_deviance,
}


def _decompose(loss: LossName, actual: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Split the mean loss of a forecast into ``level, shape, discrimination, uncertainty``.

    ``actual`` (labels, counts or amounts) and ``predicted`` have shape (n,), n at least 1; the parts are in
    the unit of the loss.

    Examples
    --------
    >>> parts = _decompose("poisson_deviance", [0, 0, 1, 3], [0.5, 0.5, 2.0, 2.0])
    >>> {name: round(part, 3) for name, part in parts.items()}
    {'level': 0.054, 'shape': 0.446, 'discrimination': 1.386, 'uncertainty': 1.648}
    """
    y, forecast = (np.asarray(each, dtype=np.float64) for each in (actual, predicted))
    means = (forecast, _leveled(loss, y, forecast), _isotonic(y, forecast), np.full(len(y), y.mean()))
    own, leveled, isotonic, constant = (float(_LOSSES[loss](y, each).mean()) for each in means)
    return dict(zip(PARTS, (own - leveled, leveled - isotonic, constant - isotonic, constant), strict=True))


def _leveled(loss: LossName, actual: Floats, forecast: Floats) -> Floats:
    """Forecast after the constant change with the lowest loss: a factor, or a shift of the log odds."""
    if loss == "log_loss":
        return _shifted(actual, forecast)
    mean = np.maximum(forecast, _LEAST)
    weight = np.ones(len(mean)) if loss == "poisson_deviance" else 1.0 / np.sqrt(mean)
    return np.asarray(mean * ((actual @ weight) / (mean @ weight)))


def _shifted(label: Floats, forecast: Floats) -> Floats:
    """Probabilities with the mean of the labels, after one shift of the log odds."""
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    if label.min() == label.max():
        return label
    log_odds = logit(np.clip(forecast, _CERTAIN, 1.0 - _CERTAIN))
    shift = brentq(lambda by: float(expit(log_odds + by).mean() - label.mean()), -_WIDEST, _WIDEST)
    return np.asarray(expit(log_odds + shift))


def _isotonic(actual: Floats, forecast: Floats) -> Floats:
    """Best increasing function of the forecast: the same one for every loss of a mean."""
    from sklearn.isotonic import IsotonicRegression

    # Ties are merged at their mean, which rounding may put inside the range of the forecasts.
    return np.asarray(IsotonicRegression(out_of_bounds="clip").fit_transform(forecast, actual))
