"""Targets and benchmarks of the programme: retention, churn, conversion, NPS and acquisition cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.params.scorecard import IndicatorTarget, ReferenceValue
from guanxi.scorecard.targets._estimates import LEVEL, Sample
from guanxi.scorecard.targets._indicator_targets import COLUMNS, grouped_by, trend_row, verdict_row
from guanxi.scorecard.targets._reference_values import comparison_row

Programme = Callable[[set[Any] | None], pd.DataFrame]  # the periods of all customers, or of some

PROGRAMME: Mapping[str, bool] = {
    "retention_rate": True,
    "churn_rate": False,
    "conversion_rate": True,
    "nps": True,
    "acquisition_cost": False,
}
_COUNTS = {"conversion_rate": "observed", "nps": "nps_answers", "acquisition_cost": "acquired"}
_Z = float(stats.norm.ppf(0.5 + LEVEL / 2))


@dataclasses.dataclass(frozen=True)
class _Period:
    """A programme indicator in its last complete period with a value, and in the one before."""

    period: Any
    now: Sample
    then: Sample | None


def check_programme(
    targets: Mapping[str, IndicatorTarget], programme: Programme, groups: pd.DataFrame
) -> pd.DataFrame:
    """Compare the last complete period with the targets of the programme, for all and by group.

    Parameters
    ----------
    targets : mapping of str to IndicatorTarget
        Of :data:`PROGRAMME`; others are left to :func:`._indicator_targets.check_targets`.
    programme : callable
        Returns :func:`guanxi.scorecard.indicators._programme.programme_table` of all customers (None) or of
        the given ones.
    groups : pandas.DataFrame
        ``customer_id`` and the columns that targets are set by.

    Returns
    -------
    pandas.DataFrame
        As :func:`._indicator_targets.check_targets`; ``known`` is the denominator of the rate, and the trend
        is against the period before, with independent errors.
    """
    rows = []
    for name, target, by, group, table in _asked(targets, programme, groups):
        found, higher = _last(table, name), PROGRAMME[name]
        row = verdict_row(name, target, found.now, higher) | {"statistic": "period", "reaching": np.nan}
        if found.then is None or not found.now.known:
            row |= dict.fromkeys(("earlier", "change", "change_lower", "change_upper"), np.nan)
            row["trend"] = "unknown"
        else:
            reach = _Z * np.hypot(found.now.error, found.then.error)
            row |= trend_row(higher, found.now.value, found.then.value, float(reach))
        rows.append(row | {"by": by, "group": group, "period": found.period})
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_programme(
    references: Mapping[str, ReferenceValue], programme: Programme, groups: pd.DataFrame
) -> pd.DataFrame:
    """Compare the last complete period with reference values: see :func:`check_programme`."""
    rows = []
    for name, reference, by, group, table in _asked(references, programme, groups):
        found = _last(table, name)
        row = comparison_row(name, reference, found.now, PROGRAMME[name])
        rows.append(row | {"by": by, "group": group, "period": found.period})
    return pd.DataFrame(rows)


def _asked(
    given: Mapping[str, Any], programme: Programme, groups: pd.DataFrame
) -> Iterator[tuple[str, Any, str | None, Any, pd.DataFrame]]:
    """Yield what is asked of the programme, with the periods of all customers or of a group."""
    asked = {name: each for name, each in given.items() if name in PROGRAMME}
    if not asked:
        return
    whole = programme(None)
    columns = list(dict.fromkeys(by for each in asked.values() for by in each.by))
    tables = [(by, group, programme(ids)) for by, group, ids in grouped_by(columns, groups)]
    for name, each in asked.items():
        yield name, each, None, None, whole
        for by, group, table in tables:
            if by in each.by:
                yield name, each, by, group, table


def _last(table: pd.DataFrame, name: str) -> _Period:
    if name not in table or table.empty:
        return _Period(None, Sample(0, np.nan, np.nan, np.nan, np.nan), None)
    known = table[table["complete"] & table[name].notna()]
    if known.empty:
        return _Period(None, Sample(0, np.nan, np.nan, np.nan, np.nan), None)
    samples = [_sample(table, name, place) for place in known.index[-2:]]
    before = samples[0] if len(samples) > 1 else None
    return _Period(known["period"].iloc[-1], samples[-1], before)


def _sample(table: pd.DataFrame, name: str, place: Any) -> Sample:
    row = table.loc[place]
    if name == "acquisition_cost":  # the mean of known costs, of which the spread is not known here
        return Sample(int(row["acquired"]), float(row[name]), np.nan, np.nan, np.nan)
    lower, upper = (float(row.get(f"{name}_{end}", np.nan)) for end in ("lower", "upper"))
    if name == "churn_rate":
        lower, upper = 1.0 - float(row["retention_rate_upper"]), 1.0 - float(row["retention_rate_lower"])
    count = table["buyers"].shift(1).loc[place] if name not in _COUNTS else row[_COUNTS[name]]
    return Sample(int(count), float(row[name]), lower, upper, (upper - lower) / (2.0 * _Z))
