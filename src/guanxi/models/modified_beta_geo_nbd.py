"""MBG/NBD: BG/NBD in which customers may drop out after their first purchase too."""

from __future__ import annotations

from guanxi.models.beta_geo_nbd import BetaGeoNBD


class ModifiedBetaGeoNBD(BetaGeoNBD):
    """Modified beta-geometric / NBD model of repeat purchases.

    Batislam, Denizel & Filiztekin (2007), Empirical Validation and Comparison of Models for Customer Base
    Analysis, International Journal of Research in Marketing 24(3). As :class:`BetaGeoNBD`, with the same
    arguments, but a customer may drop out after the first purchase too.

    Examples
    --------
    >>> from guanxi.simulation import simulate_mbg_nbd
    >>> truth = {"r": 0.5, "alpha": 6.0, "a": 0.9, "b": 1.6}
    >>> rfm = simulate_mbg_nbd(truth, n=2000, T=40.0, seed=1)
    >>> ModifiedBetaGeoNBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _name = "mbg_nbd"
