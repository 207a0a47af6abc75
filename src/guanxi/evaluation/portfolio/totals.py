"""Prediction intervals of total purchases and spend of a customer base or segment.

Individual variation largely averages out over many customers, so intervals based on it alone are far too
narrow. The dominant errors are common to all customers: season, campaigns, model misfit. Their size is
estimated from earlier cutoffs. The total is modelled as ``forecast x exp(error) x noise``:

- ``noise`` is gamma distributed with mean 1 and the relative variance of the sum of the customers' predictive
  distributions;
- ``error`` has mean 0 and is a mixture of normal distributions. To the error of all customers are added the
  parameter uncertainty and, for a segment, a segment-specific part.

The error of all customers is that of the structural model of the level (:mod:`guanxi.pipeline.level`), in
which the forecast has been moved to its mean already. That of a segment relative to all customers persists,
since it reflects model misfit: it is corrected by the shrunken mean of earlier windows, and its standard
deviation between windows is integrated over its posterior. The prior is scaled inverse chi-squared, worth
four windows with an error of 10 %. The errors of shorter windows are scaled by the square root of the ratio
of the horizons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammainc

from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, ParamsError
from guanxi.evaluation.portfolio._forecasts import (
    TARGETS,
    CustomerForecasts,
    Total,
    btyd_forecaster,
    btyd_forecasts,
    rolling_errors,
    rows_of,
    usual_segments,
)
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.level.forecast import LogError, PortfolioLevel

Floats = NDArray[np.float64]

PRIOR_WINDOWS = 4.0
PRIOR_OWN_ERROR = 0.10  # of a segment relative to the base
USUAL_ERROR = 0.20  # of a total whose level could not be learnt
_LARGEST_NOISE = 0.1  # totals with a larger relative variance are uninformative about the error
_DEVIATIONS = np.exp(np.linspace(np.log(0.005), np.log(3.0), 64))
_SMALLEST_SHIFT_SHOWN = 0.01
_STEP = 0.005
_LOGS = np.arange(-800, 801) * _STEP  # grid of log errors, up to a factor of e^4


class _SegmentError(NamedTuple):
    """Posterior of a segment's log error relative to that of all customers."""

    shift: float
    variance: float


def _portfolio_intervals(
    forecasts: CustomerForecasts,
    windows: pd.DataFrame,
    horizon_days: int,
    errors: Mapping[str, LogError],
    level: float = 0.9,
    segments: pd.Series | None = None,
) -> pd.DataFrame:
    """Central intervals of total purchases and spend, of all customers and of each segment.

    ``errors`` are those of the totals of all customers, by target. ``windows`` are the errors in earlier
    windows, from :func:`._forecasts.rolling_errors`: the variance of segment-specific errors is pooled over
    all segments, the mean comes from the segment of the same name. ``segments`` names each customer's segment
    in the order of ``forecasts.table``; missing: none. Returns ``target, segment`` (None: all customers)``,
    customers, expected, lower, upper, windows`` (number of earlier windows of segments)``, window_days,
    basis``; ends of purchases are whole numbers. A level outside (0, 1) is a ParamsError, segments of another
    length than the customers a DataError.

    Examples
    --------
    >>> table = pd.DataFrame({"expected_purchases": [40.0, 60.0], "variance_purchases": [50.0, 80.0]})
    >>> table = table.assign(expected_spend=table["expected_purchases"] * 10, variance_spend=9000.0)
    >>> forecasts = CustomerForecasts(table, {"purchases": [], "spend": []})
    >>> columns = ["cutoff", "window_days", "target", "segment", "forecast", "actual", "noise"]
    >>> error = LogError(np.ones(1), np.zeros(1), np.array([0.12**2]))
    >>> errors = {"purchases": error, "spend": error}
    >>> ends = _portfolio_intervals(forecasts, pd.DataFrame(columns=columns), 90, errors)
    >>> ends.loc[0, ["expected", "lower", "upper"]].tolist()
    [100.0, 75.0, 131.0]
    """
    if not 0.0 < level < 1.0:
        raise ParamsError(f"level is {level!r}: give a probability between 0 and 1, like 0.9")
    if segments is not None and len(segments) != len(forecasts.table):
        raise DataError(
            f"segments has {len(segments):,} rows for {len(forecasts.table):,} customers: give one for each"
        )
    rows, table = rows_of(segments), []
    for target in forecasts.targets:
        known = _informative(windows[windows["target"] == target])
        segment_error, facts = _of_segments(known, horizon_days), _facts(known)
        for name, which in rows.items():
            total = forecasts.totals(target, which)
            own = segment_error(name)
            error = errors[target].centred(total.parameters + own.variance)
            lower, upper = _ends(total, _density(error), level) * np.exp(own.shift)
            if target == "purchases":
                lower, upper = np.floor(lower), np.ceil(upper)
            ends = {"expected": total.expected, "lower": lower, "upper": upper}
            basis = _basis(errors[target], own.shift)
            row = {"target": target, "segment": name, "customers": total.customers}
            table.append({**row, **ends, **facts, "basis": basis})
    return pd.DataFrame(table)


