"""NBD: how often customers buy, if none ever leaves."""

from __future__ import annotations

from guanxi.models.transaction_model import TransactionModel


class NBD(TransactionModel):
    """Negative binomial model of repeat purchases, without dropout: the baseline of the others.

    Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1). Purchases come at a rate
    that is gamma distributed among customers (r, alpha).

    Examples
    --------
    >>> from guanxi.simulation import simulate_nbd
    >>> rfm = simulate_nbd({"r": 0.5, "alpha": 10.0}, n=2000, T=40.0, seed=1)
    >>> NBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _name = "nbd"
