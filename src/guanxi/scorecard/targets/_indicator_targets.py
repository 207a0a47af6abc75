"""Targets of indicators: attainment, trend and early warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.errors import ParamsError
from guanxi.params.scorecard import IndicatorTarget
from guanxi.scorecard.indicators import CATALOGUE, refuse_unknown
from guanxi.scorecard.targets._estimates import LEVEL, Sample, sample_of

Statistic = Literal["mean", "median"]


def refuse_targets(targets: Mapping[str, IndicatorTarget], where: str = "targets") -> None:
    """Refuse targets for unknown indicators, and warnings that are better than the target.

    Parameters
    ----------
    targets : mapping of str to IndicatorTarget
        By indicator.
    where : str
        Key of the targets in messages.

    Raises
    ------
    ParamsError
    """
    refuse_unknown(targets, CATALOGUE, where, "indicator")
    for name, each in targets.items():
        if each.warning is not None and _goodness(name, each.warning - each.target) > 0:
            better = "higher" if CATALOGUE[name].higher_is_better else "lower"
            raise ParamsError(
                f"{where}.{name}: the warning {each.warning:g} is better than the target {each.target:g}, "
                f"since {better} is better: give a worse one"
            )


def check_targets(
    table: pd.DataFrame,
    targets: Mapping[str, IndicatorTarget],
    earlier: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare the indicators of all customers with their targets.

    Parameters
    ----------
    table : pandas.DataFrame
        The indicator table.
    targets : mapping of str to IndicatorTarget
        By indicator, in its unit.
    earlier : pandas.DataFrame, optional
        The indicator table of an earlier day, for the trend.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row per target: ``indicator, statistic, target, warning``; ``known`` (customers); ``value, lower,
        upper`` (see :func:`.sample_of`); ``gap`` (difference from the target, positive if better);
        ``attainment`` (value / target, or target / value if lower is better; NaN unless both are above 0);
        ``reaching`` (share of known customers at the target or better); ``verdict``: ``reached``,
        ``missed``, ``warning`` (at the warning or worse) or ``unknown``; ``earlier, change, change_lower,
        change_upper`` (in the indicator's unit) and ``trend``: ``better``, ``worse``, ``steady`` (the
        interval contains 0) or ``unknown``. The change accounts for customers in both tables.
    """
    rows = [_check(table, name, target, earlier, level) for name, target in targets.items()]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = (
    *("indicator", "statistic", "target", "warning", "known", "value", "lower", "upper", "gap", "attainment"),
    *("reaching", "verdict", "earlier", "change", "change_lower", "change_upper", "trend"),
)


def _check(
    table: pd.DataFrame, name: str, target: IndicatorTarget, earlier: pd.DataFrame | None, level: float
) -> dict[str, Any]:
    values = _values(table, name)
    now = sample_of(values, target.statistic, level)
    row = {
        "indicator": name,
        "statistic": target.statistic,
        "target": target.target,
        "warning": np.nan if target.warning is None else target.warning,
        "known": now.known,
        "value": now.value,
        "lower": now.lower,
        "upper": now.upper,
        "gap": _goodness(name, now.value - target.target),
        "attainment": _attainment(name, now.value, target.target),
        "reaching": (_goodness(name, values - target.target) >= 0).mean() if now.known else np.nan,
        "verdict": _verdict(name, target, now),
    }
    before = None if earlier is None else _values(earlier, name)
    return row | _trend(name, values, now, before, target.statistic, level)


def _values(table: pd.DataFrame, name: str) -> pd.Series[float]:
    return table.set_index("customer_id")[name].dropna()


def _goodness(name: str, difference: Any) -> Any:
    return difference if CATALOGUE[name].higher_is_better else -difference


def _attainment(name: str, value: float, target: float) -> float:
    if not (value > 0 and target > 0):
        return float("nan")
    return value / target if CATALOGUE[name].higher_is_better else target / value


def _verdict(name: str, target: IndicatorTarget, now: Sample) -> str:
    if not now.known:
        return "unknown"
    if _goodness(name, now.value - target.target) >= 0:
        return "reached"
    if target.warning is not None and _goodness(name, now.value - target.warning) <= 0:
        return "warning"
    return "missed"


def _trend(
    name: str,
    values: pd.Series[float],
    now: Sample,
    before: pd.Series[float] | None,
    statistic: Statistic,
    level: float,
) -> dict[str, Any]:
    unknown = dict.fromkeys(("earlier", "change", "change_lower", "change_upper"), np.nan)
    if before is None or before.empty or values.empty:
        return unknown | {"trend": "unknown"}
    then = sample_of(before, statistic, level)
    variance = now.error**2 + then.error**2
    if statistic == "mean":
        variance -= 2 * _shared_variance(values, before)
    change = now.value - then.value
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt(max(variance, 0.0)) if variance == variance else np.nan
    row = {
        "earlier": then.value,
        "change": change,
        "change_lower": change - reach,
        "change_upper": change + reach,
    }
    return row | {"trend": _direction(name, change, float(reach))}


def _direction(name: str, change: float, reach: float) -> str:
    if np.isnan(reach):
        return "unknown"
    if abs(change) <= reach:
        return "steady"
    return "better" if _goodness(name, change) > 0 else "worse"


def _shared_variance(values: pd.Series[float], before: pd.Series[float]) -> float:
    """Covariance of the two means, from the customers in both tables."""
    both = pd.concat([values.rename("now"), before.rename("then")], axis=1, join="inner")
    if len(both) < 2:
        return 0.0
    covariance = float(both["now"].cov(both["then"]))
    return covariance * len(both) / (len(values) * len(before))
