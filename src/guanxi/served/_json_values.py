"""Values of JSON documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def check_finite(value: Any, where: str) -> None:
    """Refuse NaN and infinity, with which every prediction would be NaN."""
    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, each in items:
            check_finite(each, f"{where}: {name}" if where == "model.json" else f"{where}.{name}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}: the model is damaged")


def frozen(value: Any) -> Any:
    """Turn nested lists into tuples."""
    if isinstance(value, Mapping):
        return {name: frozen(each) for name, each in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list) else value
