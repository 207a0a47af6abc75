"""Intervals of what a whole customer base, or a segment of it, will buy and spend.

The total over many customers hardly strays by chance: that noise alone is far too sure. What goes wrong is
common to all of them: a season, a campaign, a model that does not fit. How much, only earlier windows tell,
so the total is taken as ``forecast x exp(error) x noise``:

- ``noise`` is gamma distributed with mean 1 and the relative variance of the sum of the customers' own
  predictive distributions;
- ``error`` is normal with mean 0. Its variance is that between windows, for a segment with a part of its own,
  beside that of the parameters. Where no earlier window had the full length, that between models is added.

The standard deviation between windows is not known: it is averaged over its posterior given the log ratios
of actual to forecast at earlier, non-overlapping windows, from a prior that counts like four windows with an
error of 12 % (scaled inverse chi-squared). Two near hits so do not make a forecast sure, and twenty do. A
shorter window counts with its error scaled by the root of the ratio of the horizons. The error's mean stays
0: shifting by the mean of earlier errors made intervals worse wherever business is seasonal. What a segment
errs beside the whole base lasts, as the model does not fit it: there the earlier windows' mean is taken,
shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammainc

from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, FitError, ParamsError
from guanxi.evaluation.portfolio._forecasts import (
    OTHERS,
    TARGETS,
    CustomerForecasts,
    Total,
    btyd_forecaster,
    btyd_forecasts,
    rolling_errors,
    rows_of,
    usual_segments,
)
from guanxi.models.purchase_models import transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.selection import fit_quietly

Floats = NDArray[np.float64]

PRIOR_ERROR, PRIOR_WINDOWS = 0.12, 4.0
PRIOR_OWN_ERROR = 0.10  # of a segment, beside what it shares with the base
_LARGEST_NOISE = 0.1  # a window's total with more relative variance says nothing of errors
_DEVIATIONS = np.exp(np.linspace(np.log(0.005), np.log(3.0), 64))
_TOLD_SHIFT = 0.01
_STEP = 0.005
_LOGS = np.arange(-800, 801) * _STEP  # log errors beyond a factor of e^4 are none


class Own(NamedTuple):
    """What is known of a segment's own log error beside that of all customers."""

    shift: float
    variance: float


def _portfolio_intervals(
    forecasts: CustomerForecasts,
    windows: pd.DataFrame,
    horizon_days: int,
    level: float = 0.9,
    segments: pd.Series | None = None,
) -> pd.DataFrame:
    """Central intervals of total purchases and spend, of all customers and of each segment.

    Parameters
    ----------
    forecasts : CustomerForecasts
    windows : DataFrame
        Errors at earlier windows, from :func:`.forecasts.rolling_errors`. How far segments stray on their own
        is pooled over all segments there; one of the same name tells besides where that segment strays to.
    horizon_days : int
        The horizon of the forecasts.
    level : float
        Probability inside; the rest is halved between the two ends.
    segments : Series, n rows, optional
        A segment's name for each customer, in the order of ``forecasts.table``; missing: in none.

    Returns
    -------
    DataFrame
        ``target, segment`` (None: all customers)``, customers, expected, lower, upper, windows`` (how many
        non-overlapping windows it rests on)``, window_days, basis``. Ends of purchases are whole numbers.

    Raises
    ------
    ParamsError
        If the level is not between 0 and 1.
    DataError
        If there is not one segment for each customer.

    Examples
    --------
    >>> table = pd.DataFrame({"expected_purchases": [40.0, 60.0], "variance_purchases": [50.0, 80.0]})
    >>> table = table.assign(expected_spend=table["expected_purchases"] * 10, variance_spend=9000.0)
    >>> none = {"purchases": np.empty((0, 2)), "spend": np.empty((0, 2))}
    >>> forecasts = CustomerForecasts(table, {"purchases": [], "spend": []}, none)
    >>> columns = ["cutoff", "window_days", "target", "segment", "forecast", "actual", "noise"]
    >>> ends = _portfolio_intervals(forecasts, pd.DataFrame(columns=columns), horizon_days=90)
    >>> ends.loc[0, ["expected", "lower", "upper"]].tolist()
    [100.0, 72.0, 137.0]
    """
    if not 0.0 < level < 1.0:
        raise ParamsError(f"level is {level!r}: give a probability between 0 and 1, like 0.9")
    if segments is not None and len(segments) != len(forecasts.table):
        raise DataError(
            f"segments has {len(segments):,} rows for {len(forecasts.table):,} customers: give one for each"
        )
    rows, table = rows_of(segments), []
    for target in TARGETS:
        known = _telling(windows[windows["target"] == target])
        base, own_of = _between_windows(known, horizon_days)
        facts = _facts(known)
        for name, which in rows.items():
            total = forecasts.totals(target, which)
            extra = total.parameters + (0.0 if facts["window_days"] == horizon_days else total.models)
            own = own_of(name)
            lower, upper = _ends(total, _error(base, extra + own.variance), level) * np.exp(own.shift)
            if target == "purchases":
                lower, upper = np.floor(lower), np.ceil(upper)
            ends = {"expected": total.expected, "lower": lower, "upper": upper}
            basis = _basis(facts, horizon_days, total.models, own.shift)
            row = {"target": target, "segment": name, "customers": total.customers}
            table.append({**row, **ends, **facts, "basis": basis})
    return pd.DataFrame(table)