def _informative(windows: pd.DataFrame) -> pd.DataFrame:
    """Drop totals so small that noise dominates the error."""
    empty = (windows["forecast"] <= 0) | (windows["actual"] <= 0)
    return windows[~empty & (windows["noise"] <= _LARGEST_NOISE)]


def _of_segments(windows: pd.DataFrame, horizon_days: int) -> Callable[[Any], _SegmentError]:
    """Return the function that gives the error of each segment relative to all customers."""
    log_ratio = np.log(windows["actual"].to_numpy(np.float64) / windows["forecast"].to_numpy(np.float64))
    windows = windows.assign(error=log_ratio, ratio=horizon_days / windows["window_days"].astype(np.float64))
    whole = windows[windows["segment"].isna()]
    parts = windows[windows["segment"].notna()].merge(
        whole[["cutoff", "error"]], on="cutoff", suffixes=("", "_of_base")
    )
    parts["error"] -= parts["error_of_base"]
    variance = float(_posterior(parts) @ _DEVIATIONS**2)

    def segment_error(segment: Any) -> _SegmentError:
        """Compute the normal posterior: half of the variance persists, half is redrawn in each window."""
        if segment is None:
            return _SegmentError(0.0, 0.0)
        known = parts[parts["segment"] == segment]
        precision = 1.0 / (0.5 * variance / known["ratio"] + known["noise"])
        remaining = 1.0 / (1.0 / (0.5 * variance) + precision.sum())
        return _SegmentError(float(precision @ known["error"]) * remaining, 0.5 * variance + remaining)

    return segment_error


def _posterior(windows: pd.DataFrame) -> Floats:
    """Posterior weights of the standard deviations; log errors have variance deviation^2 / ratio + noise."""
    error, noise, ratio = (windows[name].to_numpy(np.float64) for name in ("error", "noise", "ratio"))
    variance = _DEVIATIONS[:, None] ** 2 / ratio + noise
    log_weight = -0.5 * (np.log(variance) + error**2 / variance).sum(axis=1)
    log_weight -= PRIOR_WINDOWS * (np.log(_DEVIATIONS) + 0.5 * (PRIOR_OWN_ERROR / _DEVIATIONS) ** 2)
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _density(error: LogError) -> Floats:
    """Probabilities of the log errors ``_LOGS``."""
    variance = np.maximum(error.variances, _STEP**2)[:, None]
    density = error.weights @ (
        np.exp(-0.5 * (_LOGS - error.means[:, None]) ** 2 / variance) / np.sqrt(variance)
    )
    return np.asarray(density / density.sum())


