"""The models of repeat purchases: a process each, and the specifics of its fit.

To add a model:

1. Write its process, the formulas of the predictions, in :mod:`guanxi.served.purchases`; add it to
   ``PROCESSES`` there.
2. Write the derivatives of its likelihood in :mod:`guanxi.models.likelihoods._purchases` and its starting
   values in :mod:`guanxi.models._fitting`. Write its class here; add it to ``TRANSACTION_MODELS``, to
   ``guanxi.models.__init__``, and its name to :mod:`guanxi.params._models`.
3. Write its simulator in :mod:`guanxi.simulation._purchase_histories`: the tests of all models use it.

CONTRIBUTING.md lists the tests and documents that follow.
"""

from __future__ import annotations

from guanxi.errors import DataError, ParamsError
from guanxi.models._customer_table import Histories
from guanxi.models._fitting import Fit, fit_process, fit_regularity
from guanxi.models.beta_geo_beta_binomial import PurchasesByPeriod
from guanxi.models.transaction_model import CovariateModel, TransactionModel
from guanxi.served.purchases import beta_geometric_process, lifetime_process


class NBD(TransactionModel):
    """Negative binomial model of repeat purchases, without dropout: the baseline of the others.

    Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1). The purchase rate is gamma
    distributed across customers (r, alpha).

    Examples
    --------
    >>> from guanxi.simulation import simulate_nbd
    >>> rfm = simulate_nbd({"r": 0.5, "alpha": 10.0}, n=2000, T=40.0, seed=1)
    >>> NBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _process = lifetime_process.NBD


class BetaGeoNBD(CovariateModel):
    """Beta-geometric / NBD model of repeat purchases.

    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD
    Model, Marketing Science 24(2). The purchase rate is gamma distributed across customers (r, alpha); after
    each repeat purchase a customer drops out with a beta distributed probability (a, b).

    Parameters
    ----------
    engine : {"guanxi", "lifetimes"}
        Library that estimates the parameters; predictions are always guanxi's. lifetimes has no covariates.
    covariates : list of str or DataFrame, optional
        Time-invariant covariates: columns of the customer table, or a separate table whose index covers that
        of every customer table. Numbers only; categories as dummy columns. Fader & Hardie (2007),
        Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models: alpha, a and b of a
        customer are multiplied by exp(coefficients @ covariates); ``params_`` has the coefficients as
        ``alpha:column``, ``a:column``, ``b:column``. A higher alpha means fewer purchases.
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients of standardised covariates is
        subtracted from the log-likelihood.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1)
    >>> model = BetaGeoNBD().fit(rfm)
    >>> model.expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _process = beta_geometric_process.BG_NBD
    _covariate_parameters = ("alpha", "a", "b")


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

    _process = beta_geometric_process.MBG_NBD


class BetaGeoCNBD(TransactionModel):
    """Beta-geometric / condensed NBD model of repeat purchases: gaps are Erlang-k instead of exponential.

    Platzer & Reutterer (2016), Ticking Away the Moments: Timing Regularity Helps to Better Predict Customer
    Activity, Marketing Science 35(5). Every k-th event of a Poisson process is a purchase; its rate is gamma
    distributed across customers (r, alpha); after each repeat purchase a customer drops out with a beta
    distributed probability (a, b). With k = 1 this is BG/NBD. ``params_`` has k first.

    k is estimated from ``log_gap_sum``, the sum of the logarithms of a customer's gaps between purchases, if
    the customer table has it, otherwise from frequency, recency and T alone.

    Parameters
    ----------
    k : int, optional
        By default the value of 1, 2, ... 12 with the highest likelihood.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_cnbd
    >>> truth = {"k": 3, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_cnbd(truth, n=2000, T=40.0, seed=1)
    >>> BetaGeoCNBD().fit(rfm).params_["k"]
    3.0
    """

    _process = beta_geometric_process.BG_CNBD
    _log_gaps = True

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def _fit_process(self, histories: Histories) -> Fit:
        if self.k is not None and (self.k < 1 or not float(self.k).is_integer()):
            raise ParamsError(f"k is {self.k!r}: give a whole number of at least 1, or None")
        if (histories.recency[histories.frequency > 0] <= 0).any():
            raise DataError(
                "recency is 0 though frequency is above 0: regular gaps need purchases at different times"
            )
        if self.k is None:
            return fit_regularity(self._process, histories)
        return fit_process(self._process, histories, k=int(self.k))


