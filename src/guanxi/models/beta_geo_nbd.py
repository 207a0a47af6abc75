"""BG/NBD: how often customers buy and whether they still do."""

from __future__ import annotations

from guanxi.models.covariate_model import CovariateModel


class BetaGeoNBD(CovariateModel):
    """Beta-geometric / NBD model of repeat purchases.

    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD
    Model, Marketing Science 24(2). Purchases come at a rate that is gamma distributed among customers
    (r, alpha); after each repeat purchase a customer drops out with a probability that is beta distributed
    (a, b).

    Parameters
    ----------
    engine : {"guanxi", "lifetimes"}
        Which library finds the parameters; predictions are guanxi's with either.
    covariates : list of str or DataFrame, optional
        What does not change in time: columns of the customer table, or a table of its own with the index of
        the customer tables. Fader & Hardie (2007), Incorporating
        Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models: alpha, a and b of a customer are
        multiplied by exp(coefficients @ covariates); ``params_`` has the coefficients as ``alpha:column``,
        ``a:column``, ``b:column``. A higher alpha means fewer purchases.
    penalty : float
        Ridge: half of it times the sum of squared coefficients of standardised covariates is taken off the
        log-likelihood.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1)
    >>> model = BetaGeoNBD().fit(rfm)
    >>> model.expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _name = "bg_nbd"
    _covariate_parameters = ("alpha", "a", "b")
