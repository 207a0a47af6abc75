"""Indicators beside reference values: of an industry, of a competitor, or one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guanxi.errors import ParamsError
from guanxi.scorecard.indicators import CATALOGUE
from guanxi.scorecard.indicators.documents import checked_map, checked_number, refuse_unknown
from guanxi.scorecard.targets.estimates import LEVEL, sample_of

_KEYS = ("value", "source")
_COLUMNS = (
    *("indicator", "benchmark", "source", "known", "value", "lower", "upper"),
    *("gap", "gap_lower", "gap_upper", "verdict"),
)


@dataclass(frozen=True)
class Benchmark:
    """A reference value of an indicator's mean.

    Attributes
    ----------
    indicator : str
    value : float
        In the indicator's unit, taken as exact.
    source : str
        Where it comes from.
    """

    indicator: str
    value: float
    source: str = ""


def parse_benchmarks(document: Any, where: str = "benchmarks") -> tuple[Benchmark, ...]:
    """Read reference values as they stand in the parameters.

    Parameters
    ----------
    document : mapping
        Indicator to ``value``, and perhaps its ``source``.
    where : str
        The key that holds them, for messages.

    Raises
    ------
    ParamsError
        If an indicator or key is unknown, or a value is absent or no number.

    Examples
    --------
    >>> parse_benchmarks({"csat": {"value": 0.78, "source": "ACSI 2024, retail"}})
    (Benchmark(indicator='csat', value=0.78, source='ACSI 2024, retail'),)
    """
    refuse_unknown(checked_map(document, where), CATALOGUE, where, "indicator")
    return tuple(_parse(name, entry, f"{where}.{name}") for name, entry in document.items())


def _parse(name: str, entry: Any, where: str) -> Benchmark:
    entry = checked_map(entry, where)
    refuse_unknown(entry, _KEYS, where, "key")
    if "value" not in entry:
        raise ParamsError(f"{where} has no value: write for example {{value: 0.78, source: ACSI 2024}}")
    return Benchmark(name, checked_number(entry["value"], f"{where}.value"), str(entry.get("source") or ""))


def compare_benchmarks(
    table: pd.DataFrame, benchmarks: Sequence[Benchmark], level: float = LEVEL
) -> pd.DataFrame:
    """Compare the mean of each indicator with its reference value.

    Parameters
    ----------
    table : pandas.DataFrame
        The indicator table.
    benchmarks : sequence of Benchmark
    level : float
        Probability within the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per benchmark: ``indicator, benchmark, source``; ``known`` (customers); ``value, lower,
        upper`` (mean and Student's t interval); ``gap, gap_lower, gap_upper`` (how much better than the
        benchmark, negative: worse); ``verdict``: ``better``, ``worse``, ``level`` (the interval holds
        the benchmark) or ``unknown`` (fewer than two customers).
    """
    rows = [_compare(table[each.indicator], each, level) for each in benchmarks]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _compare(values: pd.Series[float], benchmark: Benchmark, level: float) -> dict[str, Any]:
    own = sample_of(values, "mean", level)
    sign = 1.0 if CATALOGUE[benchmark.indicator].higher_is_better else -1.0
    ends = [sign * (end - benchmark.value) for end in (own.lower, own.upper)]
    verdict = "unknown"
    if own.lower == own.lower:
        verdict = "better" if min(ends) > 0 else "worse" if max(ends) < 0 else "level"
    return {
        "indicator": benchmark.indicator,
        "benchmark": benchmark.value,
        "source": benchmark.source,
        "known": own.known,
        "value": own.value,
        "lower": own.lower,
        "upper": own.upper,
        "gap": sign * (own.value - benchmark.value),
        "gap_lower": min(ends),
        "gap_upper": max(ends),
        "verdict": verdict,
    }