def _telling(windows: pd.DataFrame) -> pd.DataFrame:
    """Leave out totals so small that chance drowns the error."""
    nobody = (windows["forecast"] <= 0) | (windows["actual"] <= 0)
    return windows[~nobody & (windows["noise"] <= _LARGEST_NOISE)]


def _between_windows(windows: pd.DataFrame, horizon_days: int) -> tuple[Floats, Callable[[Any], Own]]:
    """Probabilities of the standard deviations ``_DEVIATIONS`` of the base, and each segment's own error."""
    log_ratio = np.log(windows["actual"].to_numpy(np.float64) / windows["forecast"].to_numpy(np.float64))
    windows = windows.assign(error=log_ratio, ratio=horizon_days / windows["window_days"].astype(np.float64))
    whole = windows[windows["segment"].isna()]
    parts = windows[windows["segment"].notna()].merge(
        whole[["cutoff", "error"]], on="cutoff", suffixes=("", "_of_base")
    )
    parts["error"] -= parts["error_of_base"]
    variance = float(_posterior(parts, PRIOR_OWN_ERROR) @ _DEVIATIONS**2)

    def own(segment: Any) -> Own:
        """Find the normal posterior: half of the variance comes anew at each window."""
        if segment is None:
            return Own(0.0, 0.0)
        known = parts[parts["segment"] == segment]
        precision = 1.0 / (0.5 * variance / known["ratio"] + known["noise"])
        remaining = 1.0 / (1.0 / (0.5 * variance) + precision.sum())
        return Own(float(precision @ known["error"]) * remaining, 0.5 * variance + remaining)

    return _posterior(whole, PRIOR_ERROR), own


def _posterior(windows: pd.DataFrame, prior_error: float) -> Floats:
    """Weights of the standard deviations given log errors, each of variance deviation^2 / ratio + noise."""
    error, noise, ratio = (windows[name].to_numpy(np.float64) for name in ("error", "noise", "ratio"))
    variance = _DEVIATIONS[:, None] ** 2 / ratio + noise
    log_weight = -0.5 * (np.log(variance) + error**2 / variance).sum(axis=1)
    log_weight -= PRIOR_WINDOWS * (np.log(_DEVIATIONS) + 0.5 * (prior_error / _DEVIATIONS) ** 2)
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _error(weights: Floats, extra: float) -> Floats:
    """Probabilities of the log errors ``_LOGS``: normal, averaged over the standard deviations."""
    variance = _DEVIATIONS[:, None] ** 2 + extra
    density = weights @ (np.exp(-0.5 * _LOGS**2 / variance) / np.sqrt(variance))
    return np.asarray(density / density.sum())