class ModifiedBetaGeoCNBD(BetaGeoCNBD):
    """MBG/CNBD-k: as :class:`BetaGeoCNBD`, but customers may drop out after their first purchase too.

    Examples
    --------
    >>> from guanxi.simulation import simulate_mbg_cnbd
    >>> truth = {"k": 2, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_mbg_cnbd(truth, n=2000, T=40.0, seed=1)
    >>> ModifiedBetaGeoCNBD().fit(rfm).params_["k"]
    2.0
    """

    _process = beta_geometric_process.MBG_CNBD


class ParetoNBD(CovariateModel):
    """Pareto/NBD model of repeat purchases.

    Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
    Management Science 33(1). The purchase rate is gamma distributed across customers (r, alpha), and so is
    the dropout rate (s, beta).

    Parameters
    ----------
    engine, covariates, penalty
        As in :class:`BetaGeoNBD`; covariates multiply alpha and beta. A higher alpha means fewer purchases, a
        higher beta a longer life.

    Examples
    --------
    >>> from guanxi.simulation import simulate_pareto_nbd
    >>> truth = {"r": 0.5, "alpha": 10.0, "s": 0.6, "beta": 12.0}
    >>> rfm = simulate_pareto_nbd(truth, n=2000, T=40.0, seed=1)
    >>> ParetoNBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _process = lifetime_process.PARETO_NBD
    _covariate_parameters = ("alpha", "beta")


class GammaGompertzNBD(TransactionModel):
    """Gamma-Gompertz / NBD model of repeat purchases.

    Bemmaor & Glady (2012), Modeling Purchasing Behavior with Sudden "Death": A Flexible Customer Lifetime
    Model, Management Science 58(5). The purchase rate is gamma distributed across customers (r, alpha); the
    dropout rate grows with age as exp(b t), from a base that is gamma distributed across customers (s, beta).
    As b and beta approach 0 it becomes Pareto/NBD, which is used instead if its likelihood is as high.

    Examples
    --------
    >>> from guanxi.simulation import simulate_ggom_nbd
    >>> truth = {"r": 0.5, "alpha": 5.0, "b": 0.1, "s": 0.8, "beta": 5.0}
    >>> rfm = simulate_ggom_nbd(truth, n=2000, T=80.0, seed=1)
    >>> GammaGompertzNBD().fit(rfm).expected_purchases(rfm, horizon=52.0).shape
    (2000,)
    """

    _process = lifetime_process.GGOM_NBD


TRANSACTION_MODELS: dict[str, type[TransactionModel]] = {
    model._process.name: model
    for model in (
        BetaGeoNBD,
        ModifiedBetaGeoNBD,
        BetaGeoCNBD,
        ModifiedBetaGeoCNBD,
        ParetoNBD,
        GammaGompertzNBD,
        NBD,
    )
}
CNBD_MODELS = tuple(name for name, model in TRANSACTION_MODELS.items() if model._log_gaps)


def transaction_model(name: str, engine: str = "guanxi", period: float = 1.0) -> TransactionModel:
    """Make an unfitted model by name, as in ``clv.model``; ``period`` is that of BG/BB.

    Examples
    --------
    >>> transaction_model("pareto_nbd")
    ParetoNBD(), not fitted
    """
    if name == PurchasesByPeriod._process.name:
        return PurchasesByPeriod(period)
    model = TRANSACTION_MODELS[name]()
    return model if engine == "guanxi" else model.set_params(engine=engine)
