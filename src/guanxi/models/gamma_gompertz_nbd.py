"""GGom/NBD: customers leave at any moment, the likelier the older they are."""

from __future__ import annotations

from guanxi.models.transaction_model import TransactionModel


class GammaGompertzNBD(TransactionModel):
    """Gamma-Gompertz / NBD model of repeat purchases.

    Bemmaor & Glady (2012), Modeling Purchasing Behavior with Sudden "Death": A Flexible Customer Lifetime
    Model, Management Science 58(5). Purchases come at a rate that is gamma distributed among customers
    (r, alpha); the rate of leaving grows with age by exp(b t), from a base that is gamma distributed among
    customers (s, beta). With b and beta towards 0 it becomes Pareto/NBD, which stands in where that is as
    likely.

    Examples
    --------
    >>> from guanxi.simulation import simulate_ggom_nbd
    >>> truth = {"r": 0.5, "alpha": 5.0, "b": 0.1, "s": 0.8, "beta": 5.0}
    >>> rfm = simulate_ggom_nbd(truth, n=2000, T=80.0, seed=1)
    >>> GammaGompertzNBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _name = "ggom_nbd"
