"""guanxi: what every customer relationship is worth, whether it will last, and why."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "rfm": "guanxi.features.rfm",
    "customer_lifetime_value": "guanxi.models.lifetime_value",
    "customer_equity": "guanxi.models.lifetime_value",
    "datasets": "guanxi.data.datasets",
    "run_labels": "guanxi.jobs.run_labels",
    "run_contracts": "guanxi.jobs.run_contracts",
    "train_labels": "guanxi.jobs.train_labels",
    "train_contracts": "guanxi.jobs.train_contracts",
    "predict_new": "guanxi.jobs.predict_new",
}
# Verbs that are packages, too.
_PACKAGES = ("report", "scorecard")
# What the commands call, in files of their names.
_VERBS = (
    *("init", "validate", "run", "train", "backtest", "promote", "rollback", "monitor", "doctor", "predict"),
    *("explain", "campaign", "profit", "plan", "scenario", "programme"),
)
_PUBLIC |= {name: f"guanxi.jobs.{name}" for name in (*_VERBS, *_PACKAGES)}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``import guanxi`` is fast."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'guanxi' has no attribute {name!r}")
    if name in _PACKAGES:
        return importlib.import_module(f"guanxi.{name}")
    module = importlib.import_module(_PUBLIC[name])
    return module if name == "datasets" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Verb(ModuleType):
    """A package that is the verb of its name, too."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(f"guanxi.jobs.{name}"), name)(*given, **named)


class _Guanxi(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PACKAGES and isinstance(value, ModuleType):  # it has been imported
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Guanxi
