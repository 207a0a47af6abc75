"""Value and churn models: one file per estimator, their mathematics in ``formulas``."""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "BetaGeoNBD": "guanxi.models.beta_geo_nbd",
    "GammaGamma": "guanxi.models.gamma_gamma",
    "ChurnClassifier": "guanxi.models.churn",
    "customer_lifetime_value": "guanxi.models.lifetime_value",
}

__all__ = ["BetaGeoNBD", "ChurnClassifier", "GammaGamma", "customer_lifetime_value"]


def __getattr__(name: str) -> Any:
    """Import an estimator when it is first used: value models load no LightGBM, formulas no scikit-learn."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'guanxi.models' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
