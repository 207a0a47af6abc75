"""Predictions that cannot be, whatever the customer."""

from __future__ import annotations

import math
from collections.abc import Collection

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
    "renewal_probability": (0.0, 1.0),
    "expected_remaining_months": (0.0, math.inf),
    "mrr_expected": (0.0, math.inf),
}
# With margins of the log purchases may lose money.
_OF_MARGINS = dict.fromkeys(("clv", "clv_lower", "clv_upper"), (-math.inf, math.inf))


def impossible(scores: pd.DataFrame, may_be_missing: Collection[str] = ()) -> str:
    """Describe the first column with an impossible value, if any.

    Values that are missing are impossible, except in the columns of ``may_be_missing``.
    """
    ranges = _RANGES | _OF_MARGINS if "margin_rate" in scores else _RANGES
    for name, (least, most) in ranges.items():
        if name not in scores:
            continue
        values = scores[name].dropna() if name in may_be_missing else scores[name]
        if not values.between(least, most).all():
            return f"{name} is not within {least:g} to {most:g}"
        if not np.isfinite(values).all():
            return f"{name} is not finite"
    return ""
