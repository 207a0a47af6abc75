"""guanxi: what every customer relationship is worth, whether it will last, and why."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "rfm": "guanxi.features.rfm",
    "customer_lifetime_value": "guanxi.models.lifetime_value",
    "customer_equity": "guanxi.models.lifetime_value",
    "train": "guanxi.jobs.train",
    "predict": "guanxi.jobs.predict",
    "predict_new": "guanxi.jobs.predict_new",
    "programme": "guanxi.jobs.programme",
    "backtest": "guanxi.jobs.backtest",
    "profit": "guanxi.jobs.profit",
    "monitor": "guanxi.jobs.monitor",
    "campaign": "guanxi.jobs.campaign",
    "scenario": "guanxi.jobs.scenario",
    "train_labels": "guanxi.jobs.train_labels",
    "train_contracts": "guanxi.jobs.train_contracts",
    "plan": "guanxi.jobs.plan",
    "datasets": "guanxi.data.datasets",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``import guanxi`` is fast."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'guanxi' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    return module if name == "datasets" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
