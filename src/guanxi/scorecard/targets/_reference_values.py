"""Comparison of indicators with reference values: an industry's, a competitor's or earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from guanxi.params.scorecard import ReferenceValue
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.targets._estimates import LEVEL, sample_of

_COLUMNS = (
    *("indicator", "benchmark", "source", "known", "value", "lower", "upper"),
    *("gap", "gap_lower", "gap_upper", "verdict"),
)


def compare_with_references(
    table: pd.DataFrame, references: Mapping[str, ReferenceValue], level: float = LEVEL
) -> pd.DataFrame:
    """Compare the mean of each indicator with its reference value.

    Parameters
    ----------
    table : pandas.DataFrame
        The indicator table.
    references : mapping of str to ReferenceValue
        By indicator, in its unit.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row per reference value: ``indicator, benchmark, source``; ``known`` (customers); ``value, lower,
        upper`` (mean and Student's t interval); ``gap, gap_lower, gap_upper`` (difference from the reference,
        positive if better); ``verdict``: ``better``, ``worse``, ``level`` (the interval contains the
        reference) or ``unknown`` (fewer than two customers).
    """
    rows = [_compare(table[name], name, each, level) for name, each in references.items()]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _compare(values: pd.Series[float], name: str, reference: ReferenceValue, level: float) -> dict[str, Any]:
    own = sample_of(values, "mean", level)
    sign = 1.0 if CATALOGUE[name].higher_is_better else -1.0
    ends = [sign * (end - reference.value) for end in (own.lower, own.upper)]
    verdict = "unknown"
    if own.lower == own.lower:
        verdict = "better" if min(ends) > 0 else "worse" if max(ends) < 0 else "level"
    return {
        "indicator": name,
        "benchmark": reference.value,
        "source": reference.source,
        "known": own.known,
        "value": own.value,
        "lower": own.lower,
        "upper": own.upper,
        "gap": sign * (own.value - reference.value),
        "gap_lower": min(ends),
        "gap_upper": max(ends),
        "verdict": verdict,
    }
