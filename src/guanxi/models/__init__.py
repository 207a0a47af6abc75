"""Value and churn models: one file per estimator, their mathematics in ``formulas``."""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "NBD": "guanxi.models.purchase_models",
    "BetaGeoNBD": "guanxi.models.purchase_models",
    "ModifiedBetaGeoNBD": "guanxi.models.purchase_models",
    "BetaGeoCNBD": "guanxi.models.purchase_models",
    "ModifiedBetaGeoCNBD": "guanxi.models.purchase_models",
    "ParetoNBD": "guanxi.models.purchase_models",
    "GammaGompertzNBD": "guanxi.models.purchase_models",
    "BetaGeoBetaBinomial": "guanxi.models.beta_geo_beta_binomial",
    "ShiftedBetaGeometric": "guanxi.models.shifted_beta_geometric",
    "GammaGamma": "guanxi.models.gamma_gamma",
    "ChurnClassifier": "guanxi.models.churn",
    "customer_lifetime_value": "guanxi.models.lifetime_value",
    "customer_equity": "guanxi.models.lifetime_value",
    "prediction_intervals": "guanxi.models.intervals",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import an estimator when it is first used: value models load no LightGBM, formulas no scikit-learn."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'guanxi.models' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
