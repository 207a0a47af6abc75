"""Pareto/NBD: customers leave at any moment."""

from __future__ import annotations

from guanxi.models.covariate_model import CovariateModel


class ParetoNBD(CovariateModel):
    """Pareto/NBD model of repeat purchases.

    Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
    Management Science 33(1). Purchases come at a rate that is gamma distributed among customers (r, alpha);
    customers leave at a rate that is gamma distributed too (s, beta).

    Parameters
    ----------
    engine : {"guanxi", "lifetimes"}
        Which library finds the parameters; predictions are guanxi's with either.
    covariates : list of str or DataFrame, optional
        What does not change in time: columns of the customer table, or a table of its own with the index of
        the customer tables. Fader & Hardie (2007), Incorporating
        Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models: alpha and beta of a customer are
        multiplied by exp(coefficients @ covariates); ``params_`` has the coefficients as ``alpha:column`` and
        ``beta:column``. A higher alpha means fewer purchases, a higher beta a longer life.
    penalty : float
        Ridge: half of it times the sum of squared coefficients of standardised covariates is taken off the
        log-likelihood.

    Examples
    --------
    >>> from guanxi.simulation import simulate_pareto_nbd
    >>> truth = {"r": 0.5, "alpha": 10.0, "s": 0.6, "beta": 12.0}
    >>> rfm = simulate_pareto_nbd(truth, n=2000, T=40.0, seed=1)
    >>> ParetoNBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _name = "pareto_nbd"
    _covariate_parameters = ("alpha", "beta")
