"""Windows on which the twins of two versions are compared."""

from __future__ import annotations

import pandas as pd

from guanxi.errors import RegistryError
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedModel
from guanxi.registry.twins import Twin


def check_alike(own: LoadedModel, other: LoadedModel) -> None:
    """Refuse to compare models with different horizons or data rules."""
    days = own.horizon_days, other.horizon_days
    if days[0] != days[1]:
        raise RegistryError(f"its horizon is {days[0]} days, that of version {other.version} is {days[1]}")
    for name, value in own.data_rules.items():
        before = other.data_rules[name]
        if before != value:
            raise RegistryError(
                f"its data was read with {name}={value}, version {other.version}'s with {before}"
            )


def score_window(model: LoadedModel, later: Twin, window: pd.DataFrame) -> pd.DataFrame:
    """Score the held-out customers as of the window's cutoff, over its horizon."""
    return model.predict(
        window,
        as_of=later.as_of.isoformat(),
        horizon_days=later.model.horizon_days,
        drivers=0,
        interval=later.interval,
    )


def describe_window(twin: Twin, window: pd.DataFrame) -> str:
    first, last = add_days(twin.as_of, 1), add_days(twin.as_of, twin.model.horizon_days)
    return f"{first} to {last} ({len(window):,} customers)"