def _ends(total: Total, error: Floats, level: float) -> Floats:
    """Quantiles of expected x exp(error) x gamma noise: the two logarithms added up on a grid."""
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


def _basis(facts: dict[str, int], horizon_days: int, models: float, shift: float) -> str:
    count, days = facts["windows"], facts["window_days"]
    spread = f"the spread between models ({np.sqrt(models):.1%}) added"
    if not count:
        return f"rests on no earlier window: a usual error of {PRIOR_ERROR:.0%} is assumed, {spread}"
    rests = f"rests on {count} earlier window{'s' if count > 1 else ''} of {days} days"
    if days != horizon_days:
        scaled = np.sqrt(horizon_days / days)
        rests = f"{rests}, none of the full {horizon_days}: errors scaled by {scaled:.2f}, {spread}"
    moved = f"; {np.expm1(shift):+.0%} beside all customers there, and so here"
    return rests + (moved if abs(shift) >= _TOLD_SHIFT else "")


def forecast_totals(
    log: TransactionLog,
    fitted: FittedModels,
    horizon_days: int,
    level: float = 0.9,
    outcomes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Total purchases and spend of all customers and of usual segments within the horizon.

    How far totals stray is learnt from the value models alone, fitted again at earlier windows: what trees
    add moves customers against one another, not their total.

    Parameters
    ----------
    log : TransactionLog
        No row after ``fitted.as_of`` is read.
    fitted : FittedModels
    horizon_days : int
    level : float
        Probability inside the intervals.
    outcomes : pandas.DataFrame, optional
        What came: ``purchases, spend`` in the order of ``fitted.features``.

    Returns
    -------
    pandas.DataFrame
        As :func:`_portfolio_intervals`, and ``actual`` where outcomes are given.
    """
    used = list(dict.fromkeys(fitted.choice.counts))
    windows = rolling_errors(log, fitted.as_of, horizon_days, btyd_forecaster(log, used, ()))
    rfm = fitted.features[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    own = [fitted.transactions[name] for name in used]
    whole = len(windows) and (windows["window_days"] == horizon_days).all()
    others = [] if whole else _fit_others(rfm, used)
    forecast = fitted.scorer.forecast(fitted.features, horizon_days)
    purchases, spend = forecast["expected_purchases"], forecast["expected_spend"]
    forecasts = btyd_forecasts(rfm, own, fitted.spend, float(horizon_days), others)
    forecasts = forecasts.with_expected(purchases, purchases * spend)
    tables = []
    for _, names in usual_segments(rfm, forecasts).items():
        ends = _portfolio_intervals(forecasts, windows, horizon_days, level, names)
        tables.append(ends if outcomes is None else ends.assign(actual=_actual(ends, names, outcomes)))
    return pd.concat(tables, ignore_index=True).drop_duplicates(["target", "segment"]).reset_index(drop=True)


def _actual(ends: pd.DataFrame, names: pd.Series, outcomes: pd.DataFrame) -> list[float]:
    """Give what came of each row of intervals."""
    came: dict[Any, Any] = outcomes.groupby(names.to_numpy())[list(TARGETS)].sum().to_dict()
    everybody = outcomes[list(TARGETS)].sum().to_dict()
    return [
        float(everybody[target] if pd.isna(segment) else came[target][segment])
        for target, segment in zip(ends["target"], ends["segment"], strict=True)
    ]


def _fit_others(rfm: pd.DataFrame, used: list[str]) -> list[TransactionModel]:
    """Fit the models that tell how far models differ, as far as they can be fitted."""
    fitted = []
    for name in OTHERS:
        with suppress(FitError):
            if name not in used:
                fitted.append(fit_quietly(transaction_model(name), rfm))
    return fitted
