"""Comparison of indicators with reference values: an industry's, a competitor's or earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from guanxi.params.scorecard import ReferenceValue
from guanxi.scorecard.targets._estimates import LEVEL, Sample, portfolio, sample_of
from guanxi.scorecard.targets._indicator_targets import HIGHER_IS_BETTER, grouped_by

_COLUMNS = (
    *("indicator", "benchmark", "source", "known", "value", "lower", "upper"),
    *("gap", "gap_lower", "gap_upper", "verdict", "by", "group", "period"),
)


def compare_with_references(
    table: pd.DataFrame,
    references: Mapping[str, ReferenceValue],
    level: float = LEVEL,
    *,
    groups: pd.DataFrame | None = None,
    higher_is_better: Mapping[str, bool] = HIGHER_IS_BETTER,
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
    groups : pandas.DataFrame, optional
        ``customer_id`` and the columns that reference values are compared by.
    higher_is_better : mapping of str to bool

    Returns
    -------
    pandas.DataFrame
        One row per reference value: ``indicator, benchmark, source``; ``known`` (customers); ``value, lower,
        upper`` (mean and Student's t interval); ``gap, gap_lower, gap_upper`` (difference from the reference,
        positive if better); ``verdict``: ``better``, ``worse``, ``level`` (the interval contains the
        reference) or ``unknown`` (fewer than two customers).
    """
    rows = []
    for name, each in references.items():
        higher = higher_is_better[name]
        rows.append(_compare(portfolio(table, name), name, each, level, higher))
        for by, group, ids in grouped_by(each.by, groups):
            own = table[table["customer_id"].isin(ids)]
            rows.append(
                _compare(portfolio(own, name), name, each, level, higher) | {"by": by, "group": group}
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _compare(
    values: pd.Series[float], name: str, reference: ReferenceValue, level: float, higher: bool
) -> dict[str, Any]:
    return comparison_row(name, reference, sample_of(values, "mean", level), higher)


def comparison_row(name: str, reference: ReferenceValue, own: Sample, higher: bool) -> dict[str, Any]:
    """Judge a value beside its reference value."""
    sign = 1.0 if higher else -1.0
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
