"""Shifted beta-geometric: the number of renewals of contracts."""

from __future__ import annotations

from guanxi.models.retention_model import RetentionModel
from guanxi.served.contracts.retention_process import SHIFTED_BETA_GEOMETRIC


class ShiftedBetaGeometric(RetentionModel):
    """Shifted beta-geometric model of contracts that come up for renewal at the end of each period.

    Fader & Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1). At each
    renewal opportunity a customer churns with a probability that is beta distributed across customers (alpha,
    beta). Customers with high probabilities leave first, so the retention rate of a cohort increases.

    A customer in the n-th contract period has renewed n - 1 times, the ``renewals`` of the predictions.

    Parameters
    ----------
    covariates : list of str or DataFrame, optional
        Time-invariant covariates: columns of the table to fit, or a separate table whose index covers that
        of every table. Numbers only; categories as dummy columns. Hubbard, Rostykus, Raimond & Jebara
        (2019), Beta Survival Models, arXiv:1905.03818: alpha and beta of a customer are multiplied by
        exp(coefficients @ covariates); ``params_`` has the coefficients as ``alpha:column`` and
        ``beta:column``. A higher alpha means more churn, a higher beta less.
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients of standardised covariates is
        subtracted from the log-likelihood.

    Attributes
    ----------
    params_ : dict
        alpha, beta, then the coefficients.
    log_likelihood_, covariance_, log_covariance_, standard_errors_, converged_
        As in :class:`.ParametricModel`; covariances are infinite after a fallback.
    fit_report_ : dict
        Details of the fit: customers, churned customers, renewal opportunities, iterations, starts,
        parameters at the limit of the search, ``identified``, ``warnings`` and ``fallback`` (or None).

    Notes
    -----
    If renewals are observed after only one number of earlier renewals, heterogeneity cannot be estimated: the
    model falls back to one churn probability for all customers (``fit_report_["fallback"]``).

    Examples
    --------
    >>> import pandas as pd
    >>> high_end = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> table = pd.DataFrame({"period": range(8), "survivors": high_end})
    >>> model = ShiftedBetaGeometric().fit_retention(table)
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'alpha': 0.668, 'beta': 3.806}
    """

    _process = SHIFTED_BETA_GEOMETRIC
