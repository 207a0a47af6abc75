"""The public models of value and churn, each imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "purchase_models": (
        "NBD",
        "BetaGeoNBD",
        "ModifiedBetaGeoNBD",
        "BetaGeoCNBD",
        "ModifiedBetaGeoCNBD",
        "ParetoNBD",
        "GammaGompertzNBD",
    ),
    "beta_geo_beta_binomial": ("BetaGeoBetaBinomial",),
    "shifted_beta_geometric": ("ShiftedBetaGeometric",),
    "beta_discrete_weibull": ("BetaDiscreteWeibull",),
    "gamma_gamma": ("GammaGamma",),
    "churn": ("ChurnClassifier",),
    "lifetime_value": ("customer_lifetime_value", "customer_equity"),
    "intervals": ("prediction_intervals",),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    """Import a model on first use, so that value models do not load LightGBM."""
    if name not in _MODULES:
        raise AttributeError(f"module 'guanxi.models' has no attribute {name!r}")
    return getattr(importlib.import_module(f"guanxi.models.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
