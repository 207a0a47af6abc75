"""How far forecast totals were off at earlier windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.errors import FitError
from guanxi.evaluation.portfolio.forecasts import TARGETS, CustomerForecasts, btyd_forecasts
from guanxi.features.rfm import rfm_expression
from guanxi.features.snapshots import outcome_expression
from guanxi.models import GammaGamma
from guanxi.models.purchase_models import transaction_model
from guanxi.periods import add_days
from guanxi.pipeline.selection import fit_quietly

Floats = NDArray[np.float64]
Forecaster = Callable[[date, int], tuple[pd.DataFrame, CustomerForecasts]]
Segmentations = Callable[[pd.DataFrame, CustomerForecasts], pd.DataFrame]

COLUMNS = ("cutoff", "window_days", "target", "segment", "customers", "forecast", "actual", "noise")
USUAL, OTHERS = ("bg_nbd",), ("pareto_nbd",)
_SHORTEST_DAYS, _MOST_WINDOWS = 7, 20
_FREQUENCY_EDGES = [-1, 0, 1, 3, np.inf]
_FREQUENCY_NAMES = ("0", "1", "2 to 3", "4 and more")


def window_cutoffs(first_day: date, as_of: date, horizon_days: int) -> tuple[int, list[date]]:
    """Length and cutoffs of the windows before ``as_of``, none overlapping, with as much history each.

    Where the history does not hold one window of the horizon's length after as much history, windows are a
    third of it.

    Examples
    --------
    >>> window_cutoffs(date(1997, 1, 1), date(1997, 9, 30), 273)
    (90, [datetime.date(1997, 7, 2), datetime.date(1997, 4, 3)])
    """
    history = (as_of - first_day).days
    days = horizon_days if history >= 2 * horizon_days else min(horizon_days, history // 3)
    if days < min(horizon_days, _SHORTEST_DAYS):
        return days, []
    return days, [add_days(as_of, -days * i) for i in range(1, min(history // days, _MOST_WINDOWS + 1))]


def rolling_errors(
    log: TransactionLog,
    as_of: date,
    horizon_days: int,
    forecaster: Forecaster | None = None,
    segmentations: Segmentations | None = None,
) -> pd.DataFrame:
    """Forecast and actual totals at earlier windows that do not overlap, each fitted at its own cutoff.

    Parameters
    ----------
    log : TransactionLog
    as_of : date
        No later day is read.
    horizon_days : int
        Windows are as long where the history holds one, else shorter: :func:`window_cutoffs`.
    forecaster : callable, optional
        ``forecaster(cutoff, days)`` gives the customers known at the cutoff (``customer_id`` and RFM) and
        their forecasts, learnt from nothing after the cutoff. Default: :func:`btyd_forecaster`.
    segmentations : callable, optional
        ``segmentations(customers, forecasts)`` gives segment names, a column for each segmentation; no name
        stands in two of them. Default: :func:`usual_segments`.

    Returns
    -------
    DataFrame
        ``cutoff, window_days, target, segment`` (None: all customers)``, customers, forecast, actual, noise``
        (relative variance of the forecast by chance and by parameters). Without a window no row; windows at
        which nothing could be fitted are left out.
    """
    forecaster = forecaster or btyd_forecaster(log)
    days, cutoffs = window_cutoffs(log.first_day, as_of, horizon_days)
    rows: list[dict[str, Any]] = []
    for cutoff in cutoffs:
        try:
            customers, forecasts = forecaster(cutoff, days)
        except FitError:
            continue
        actual = outcomes(log, cutoff, days, customers)
        parts: dict[Any, Any] = {None: slice(None)}
        for _, names in (segmentations or usual_segments)(customers, forecasts).items():
            codes, labels = pd.factorize(names, sort=True)
            parts |= {label: np.flatnonzero(codes == i) for i, label in enumerate(labels)}
        rows += [
            {"cutoff": cutoff, "window_days": days, "target": target, "segment": name}
            | _compared(forecasts, target, which, actual[target].to_numpy())
            for target in TARGETS
            for name, which in parts.items()
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _compared(forecasts: CustomerForecasts, target: str, which: Any, actual: Floats) -> dict[str, Any]:
    total = forecasts.totals(target, which)
    return {
        "customers": total.customers,
        "forecast": total.expected,
        "actual": float(actual[which].sum()),
        "noise": total.noise + total.parameters,
    }


def outcomes(log: TransactionLog, cutoff: date, days: int, customers: pd.DataFrame) -> pd.DataFrame:
    """``purchases, spend`` of each customer in the days after the cutoff, in the order of ``customers``."""
    found = outcome_expression(log.events, cutoff, days, log.params.event_grain).execute()
    joined = customers[["customer_id"]].merge(found, on="customer_id", how="left", validate="one_to_one")
    return joined[list(TARGETS)].fillna(0.0).astype(np.float64)


def usual_segments(customers: pd.DataFrame, forecasts: CustomerForecasts) -> pd.DataFrame:
    """Group customers by frequency, and in thirds by age and by expected purchases: a column for each."""
    expected = forecasts.table["expected_purchases"].set_axis(customers.index)
    frequency = pd.cut(customers["frequency"], _FREQUENCY_EDGES, labels=list(_FREQUENCY_NAMES))
    return pd.DataFrame(
        {
            "frequency": "frequency " + frequency.astype(str),
            "age": "age, third " + _thirds(customers["T"]),
            "expected purchases": "expected purchases, third " + _thirds(expected),
        }
    )


def _thirds(values: pd.Series) -> pd.Series:
    return (values.rank(pct=True) * 3.0).apply(np.ceil).astype(int).astype(str)


def btyd_forecaster(
    log: TransactionLog, models: Sequence[str] = USUAL, others: Sequence[str] = OTHERS
) -> Forecaster:
    """Make a forecaster that fits purchase models and Gamma-Gamma with the data up to each cutoff.

    Parameters
    ----------
    log : TransactionLog
    models : sequence of str
        Whose mean is the forecast, as in ``clv.model``.
    others : sequence of str
        Models that only tell how far models differ.
    """

    def forecast(cutoff: date, days: int) -> tuple[pd.DataFrame, CustomerForecasts]:
        expression = rfm_expression(log.events, cutoff, log.params.event_grain)
        rfm = execute_in_order(log.connection, expression.order_by("customer_id"))
        fitted, beside = (
            [fit_quietly(transaction_model(name), rfm) for name in names] for names in (models, others)
        )
        return rfm, btyd_forecasts(rfm, fitted, fit_quietly(GammaGamma(), rfm), days, beside)

    return forecast
