"""The models of repeat purchases by the name that ``clv.model`` gives them."""

from __future__ import annotations

from guanxi.models.beta_geo_cnbd import BetaGeoCNBD, ModifiedBetaGeoCNBD
from guanxi.models.beta_geo_nbd import BetaGeoNBD
from guanxi.models.gamma_gompertz_nbd import GammaGompertzNBD
from guanxi.models.modified_beta_geo_nbd import ModifiedBetaGeoNBD
from guanxi.models.nbd import NBD
from guanxi.models.pareto_nbd import ParetoNBD
from guanxi.models.transaction_model import TransactionModel

TRANSACTION_MODELS: dict[str, type[TransactionModel]] = {
    "bg_nbd": BetaGeoNBD,
    "mbg_nbd": ModifiedBetaGeoNBD,
    "bg_cnbd": BetaGeoCNBD,
    "mbg_cnbd": ModifiedBetaGeoCNBD,
    "pareto_nbd": ParetoNBD,
    "ggom_nbd": GammaGompertzNBD,
    "nbd": NBD,
}
REGULAR = ("bg_cnbd", "mbg_cnbd")


def transaction_model(name: str, engine: str = "guanxi") -> TransactionModel:
    """Make the unfitted model of that name.

    Examples
    --------
    >>> transaction_model("pareto_nbd")
    ParetoNBD()
    """
    model = TRANSACTION_MODELS[name]()
    return model if engine == "guanxi" else model.set_params(engine=engine)
