"""Beta discrete Weibull: renewals of contracts whose churn depends on their duration."""

from __future__ import annotations

from guanxi.models.retention_model import RetentionModel
from guanxi.served.contracts.retention_process import BETA_DISCRETE_WEIBULL


class BetaDiscreteWeibull(RetentionModel):
    """Beta discrete Weibull model of contracts that come up for renewal at the end of each period.

    Fader, Hardie, Liu, Davin & Steenburgh (2018), "How to Project Customer Retention" Revisited: The Role of
    Duration Dependence, Journal of Interactive Marketing 43. A customer survives t renewal opportunities with
    probability (1 - theta)^(t^c), theta beta distributed across customers (gamma, delta). At c > 1 each
    customer's own churn probability rises with tenure, at c < 1 it falls; at c = 1 the model is
    :class:`.ShiftedBetaGeometric`.

    A customer in the n-th contract period has renewed n - 1 times, the ``renewals`` of the predictions.

    Parameters
    ----------
    covariates : list of str or DataFrame, optional
        As in :class:`.ShiftedBetaGeometric`, with coefficients ``gamma:column`` and ``delta:column``.
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients of standardised covariates is
        subtracted from the log-likelihood.

    Attributes
    ----------
    params_ : dict
        gamma, delta, c, then the coefficients.
    log_likelihood_, covariance_, log_covariance_, standard_errors_, converged_
        As in :class:`.ParametricModel`; covariances are infinite after a fallback.
    fit_report_ : dict
        As in :class:`.ShiftedBetaGeometric`.

    Notes
    -----
    If renewals are observed after only two numbers of earlier renewals, c stays 1; after only one, all
    customers have one churn probability (``fit_report_["fallback"]``).

    Examples
    --------
    >>> import pandas as pd
    >>> regular = [1000, 631, 468, 382, 326]
    >>> model = BetaDiscreteWeibull().fit_retention(pd.DataFrame({"period": range(5), "survivors": regular}))
    >>> {name: round(value, 2) for name, value in model.params_.items()}
    {'gamma': 0.52, 'delta': 0.89, 'c': 1.2}
    """

    _process = BETA_DISCRETE_WEIBULL
