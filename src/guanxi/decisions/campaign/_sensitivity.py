"""How strong an unmeasured confounder would have to be to explain an estimate away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.campaign._doubly_robust import Estimate
from guanxi.decisions.campaign._overlap import Covariates

Floats = NDArray[np.float64]

_LOG_ODDS_OF_D = 0.91  # of a standardised mean difference: VanderWeele & Ding (2017), table 2


@dataclass(frozen=True)
class Strength:
    """Strength of confounding that would explain an estimate, and the limit of its interval, away.

    Attributes
    ----------
    e_value, e_value_limit : float
        Risk ratio, at least 1; see :func:`e_value`. NaN if the outcome does not
        vary, or if it is 0 or 1 and one mean is 0.
    robustness, robustness_limit : float
        Between 0 and 1; see :func:`robustness_value`. NaN if propensities are too extreme to tell.
    """

    e_value: float
    e_value_limit: float
    robustness: float
    robustness_limit: float


def e_value(risk_ratio: float) -> float:
    """Risk ratio with treatment and with the outcome that a confounder needs to explain a risk ratio away.

    VanderWeele & Ding (2017), Sensitivity analysis in observational research: introducing the E-value, Annals
    of Internal Medicine 167.

    >>> round(e_value(3.9), 2)
    7.26
    """
    ratio = max(risk_ratio, 1.0 / risk_ratio) if risk_ratio != 0.0 else np.inf
    return float(ratio + np.sqrt(ratio * (ratio - 1.0)))


def robustness_value(value: float, bias_scale: float) -> float:
    """Share r of what is left of outcome and of treatment that a confounder must explain to make a value 0.

    The bias of a confounder that explains these shares is ``bias_scale * r / sqrt(1 - r)``: Chernozhukov,
    Cinelli, Newey, Sharma & Syrgkanis (2022), Long story short: omitted variable bias in causal machine
    learning; in the linear model Cinelli & Hazlett (2020), Making sense of sensitivity, equation 19.

    Parameters
    ----------
    value : float
        The estimate, or the limit of its interval.
    bias_scale : float
        The square root of ``residual_variance * representer_norm``.

    >>> round(robustness_value(1.0, 10.0), 3)
    0.095
    """
    if np.isnan(bias_scale):
        return float("nan")
    if bias_scale == 0.0:
        return 1.0 if value else 0.0
    squared = (value / bias_scale) ** 2
    return float(2.0 * squared / (squared + np.sqrt(squared**2 + 4.0 * squared))) if squared else 0.0


def strength_needed(estimate: Estimate, y: Floats, z: float) -> Strength:
    """Compute E-values and robustness values of an estimate; ``z`` is the normal quantile of its interval."""
    half = z * estimate.standard_error
    limit = float(np.sign(estimate.value) * max(abs(estimate.value) - half, 0.0))
    # Extreme propensities can leave a norm below 0, by which no bias can be measured.
    norm = estimate.representer_norm
    scale = float(np.sqrt(estimate.residual_variance * norm)) if norm > 0.0 else np.nan
    ratio, nearest = _log_risk_ratio(estimate, y, z)
    return Strength(
        e_value=e_value(float(np.exp(ratio))),
        e_value_limit=e_value(float(np.exp(nearest))),
        robustness=robustness_value(estimate.value, scale),
        robustness_limit=robustness_value(limit, scale),
    )


def _log_risk_ratio(estimate: Estimate, y: Floats, z: float) -> tuple[float, float]:
    """Return the logarithms of the risk ratio and of the limit of its interval that is nearer to 0."""
    having = estimate.baseline + estimate.value
    if np.isin(y, (0.0, 1.0)).all():
        if min(having, estimate.baseline) <= 0.0:
            return np.nan, np.nan
        value = float(np.log(having / estimate.baseline))
        error = estimate.ratio_error
    else:
        spread = float(y.std())
        if spread == 0.0:
            return np.nan, np.nan
        value = _LOG_ODDS_OF_D * estimate.value / spread
        error = _LOG_ODDS_OF_D * estimate.standard_error / spread
    return value, float(np.sign(value) * max(abs(value) - z * error, 0.0))


def strongest_covariate(covariates: Covariates, y: Floats, treated: NDArray[np.bool_]) -> tuple[str, float]:
    """Find the covariate that would bias a linear estimate most if it were left out, and its strength.

    The strength is on the scale of :func:`robustness_value`: the share of both residual variances that a
    confounder of equal bias explains (Cinelli & Hazlett 2020, section 4.4, with a confounder once as strong).

    Parameters
    ----------
    covariates : Covariates
    y, treated : numpy.ndarray, shape (n,)
    """
    x = np.column_stack([np.ones(len(y)), covariates.standardised])
    covariate_of = covariates.covariate_of
    d = treated.astype(np.float64)
    names = list(dict.fromkeys(covariate_of.values()))
    strengths = dict.fromkeys(names, 0.0)
    for name in names:
        own = np.array([False, *(of == name for of in covariate_of.values())])
        of_treatment = _partial_r2(d, x[:, ~own], x)
        of_outcome = _partial_r2(y, np.column_stack([x[:, ~own], d]), np.column_stack([x, d]))
        bias = np.sqrt(of_outcome * of_treatment / max(1.0 - of_treatment, 1e-12))
        strengths[name] = robustness_value(float(bias), 1.0)
    strongest = max(strengths, key=lambda name: strengths[name])
    return strongest, strengths[strongest]


def _partial_r2(target: Floats, fewer: Floats, more: Floats) -> float:
    left = [
        float(np.sum((target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]) ** 2))
        for columns in (fewer, more)
    ]
    return max(1.0 - left[1] / left[0], 0.0) if left[0] > 0.0 else 0.0