def _ends(total: Total, error: Floats, level: float) -> Floats:
    """Quantiles of expected x exp(error) x gamma noise, by convolution of the logarithms on a grid."""
    shape = 1.0 / max(total.noise, _STEP**2)
    noise = np.diff(gammainc(shape, shape * np.exp(_LOGS + _STEP / 2.0)), prepend=0.0)
    reached = np.cumsum(np.convolve(error, noise))
    upper_edges = (np.arange(len(reached)) - len(reached) // 2 + 0.5) * _STEP
    ends = np.interp([(1.0 - level) / 2.0, (1.0 + level) / 2.0], reached, upper_edges)
    return np.asarray(total.expected * np.exp(ends))


def _facts(windows: pd.DataFrame) -> dict[str, int]:
    whole = windows[windows["segment"].isna()]
    days = whole["window_days"]
    return {"windows": whole["cutoff"].nunique(), "window_days": int(days.max()) if len(days) else 0}


def _basis(error: LogError, shift: float) -> str:
    usual = f"an error of the level of ±{np.sqrt(error.variance):.0%} (one standard deviation)"
    shifted = f"; shifted by {np.expm1(shift):+.0%}, its past error relative to all customers"
    return f"rests on {usual}" + (shifted if abs(shift) >= _SMALLEST_SHIFT_SHOWN else "")


def forecast_totals(
    log: TransactionLog,
    fitted: FittedModels,
    horizon_days: int,
    level: float = 0.9,
    outcomes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Total purchases and spend of all customers and of the usual segments within the horizon.

    The errors of totals are those of the value models, refitted at earlier cutoffs: the tree corrections
    change the ranking of customers, not their total.

    Parameters
    ----------
    log : TransactionLog
        No row after ``fitted.as_of`` is read.
    fitted : FittedModels
    horizon_days : int
    level : float
        Coverage probability of the intervals.
    outcomes : pandas.DataFrame, optional
        Actual ``purchases, spend`` in the order of ``fitted.features``.

    Returns
    -------
    pandas.DataFrame
        As :func:`_portfolio_intervals`, with ``actual`` if outcomes are given; from a sample of the customers
        (``log.weight``), totals of all of them are estimated.
    """
    used = list(dict.fromkeys(fitted.choice.counts))
    windows = rolling_errors(log, fitted.as_of, horizon_days, btyd_forecaster(log, used))
    rfm = fitted.features[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    own = [fitted.transactions[name] for name in used]
    forecast = fitted.scorer.forecast(fitted.features, horizon_days)
    purchases, spend = forecast["expected_purchases"], forecast["expected_spend"]
    forecasts = btyd_forecasts(rfm, own, fitted.spend, float(horizon_days))
    forecasts = forecasts.with_expected(purchases, purchases * spend)
    errors = _total_errors(fitted.level, horizon_days)
    tables = []
    for _, names in usual_segments(rfm, forecasts).items():
        ends = _portfolio_intervals(forecasts, windows, horizon_days, errors, level, names)
        tables.append(ends if outcomes is None else ends.assign(actual=_actual(ends, names, outcomes)))
    table = pd.concat(tables, ignore_index=True).drop_duplicates(["target", "segment"]).reset_index(drop=True)
    return table if log.weight == 1.0 else _of_all(table, log.weight)


def _of_all(table: pd.DataFrame, weight: float) -> pd.DataFrame:
    """Totals of all customers from those of a sample, each of which stands for ``weight`` customers."""
    sums = [name for name in ("expected", "lower", "upper", "actual") if name in table]
    counts = (table["customers"] * weight).round().astype(int)
    table = table.assign(customers=counts, **{name: table[name] * weight for name in sums})
    whole = table["target"] == "purchases"
    table["lower"] = table["lower"].mask(whole, np.floor(table["lower"]))
    table["upper"] = table["upper"].mask(whole, np.ceil(table["upper"]))
    return table


def _actual(ends: pd.DataFrame, names: pd.Series, outcomes: pd.DataFrame) -> list[float]:
    """Actual totals for each row of intervals."""
    by_segment: dict[Any, Any] = outcomes.groupby(names.to_numpy())[list(TARGETS)].sum().to_dict()
    overall = outcomes[list(TARGETS)].sum().to_dict()
    return [
        float(overall[target] if pd.isna(segment) else by_segment[target][segment])
        for target, segment in zip(ends["target"], ends["segment"], strict=True)
    ]


def _total_errors(level: PortfolioLevel | None, horizon_days: float) -> dict[str, LogError]:
    """Errors of total purchases and of total spend, around 0."""
    if level is None:
        unknown = LogError(np.ones(1), np.zeros(1), np.array([USUAL_ERROR**2]))
        return dict.fromkeys(TARGETS, unknown)
    purchases, amounts = (level.error(horizon_days, of).centred() for of in ("purchases", "amounts"))
    return {"purchases": purchases, "spend": purchases.centred(amounts.variance)}
