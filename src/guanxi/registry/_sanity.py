"""Predictions that cannot be, whatever the customer."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

_RANGES = {
    "churn_probability": (0.0, 1.0),
    "probability_alive": (0.0, 1.0),
    "expected_purchases": (0.0, math.inf),
    "expected_spend": (0.0, math.inf),
    "margin_rate": (-1.0, 1.0),
    "clv": (0.0, math.inf),
    "clv_lower": (0.0, math.inf),
    "clv_upper": (0.0, math.inf),
    "value_at_risk": (0.0, math.inf),
}
# With margins of the log purchases may lose money.
_OF_MARGINS = dict.fromkeys(("clv", "clv_lower", "clv_upper"), (-math.inf, math.inf))


def impossible(scores: pd.DataFrame) -> str:
    """Describe the first column with an impossible value, if any."""
    ranges = _RANGES | _OF_MARGINS if "margin_rate" in scores else _RANGES
    for name, (least, most) in ranges.items():
        if name in scores and not scores[name].between(least, most).all():
            return f"{name} is not within {least:g} to {most:g}"
        if name in scores and not np.isfinite(scores[name]).all():
            return f"{name} is not finite"
    return ""
