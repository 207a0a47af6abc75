"""Drift in words, for the summary of ``guanxi monitor``."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from guanxi.evaluation.monitoring.drift import REJECTED
from guanxi.served.ordering import falling

_FEATURES_SHOWN = 5


def drift_in_words(drift: pd.DataFrame) -> list[str]:
    """List the scores, and the features that drifted most."""
    scores = drift[drift["kind"] == "score"]
    features = drift[drift["kind"] == "feature"]
    for name in ("psi", "drift"):
        features = features.iloc[falling(features[name])]
    shown = pd.concat([scores, features.head(_FEATURES_SHOWN)])
    width = max(len(name) for name in shown["name"])
    lines = [
        f"  {'score or feature':<{width}}  drift =   PSI - chance -  usual      mean then        now",
        *(
            f"  {row['name']:<{width}}  {row['drift']:>7.2f}  {row['psi']:>5.2f}  {row['by_chance']:>7.2f}"
            f"  {row['usual']:>6.2f}  {_number(row['mean_then']):>14} {_number(row['mean']):>10}"
            for row in shown.to_dict("records")
        ),
    ]
    left = len(features) - _FEATURES_SHOWN
    return [*lines, *([f"  and {left} features that drifted less"] if left > 0 else [])]


def shares_in_words(rows: list[dict[str, Any]]) -> list[str]:
    """List shares of rejected lines, and of categories not seen in training."""
    return [
        f"  {row['who']} "
        + ("rejected" if row["name"] == REJECTED else f"with a {row['name']} not seen in training")
        + f": {row['share']:.1%} (usual {row['share_then']:.1%})"
        for row in rows
        if row["name"] == REJECTED or row["share"]
    ]


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:,.4g}"
