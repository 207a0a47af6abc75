"""Targets of indicators: attainment, trend and early warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.errors import ParamsError
from guanxi.params.scorecard import IndicatorTarget
from guanxi.scorecard.indicators import CATALOGUE, refuse_unknown
from guanxi.scorecard.targets._estimates import LEVEL, Sample, portfolio, sample_of

Statistic = Literal["mean", "median"]
HIGHER_IS_BETTER: Mapping[str, bool] = {name: each.higher_is_better for name, each in CATALOGUE.items()}


def refuse_targets(
    targets: Mapping[str, IndicatorTarget],
    where: str = "targets",
    higher_is_better: Mapping[str, bool] = HIGHER_IS_BETTER,
) -> None:
    """Refuse targets for unknown indicators, and warnings that are better than the target.

    Parameters
    ----------
    targets : mapping of str to IndicatorTarget
        By indicator.
    where : str
        Key of the targets in messages.
    higher_is_better : mapping of str to bool
        Direction of every indicator that can have a target.

    Raises
    ------
    ParamsError
    """
    refuse_unknown(targets, higher_is_better, where, "indicator")
    for name, each in targets.items():
        higher = higher_is_better[name]
        if each.warning is not None and goodness(higher, each.warning - each.target) > 0:
            better = "higher" if higher else "lower"
            raise ParamsError(
                f"{where}.{name}: the warning {each.warning:g} is better than the target {each.target:g}, "
                f"since {better} is better: give a worse one"
            )


def check_targets(
    table: pd.DataFrame,
    targets: Mapping[str, IndicatorTarget],
    earlier: pd.DataFrame | None = None,
    level: float = LEVEL,
    *,
    groups: pd.DataFrame | None = None,
    higher_is_better: Mapping[str, bool] = HIGHER_IS_BETTER,
) -> pd.DataFrame:
    """Compare the indicators of all customers, and of groups of them, with their targets.

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
    groups : pandas.DataFrame, optional
        ``customer_id`` and the columns that targets are set by; customers without a group are in none.
    higher_is_better : mapping of str to bool

    Returns
    -------
    pandas.DataFrame
        One row per target, then one per group of each of its ``by``: ``indicator, statistic, target,
        warning``; ``known`` (customers); ``value, lower, upper`` (see :func:`.sample_of`); ``gap``
        (difference from the target, positive if better);
        ``attainment`` (value / target, or target / value if lower is better; NaN unless both are above 0);
        ``reaching`` (share of known customers at the target or better); ``verdict``: ``reached``,
        ``missed``, ``warning`` (at the warning or worse) or ``unknown``; ``earlier, change, change_lower,
        change_upper`` (in the indicator's unit) and ``trend``: ``better``, ``worse``, ``steady`` (the
        interval contains 0) or ``unknown``. The change accounts for customers in both tables. ``by, group``
        are missing for all customers; ``period`` is the first day of the period of a programme indicator.
    """
    rows = []
    for name, target in targets.items():
        higher = higher_is_better[name]
        rows.append(_check(table, name, target, earlier, level, higher))
        for by, group, ids in grouped_by(target.by, groups):
            own = table[table["customer_id"].isin(ids)]
            then = None if earlier is None else earlier[earlier["customer_id"].isin(ids)]
            found = _check(own, name, target, then, level, higher)
            rows.append(found | {"by": by, "group": group})
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = (
    *("indicator", "statistic", "target", "warning", "known", "value", "lower", "upper", "gap", "attainment"),
    *("reaching", "verdict", "earlier", "change", "change_lower", "change_upper", "trend"),
    *("by", "group", "period"),
)


def grouped_by(columns: Sequence[str], groups: pd.DataFrame | None) -> Iterator[tuple[str, Any, set[Any]]]:
    """Yield each column, each of its groups and the customers in it."""
    if groups is None:
        return
    for by in columns:
        for group, members in groups.groupby(by, observed=True)["customer_id"]:
            yield by, group, set(members)


def _check(
    table: pd.DataFrame,
    name: str,
    target: IndicatorTarget,
    earlier: pd.DataFrame | None,
    level: float,
    higher: bool,
) -> dict[str, Any]:
    values = _values(table, name, target.statistic)
    before = None if earlier is None else _values(earlier, name, target.statistic)
    now = sample_of(values, target.statistic, level)
    reached = goodness(higher, table[name].dropna() - target.target) >= 0
    reaching = reached.mean() if now.known else np.nan
    row = verdict_row(name, target, now, higher) | {"statistic": target.statistic, "reaching": reaching}
    return row | _trend(higher, values, now, before, target.statistic, level)


def verdict_row(name: str, target: IndicatorTarget, now: Sample, higher: bool) -> dict[str, Any]:
    """Judge a value beside its target."""
    return {
        "indicator": name,
        "target": target.target,
        "warning": np.nan if target.warning is None else target.warning,
        "known": now.known,
        "value": now.value,
        "lower": now.lower,
        "upper": now.upper,
        "gap": goodness(higher, now.value - target.target),
        "attainment": _attainment(higher, now.value, target.target),
        "verdict": _verdict(higher, target, now),
    }


def _values(table: pd.DataFrame, name: str, statistic: Statistic) -> pd.Series[float]:
    indexed = table.set_index("customer_id")
    return (portfolio(indexed, name) if statistic == "mean" else indexed[name]).dropna()


def goodness(higher: bool, difference: Any) -> Any:
    """Turn a difference so that it is above 0 where it is better."""
    return difference if higher else -difference


def _attainment(higher: bool, value: float, target: float) -> float:
    if not (value > 0 and target > 0):
        return float("nan")
    return value / target if higher else target / value


def _verdict(higher: bool, target: IndicatorTarget, now: Sample) -> str:
    if not now.known:
        return "unknown"
    if goodness(higher, now.value - target.target) >= 0:
        return "reached"
    if target.warning is not None and goodness(higher, now.value - target.warning) <= 0:
        return "warning"
    return "missed"


def _trend(
    higher: bool,
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
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt(max(variance, 0.0)) if variance == variance else np.nan
    return trend_row(higher, now.value, then.value, float(reach))


def trend_row(higher: bool, now: float, then: float, reach: float) -> dict[str, Any]:
    """Change since an earlier value; ``reach`` is half its interval."""
    change = now - then
    return {
        "earlier": then,
        "change": change,
        "change_lower": change - reach,
        "change_upper": change + reach,
        "trend": _direction(higher, change, reach),
    }


def _direction(higher: bool, change: float, reach: float) -> str:
    if np.isnan(reach):
        return "unknown"
    if abs(change) <= reach:
        return "steady"
    return "better" if goodness(higher, change) > 0 else "worse"


def _shared_variance(values: pd.Series[float], before: pd.Series[float]) -> float:
    """Covariance of the two means, from the customers in both tables."""
    both = pd.concat([values.rename("now"), before.rename("then")], axis=1, join="inner")
    if len(both) < 2:
        return 0.0
    covariance = float(both["now"].cov(both["then"]))
    return covariance * len(both) / (len(values) * len(before))
