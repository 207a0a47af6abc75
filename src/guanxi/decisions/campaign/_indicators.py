"""Indicators of a campaign by arm: before, after, and against a benchmark."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.data.campaigns import FLAGS
from guanxi.decisions.campaign._experiment import share_columns
from guanxi.decisions.campaign._outcomes import Observed
from guanxi.errors import ParamsError, did_you_mean
from guanxi.models.proportions import wilson_interval
from guanxi.params import CampaignParams


def indicator_table(observed: Observed, params: CampaignParams) -> pd.DataFrame:
    """Compare each indicator of each arm with the time before and with its benchmark.

    Parameters
    ----------
    observed : Observed
        Its outcomes, and the flags of its file except ``sent``.
    params : CampaignParams
        ``benchmarks`` are taken as exact.

    Returns
    -------
    pandas.DataFrame
        ``indicator, arm, customers, value, lower, upper`` (Wilson's interval for shares, else Student's);
        ``before, change, change_lower, change_upper`` of the same customers, where it is known;
        ``benchmark`` and ``verdict`` (above, below, or open where the interval contains the benchmark).

    Raises
    ------
    ParamsError
        If a benchmark is none of the indicators.
    """
    customers = observed.experiment.customers
    flags = [name for name in FLAGS[1:] if name in customers and name not in observed.outcomes]
    values = pd.concat([observed.outcomes, customers[flags]], axis=1)
    unknown = [name for name in params.benchmarks if name not in values]
    if unknown:
        advice = did_you_mean(unknown[0], values.columns)
        raise ParamsError(f"campaign.benchmarks has {unknown[0]!r}, which is no indicator: {advice}")
    shares = share_columns(values)
    rows = []
    for name in map(str, values):
        earlier = observed.before.get(f"{name}_before_1")
        for arm in (observed.experiment.control, *observed.experiment.arms):
            chosen = (customers["arm"] == arm) & values[name].notna()
            if not chosen.any():
                continue
            row: dict[str, Any] = {"indicator": name, "arm": arm}
            row |= _level(values.loc[chosen, name], name in shares, params.confidence)
            row |= _change(values.loc[chosen, name], None if earlier is None else earlier[chosen], params)
            rows.append(row | _against(row, params.benchmarks.get(name)))
    return pd.DataFrame(rows)


def _level(values: pd.Series[float], share: bool, confidence: float) -> dict[str, Any]:
    number = values.to_numpy(dtype=np.float64)
    if share:
        ends = wilson_interval(np.array([number.sum()]), np.array([float(number.size)]), confidence)
        lower, upper = (float(end[0]) for end in ends)
    else:
        lower, upper = _student(number, confidence)
    return {"customers": number.size, "value": float(number.mean()), "lower": lower, "upper": upper}


def _change(
    after: pd.Series[float], before: pd.Series[float] | None, params: CampaignParams
) -> dict[str, float]:
    if before is None:
        return dict.fromkeys(("before", "change", "change_lower", "change_upper"), math.nan)
    change = (after - before).to_numpy(dtype=np.float64)
    lower, upper = _student(change, params.confidence)
    return {
        "before": float(before.mean()),
        "change": float(change.mean()),
        "change_lower": lower,
        "change_upper": upper,
    }


def _student(values: np.ndarray[Any, np.dtype[np.floating[Any]]], confidence: float) -> tuple[float, float]:
    if values.size < 2:
        return math.nan, math.nan
    half = stats.t.ppf(0.5 + confidence / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size)
    return float(values.mean() - half), float(values.mean() + half)


def _against(row: dict[str, Any], benchmark: float | None) -> dict[str, Any]:
    if benchmark is None:
        return {"benchmark": math.nan, "verdict": ""}
    verdict = "above" if row["lower"] > benchmark else "below" if row["upper"] < benchmark else "open"
    return {"benchmark": benchmark, "verdict": verdict}
