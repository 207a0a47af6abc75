"""BG/CNBD-k and MBG/CNBD-k: customers who buy at regular intervals."""

from __future__ import annotations

from guanxi.errors import DataError, ParamsError
from guanxi.models.fitting import Fit, fit_process, fit_regularity
from guanxi.models.formulas.beta_geometric_process import BetaGeometricProcess
from guanxi.models.formulas.processes import PROCESSES
from guanxi.models.histories import Histories
from guanxi.models.transaction_model import TransactionModel


class BetaGeoCNBD(TransactionModel):
    """Beta-geometric / condensed NBD model of repeat purchases: gaps are Erlang-k instead of exponential.

    Platzer & Reutterer (2016), Ticking Away the Moments: Timing Regularity Helps to Better Predict Customer
    Activity, Marketing Science 35(5). Every k-th event of a Poisson process is a purchase; its rate is gamma
    distributed among customers (r, alpha); after each repeat purchase a customer drops out with a
    probability that is beta distributed (a, b). With k = 1 this is BG/NBD. ``params_`` has k first.

    If the customer table has ``log_gap_sum``, the sum of the logarithms of a customer's gaps between
    purchases, the gaps tell k. Without it, k is learnt from frequency, recency and T alone.

    Parameters
    ----------
    k : int, optional
        By default the one of 1, 2, ... 12 with the highest likelihood.

    Examples
    --------
    >>> from guanxi.simulation import simulate_bg_cnbd
    >>> truth = {"k": 3, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_bg_cnbd(truth, n=2000, T=40.0, seed=1)
    >>> BetaGeoCNBD().fit(rfm).params_["k"]
    3.0
    """

    _name = "bg_cnbd"
    _log_gaps = True

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def _fit_plain(self, histories: Histories) -> Fit:
        if self.k is not None and (self.k < 1 or not float(self.k).is_integer()):
            raise ParamsError(f"k is {self.k!r}: give a whole number of at least 1, or None")
        if (histories.recency[histories.frequency > 0] <= 0).any():
            raise DataError(
                "recency is 0 though frequency is above 0: regular gaps need purchases at different times"
            )
        process = PROCESSES[self._name]
        assert isinstance(process, BetaGeometricProcess)
        if self.k is None:
            return fit_regularity(process, histories)
        return fit_process(process, histories, k=int(self.k))


class ModifiedBetaGeoCNBD(BetaGeoCNBD):
    """MBG/CNBD-k: as :class:`BetaGeoCNBD`, but customers may drop out after their first purchase too.

    Platzer & Reutterer (2016), as there.

    Examples
    --------
    >>> from guanxi.simulation import simulate_mbg_cnbd
    >>> truth = {"k": 2, "r": 0.8, "alpha": 3.0, "a": 0.8, "b": 2.5}
    >>> rfm = simulate_mbg_cnbd(truth, n=2000, T=40.0, seed=1)
    >>> ModifiedBetaGeoCNBD().fit(rfm).params_["k"]
    2.0
    """

    _name = "mbg_cnbd"
